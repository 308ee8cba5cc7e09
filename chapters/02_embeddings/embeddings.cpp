#include "02_embeddings/embeddings.h"

#include "common/base/error.h"

namespace verse {

torch::Tensor embed_tokens(const torch::Tensor& table, const torch::Tensor& tokens) {
  //! [2.1]
  // Exercise 2.1. Read "From a number to a vector" in README.md, then replace the next line; make hint-2.1 helps.
  throw NotImplemented("2.1");
  //! [2.1]
}

torch::Tensor embed(const torch::Tensor& token_table, const torch::Tensor& position_table,
                    const torch::Tensor& tokens) {
  //! [2.2]
  // Exercise 2.2. Read "Where a token stands" in README.md, then replace the next line; make hint-2.2 helps.
  throw NotImplemented("2.2");
  //! [2.2]
}

torch::Tensor softmax(const torch::Tensor& scores) {
  //! [2.3]
  // Exercise 2.3. Read "From scores to probabilities" in README.md, then replace the next line; make hint-2.3 helps.
  throw NotImplemented("2.3");
  //! [2.3]
}

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets) {
  //! [2.4]
  // Exercise 2.4. Read "How wrong was it?" in README.md, then replace the next line; make hint-2.4 helps.
  throw NotImplemented("2.4");
  //! [2.4]
}

torch::Tensor cross_entropy_gradient(const torch::Tensor& logits, const torch::Tensor& targets) {
  //! [2.5]
  // Exercise 2.5. Read "Which way is down?" in README.md, then replace the next line; make hint-2.5 helps.
  throw NotImplemented("2.5");
  //! [2.5]
}

void descend(const std::vector<torch::Tensor>& parameters, double learning_rate) {
  //! [2.6]
  // Exercise 2.6: A step downhill. Read "Going down" in README.md, then replace the next line; make hint-2.6 helps.
  throw NotImplemented("2.6");
  //! [2.6]
}

ParameterCount count_parameters(const ModelShape& shape) {
  //! [2.7]
  // Exercise 2.7. Read "What a GPT spends its parameters on" in README.md, then replace the next line; make hint-2.7 helps.
  throw NotImplemented("2.7");
  //! [2.7]
}

//! [pair-model]
PairModelImpl::PairModelImpl(std::int64_t vocabulary_size, std::int64_t width, bool tied) {
  token_table = register_parameter("token_table", torch::randn({vocabulary_size, width}) * 0.02);
  output_table = tied ? token_table : register_parameter("output_table", torch::randn({vocabulary_size, width}) * 0.02);
}
//! [pair-model]

torch::Tensor PairModelImpl::forward(const torch::Tensor& tokens) {
  //! [2.8]
  // Exercise 2.8. Read "A pair model that learns" in README.md, then replace the next line; make hint-2.8 helps.
  throw NotImplemented("2.8");
  //! [2.8]
}

}  // namespace verse
