/// @file
/// Exercises 4.5 to 4.8: the whole GPT.

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "04_blocks/blocks.h"
#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"
#include "tests/harness/joining_cache.h"

namespace verse {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// 4.5 Initialisation.

using Initialise = std::function<void(GPTImpl&)>;

/// GPT-2's initialisation with other numbers: each mistake changes one.
void initialise_with(GPTImpl& model, double deviation, double into_stream, double gain = 1.0,
                     const std::string& left_out = "none") {
  torch::NoGradGuard no_gradients;
  for (auto& parameter : model.named_parameters()) {
    const std::string& name = parameter.key();
    if (name.find(left_out) != std::string::npos) continue;
    if (name.ends_with("output.weight") || name.ends_with("contract.weight")) {
      parameter->normal_(0.0, into_stream);
    } else if (parameter->dim() > 1) {
      parameter->normal_(0.0, deviation);
    } else {
      parameter->fill_(name.ends_with("bias") ? 0.0 : gain);
    }
  }
}

/// Deviations, means and constants of every kind of parameter, over all blocks.
void describe_parameters(const Initialise& initialise, std::int64_t layers, Answers& answers) {
  GPTOptions options;
  options.layers = layers;
  options.heads = 4;
  options.width = 96;
  options.vocabulary_size = 500;
  options.context = 600;
  options.initialise = false;
  GPT model(options);
  {
    // What is forgotten stays at 3 and is seen.
    torch::NoGradGuard no_gradients;
    for (auto& parameter : model->parameters()) parameter.fill_(3.0);
  }
  initialise(*model);

  constexpr Tolerance drawn{0, 0.03, "a deviation that is estimated from 27,000 draws is off by 0.4 %"};
  constexpr Tolerance centred{1e-3, 0, "a mean of 27,000 draws with deviation 0.02 is off by 0.0001"};
  for (const std::string kind : {"token_embedding", "position_embedding", "attention.query_key_value.weight",
                                 "attention.output.weight", "mlp.expand.weight", "mlp.contract.weight"}) {
    std::vector<torch::Tensor> all;
    for (const auto& parameter : model->named_parameters()) {
      if (parameter.key().ends_with(kind)) all.push_back(parameter->detach().flatten());
    }
    const auto values = torch::cat(all).to(torch::kFloat64);
    answers.add("the standard deviation of " + kind, values.std().item<double>(), drawn);
    answers.add("the mean of " + kind, values.mean().item<double>(), centred);
  }
  const auto range = [&](const std::string& what, const std::string& ending) {
    std::vector<torch::Tensor> all;
    for (const auto& parameter : model->named_parameters()) {
      if (parameter->dim() == 1 && parameter.key().ends_with(ending)) all.push_back(parameter->detach().flatten());
    }
    const auto values = torch::cat(all);
    answers.add("the smallest " + what, values.min(), exact);
    answers.add("the largest " + what, values.max(), exact);
  };
  range("bias", "bias");
  range("gain of a norm", "weight");
}

[[maybe_unused]] const auto& exercise_4_5 =
    exercise<Initialise>("4.5", [](GPTImpl& model) { model.initialise(); })
        .check("eight_layers",
               [](const Initialise& initialise, Answers& answers) { describe_parameters(initialise, 8, answers); })
        .check("two_layers",
               [](const Initialise& initialise, Answers& answers) { describe_parameters(initialise, 2, answers); })
        .check("still_parameters",
               [](const Initialise& initialise, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 initialise(*model);
                 std::int64_t trainable = 0, tables = 0;
                 for (const auto& parameter : model->parameters()) {
                   trainable += parameter.requires_grad() && parameter.is_leaf() ? 1 : 0;
                   tables += parameter.dim() > 1 ? 1 : 0;
                 }
                 answers.add("parameters that can be trained", trainable);
                 answers.add("matrices and tables", tables);
               })
        .check("drawn_anew",
               [](const Initialise& initialise, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 initialise(*model);
                 const auto first = model->token_embedding.detach().clone();
                 initialise(*model);
                 answers.add("a second call draws the same numbers",
                             torch::equal(first, model->token_embedding) ? "yes" : "no");
               })
        .mistake("output_not_scaled",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers)));
                   torch::NoGradGuard no_gradients;
                   for (auto& parameter : model.named_parameters())
                     if (parameter.key().ends_with("output.weight")) parameter->normal_(0.0, 0.02);
                 })
        .mistake("six_layers", [](GPTImpl& model) { initialise_with(model, 0.02, 0.02 / std::sqrt(12.0)); })
        .mistake("seeded_inside",
                 [](GPTImpl& model) {
                   torch::manual_seed(42);
                   initialise_with(model, 0.02, 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers)));
                 })
        .mistake("no_residual_scaling", [](GPTImpl& model) { initialise_with(model, 0.02, 0.02); })
        .mistake("one_addition_a_layer",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / std::sqrt(static_cast<double>(model.options.layers)));
                 })
        .mistake("root_forgotten",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / (2.0 * static_cast<double>(model.options.layers)));
                 })
        .mistake("all_matrices_scaled",
                 [](GPTImpl& model) {
                   const double scaled = 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers));
                   initialise_with(model, scaled, scaled);
                 })
        .mistake("variance_for_deviation",
                 [](GPTImpl& model) {
                   const double depth = 2.0 * static_cast<double>(model.options.layers);
                   initialise_with(model, std::sqrt(0.02), std::sqrt(0.02 / depth));
                 })
        .mistake("deviation_squared",
                 [](GPTImpl& model) {
                   const double depth = 2.0 * static_cast<double>(model.options.layers);
                   initialise_with(model, 0.02 * 0.02, 0.02 * 0.02 / depth);
                 })
        .mistake("gains_zero",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers)), 0.0);
                 })
        .mistake("tables_forgotten",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers)), 1.0,
                                   "embedding");
                 })
        .mistake("biases_forgotten",
                 [](GPTImpl& model) {
                   initialise_with(model, 0.02, 0.02 / std::sqrt(2.0 * static_cast<double>(model.options.layers)), 1.0,
                                   "bias");
                 })
        .mistake("uniform",
                 [](GPTImpl& model) {
                   // LibTorch's own choice for a linear layer: uniform, by the number of inputs.
                   torch::NoGradGuard no_gradients;
                   for (auto& parameter : model.named_parameters()) {
                     if (parameter->dim() > 1) {
                       const double bound = 1.0 / std::sqrt(static_cast<double>(parameter->size(1)));
                       parameter->uniform_(-bound, bound);
                     } else {
                       parameter->fill_(parameter.key().ends_with("bias") ? 0.0 : 1.0);
                     }
                   }
                 })
        .mistake("whole_number_division", [](GPTImpl& model) { initialise_with(model, 0.02, 0.0); })
        .mistake("gradient_recorded", [](GPTImpl& model) {
          for (auto& parameter : model.named_parameters()) parameter->normal_(0.0, 0.02);
        });

