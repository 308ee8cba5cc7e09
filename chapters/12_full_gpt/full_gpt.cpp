#include "12_full_gpt/full_gpt.h"

#include <ATen/Context.h>
#include <ATen/ops/_fused_adamw.h>
#include <fmt/core.h>

#include <cstring>
#include <map>
#include <mutex>

#include "12_full_gpt/given/gpu/autocast.h"
#include "common/base/error.h"

namespace verse {

namespace {

/// LibTorch's generator for a device, and the name that it is saved under.
at::Generator generator_of(torch::Device device) {
  return at::globalContext().defaultGenerator(device);
}

std::string generator_name(torch::Device device) {
  return device.is_cuda() ? "generator.cuda" : "generator.cpu";
}

/// The four words of our generator as a tensor, bit for bit.
torch::Tensor words_of(const Random& random) {
  const Random::State state = random.state();
  const auto words = torch::empty({static_cast<std::int64_t>(state.size())}, torch::kInt64);
  std::memcpy(words.data_ptr(), state.data(), sizeof state);
  return words;
}

void set_words(Random& random, const torch::Tensor& words) {
  Random::State state{};
  if (words.scalar_type() != torch::kInt64 || words.numel() != static_cast<std::int64_t>(state.size())) {
    throw UsageError("the state of the random numbers is not four words");
  }
  std::memcpy(state.data(), words.cpu().contiguous().data_ptr(), sizeof state);
  random.set_state(state);
}

}  // namespace

void FusedAdamW::step(double learning_rate) {
  ++steps_;
  //! [12.1]
  // Exercise 12.1. Read "Fewer, larger operations" in README.md, then replace the next line; make hint-12.1 helps.
  throw NotImplemented("12.1");
  //! [12.1]
}

torch::Tensor fast_batch_loss(LanguageModel model, const Batch& batch) {
  //! [12.2]
  // Exercise 12.2. Read "The loss, in one go" in README.md, then replace the next line; make hint-12.2 helps.
  throw NotImplemented("12.2");
  //! [12.2]
}

torch::Tensor accumulate_gradients(const std::vector<Batch>& batches,
                                   const std::function<torch::Tensor(const Batch&)>& loss_of, torch::Device device,
                                   bool bfloat16) {
  //! [12.3]
  // Exercise 12.3. Read "Many batches, one gradient" in README.md, then replace the next line; make hint-12.3 helps.
  throw NotImplemented("12.3");
  //! [12.3]
}

std::vector<std::pair<std::string, torch::Tensor>> collect_training_state(LanguageModelImpl& model,
                                                                          const Optimizer& optimizer,
                                                                          const Random& random) {
  //! [12.4]
  // Exercise 12.4. Read "A run that can be cut off" in README.md, then replace the next line; make hint-12.4 helps.
  // New here: generator.get_state()
  //   does: the state of a random generator as a tensor of bytes; `set_state(bytes)` puts it back
  throw NotImplemented("12.4");
  //! [12.4]
}

void restore_training_state(const std::vector<std::pair<std::string, torch::Tensor>>& state, LanguageModelImpl& model,
                            Optimizer& optimizer, Random& random) {
  const std::map<std::string, torch::Tensor> tensors(state.begin(), state.end());
  const auto find = [&tensors](const std::string& name) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) throw UsageError(fmt::format("the state has no {}", name));
    return found->second;
  };
  //! [12.5]
  // Exercise 12.5. Read "A run that can be cut off" in README.md, then replace the next line; make hint-12.5 helps.
  throw NotImplemented("12.5");
  //! [12.5]
}

double training_operations_per_token(const ModelShape& shape) {
  //! [12.6]
  // Exercise 12.6. Read "How much work is it?" in README.md, then replace the next line; make hint-12.6 helps.
  throw NotImplemented("12.6");
  //! [12.6]
}

}  // namespace verse
