/// @file
/// Exercises 4.1 to 4.4: the parts of a block, and the block.

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "04_blocks/blocks.h"
#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

// ---------------------------------------------------------------------------------------------------------------------
// 4.1 Layer norm.

using Norm = std::function<torch::Tensor(const torch::Tensor&, const torch::Tensor&, const torch::Tensor&, double)>;

torch::Tensor normalised(const torch::Tensor& x, double epsilon, torch::IntArrayRef over) {
  const auto centred = x - x.mean(over, true);
  return centred / (centred.square().mean(over, true) + epsilon).sqrt();
}

[[maybe_unused]] const auto& exercise_4_1 =
    exercise<Norm>("4.1", layer_norm)
        .check("outputs_and_gradients",
               [](const Norm& norm, Answers& answers) {
                 // Far from mean 0 and variance 1, so that both have to be dealt with.
                 const auto x = (normal_input({2, 3, 5}, 1) * 3 + 2).requires_grad_();
                 const auto gain = (normal_input({5}, 2) + 1).requires_grad_();
                 const auto bias = normal_input({5}, 3).requires_grad_();
                 const auto result = norm(x, gain, bias, 1e-5);
                 answers.add("layer_norm(x)", result);
                 answers.add_gradients(result, {{"x", x}, {"gain", gain}, {"bias", bias}});
               })
        .check("one_position",
               [](const Norm& norm, Answers& answers) {
                 const auto x = torch::tensor({1.0F, 2.0F, 3.0F, 4.0F});
                 answers.add("layer_norm of 1, 2, 3, 4 without epsilon",
                             norm(x, torch::ones({4}), torch::zeros({4}), 0.0));
               })
        .check("small_differences",
               [](const Norm& norm, Answers& answers) {
                 // A variance of 1e-4, epsilon a tenth of that, and a row of equal features.
                 const auto x = torch::tensor({{0.99F, 1.01F, 0.99F, 1.01F}, {2.0F, 2.0F, 2.0F, 2.0F}});
                 answers.add("layer_norm of nearly equal features", norm(x, torch::ones({4}), torch::zeros({4}), 1e-5),
                             {1e-3, 1e-3, "a mean of 1 that is subtracted leaves float32 five digits of 0.01"});
               })
        .check("far_from_zero",
               [](const Norm& norm, Answers& answers) {
                 // A mean of 1,000 and a variance of 1: the mean of the squares less the square of the mean has no
                 // digit left.
                 const auto x = normal_input({2, 6}, 4) + 1000;
                 answers.add("layer_norm of features near 1000", norm(x, torch::ones({6}), torch::zeros({6}), 1e-5),
                             {1e-3, 1e-3, "at 1000, float32 has four digits after the point"});
               })
        .check("another_epsilon",
               [](const Norm& norm, Answers& answers) {
                 const auto x = normal_input({3, 4}, 5).to(torch::kFloat64);
                 const auto ones = torch::ones({4}, torch::kFloat64), zeros = torch::zeros({4}, torch::kFloat64);
                 answers.add("layer_norm of float64 numbers with epsilon 0.5", norm(x, ones, zeros, 0.5),
                             double_rounding);
               })
        .mistake("statistics_detached",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto centred = x - x.mean(-1, true).detach();
                   return centred / (centred.square().mean(-1, true).detach() + epsilon).sqrt() * gain + bias;
                 })
        .mistake("bias_forgotten",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   (void)bias;
                   return normalised(x, epsilon, {-1}) * gain;
                 })
        .mistake("gain_forgotten",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   (void)gain;
                   return normalised(x, epsilon, {-1}) + bias;
                 })
        .mistake("mean_of_squares_less_square_of_mean",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto mean = x.mean(-1, true);
                   const auto variance = x.square().mean(-1, true) - mean.square();
                   return (x - mean) / (variance + epsilon).sqrt() * gain + bias;
                 })
        .mistake("epsilon_of_its_own",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   (void)epsilon;
                   return normalised(x, 1e-5, {-1}) * gain + bias;
                 })
        .mistake("unbiased_variance",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto variance = x.var(-1, /*unbiased=*/true, /*keepdim=*/true);
                   return (x - x.mean(-1, true)) / (variance + epsilon).sqrt() * gain + bias;
                 })
        .mistake("epsilon_outside_root",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto centred = x - x.mean(-1, true);
                   // A slope of the root at 0 would be infinite; people meet NaN gradients there, not in these inputs.
                   return centred / (centred.square().mean(-1, true).sqrt() + epsilon) * gain + bias;
                 })
        .mistake("epsilon_forgotten", [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias,
                                         double) { return normalised(x, 0.0, {-1}) * gain + bias; })
        .mistake("root_forgotten",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto centred = x - x.mean(-1, true);
                   return centred / (centred.square().mean(-1, true) + epsilon) * gain + bias;
                 })
        .mistake("mean_kept",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   return x / (x.square().mean(-1, true) + epsilon).sqrt() * gain + bias;
                 })
        .mistake("mean_kept_in_numerator",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   return x / (x.var(-1, false, true) + epsilon).sqrt() * gain + bias;
                 })
        .mistake("over_positions", [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias,
                                      double epsilon) { return normalised(x, epsilon, {-2}) * gain + bias; })
        .mistake("over_everything",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   std::vector<std::int64_t> all;
                   for (std::int64_t dimension = 0; dimension < x.dim(); ++dimension) all.push_back(dimension);
                   return normalised(x, epsilon, all) * gain + bias;
                 })
        .mistake("gain_and_bias_forgotten", [](const torch::Tensor& x, const torch::Tensor&, const torch::Tensor&,
                                               double epsilon) { return normalised(x, epsilon, {-1}); })
        .mistake("over_the_batch",
                 [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias, double epsilon) {
                   const auto variance = x.var(0, /*unbiased=*/false, /*keepdim=*/true);
                   return (x - x.mean(0, true)) * torch::rsqrt(variance + epsilon) * gain + bias;
                 })
        .mistake("gain_times_bias", [](const torch::Tensor& x, const torch::Tensor& gain, const torch::Tensor& bias,
                                       double epsilon) { return (normalised(x, epsilon, {-1}) + bias) * gain; });