// ---------------------------------------------------------------------------------------------------------------------
// 4.6 Positions.

using AddPositions = std::function<torch::Tensor(GPT&, const torch::Tensor&, const torch::Tensor&)>;

torch::Tensor rows_of(const torch::Tensor& table, const torch::Tensor& rows) {
  return torch::embedding(table, rows);
}

[[maybe_unused]] const auto& exercise_4_6 =
    exercise<AddPositions>("4.6", [](GPT& model, const torch::Tensor& x,
                                     const torch::Tensor& positions) { return model->add_positions(x, positions); })
        .check("from_the_start",
               [](const AddPositions& add, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 const auto x = normal_input({2, 4, 8}, 1).requires_grad_();
                 const auto result = add(model, x, torch::arange(4));
                 answers.add("add_positions(x, 0 to 3)", result);
                 answers.add_gradients(result, {{"x", x}, {"position_embedding", model->position_embedding}});
               })
        .check("after_five_kept_ones",
               [](const AddPositions& add, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 answers.add("add_positions(x, 5 to 7)", add(model, normal_input({1, 3, 8}, 1), torch::arange(5, 8)));
               })
        .check("each_row_its_own",
               [](const AddPositions& add, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 const auto positions = torch::tensor({{0, 1, 2}, {6, 7, 8}});
                 answers.add("add_positions(x, [2, 3] positions)", add(model, normal_input({2, 3, 8}, 1), positions));
               })
        .check("no_positions",
               [](const AddPositions& add, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 answers.add("add_positions(x, undefined)", add(model, normal_input({2, 3, 8}, 1), {}));
               })
        .check("no_dropout_here",
               [](const AddPositions& add, Answers& answers) {
                 auto options = small_options();
                 options.dropout = 0.5;
                 GPT model(options);
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 const torch::NoGradGuard no_gradients;
                 answers.add("add_positions(x, 0 to 2) in training, at dropout 0.5",
                             add(model, normal_input({1, 3, 8}, 2), torch::arange(3)));
               })
        .mistake("undefined_used",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   return x + embed_tokens(model->position_embedding, positions);
                 })
        .mistake("dropout_here",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   const auto sum = positions.defined() ? x + rows_of(model->position_embedding, positions) : x;
                   return torch::dropout(sum, model->options.dropout, model->is_training());
                 })
        .mistake("counted_from_zero",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   if (!positions.defined()) return x;
                   return x + model->position_embedding.slice(0, 0, x.size(1));
                 })
        .mistake("always_counted",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor&) {
                   return x + model->position_embedding.slice(0, 0, x.size(1));
                 })
        .mistake("undefined_counted",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   if (!positions.defined()) return x + model->position_embedding.slice(0, 0, x.size(1));
                   return x + rows_of(model->position_embedding, positions);
                 })
        .mistake("undefined_is_zero",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   const auto rows = positions.defined() ? positions : torch::zeros({x.size(1)}, torch::kInt64);
                   return x + rows_of(model->position_embedding, rows);
                 })
        .mistake("positions_forgotten", [](GPT&, const torch::Tensor& x, const torch::Tensor&) { return x; })
        .mistake("first_row_for_all",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   if (!positions.defined()) return x;
                   const auto rows = positions.dim() == 2 ? positions[0] : positions;
                   return x + rows_of(model->position_embedding, rows);
                 })
        .mistake("token_table",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   return positions.defined() ? x + rows_of(model->token_embedding, positions) : x;
                 })
        .mistake("multiplied",
                 [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
                   return positions.defined() ? x * rows_of(model->position_embedding, positions) : x;
                 })
        .mistake("detached", [](GPT& model, const torch::Tensor& x, const torch::Tensor& positions) {
          return positions.defined() ? x + rows_of(model->position_embedding.detach(), positions) : x;
        });

