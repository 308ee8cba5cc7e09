/// @file
/// Chapter 9's fifth part: a student learns from a teacher, and its twin from the text alone.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "09_multimodal/distillation.h"
#include "09_multimodal/given/parts.h"
#include "09_multimodal/given/reader.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/results.h"

namespace verse {
namespace {

constexpr double kTemperature = 2.0;
constexpr double kShare = 0.9;

/// What the lesson is about.
struct Lesson {
  Tokenizer tokenizer;
  torch::Tensor train;       // [characters], int64: what the teacher reads
  torch::Tensor short_text;  // [characters]: its beginning, or all of it; what students read
  torch::Tensor validation;  // [characters]
};

GPT make_model(const Tokenizer& tokenizer, std::int64_t layers, std::int64_t width) {
  GPTOptions options;
  options.vocabulary_size = tokenizer.size();
  options.context = kLessonContext;
  options.layers = layers;
  options.heads = 4;
  options.width = width;
  options.fused = true;
  return GPT(options);
}

double loss_of(GPT& model, const torch::Tensor& validation) {
  return evaluate(model, validation, 32);
}

/// A teacher for whoever has none: a model some times as large as its student, on the whole training text.
GPT train_teacher(const Lesson& lesson, const PartSetting& setting) {
  torch::manual_seed(setting.shared.seed);
  auto teacher = make_model(lesson.tokenizer, 3, 96);
  teacher->to(lesson.train.device());
  Random random(setting.shared.seed + 400);
  teacher->train();
  const LearningPlan plan{setting.quick ? 20 : 1000, 16, 3e-3};
  learn(teacher->parameters(), plan, plan.batch_size * kLessonContext, [&](std::int64_t) {
    return batch_loss(teacher, draw_batch(lesson.train, plan.batch_size, kLessonContext, random));
  });
  return teacher;
}

//! [train-student]
/// A student, after all its lessons. Both kinds begin with the same weights and read the same batches.
/// @param teacher none for the student that learns from the text alone
GPT train_student(const Lesson& lesson, GPT* teacher, std::uint64_t seed, bool quick) {
  torch::manual_seed(seed);
  auto student = make_model(lesson.tokenizer, 1, 48);
  student->to(lesson.train.device());
  Random random(seed);
  student->train();
  const LearningPlan plan{quick ? 20 : 600, 16, 3e-3};
  learn(student->parameters(), plan, plan.batch_size * kLessonContext, [&](std::int64_t) {
    const auto batch = draw_batch(lesson.short_text, plan.batch_size, kLessonContext, random);
    if (teacher == nullptr) return batch_loss(student, batch);
    torch::Tensor taught;
    {
      const torch::NoGradGuard no_gradients;
      taught = (*teacher)->forward(batch.inputs).flatten(0, 1);  // [batch * context, vocabulary]
    }
    const auto logits = student->forward(batch.inputs).flatten(0, 1);
    return student_loss(logits, taught, batch.targets.flatten(), kTemperature, kShare);
  });
  return student;
}
//! [train-student]

}  // namespace

void check_teacher(const PartSetting& setting) {
  if (!setting.run && !setting.shared.data) return;
  const auto corpus = load_corpus(setting.shared.data);
  need_characters(corpus, kLessonContext + 1, 2);  // a window and its target, and for a loss a character and the next
  if (!setting.run) return;
  const auto loaded = load_model(*setting.run);
  if (loaded.tokenizer.vocabulary() != Tokenizer::from_text(corpus.text).vocabulary())
    throw UsageError(fmt::format("{} knows other characters than {}: name the text that it was trained on by --data",
                                 setting.run->string(), corpus.name));
  if (loaded.model->options.context < kLessonContext)
    throw UsageError(fmt::format("{} reads {} characters at once; a teacher needs {} or more", setting.run->string(),
                                 loaded.model->options.context, kLessonContext));
}

void show_distillation(const PartSetting& setting) {
  const auto corpus = load_corpus(setting.shared.data);
  print_heading(fmt::format("A student and its teacher, on {}", corpus.name));
  GPT teacher(nullptr);
  auto tokenizer = Tokenizer::from_text(corpus.text);
  if (setting.run) teacher = load_model(*setting.run).model;
  Lesson lesson{std::move(tokenizer), {}, {}, {}};
  const auto device = setting.shared.device.device;
  lesson.train = lesson.tokenizer.encode_tensor(corpus.train).to(device);
  lesson.validation = lesson.tokenizer.encode_tensor(corpus.validation).to(device);
  const std::int64_t all = lesson.train.size(0);
  lesson.short_text = lesson.train.slice(0, 0, setting.characters == 0 ? all : std::min(setting.characters, all));
  if (setting.run)
    teacher->to(device);
  else
    teacher = train_teacher(lesson, setting);
  // Every estimate is over the same text: the whole validation part, or its beginning where it has to be quick.
  if (setting.quick) lesson.validation = lesson.validation.slice(0, 0, 4001);
  teacher->eval();

  const double taught_by = loss_of(teacher, lesson.validation);
  std::vector<double> alone, taught, gain;
  GPT last(nullptr);
  for (std::uint64_t seed = setting.shared.seed; seed < setting.shared.seed + 3; ++seed) {
    auto from_text = train_student(lesson, nullptr, seed, setting.quick);
    last = train_student(lesson, &teacher, seed, setting.quick);
    alone.push_back(loss_of(from_text, lesson.validation));
    taught.push_back(loss_of(last, lesson.validation));
    gain.push_back(alone.back() - taught.back());
  }
  fmt::print("  teacher: {} layers, {} wide, {} parameters{}\n", teacher->options.layers, teacher->options.width,
             with_commas(teacher->parameter_count()), setting.run ? "" : ", trained here");
  fmt::print("  student: {} layer, {} wide, {} parameters; temperature {}, {:.0f} % of its loss from the teacher\n",
             last->options.layers, last->options.width, with_commas(last->parameter_count()), kTemperature,
             100 * kShare);
  fmt::print("  {}the students read {} characters\n",
             setting.run ? "" : fmt::format("the teacher read {} characters, ", with_commas(all)),
             with_commas(lesson.short_text.size(0)));
  print_heading("Validation loss, nats a character; three seeds, and the mean with its 95 % interval");
  const auto row = [](const std::string& name, const std::vector<double>& values, const std::string& record) {
    const auto mean = mean_of(values);
    fmt::print("  {:<34} {:.4f}  {:.4f}  {:.4f}   {:.4f} +- {:.4f}\n", name, values[0], values[1], values[2],
               mean.value, mean.half_width);
    results().scalar(record, mean.value, "nats", mean.half_width);
  };
  row("student, from the text alone", alone, "alone");
  row("student, from text and teacher", taught, "taught");
  row("what the teacher is worth", gain, "gain");
  results().scalar("smallest_gain", *std::min_element(gain.begin(), gain.end()), "nats");
  results().scalar("teacher", taught_by, "nats");
  results().scalar("teacher_parameters", teacher->parameter_count());
  results().scalar("student_parameters", last->parameter_count());
  fmt::print("  {:<34} {:.4f}\n", "teacher", taught_by);
  if (corpus.floor) fmt::print("  {:<34} {:.4f}\n", "the floor", *corpus.floor);
  print_heading("The taught student speaks");
  speak(last, lesson.tokenizer, 200, setting.shared.seed);
}

}  // namespace verse