// ---------------------------------------------------------------------------------------------------------------------
// 4.2 GELU.

using Elementwise = std::function<torch::Tensor(const torch::Tensor&)>;

torch::Tensor gelu_with(const torch::Tensor& x, double scale, double cubic) {
  return 0.5 * x * (1 + torch::tanh(scale * (x + cubic * x * x * x)));
}

const double kGeluScale = std::sqrt(2.0 / std::numbers::pi);

[[maybe_unused]] const auto& exercise_4_2 =
    exercise<Elementwise>("4.2", gelu_tanh)
        .check("values_and_slope",
               [](const Elementwise& gelu, Answers& answers) {
                 // In float64, because the exact form is never further away than 5e-4.
                 constexpr Tolerance digits{1e-6, 1e-6, "constants typed with seven digits are good enough"};
                 const auto x = torch::linspace(-4, 4, 33, torch::kFloat64).requires_grad_();
                 const auto result = gelu(x);
                 answers.add_for_each("gelu_tanh(x)", result, x, digits);
                 answers.add_gradients(result, {{"x", x}}, digits);
               })
        .check("any_shape",
               [](const Elementwise& gelu, Answers& answers) {
                 answers.add("gelu_tanh(x)", gelu(normal_input({2, 3, 4}, 1, 3.0)));
               })
        .check("in_float64",
               [](const Elementwise& gelu, Answers& answers) {
                 // Differences of neighbouring values: what float32 rounds away is a thousand times what constants of
                 // seven digits do.
                 const auto x = torch::linspace(1, 1 + 1e-6, 11, torch::kFloat64);
                 answers.add("how gelu_tanh(x) grows from x = 1 in steps of 1e-7, over the step", gelu(x).diff() / 1e-7,
                             {1e-4, 1e-4, "constants typed with seven digits are good enough"});
               })
        .mistake("root_upside_down",
                 [](const torch::Tensor& x) { return gelu_with(x, std::sqrt(std::numbers::pi / 2), 0.044715); })
        .mistake(
            "squared_for_cubed",
            [](const torch::Tensor& x) { return 0.5 * x * (1 + torch::tanh(kGeluScale * (x + 0.044715 * x * x))); })
        .mistake("whole_number_scale", [](const torch::Tensor& x) { return gelu_with(x, 0.0, 0.044715); })
        .mistake("whole_number_constants", [](const torch::Tensor& x) { return 0 * x; })
        .mistake("exact_form", [](const torch::Tensor& x) { return gelu_exact(x); })
        .mistake("sigmoid_form", [](const torch::Tensor& x) { return x * torch::sigmoid(1.702 * x); })
        .mistake("relu", [](const torch::Tensor& x) { return torch::relu(x); })
        .mistake("silu", [](const torch::Tensor& x) { return x * torch::sigmoid(x); })
        .mistake("cubic_too_large", [](const torch::Tensor& x) { return gelu_with(x, kGeluScale, 0.44715); })
        .mistake("cubic_forgotten", [](const torch::Tensor& x) { return gelu_with(x, kGeluScale, 0.0); })
        .mistake("root_of_two_pi",
                 [](const torch::Tensor& x) { return gelu_with(x, std::sqrt(2.0 * std::numbers::pi), 0.044715); })
        .mistake("root_forgotten",
                 [](const torch::Tensor& x) { return gelu_with(x, 2.0 / std::numbers::pi, 0.044715); })
        .mistake(
            "scale_on_x_alone",
            [](const torch::Tensor& x) { return 0.5 * x * (1 + torch::tanh(kGeluScale * x + 0.044715 * x * x * x)); })
        .mistake("half_forgotten", [](const torch::Tensor& x) { return 2 * gelu_with(x, kGeluScale, 0.044715); });