// ---------------------------------------------------------------------------------------------------------------------
// 4.7 The blocks, one after the other.

using RunBlocks = std::function<torch::Tensor(GPT&, const torch::Tensor&, const ForwardExtras&)>;

/// What belongs to one layer.
AttentionExtras extras_of(const ForwardExtras& extras, std::size_t layer) {
  AttentionExtras own;
  own.mask = extras.mask;
  if (extras.cache != nullptr) own.cache = (*extras.cache)[layer].get();
  if (extras.weights != nullptr) own.weights = &(*extras.weights)[layer];
  return own;
}

torch::Tensor run(GPT& model, std::size_t block, const torch::Tensor& x, const AttentionExtras& extras) {
  return model->blocks->at<BlockImpl>(block).forward(x, extras);
}

/// A model whose numbers are moderate enough for three blocks in float32.
GPT model_for_blocks(Answers& answers) {
  GPT model(small_options());
  fill_with_numbers(*model, 0.25);
  answers.load_parameters(*model);
  return model;
}

constexpr Tolerance through_blocks{1e-4, 1e-4, "float32, through three blocks"};

[[maybe_unused]] const auto& exercise_4_7 =
    exercise<RunBlocks>("4.7", [](GPT& model, const torch::Tensor& x,
                                  const ForwardExtras& extras) { return model->run_blocks(x, extras); })
        .check("outputs_and_gradients",
               [](const RunBlocks& run_blocks, Answers& answers) {
                 GPT model = model_for_blocks(answers);
                 const auto x = normal_input({2, 5, 8}, 1).requires_grad_();
                 const auto result = run_blocks(model, x, {});
                 answers.add("run_blocks(x)", result, through_blocks);
                 const auto parameters = model->named_parameters();
                 answers.add_gradients(result,
                                       {{"x", x},
                                        {"blocks.0.mlp.contract.weight", parameters["blocks.0.mlp.contract.weight"]},
                                        {"blocks.2.mlp.contract.weight", parameters["blocks.2.mlp.contract.weight"]},
                                        {"final_norm.weight", parameters["final_norm.weight"]}},
                                       {1e-3, 1e-3, "float32, sums over all positions, through three blocks"});
               })
        .check("mask",
               [](const RunBlocks& run_blocks, Answers& answers) {
                 GPT model = model_for_blocks(answers);
                 ForwardExtras extras;
                 extras.mask = torch::ones({4, 4}, torch::kBool);
                 answers.add("run_blocks(x) where everybody sees everybody",
                             run_blocks(model, normal_input({1, 4, 8}, 1), extras), through_blocks);
               })
        .check("weights",
               [](const RunBlocks& run_blocks, Answers& answers) {
                 GPT model = model_for_blocks(answers);
                 std::vector<torch::Tensor> weights(3);
                 ForwardExtras extras;
                 extras.weights = &weights;
                 run_blocks(model, normal_input({1, 4, 8}, 1), extras);
                 answers.add("the attention weights of block 0", weights[0], through_blocks);
                 answers.add("the attention weights of block 1", weights[1], through_blocks);
                 answers.add("the attention weights of block 2", weights[2], through_blocks);
               })
        .check("cache",
               [](const RunBlocks& run_blocks, Answers& answers) {
                 GPT model = model_for_blocks(answers);
                 Cache cache;
                 for (int layer = 0; layer < 3; ++layer) cache.push_back(std::make_shared<JoiningCache>());
                 ForwardExtras extras;
                 extras.cache = &cache;
                 const auto x = normal_input({1, 5, 8}, 1);
                 run_blocks(model, x.slice(1, 0, 3), extras);
                 const auto rest = run_blocks(model, x.slice(1, 3, 5), extras);
                 std::vector<std::int64_t> kept;
                 for (const auto& layer : cache) kept.push_back(layer->length());
                 answers.add("positions that each layer's cache has kept", kept);
                 answers.add("run_blocks(the last 2 of 5, with a cache)", rest, through_blocks);
               })
        .check("two_layers",
               [](const RunBlocks& run_blocks, Answers& answers) {
                 auto options = small_options();
                 options.layers = 2;
                 GPT model(options);
                 fill_with_numbers(*model, 0.25);
                 answers.load_parameters(*model);
                 answers.add("run_blocks(x) of two layers", run_blocks(model, normal_input({1, 3, 8}, 2), {}),
                             through_blocks);
               })
        .mistake("result_lost",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer)
                     run(model, layer, x, extras_of(extras, layer));
                   return model->final_norm->forward(x);
                 })
        .mistake("first_block_left_out",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 1; layer < model->blocks->size(); ++layer)
                     x = run(model, layer, x, extras_of(extras, layer));
                   return model->final_norm->forward(x);
                 })
        .mistake("last_to_first",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = model->blocks->size(); layer-- > 0;)
                     x = run(model, layer, x, extras_of(extras, layer));
                   return model->final_norm->forward(x);
                 })
        .mistake("one_block_for_all",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer)
                     x = run(model, 0, x, extras_of(extras, layer));
                   return model->final_norm->forward(x);
                 })
        .mistake("no_final_norm",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer)
                     x = run(model, layer, x, extras_of(extras, layer));
                   return x;
                 })
        .mistake("norm_after_every_block",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     x = model->final_norm->forward(run(model, layer, x, extras_of(extras, layer)));
                   }
                   return x;
                 })
        .mistake("all_read_the_input",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   torch::Tensor x;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     x = run(model, layer, stream, extras_of(extras, layer));
                   }
                   return model->final_norm->forward(x);
                 })
        .mistake("residual_around_blocks",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     x = x + run(model, layer, x, extras_of(extras, layer));
                   }
                   return model->final_norm->forward(x);
                 })
        .mistake("last_block_left_out",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer + 1 < model->blocks->size(); ++layer)
                     x = run(model, layer, x, extras_of(extras, layer));
                   return model->final_norm->forward(x);
                 })
        .mistake("extras_forgotten",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras&) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) x = run(model, layer, x, {});
                   return model->final_norm->forward(x);
                 })
        .mistake("mask_forgotten",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     auto own = extras_of(extras, layer);
                     own.mask = torch::Tensor();
                     x = run(model, layer, x, own);
                   }
                   return model->final_norm->forward(x);
                 })
        .mistake("one_cache_for_all",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     auto own = extras_of(extras, layer);
                     if (extras.cache != nullptr) own.cache = extras.cache->front().get();
                     x = run(model, layer, x, own);
                   }
                   return model->final_norm->forward(x);
                 })
        .mistake("weights_of_last_block_only",
                 [](GPT& model, const torch::Tensor& stream, const ForwardExtras& extras) {
                   auto x = stream;
                   for (std::size_t layer = 0; layer < model->blocks->size(); ++layer) {
                     auto own = extras_of(extras, layer);
                     if (extras.weights != nullptr) own.weights = extras.weights->data();
                     x = run(model, layer, x, own);
                   }
                   return model->final_norm->forward(x);
                 });

