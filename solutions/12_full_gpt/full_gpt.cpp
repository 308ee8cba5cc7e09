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
  const torch::NoGradGuard no_gradients;

  // Two groups: matrices and tables decay, vectors do not. One call handles one group.
  for (const bool decays : {true, false}) {
    std::vector<torch::Tensor> parameters, gradients, first, second;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if ((parameters_[i].dim() >= 2) != decays || !parameters_[i].grad().defined()) continue;
      parameters.push_back(parameters_[i]);
      gradients.push_back(parameters_[i].grad());
      first.push_back(moments_[i].first);
      second.push_back(moments_[i].second);
    }
    if (parameters.empty()) continue;

    // The kernel asks for the number of the step as a tensor beside each parameter; one tensor can stand for all.
    const auto number = torch::full({}, static_cast<double>(steps_), parameters[0].options().dtype(torch::kFloat32));
    const std::vector<torch::Tensor> numbers(parameters.size(), number);
    at::_fused_adamw_(parameters, gradients, first, second, /*max_exp_avg_sqs=*/{}, numbers, learning_rate,
                      options_.beta1, options_.beta2, decays ? options_.weight_decay : 0.0, options_.epsilon,
                      /*amsgrad=*/false, /*maximize=*/false);
  }
  //! [12.1]
}

torch::Tensor fast_batch_loss(LanguageModel model, const Batch& batch) {
  //! [12.2]
  // Looking up and adding positions, as GPTImpl::forward() does, but with a gradient that has one order of adding up.
  const auto x = torch::embedding(model->token_embedding, batch.inputs);               // [batch, time, width]
  const auto positions = torch::arange(batch.inputs.size(1), batch.inputs.options());  // [time]
  const auto logits = model->forward_embedded(x, positions);                           // [batch, time, vocabulary]

  // One pass for the normaliser, the loss and what backward needs.
  return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());
  //! [12.2]
}

torch::Tensor accumulate_gradients(const std::vector<Batch>& batches,
                                   const std::function<torch::Tensor(const Batch&)>& loss_of, torch::Device device,
                                   bool bfloat16) {
  //! [12.3]
  // A batch has the share of the mean that it has of the predictions.
  std::int64_t predictions = 0;
  for (const Batch& batch : batches) predictions += batch.targets.numel();

  auto mean = torch::zeros({}, torch::device(device));
  for (const Batch& batch : batches) {
    torch::Tensor loss;
    {
      const Autocast autocast(device, bfloat16);
      loss = loss_of(batch) * (static_cast<double>(batch.targets.numel()) / static_cast<double>(predictions));
    }

    // Gradients add up by themselves; what a batch needed for them is free again before the next one begins.
    loss.backward();
    mean += loss.detach();
  }
  return mean;
  //! [12.3]
}

std::vector<std::pair<std::string, torch::Tensor>> collect_training_state(LanguageModelImpl& model,
                                                                          const Optimizer& optimizer,
                                                                          const Random& random) {
  //! [12.4]
  // What has been learned, and what the optimizer remembers of how; it hands out copies by itself.
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const auto& parameter : model.named_parameters()) {
    state.emplace_back("model." + parameter.key(), parameter.value().detach().clone());
  }
  for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor);

  // What is still to come: the batches are drawn from our generator, dropout from LibTorch's.
  state.emplace_back("random", words_of(random));
  const auto device = model.token_embedding.device();
  state.emplace_back(generator_name(device), generator_of(device).get_state());
  return state;
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
  // Everything is looked up and compared before anything is changed: a state that does not fit leaves all as it was.
  auto parameters = model.named_parameters();
  std::vector<torch::Tensor> saved;
  for (const auto& parameter : parameters) {
    saved.push_back(find("model." + parameter.key()));
    if (!saved.back().sizes().equals(parameter->sizes())) {
      throw UsageError(fmt::format("the state has another shape of {}", parameter.key()));
    }
  }
  auto entries = optimizer.state();
  for (auto& [name, tensor] : entries) tensor = find("optimizer." + name);
  auto drawn_from = random;
  set_words(drawn_from, find("random"));
  const auto device = model.token_embedding.device();
  const auto generator = find(generator_name(device));

  // The optimizer compares by itself before it takes; what follows cannot be refused any more.
  optimizer.set_state(entries);
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < saved.size(); ++i) parameters[i].value().copy_(saved[i]);
  random = drawn_from;
  generator_of(device).set_state(generator);
  //! [12.5]
}

double training_operations_per_token(const ModelShape& shape) {
  //! [12.6]
  const auto width = static_cast<double>(shape.width);
  const auto layers = static_cast<double>(shape.layers);

  // Weights: 3 + 1 squares of the width in attention, 4 + 4 in the MLP, and the head's table.
  const double weights = layers * 12 * width * width + static_cast<double>(shape.vocabulary_size) * width;

  // Scores and mixing: a token's query meets every position's key, and the weights meet every position's value.
  const double attention = layers * 2 * static_cast<double>(shape.context) * width;

  // A multiplication and an addition for each; backward does the work twice, for the inputs and for the weights.
  return 3 * 2 * (weights + attention);
  //! [12.6]
}

}  // namespace verse