// ---------------------------------------------------------------------------------------------------------------------
// 4.3 The MLP.

using MLPForward = std::function<torch::Tensor(MLP&, const torch::Tensor&)>;

torch::Tensor fused_gelu(const torch::Tensor& x, const GPTOptions& options) {
  return torch::gelu(x, options.exact_gelu ? "none" : "tanh");
}

torch::Tensor mlp_result(MLP& mlp, const torch::Tensor& x) {
  return mlp->contract->forward(fused_gelu(mlp->expand->forward(x), mlp->options));
}

torch::Tensor drop(const torch::Tensor& x, const MLP& mlp) {
  return torch::dropout(x, mlp->options.dropout, mlp->is_training());
}

/// How a share of 40,000 draws may wander: five deviations.
constexpr Tolerance a_share{0.0125, 0, "what is dropped is drawn: a share of 40,000 draws wanders by 0.0025"};

[[maybe_unused]] const auto& exercise_4_3 =
    exercise<MLPForward>("4.3", [](MLP& mlp, const torch::Tensor& x) { return mlp->forward(x); })
        .check("outputs_and_gradients",
               [](const MLPForward& forward, Answers& answers) {
                 MLP mlp(small_options());
                 fill_with_numbers(*mlp);
                 answers.load_parameters(*mlp);
                 const auto x = normal_input({2, 3, 8}, 1, 2.0).requires_grad_();
                 const auto result = forward(mlp, x);
                 answers.add("mlp(x)", result);
                 const auto parameters = mlp->named_parameters();
                 answers.add_gradients(result, {{"x", x},
                                                {"expand.weight", parameters["expand.weight"]},
                                                {"contract.weight", parameters["contract.weight"]},
                                                {"contract.bias", parameters["contract.bias"]}});
               })
        .check("exact_gelu",
               [](const MLPForward& forward, Answers& answers) {
                 auto options = small_options();
                 options.exact_gelu = true;
                 MLP mlp(options);
                 fill_with_numbers(*mlp, 1.0);
                 mlp->to(torch::kFloat64);
                 answers.load_parameters(*mlp);
                 answers.add("mlp(x) with exact_gelu", forward(mlp, normal_input({4, 8}, 1).to(torch::kFloat64)),
                             {1e-6, 1e-6, "the two GELUs are up to 5e-4 apart"});
               })
        .check("dropout",
               [](const MLPForward& forward, Answers& answers) {
                 auto options = small_options();
                 options.dropout = 0.25;
                 MLP mlp(options);
                 fill_with_numbers(*mlp);
                 answers.load_parameters(*mlp);
                 const auto x = normal_input({5000, 8}, 1);
                 const auto share = [](const torch::Tensor& which) {
                   return which.to(torch::kFloat64).mean().item<double>();
                 };
                 const auto training = forward(mlp, x);
                 mlp->eval();
                 const auto outside = forward(mlp, x);
                 answers.add("the share of outputs that is dropped while training, at dropout 0.25",
                             share(training == 0), a_share);
                 answers.add("the share that is dropped outside training", share(outside == 0), a_share);
                 answers.add("the share that is another while training", share(training != outside), a_share);
               })
        .check("another_dropout",
               [](const MLPForward& forward, Answers& answers) {
                 auto options = small_options();
                 options.dropout = 0.5;
                 MLP mlp(options);
                 fill_with_numbers(*mlp);
                 answers.load_parameters(*mlp);
                 const auto x = normal_input({5000, 8}, 1);
                 const auto training = forward(mlp, x);
                 mlp->eval();
                 const auto outside = forward(mlp, x);
                 const auto kept = training != 0;
                 answers.add("the share that is dropped at dropout 0.5",
                             1 - kept.to(torch::kFloat64).mean().item<double>(), a_share);
                 // Dropout inside would change what is kept.
                 const auto doubled = (training - 2 * outside).abs() < 1e-3;
                 answers.add("the share of the kept outputs that are doubled",
                             doubled.masked_select(kept).to(torch::kFloat64).mean().item<double>(), a_share);
                 const auto all_or_none = (kept.sum(-1) == 0) | (kept.sum(-1) == kept.size(-1));
                 answers.add("the share of positions of which all or nothing is dropped",
                             all_or_none.to(torch::kFloat64).mean().item<double>(), {0.02, 0, a_share.reason});
               })
        .mistake("share_of_its_own",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return torch::dropout(mlp_result(mlp, x), 0.25, mlp->is_training() && mlp->options.dropout > 0);
                 })
        .mistake("dropout_twice",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return drop(mlp->contract->forward(drop(fused_gelu(mlp->expand->forward(x), mlp->options), mlp)),
                               mlp);
                 })
        .mistake(
            "no_gelu",
            [](MLP& mlp, const torch::Tensor& x) { return drop(mlp->contract->forward(mlp->expand->forward(x)), mlp); })
        .mistake("gelu_at_the_end",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return drop(fused_gelu(mlp->contract->forward(mlp->expand->forward(x)), mlp->options), mlp);
                 })
        .mistake(
            "gelu_twice",
            [](MLP& mlp, const torch::Tensor& x) { return drop(fused_gelu(mlp_result(mlp, x), mlp->options), mlp); })
        .mistake("relu",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return drop(mlp->contract->forward(torch::relu(mlp->expand->forward(x))), mlp);
                 })
        .mistake("own_residual", [](MLP& mlp, const torch::Tensor& x) { return x + drop(mlp_result(mlp, x), mlp); })
        .mistake("option_ignored",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return drop(mlp->contract->forward(torch::gelu(mlp->expand->forward(x), "tanh")), mlp);
                 })
        .mistake("no_dropout", [](MLP& mlp, const torch::Tensor& x) { return mlp_result(mlp, x); })
        .mistake("dropout_always",
                 [](MLP& mlp, const torch::Tensor& x) {
                   return torch::dropout(mlp_result(mlp, x), mlp->options.dropout, true);
                 })
        .mistake(
            "positions_dropped",
            [](MLP& mlp, const torch::Tensor& x) {
              const auto result = mlp_result(mlp, x);
              if (!mlp->is_training() || mlp->options.dropout <= 0) return result;
              return result *
                     torch::dropout(torch::ones_like(result.select(-1, 0)), mlp->options.dropout, true).unsqueeze(-1);
            })
        .mistake("dropout_inside", [](MLP& mlp, const torch::Tensor& x) {
          return mlp->contract->forward(drop(fused_gelu(mlp->expand->forward(x), mlp->options), mlp));
        });

