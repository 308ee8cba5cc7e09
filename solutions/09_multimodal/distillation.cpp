#include "09_multimodal/distillation.h"

#include "02_embeddings/embeddings.h"
#include "common/base/error.h"

namespace verse {

torch::Tensor distillation_loss(const torch::Tensor& student, const torch::Tensor& teacher, double temperature) {
  //! [9.11]
  // Softened, both show more of what they think of the tokens that are not the likeliest.
  const auto log_q = torch::log_softmax(student / temperature, -1);           // [rows, classes]
  const auto log_p = torch::log_softmax(teacher.detach() / temperature, -1);  // nothing is to teach the teacher

  // What it costs, in nats, to expect the student's tokens where the teacher's come.
  const auto divergence = (log_p.exp() * (log_p - log_q)).sum(-1).mean();

  // Gradients shrink with the square of the temperature; this keeps their size whatever it is.
  return temperature * temperature * divergence;
  //! [9.11]
}

torch::Tensor student_loss(const torch::Tensor& student, const torch::Tensor& teacher, const torch::Tensor& targets,
                           double temperature, double share) {
  //! [9.12]
  // The teacher says what could have come, the text what did come.
  const auto from_teacher = distillation_loss(student, teacher, temperature);
  const auto from_text = cross_entropy(student, targets);
  return share * from_teacher + (1 - share) * from_text;
  //! [9.12]
}

}  // namespace verse