// ---------------------------------------------------------------------------------------------------------------------
// 4.8 The head.

using Head = std::function<torch::Tensor(GPT&, const torch::Tensor&)>;

[[maybe_unused]] const auto& exercise_4_8 =
    exercise<Head>("4.8", [](GPT& model, const torch::Tensor& x) { return model->head(x); })
        .check("logits_and_gradients",
               [](const Head& head, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 const auto x = normal_input({2, 3, 8}, 1).requires_grad_();
                 const auto logits = head(model, x);
                 answers.add("head(x)", logits);
                 answers.add_gradients(logits, {{"x", x}, {"token_embedding", model->token_embedding}});
               })
        .check("one_position",
               [](const Head& head, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model);
                 answers.load_parameters(*model);
                 answers.add("head(x) of a single position", head(model, normal_input({8}, 1)));
               })
        .check("after_a_change",
               [](const Head& head, Answers& answers) {
                 GPT model(small_options());
                 fill_with_numbers(*model, 0.3);
                 answers.load_parameters(*model);
                 const torch::NoGradGuard no_gradients;
                 const auto x = normal_input({2, 8}, 2);
                 answers.add("head(x)", head(model, x));
                 model->token_embedding *= -2;
                 answers.add("head(x) after the table was changed", head(model, x));
               })
        .mistake("kept_between_calls",
                 [](GPT& model, const torch::Tensor& x) {
                   static torch::Tensor kept;
                   if (!kept.defined()) kept = model->token_embedding.detach().clone();
                   return torch::matmul(x, (model->token_embedding - model->token_embedding.detach() + kept).t());
                 })
        .mistake("copied_table",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::matmul(x, model->token_embedding.detach().clone().t());
                 })
        .mistake("table_of_its_own",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::matmul(x, normal_input({8, model->options.vocabulary_size}, 5, 0.02));
                 })
        .mistake("position_table",
                 [](GPT& model, const torch::Tensor& x) { return torch::matmul(x, model->position_embedding.t()); })
        .mistake("probabilities",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::softmax(torch::matmul(x, model->token_embedding.t()), -1);
                 })
        .mistake("log_probabilities",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::log_softmax(torch::matmul(x, model->token_embedding.t()), -1);
                 })
        .mistake("scaled_like_scores",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::matmul(x, model->token_embedding.t()) / std::sqrt(static_cast<double>(x.size(-1)));
                 })
        .mistake("not_transposed",
                 [](GPT& model, const torch::Tensor& x) {
                   return torch::matmul(x, model->token_embedding.reshape({x.size(-1), -1}));
                 })
        .mistake("not_transposed", [](GPT& model, const torch::Tensor& x) { return x.matmul(model->token_embedding); })
        .mistake("normed_again", [](GPT& model, const torch::Tensor& x) {
          return torch::matmul(model->final_norm->forward(x), model->token_embedding.t());
        });

}  // namespace
}  // namespace verse