// ---------------------------------------------------------------------------------------------------------------------
// 4.4 The block.

using BlockForward = std::function<torch::Tensor(Block&, const torch::Tensor&, const AttentionExtras&)>;

[[maybe_unused]] const auto& exercise_4_4 =
    exercise<BlockForward>("4.4", [](Block& block, const torch::Tensor& x,
                                     const AttentionExtras& extras) { return block->forward(x, extras); })
        .check("outputs_and_gradients",
               [](const BlockForward& forward, Answers& answers) {
                 Block block(small_options());
                 fill_with_numbers(*block);
                 answers.load_parameters(*block);
                 const auto x = normal_input({2, 5, 8}, 1, 2.0).requires_grad_();
                 const auto result = forward(block, x, {});
                 constexpr Tolerance deep{1e-4, 1e-4, "float32, through a dozen products"};
                 answers.add("block(x)", result, deep);
                 const auto parameters = block->named_parameters();
                 answers.add_gradients(result,
                                       {{"x", x},
                                        {"attention_norm.weight", parameters["attention_norm.weight"]},
                                        {"mlp_norm.weight", parameters["mlp_norm.weight"]},
                                        {"mlp.expand.weight", parameters["mlp.expand.weight"]}},
                                       {1e-3, 1e-3, "float32, sums over all positions through a dozen products"});
               })
        .check("extras_reach_attention",
               [](const BlockForward& forward, Answers& answers) {
                 Block block(small_options());
                 fill_with_numbers(*block);
                 answers.load_parameters(*block);
                 torch::Tensor weights;
                 AttentionExtras extras;
                 extras.mask = torch::ones({3, 3}, torch::kBool).triu();  // each sees itself and what comes after
                 extras.weights = &weights;
                 answers.add("block(x) under a mask that looks ahead",
                             forward(block, normal_input({1, 3, 8}, 1), extras),
                             {1e-4, 1e-4, "float32, through a dozen products"});
                 answers.add("the attention weights", weights);
               })
        .check("the_stream_stays",
               [](const BlockForward& forward, Answers& answers) {
                 Block block(small_options());
                 fill_with_numbers(*block);
                 answers.load_parameters(*block);
                 const torch::NoGradGuard no_gradients;
                 answers.add("block(x) without gradients", forward(block, normal_input({1, 3, 8}, 6), {}),
                             {1e-4, 1e-4, "float32, through a dozen products"});
               })
        .mistake("first_residual_lost",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = block->attention->forward(block->attention_norm->forward(x), extras);
                   return y + block->mlp->forward(block->mlp_norm->forward(y));
                 })
        .mistake("mlp_not_normed",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(block->attention_norm->forward(x), extras);
                   return y + block->mlp->forward(y);
                 })
        .mistake("attention_not_normed",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(x, extras);
                   return y + block->mlp->forward(block->mlp_norm->forward(y));
                 })
        .mistake("mlp_first",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->mlp->forward(block->mlp_norm->forward(x));
                   return y + block->attention->forward(block->attention_norm->forward(y), extras);
                 })
        .mistake("norms_exchanged",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(block->mlp_norm->forward(x), extras);
                   return y + block->mlp->forward(block->attention_norm->forward(y));
                 })
        .mistake("stream_overwritten_by_norm",
                 [](Block& block, const torch::Tensor& stream, const AttentionExtras& extras) {
                   auto x = block->attention_norm->forward(stream);
                   x = x + block->attention->forward(x, extras);
                   x = block->mlp_norm->forward(x);
                   return x + block->mlp->forward(x);
                 })
        .mistake("post_norm",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = block->attention_norm->forward(x + block->attention->forward(x, extras));
                   return block->mlp_norm->forward(y + block->mlp->forward(y));
                 })
        .mistake("no_residuals",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = block->attention->forward(block->attention_norm->forward(x), extras);
                   return block->mlp->forward(block->mlp_norm->forward(y));
                 })
        .mistake("no_norms",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(x, extras);
                   return y + block->mlp->forward(y);
                 })
        .mistake("only_one_residual",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(block->attention_norm->forward(x), extras);
                   return block->mlp->forward(block->mlp_norm->forward(y));
                 })
        .mistake("attention_lost",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(block->attention_norm->forward(x), extras);
                   return x + block->mlp->forward(block->mlp_norm->forward(y));
                 })
        .mistake("side_by_side",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   return x + block->attention->forward(block->attention_norm->forward(x), extras) +
                          block->mlp->forward(block->mlp_norm->forward(x));
                 })
        .mistake("one_norm_for_both",
                 [](Block& block, const torch::Tensor& x, const AttentionExtras& extras) {
                   const auto y = x + block->attention->forward(block->attention_norm->forward(x), extras);
                   return y + block->mlp->forward(block->attention_norm->forward(y));
                 })
        .mistake("extras_forgotten", [](Block& block, const torch::Tensor& x, const AttentionExtras&) {
          const auto y = x + block->attention->forward(block->attention_norm->forward(x));
          return y + block->mlp->forward(block->mlp_norm->forward(y));
        });

}  // namespace
}  // namespace verse
