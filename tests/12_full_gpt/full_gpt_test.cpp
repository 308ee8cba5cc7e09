#include "12_full_gpt/full_gpt.h"

#include <ATen/ops/_fused_adamw.h>

#include <cmath>
#include <cstring>
#include <map>
#include <memory>

#include "12_full_gpt/given/gpu/autocast.h"
#include "common/base/error.h"
#include "tests/harness/check.h"
#include "tests/harness/operations.h"
#include "tests/harness/test_device.h"

namespace verse {
namespace {

using torch::Tensor;
using State = std::vector<std::pair<std::string, Tensor>>;

/// A GPT small enough to be checked in milliseconds, its parameters the same for everybody.
GPT tiny_gpt(std::uint64_t seed = 1, double dropout = 0.0) {
  GPTOptions options;
  options.vocabulary_size = 7;
  options.context = 4;
  options.layers = 1;
  options.heads = 2;
  options.width = 8;
  options.dropout = dropout;
  options.fused = true;
  GPT model(options);
  torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.copy_(normal_input(parameter.sizes().vec(), seed++, 0.3));
  return model;
}

Batch tiny_batch() {
  return {token_input({3, 4}, 7, 11), token_input({3, 4}, 7, 12)};
}

// 12.1
// -----------------------------------------------------------------------------------------------------------------

using MakeOptimizer = std::function<std::shared_ptr<Optimizer>(std::vector<Tensor>, const AdamWOptions&)>;

/// The fused kernel over all parameters, with what a mistake makes of it.
struct FusedSettings {
  bool decay_vectors = false;
  bool decay_nothing = false;
  bool step_stands_still = false;
  bool ascend = false;
  bool options_swapped = false;
  bool one_at_a_time = false;
  bool counted_twice = false;
};

class WrongFusedAdamW : public AdamW {
 public:
  WrongFusedAdamW(std::vector<Tensor> parameters, const AdamWOptions& options, const FusedSettings& settings)
      : AdamW(std::move(parameters), options), settings_(settings) {}

  void step(double learning_rate) override {
    torch::NoGradGuard no_gradients;
    ++steps_;
    const double step = settings_.step_stands_still ? 1 : static_cast<double>(steps_);
    const auto number =
        torch::full({}, settings_.counted_twice ? 2 * step : step, torch::device(parameters_[0].device()));
    for (const bool decays : {true, false}) {
      std::vector<Tensor> parameters, gradients, first, second;
      const auto call = [&] {
        if (parameters.empty()) return;
        at::_fused_adamw_(parameters, gradients, first, second, {}, std::vector<Tensor>(parameters.size(), number),
                          learning_rate, settings_.options_swapped ? options_.beta2 : options_.beta1,
                          settings_.options_swapped ? options_.beta1 : options_.beta2,
                          decays ? options_.weight_decay : 0.0, options_.epsilon, false, settings_.ascend);
        for (auto* list : {&parameters, &gradients, &first, &second}) list->clear();
      };
      for (std::size_t i = 0; i < parameters_.size(); ++i) {
        const bool its_own = !settings_.decay_nothing && (settings_.decay_vectors || parameters_[i].dim() >= 2);
        if (!parameters_[i].grad().defined() || its_own != decays) continue;
        parameters.push_back(parameters_[i]);
        gradients.push_back(parameters_[i].grad());
        first.push_back(moments_[i].first);
        second.push_back(moments_[i].second);
        if (settings_.one_at_a_time) call();
      }
      call();
    }
  }

 private:
  FusedSettings settings_;
};

MakeOptimizer fused_wrongly(const FusedSettings& settings) {
  return [settings](std::vector<Tensor> parameters, const AdamWOptions& options) {
    return std::make_shared<WrongFusedAdamW>(std::move(parameters), options, settings);
  };
}

[[maybe_unused]] const auto& exercise_10_1 =
    exercise<MakeOptimizer>("12.1",
                            [](std::vector<Tensor> parameters, const AdamWOptions& options) {
                              return std::make_shared<FusedAdamW>(std::move(parameters), options);
                            })
        .check("five_steps",
               [](const MakeOptimizer& make, Answers& answers) {
                 auto matrix = normal_input({4, 3}, 21).requires_grad_();
                 auto vector = normal_input({5}, 22).requires_grad_();
                 auto idle = normal_input({2, 2}, 23).requires_grad_();
                 AdamWOptions options;
                 options.weight_decay = 0.5;
                 const auto optimizer = make({matrix, vector, idle}, options);
                 for (std::uint64_t step = 0; step < 5; ++step) {
                   matrix.mutable_grad() = normal_input({4, 3}, 30 + step);
                   vector.mutable_grad() = normal_input({5}, 40 + step);
                   optimizer->step(0.1);
                 }
                 answers.add("a matrix after five steps", matrix);
                 answers.add("a vector after five steps", vector);
                 answers.add("a parameter without a gradient", idle);
               })
        .check("as_few_calls_as_there_are_settings",
               [](const MakeOptimizer& make, Answers& answers) {
                 std::vector<Tensor> parameters;
                 for (std::uint64_t i = 0; i < 6; ++i) {
                   parameters.push_back(
                       normal_input(i % 2 == 0 ? std::vector<std::int64_t>{2, 3} : std::vector<std::int64_t>{4}, 80 + i)
                           .requires_grad_());
                   parameters.back().mutable_grad() = torch::ones_like(parameters.back());
                 }
                 const auto optimizer = make(parameters, {});
                 const auto called = operations_called([&] { optimizer->step(0.1); });
                 const auto fused = called.find("aten::_fused_adamw_");
                 answers.add("calls of the fused kernel for three matrices and three vectors",
                             fused == called.end() ? 0 : fused->second);
               })
        .mistake("written_out",
                 [](std::vector<Tensor> parameters, const AdamWOptions& options) {
                   return std::make_shared<AdamW>(std::move(parameters), options);
                 })
        .mistake("one_call_a_parameter", fused_wrongly, {.one_at_a_time = true})
        .mistake("vectors_decay", fused_wrongly, {.decay_vectors = true})
        .mistake("nothing_decays", fused_wrongly, {.decay_nothing = true})
        .mistake("step_stands_still", fused_wrongly, {.step_stands_still = true})
        .mistake("uphill", fused_wrongly, {.ascend = true})
        .mistake("step_counted_twice", fused_wrongly, {.counted_twice = true})
        .mistake("betas_exchanged", fused_wrongly, {.options_swapped = true});

// 12.2
// -----------------------------------------------------------------------------------------------------------------

using BatchLoss = std::function<Tensor(GPT&, const Batch&)>;

Tensor logits_of(GPT& model, const Tensor& inputs) {
  return model->forward_embedded(torch::embedding(model->token_embedding, inputs),
                                 torch::arange(inputs.size(1), inputs.options()));
}

[[maybe_unused]] const auto& exercise_10_2 =
    exercise<BatchLoss>("12.2", fast_batch_loss)
        .check("loss_and_gradients",
               [](const BatchLoss& loss_of, Answers& answers) {
                 GPT model = tiny_gpt();
                 const auto loss = loss_of(model, tiny_batch());
                 answers.add("the loss", loss);
                 answers.add_gradients(loss, {{"the token table", model->token_embedding},
                                              {"the position table", model->position_embedding}});
               })
        .check("by_libtorchs_operations",
               [](const BatchLoss& loss_of, Answers& answers) {
                 GPT model = tiny_gpt();
                 const auto called = operations_called([&] { loss_of(model, tiny_batch()); });
                 const auto often = [&](const char* name) { return called.count(name) > 0 ? "called" : "not called"; };
                 answers.add("torch::embedding", often("aten::embedding"));
                 answers.add("LibTorch's cross-entropy", often("aten::cross_entropy_loss"));
                 for (const bool training : {true, false}) {
                   model->train(training);
                   loss_of(model, tiny_batch());
                   answers.add(
                       std::string("the mode of a model in ") + (training ? "training" : "evaluation") + ", afterwards",
                       model->is_training() ? "training" : "evaluation");
                 }
               })
        .mistake("plain_lookup",
                 [](GPT& model, const Batch& batch) {
                   const auto logits = model->forward_embedded(model->token_embedding.index({batch.inputs}),
                                                               torch::arange(batch.inputs.size(1)));
                   return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());
                 })
        .mistake("chapter_5s_loss",
                 [](GPT& model, const Batch& batch) {
                   const auto logits = logits_of(model, batch.inputs).flatten(0, 1);
                   return (logits.logsumexp(-1) - logits.gather(-1, batch.targets.flatten().unsqueeze(-1)).squeeze(-1))
                       .mean();
                 })
        .mistake("left_in_evaluation",
                 [](GPT& model, const Batch& batch) {
                   model->eval();
                   return torch::nn::functional::cross_entropy(logits_of(model, batch.inputs).flatten(0, 1),
                                                               batch.targets.flatten());
                 })
        .mistake("no_positions",
                 [](GPT& model, const Batch& batch) {
                   const auto logits =
                       model->forward_embedded(torch::embedding(model->token_embedding, batch.inputs), Tensor());
                   return torch::nn::functional::cross_entropy(logits.flatten(0, 1), batch.targets.flatten());
                 })
        .mistake("softmax_first",
                 [](GPT& model, const Batch& batch) {
                   const auto probabilities = torch::softmax(logits_of(model, batch.inputs), -1);
                   return torch::nn::functional::cross_entropy(probabilities.flatten(0, 1), batch.targets.flatten());
                 })
        .mistake("inputs_for_targets",
                 [](GPT& model, const Batch& batch) {
                   return torch::nn::functional::cross_entropy(logits_of(model, batch.inputs).flatten(0, 1),
                                                               batch.inputs.flatten());
                 })
        .mistake("sum_for_mean", [](GPT& model, const Batch& batch) {
          return torch::nn::functional::cross_entropy(
              logits_of(model, batch.inputs).flatten(0, 1), batch.targets.flatten(),
              torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
        });

// 12.3
// -----------------------------------------------------------------------------------------------------------------

using Accumulate =
    std::function<Tensor(const std::vector<Batch>&, const std::function<Tensor(const Batch&)>&, torch::Device, bool)>;

struct Adding {
  bool no_shares = false;
  bool equal_shares = false;
  bool clears = false;
  bool guard_stays = false;
  bool no_guard = false;
  bool guards_backward = false;
  bool keeps_graph = false;
};

/// The right way, with what a mistake makes of it.
Accumulate adding_wrongly(const Adding& adding) {
  return [adding](const std::vector<Batch>& batches, const std::function<Tensor(const Batch&)>& loss_of,
                  torch::Device device, bool bfloat16) {
    double predictions = 0;
    for (const Batch& batch : batches) predictions += static_cast<double>(batch.targets.numel());
    auto mean = torch::zeros({});
    if (adding.guard_stays && bfloat16) {
      at::autocast::set_autocast_dtype(device.type(), torch::kBFloat16);
      at::autocast::set_autocast_enabled(device.type(), true);
    }
    for (const Batch& batch : batches) {
      double share = static_cast<double>(batch.targets.numel()) / predictions;
      if (adding.no_shares) share = 1;
      if (adding.equal_shares) share = 1.0 / static_cast<double>(batches.size());
      Tensor loss;
      {
        const Autocast autocast(device, bfloat16 && !adding.guard_stays && !adding.no_guard);
        loss = loss_of(batch) * share;
      }
      // A mistake that keeps the last batch's gradient alone sends none back for the others.
      {
        const Autocast autocast(device, bfloat16 && adding.guards_backward);
        if (!adding.clears || &batch == &batches.back()) loss.backward();
      }
      mean = mean + (adding.keeps_graph ? loss : loss.detach());
    }
    return mean;
  };
}

[[maybe_unused]] const auto& exercise_10_8 =
    exercise<Accumulate>("12.3", accumulate_gradients)
        .check("uneven_batches",
               [](const Accumulate& accumulate, Answers& answers) {
                 // Products of bfloat16 keep three digits. A processor rounds them alike wherever they are taken; a GPU
                 // computes more of a loss in 16 bits than a processor does.
                 constexpr Tolerance on_a_processor{1e-5, 1e-3, "a product in bfloat16 may be summed in another order"};
                 constexpr Tolerance on_a_gpu{3e-3, 1e-2, "a GPU takes other operations in bfloat16 than a processor"};
                 const Tolerance& sixteen = test_device().is_cpu() ? on_a_processor : on_a_gpu;
                 for (const bool bfloat16 : {false, true}) {
                   bool guarded = false;
                   auto table = normal_input({7, 16}, 71).requires_grad_();
                   auto matrix = normal_input({7, 16}, 72).requires_grad_();
                   const auto loss_of = [&](const Batch& batch) {
                     const auto logits = torch::matmul(torch::embedding(table, batch.inputs.flatten()), matrix.t());
                     logits.register_hook([&](const Tensor&) {
                       guarded = guarded || at::autocast::is_autocast_enabled(test_device().type());
                     });
                     return torch::nn::functional::cross_entropy(logits, batch.targets.flatten());
                   };
                   const std::vector<Batch> batches{{token_input({5, 4}, 7, 73), token_input({5, 4}, 7, 74)},
                                                    {token_input({1, 4}, 7, 75), token_input({1, 4}, 7, 76)}};
                   const std::string how = bfloat16 ? " in bfloat16" : "";
                   const auto mean = accumulate(batches, loss_of, test_device(), bfloat16);
                   answers.add("the mean loss" + how, mean, sixteen);
                   answers.add("the mean loss carries its graph" + how, mean.requires_grad() ? "yes" : "no");
                   answers.add("backward() runs under the guard" + how, guarded ? "yes" : "no");
                   answers.add("the gradient" + how, matrix.grad(), sixteen);
                   const auto kind = test_device().type();
                   const bool still_on = at::autocast::is_autocast_enabled(kind);
                   at::autocast::set_autocast_enabled(kind, false);
                   at::autocast::clear_cache();
                   answers.add("whether products stay in bfloat16 afterwards" + how, still_on ? "yes" : "no");
                 }
               })
        .mistake("graph_kept", adding_wrongly, {.keeps_graph = true})
        .mistake("guard_around_backward", adding_wrongly, {.guards_backward = true})
        .mistake("no_shares", adding_wrongly, {.no_shares = true})
        .mistake("equal_shares", adding_wrongly, {.equal_shares = true})
        .mistake("last_alone", adding_wrongly, {.clears = true})
        .mistake("guard_stays", adding_wrongly, {.guard_stays = true})
        .mistake("no_guard", adding_wrongly, {.no_guard = true});

// 12.4
// -----------------------------------------------------------------------------------------------------------------

using Collect = std::function<State(GPTImpl&, const Optimizer&, const Random&)>;

State collect_rightly(GPTImpl& model, const Optimizer& optimizer, const Random& random) {
  State state;
  for (const auto& parameter : model.named_parameters()) {
    state.emplace_back("model." + parameter.key(), parameter.value().detach().clone());
  }
  for (const auto& [name, tensor] : optimizer.state()) state.emplace_back("optimizer." + name, tensor.clone());
  const auto words = torch::empty({4}, torch::kInt64);
  const auto random_state = random.state();
  std::memcpy(words.data_ptr(), random_state.data(), sizeof random_state);
  state.emplace_back("random", words);
  state.emplace_back("generator.cpu", at::globalContext().defaultGenerator(torch::kCPU).get_state());
  return state;
}

/// The right state without what a mistake forgets.
Collect forgetting(const std::string& prefix) {
  return [prefix](GPTImpl& model, const Optimizer& optimizer, const Random& random) {
    State kept;
    for (auto& entry : collect_rightly(model, optimizer, random)) {
      if (entry.first.rfind(prefix, 0) != 0) kept.push_back(entry);
    }
    return kept;
  };
}

/// Three steps of training on drawn batches, dropout on.
void train_a_little(GPT& model, Optimizer& optimizer, Random& random, int steps) {
  const auto text = token_input({50}, 7, 13);
  for (int step = 0; step < steps; ++step) {
    const auto start = random.below(45);
    const auto window = text.slice(0, start, start + 5).unsqueeze(0);
    for (auto& parameter : model->parameters()) parameter.mutable_grad().reset();
    torch::nn::functional::cross_entropy(logits_of(model, window.slice(1, 0, 4)).flatten(0, 1),
                                         window.slice(1, 1, 5).flatten())
        .backward();
    optimizer.step(0.01);
  }
}

[[maybe_unused]] const auto& exercise_10_3 =
    exercise<Collect>("12.4", collect_training_state)
        .check(
            "names_and_values",
            [](const Collect& collect, Answers& answers) {
              GPT model = tiny_gpt(1, 0.2);
              AdamW optimizer(model->parameters(), {});
              Random random(5);
              train_a_little(model, optimizer, random, 2);
              const State state = collect(*model, optimizer, random);
              // What is collected is a copy: another step must not change it.
              train_a_little(model, optimizer, random, 1);
              std::map<std::string, Tensor> by_name(state.begin(), state.end());
              std::string names;
              for (const auto& [name, tensor] : by_name) names += (names.empty() ? "" : ", ") + name;
              answers.add("the names in the state", names);
              bool attached = false;
              for (const auto& [name, tensor] : by_name) attached = attached || tensor.requires_grad();
              answers.add("a tensor of the state asks for gradients", attached ? "yes" : "no");
              for (const auto& name : {"model.token_embedding", "model.final_norm.bias", "random", "generator.cpu"}) {
                if (by_name.count(name) > 0) answers.add(name, by_name.at(name), exact);
              }
              for (const auto& [name, tensor] : by_name) {
                if (name.rfind("optimizer.", 0) == 0) answers.add(name, tensor, exact);
              }
            })
        .mistake("asks_for_gradients",
                 [](GPTImpl& model, const Optimizer& optimizer, const Random& random) {
                   State state = collect_rightly(model, optimizer, random);
                   for (auto& [name, tensor] : state)
                     if (name.rfind("model.", 0) == 0) tensor.requires_grad_();
                   return state;
                 })
        .mistake("no_moments", forgetting("optimizer."))
        .mistake("no_random_state", forgetting("random"))
        .mistake("no_generator", forgetting("generator."))
        .mistake("weights_left_out", forgetting("model."))
        .mistake("not_copied",
                 [](GPTImpl& model, const Optimizer& optimizer, const Random& random) {
                   State state = collect_rightly(model, optimizer, random);
                   std::map<std::string, Tensor> themselves;
                   for (const auto& parameter : model.named_parameters()) {
                     themselves["model." + parameter.key()] = parameter.value().detach();
                   }
                   for (const auto& [name, tensor] : optimizer.state()) themselves["optimizer." + name] = tensor;
                   for (auto& [name, tensor] : state) {
                     if (themselves.count(name) > 0) tensor = themselves.at(name);
                   }
                   return state;
                 })
        .mistake("not_copied", [](GPTImpl& model, const Optimizer& optimizer, const Random& random) {
          State state = collect_rightly(model, optimizer, random);
          for (auto& [name, tensor] : state) {
            if (name.rfind("model.", 0) == 0) tensor = model.named_parameters()[name.substr(6)];
          }
          return state;
        });

// 12.5
// -----------------------------------------------------------------------------------------------------------------

using Restore = std::function<void(const State&, GPTImpl&, Optimizer&, Random&)>;

/// The right way back, without what a mistake forgets.
Restore restoring_all_but(const std::string& forgotten) {
  return [forgotten](const State& state, GPTImpl& model, Optimizer& optimizer, Random& random) {
    torch::NoGradGuard no_gradients;
    const std::map<std::string, Tensor> tensors(state.begin(), state.end());
    for (auto& parameter : model.named_parameters()) {
      const auto saved = tensors.at("model." + parameter.key());
      if (!saved.sizes().equals(parameter->sizes()) && forgotten != "shapes") throw UsageError("another shape");
      if (forgotten == "refusal") parameter->copy_(saved);
    }
    for (auto& parameter : model.named_parameters()) {
      const auto saved = tensors.at("model." + parameter.key());
      if (forgotten == "copies") {
        parameter->set_data(saved);
      } else if (forgotten != "model") {
        parameter->copy_(saved);
      }
    }
    if (forgotten != "optimizer") {
      auto entries = optimizer.state();
      for (auto& [name, tensor] : entries) tensor = tensors.at("optimizer." + name);
      optimizer.set_state(entries);
    }
    if (forgotten != "random") {
      Random::State words{};
      std::memcpy(words.data(), tensors.at("random").data_ptr(), sizeof words);
      random.set_state(words);
    }
    if (forgotten != "generator") {
      at::Generator generator = at::globalContext().defaultGenerator(torch::kCPU);
      generator.set_state(tensors.at("generator.cpu"));
    }
  };
}

[[maybe_unused]] const auto& exercise_10_4 =
    exercise<Restore>("12.5", restore_training_state)
        .check("goes_on_exactly",
               [](const Restore& restore, Answers& answers) {
                 // The state after two steps; what follows is forgotten and must come again.
                 GPT model = tiny_gpt(1, 0.2);
                 AdamW optimizer(model->parameters(), {});
                 Random random(5);
                 train_a_little(model, optimizer, random, 2);
                 const State state = collect_rightly(*model, optimizer, random);
                 std::vector<Tensor> before;
                 for (const auto& [name, tensor] : state) before.push_back(tensor.clone());
                 train_a_little(model, optimizer, random, 3);

                 // Somebody else's model, optimizer and chance.
                 GPT other = tiny_gpt(100, 0.2);
                 AdamW other_optimizer(other->parameters(), {});
                 Random other_random(6);
                 torch::manual_seed(99);
                 restore(state, *other, other_optimizer, other_random);
                 train_a_little(other, other_optimizer, other_random, 3);
                 answers.add("the token table three steps after the resumption", other->token_embedding, exact);
                 answers.add("the final norm's gain", other->final_norm->weight, exact);
                 answers.add("the next random number", other_random.uniform());
                 // What was restored from is not what is trained on.
                 bool same = true;
                 for (std::size_t i = 0; i < state.size(); ++i) same = same && torch::equal(state[i].second, before[i]);
                 answers.add("the state is left as it was", same ? "yes" : "no");
               })
        .check("another_models_state",
               [](const Restore& restore, Answers& answers) {
                 GPT model = tiny_gpt();
                 AdamW optimizer(model->parameters(), {});
                 Random random(5);
                 State state = collect_rightly(*model, optimizer, random);
                 state[0].second = torch::zeros({3, 3});
                 answers.add_error("a state whose first parameter has another shape",
                                   [&] { restore(state, *model, optimizer, random); });
               })
        .check("refused_as_a_whole",
               [](const Restore& restore, Answers& answers) {
                 // The state of another model, whose last parameter has another shape: nothing of it is taken.
                 GPT model = tiny_gpt(1), other = tiny_gpt(50);
                 AdamW optimizer(model->parameters(), {}), other_optimizer(other->parameters(), {});
                 Random random(5), other_random(6);
                 train_a_little(other, other_optimizer, other_random, 1);
                 State state = collect_rightly(*other, other_optimizer, other_random);
                 const auto last = model->named_parameters().back().key();
                 for (auto& [name, tensor] : state) {
                   if (name == "model." + last) tensor = torch::zeros({3, 3});
                 }
                 answers.add_error("a state whose last parameter has another shape",
                                   [&] { restore(state, *model, optimizer, random); });
                 answers.add("the token table after the refusal", model->token_embedding, exact);
                 answers.add("the optimizer's step count", optimizer.state()[0].second, exact);
                 answers.add("the next random number", random.uniform(), exact);
               })
        .mistake("shapes_not_compared", restoring_all_but("shapes"))
        .mistake("half_restored", restoring_all_but("refusal"))
        .mistake("shares_the_state", restoring_all_but("copies"))
        .mistake("no_weights", restoring_all_but("model"))
        .mistake("no_moments", restoring_all_but("optimizer"))
        .mistake("no_random_state", restoring_all_but("random"))
        .mistake("no_generator", restoring_all_but("generator"));

// 12.6
// -----------------------------------------------------------------------------------------------------------------

using Operations = std::function<double(const ModelShape&)>;

/// Counts with factors that a mistake gets wrong: passes (forward and backward), operations a product, head, context.
Operations counted_with(double passes, double per_product, bool head, bool attention) {
  return [=](const ModelShape& shape) {
    const auto w = static_cast<double>(shape.width), l = static_cast<double>(shape.layers);
    double products = l * 12 * w * w;
    if (head) products += static_cast<double>(shape.vocabulary_size) * w;
    if (attention) products += l * 2 * static_cast<double>(shape.context) * w;
    return passes * per_product * products;
  };
}

[[maybe_unused]] const auto& exercise_12_6 =
    exercise<Operations>("12.6", training_operations_per_token)
        .check("shapes",
               [](const Operations& count, Answers& answers) {
                 answers.add("the talk's model", count({}));
                 answers.add("preset small", count({65, 64, 4, 4, 128}));
                 answers.add("GPT-2", count({50257, 1024, 12, 12, 768}));
                 answers.add("GPT-2 XL", count({50257, 1024, 48, 25, 1600}));
               })
        .mistake("half_of_the_scores",
                 [](const ModelShape& shape) {
                   return (counted_with(3, 2, true, true)(shape) + counted_with(3, 2, true, false)(shape)) / 2;
                 })
        .mistake("biases_counted",
                 [](const ModelShape& shape) {
                   return counted_with(3, 2, true, true)(shape) +
                          6.0 * static_cast<double>(shape.layers * 13 * shape.width);
                 })
        .mistake("forward_alone", counted_with(1, 2, true, true))
        .mistake("backward_once", counted_with(2, 2, true, true))
        .mistake("products_as_one", counted_with(3, 1, true, true))
        .mistake("no_head", counted_with(3, 2, false, true))
        .mistake("thirty_two_bits",
                 [](const ModelShape& shape) {
                   const auto right = static_cast<std::uint64_t>(counted_with(3, 2, true, true)(shape));
                   return static_cast<double>(static_cast<std::int32_t>(static_cast<std::uint32_t>(right)));
                 })
        .mistake("no_attention", counted_with(3, 2, true, false));

}  // namespace
}  // namespace verse
