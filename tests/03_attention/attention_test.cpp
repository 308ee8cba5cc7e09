/// @file
/// The checks of chapter 3's exercises, and the mistakes that they know.

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "03_attention/attention.h"
#include "tests/harness/check.h"
#include "tests/harness/joining_cache.h"
#include "tests/harness/operations.h"

namespace verse {
namespace {

using torch::Tensor;

constexpr double kNever = -std::numeric_limits<double>::infinity();

/// The right mask and the right weights, written here on their own: a mistake in one exercise must not look different
/// because an earlier exercise is wrong.
Tensor right_mask(std::int64_t time, std::int64_t keys) {
  return torch::arange(keys) <= torch::arange(keys - time, keys).unsqueeze(1);
}
Tensor right_weights(const Tensor& scores, const Tensor& mask) {
  return torch::softmax(scores.masked_fill(mask.logical_not(), kNever), -1);
}

// 3.1
// ------------------------------------------------------------------------------------------------------------------

using Scores = std::function<Tensor(const Tensor&, const Tensor&)>;

Tensor divided_products(const Tensor& query, const Tensor& key, double divisor) {
  return torch::matmul(query, key.transpose(-2, -1)) / divisor;
}

/// The square root of an integer size.
double root(std::int64_t size) {
  return std::sqrt(static_cast<double>(size));
}

[[maybe_unused]] const auto& exercise_3_1 =
    exercise<Scores>("3.1", attention_scores)
        .check("heads_of_a_batch",
               [](const Scores& scores, Answers& answers) {
                 const auto query = normal_input({2, 3, 4, 8}, 1).requires_grad_();
                 const auto key = normal_input({2, 3, 5, 8}, 2).requires_grad_();
                 const auto result = scores(query, key);
                 answers.add("scores", result);
                 answers.add_gradients(result, {{"query", query}, {"key", key}});
               })
        .check("one_head_alone",
               [](const Scores& scores, Answers& answers) {
                 answers.add("scores", scores(normal_input({4, 16}, 3), normal_input({5, 16}, 4)));
               })
        .check("float64",
               [](const Scores& scores, Answers& answers) {
                 answers.add("scores of float64 vectors",
                             scores(normal_input({2, 4, 7}, 41).to(torch::kFloat64),
                                    normal_input({2, 4, 7}, 42).to(torch::kFloat64)),
                             double_rounding);
               })
        .mistake("whole_number_root",
                 [](const Tensor& query, const Tensor& key) {
                   return divided_products(query, key, std::floor(root(query.size(-1))));
                 })
        .mistake("no_scaling", [](const Tensor& query, const Tensor& key) { return divided_products(query, key, 1.0); })
        .mistake("one_over_d",
                 [](const Tensor& query, const Tensor& key) {
                   return divided_products(query, key, static_cast<double>(query.size(-1)));
                 })
        .mistake("root_of_the_whole_width",
                 [](const Tensor& query, const Tensor& key) {
                   return divided_products(query, key, root(query.size(1) * query.size(-1)));
                 })
        .mistake(
            "root_of_the_time",
            [](const Tensor& query, const Tensor& key) { return divided_products(query, key, root(query.size(-2))); })
        .mistake("times_the_root",
                 [](const Tensor& query, const Tensor& key) {
                   return divided_products(query, key, 1.0 / root(query.size(-1)));
                 })
        .mistake(
            "keys_by_queries",
            [](const Tensor& query, const Tensor& key) { return divided_products(key, query, root(query.size(-1))); })
        .mistake("no_transpose", [](const Tensor& query,
                                    const Tensor& key) { return torch::matmul(query, key) / root(query.size(-1)); })
        .mistake("root_of_keys", [](const Tensor& query,
                                    const Tensor& key) { return divided_products(query, key, root(key.size(-2))); })
        .mistake("transposed_from_the_front", [](const Tensor& query, const Tensor& key) {
          return torch::matmul(query, key.transpose(2, 3)) / root(query.size(-1));
        });

// 3.2
// ------------------------------------------------------------------------------------------------------------------

using Mask = std::function<Tensor(std::int64_t, std::int64_t, torch::Device)>;

/// A lower triangle whose last kept diagonal is `diagonal`.
Tensor triangle(std::int64_t time, std::int64_t keys, std::int64_t diagonal, torch::Device device) {
  return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).tril(diagonal);
}

[[maybe_unused]] const auto& exercise_3_2 =
    exercise<Mask>("3.2", [](std::int64_t time, std::int64_t keys,
                             torch::Device device) { return causal_mask(time, keys, device); })
        .check("as_many_queries_as_keys",
               [](const Mask& mask, Answers& answers) {
                 answers.add("mask of 4 queries on 4 keys", mask(4, 4, torch::kCPU), exact);
               })
        .check("the_last_queries_of_more_keys",
               [](const Mask& mask, Answers& answers) {
                 answers.add("mask of 3 queries on 7 keys", mask(3, 7, torch::kCPU), exact);
                 answers.add("mask of 1 query on 6 keys", mask(1, 6, torch::kCPU), exact);
               })
        .check("kept_of_256_by_256",
               [](const Mask& mask, Answers& answers) {
                 answers.add("scores kept", mask(256, 256, torch::kCPU).to(torch::kInt64).sum().item<std::int64_t>());
               })
        .check("on_the_device_asked_for",
               [](const Mask& mask, Answers& answers) {
                 // The meta device holds no numbers, so that every machine has it.
                 std::string place;
                 try {
                   place = mask(2, 3, torch::kMeta).device().str();
                 } catch (const c10::Error& error) {
                   // Not every operation is made for it; one that says so was called there.
                   place = std::string(error.what()).find("Meta") != std::string::npos ? "meta" : "an error";
                 }
                 answers.add("where the mask for the meta device lies", place);
               })
        .mistake("always_on_the_cpu", [](std::int64_t time, std::int64_t keys,
                                         torch::Device) { return triangle(time, keys, keys - time, torch::kCPU); })
        .mistake("no_mask",
                 [](std::int64_t time, std::int64_t keys, torch::Device device) {
                   return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device));
                 })
        .mistake("not_itself", [](std::int64_t time, std::int64_t keys,
                                  torch::Device device) { return triangle(time, keys, keys - time - 1, device); })
        .mistake("one_too_far", [](std::int64_t time, std::int64_t keys,
                                   torch::Device device) { return triangle(time, keys, keys - time + 1, device); })
        .mistake("queries_at_the_start", [](std::int64_t time, std::int64_t keys,
                                            torch::Device device) { return triangle(time, keys, 0, device); })
        .mistake("upside_down",
                 [](std::int64_t time, std::int64_t keys, torch::Device device) {
                   return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).triu(keys - time);
                 })
        .mistake("forbidden_for_allowed",
                 [](std::int64_t time, std::int64_t keys, torch::Device device) {
                   return triangle(time, keys, keys - time, device).logical_not();
                 })
        .mistake("numbers_for_truth", [](std::int64_t time, std::int64_t keys, torch::Device device) {
          return triangle(time, keys, keys - time, device).to(torch::kFloat);
        });

// 3.3
// ------------------------------------------------------------------------------------------------------------------

using Weights = std::function<Tensor(const Tensor&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_3_3 =
    exercise<Weights>("3.3", attention_weights)
        .check("masked_scores",
               [](const Weights& weights, Answers& answers) {
                 const auto scores = normal_input({2, 3, 4, 6}, 5).requires_grad_();
                 const auto result = weights(scores, right_mask(4, 6));
                 answers.add("weights", result);
                 answers.add("sum of each row", result.sum(-1));
                 answers.add_gradients(result, {{"scores", scores}});
               })
        .check("another_mask_for_each_text",
               [](const Weights& weights, Answers& answers) {
                 auto mask = normal_input({2, 1, 5, 5}, 6) > 0;
                 mask.diagonal(0, 2, 3).fill_(true);  // nobody is left with nothing to look at
                 answers.add("weights", weights(normal_input({2, 3, 5, 5}, 7), mask));
               })
        .check("scores_of_ten_thousand",
               [](const Weights& weights, Answers& answers) {
                 const auto scores = normal_input({2, 2, 8, 8}, 8, 1e4);
                 answers.add("weights", weights(scores, right_mask(8, 8)));
                 answers.add("weights of scores around -20,000", weights(scores - 2e4, right_mask(8, 8)));
               })
        .check("very_low_scores",
               [](const Weights& weights, Answers& answers) {
                 const auto scores = watched(torch::tensor({{-3e9F, -4e9F, 5.0F}}));
                 answers.add("the weights of scores -3e9 and -4e9 beside a forbidden 5",
                             weights(scores, torch::tensor({{true, true, false}})));
                 answers.add("the weights of float64 scores",
                             weights(normal_input({3, 3}, 43).to(torch::kFloat64), right_mask(3, 3)), double_rounding);
               })
        .mistake("no_mask", [](const Tensor& scores, const Tensor&) { return torch::softmax(scores, -1); })
        .mistake("mask_after_softmax",
                 [](const Tensor& scores, const Tensor& mask) { return torch::softmax(scores, -1) * mask; })
        .mistake("shared_out_again",
                 [](const Tensor& scores, const Tensor& mask) {
                   const auto kept = torch::softmax(scores, -1) * mask;
                   return kept / kept.sum(-1, true);
                 })
        .mistake("masked_scores_zero",
                 [](const Tensor& scores, const Tensor& mask) { return torch::softmax(scores * mask, -1); })
        .mistake("not_low_enough",
                 [](const Tensor& scores, const Tensor& mask) {
                   return torch::softmax(scores.masked_fill(mask.logical_not(), -1e4), -1);
                 })
        .mistake("wrong_axis",
                 [](const Tensor& scores, const Tensor& mask) {
                   return torch::softmax(scores.masked_fill(mask.logical_not(), kNever), -2);
                 })
        .mistake("over_the_heads",
                 [](const Tensor& scores, const Tensor& mask) {
                   return torch::softmax(scores.masked_fill(mask.logical_not(), kNever), 1);
                 })
        .mistake("forbidden_for_allowed",
                 [](const Tensor& scores, const Tensor& mask) {
                   return torch::softmax(scores.masked_fill(mask, kNever), -1);
                 })
        .mistake("minus_a_billion",
                 [](const Tensor& scores, const Tensor& mask) {
                   return torch::softmax(torch::where(mask, scores, torch::full_like(scores, -1e9)), -1);
                 })
        .mistake("softmax_that_overflows",
                 [](const Tensor& scores, const Tensor& mask) {
                   const auto weights = torch::exp(scores).mul(mask.to(scores.scalar_type()));
                   return weights.div(weights.sum(-1, /*keepdim=*/true));
                 })
        .mistake("softmax_that_overflows", [](const Tensor& scores, const Tensor& mask) {
          const auto powers = scores.masked_fill(mask.logical_not(), kNever).exp();
          return powers / powers.sum(-1, true);
        });

// 3.4
// ------------------------------------------------------------------------------------------------------------------

using Attend =
    std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, Tensor*, double dropout)>;

/// attend() on its own, with a switch for each slip.
struct AttendSlip {
  bool scaled = true, masked = true, gives_weights = true, gives_dropped_weights = false, mixes_keys = false;
  bool scaled_again = false, squeezed = false, one_half = false;
  enum { on_weights, nowhere, on_result, not_raised } dropout = on_weights;
};

Attend attend_with(const AttendSlip& slip) {
  return [slip](const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask, Tensor* weights_out,
                double dropout) {
    auto scores = divided_products(query, key, slip.scaled ? root(query.size(-1)) : 1.0);
    if (slip.scaled_again) scores = scores / root(query.size(-1));
    if (slip.one_half && dropout > 0) dropout = 0.5;
    const auto weights = slip.masked ? right_weights(scores, mask) : torch::softmax(scores, -1);
    auto dropped = weights;
    if (dropout > 0 && (slip.dropout == AttendSlip::on_weights || slip.dropout == AttendSlip::not_raised)) {
      dropped = torch::dropout(weights, dropout, true);
      if (slip.dropout == AttendSlip::not_raised) dropped = dropped * (1 - dropout);
    }
    if (weights_out != nullptr && slip.gives_weights) *weights_out = slip.gives_dropped_weights ? dropped : weights;
    const auto mixed = torch::matmul(dropped, slip.mixes_keys ? key : value);
    const auto result =
        dropout > 0 && slip.dropout == AttendSlip::on_result ? torch::dropout(mixed, dropout, true) : mixed;
    return slip.squeezed ? result.squeeze() : result;
  };
}

[[maybe_unused]] const auto& exercise_3_4 =
    exercise<Attend>("3.4", attend)
        .check("mixed_values",
               [](const Attend& mix, Answers& answers) {
                 const auto query = normal_input({2, 3, 4, 8}, 9).requires_grad_();
                 const auto key = normal_input({2, 3, 6, 8}, 10).requires_grad_();
                 const auto value = normal_input({2, 3, 6, 8}, 11).requires_grad_();
                 const auto mixed = mix(query, key, value, right_mask(4, 6), nullptr, 0.0);
                 answers.add("mixed values", mixed);
                 answers.add_gradients(mixed, {{"query", query}, {"key", key}, {"value", value}});
               })
        .check("weights_on_request",
               [](const Attend& mix, Answers& answers) {
                 Tensor weights;
                 const auto x = normal_input({5, 8}, 12);
                 mix(x, x, x, right_mask(5, 5), &weights, 0.0);
                 answers.add("weights_out", weights);
               })
        .check("dropout_on_the_weights",
               [](const Attend& mix, Answers& answers) {
                 // Values of two identity matrices side by side: what comes out is the weights that were used, twice.
                 const auto query = normal_input({64, 32, 32}, 13), key = normal_input({64, 32, 32}, 14);
                 const auto once = torch::eye(32).expand({64, 32, 32});
                 const auto twice = torch::cat({once, once}, -1);
                 Tensor weights;
                 const auto mixed = mix(query, key, twice, torch::ones({32, 32}, torch::kBool), &weights, 0.5);
                 answers.add("weights_out", weights);
                 if (!weights.defined() || mixed.size(-1) != 64) return;
                 const auto used = mixed.slice(-1, 0, 32);
                 const auto kept = used != 0;
                 // 65,536 draws of one in two: a deviation of 0.002.
                 answers.add("share of the weights that are dropped",
                             1.0 - kept.to(torch::kDouble).mean().item<double>(),
                             {0.02, 0, "which weights are dropped is left to chance"});
                 answers.add("how much the kept weights are raised",
                             (used / weights).masked_select(kept).mean().item<double>(), {1e-4, 0, "float32 rounds"});
                 answers.add("a weight is dropped for all features alike",
                             torch::equal(used, mixed.slice(-1, 32)) ? "yes" : "no");
               })
        .check("a_batch_of_one",
               [](const Attend& mix, Answers& answers) {
                 const auto query = normal_input({1, 1, 3, 4}, 44), key = normal_input({1, 1, 3, 4}, 45),
                            value = normal_input({1, 1, 3, 6}, 46);
                 answers.add("mixed values of one head of a batch of one",
                             mix(query, key, value, right_mask(3, 3), nullptr, 0.0));
               })
        .check("another_dropout",
               [](const Attend& mix, Answers& answers) {
                 const auto query = normal_input({32, 16, 16}, 47), key = normal_input({32, 16, 16}, 48);
                 const auto mixed = mix(query, key, torch::eye(16).expand({32, 16, 16}),
                                        torch::ones({16, 16}, torch::kBool), nullptr, 0.2);
                 // 8,192 draws of one in five: a deviation of 0.0045.
                 answers.add("share of the weights that a dropout of 0.2 drops",
                             (mixed == 0).to(torch::kDouble).mean().item<double>(),
                             {0.025, 0, "which weights are dropped is left to chance"});
               })
        .mistake("no_scaling", attend_with, {.scaled = false})
        .mistake("no_mask", attend_with, {.masked = false})
        .mistake("keys_for_values", attend_with, {.mixes_keys = true})
        .mistake("weights_not_given", attend_with, {.gives_weights = false})
        .mistake("dropped_weights_given", attend_with, {.gives_dropped_weights = true})
        .mistake("no_dropout", attend_with, {.dropout = AttendSlip::nowhere})
        .mistake("dropout_on_the_result", attend_with, {.dropout = AttendSlip::on_result})
        .mistake("scaled_twice", attend_with, {.scaled_again = true})
        .mistake("squeezed", attend_with, {.squeezed = true})
        .mistake("always_one_half", attend_with, {.one_half = true})
        .mistake("dropout_not_raised", attend_with, {.dropout = AttendSlip::not_raised});

// 3.5
// ------------------------------------------------------------------------------------------------------------------

/// Numbers that say where they stand: 1207 is row 1, position 2, feature 7.
Tensor speaking_numbers(std::int64_t batch, std::int64_t time, std::int64_t width) {
  const auto rows = torch::arange(batch).view({batch, 1, 1}), positions = torch::arange(time).view({time, 1});
  return (1000 * rows + 100 * positions + torch::arange(width)).to(torch::kFloat);
}

using Split = std::function<Tensor(const Tensor&, std::int64_t)>;

[[maybe_unused]] const auto& exercise_3_5 =
    exercise<Split>("3.5", split_heads)
        .check("three_heads_of_four",
               [](const Split& split, Answers& answers) {
                 answers.add("heads (1207 is row 1, position 2, feature 7)", split(speaking_numbers(2, 5, 12), 3),
                             exact);
               })
        .check("one_head_for_all",
               [](const Split& split, Answers& answers) {
                 answers.add("heads (1207 is row 1, position 2, feature 7)", split(speaking_numbers(2, 5, 12), 1),
                             exact);
               })
        .check("gradients_and_types",
               [](const Split& split, Answers& answers) {
                 const auto x = normal_input({2, 5, 12}, 49).to(torch::kFloat64).requires_grad_();
                 const auto result = split(x, 3);
                 answers.add("the result for float64 numbers", result, exact);
                 answers.add_gradients(result, {{"x", x}});
               })
        .check("on_the_device_of_its_input",
               [](const Split& split, Answers& answers) {
                 answers.add("where the heads of a tensor on the meta device lie",
                             split(torch::empty({2, 3, 4}, torch::kMeta), 2).device().str());
               })
        .mistake("wrong_reshape",
                 [](const Tensor& x, std::int64_t heads) {
                   return x.reshape({x.size(0), heads, x.size(1), x.size(2) / heads});
                 })
        .mistake("no_transpose",
                 [](const Tensor& x, std::int64_t heads) {
                   return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads});
                 })
        .mistake("dealt_out",
                 [](const Tensor& x, std::int64_t heads) {
                   return x.reshape({x.size(0), x.size(1), x.size(2) / heads, heads}).permute({0, 3, 1, 2});
                 })
        .mistake("heads_as_batches",
                 [](const Tensor& x, std::int64_t heads) { return torch::cat(x.split(x.size(-1) / heads, -1), 0); })
        .mistake("heads_for_head_width", [](const Tensor& x, std::int64_t heads) {
          return x.reshape({x.size(0), x.size(1), x.size(2) / heads, heads}).transpose(1, 2);
        });

// 3.6
// ------------------------------------------------------------------------------------------------------------------

using Merge = std::function<Tensor(const Tensor&)>;

/// What a right split_heads() gives.
Tensor speaking_heads(std::int64_t heads) {
  return speaking_numbers(2, 5, 12).reshape({2, 5, heads, 12 / heads}).transpose(1, 2);
}

[[maybe_unused]] const auto& exercise_3_6 =
    exercise<Merge>("3.6", merge_heads)
        .check("undoes_the_split",
               [](const Merge& merge, Answers& answers) {
                 answers.add("merged (1207 is row 1, position 2, feature 7)", merge(speaking_heads(3)), exact);
               })
        .check("heads_in_memory_order",
               [](const Merge& merge, Answers& answers) {
                 answers.add("merged (1207 is row 1, position 2, feature 7)", merge(speaking_heads(3).contiguous()),
                             exact);
               })
        .check("gradients_and_types",
               [](const Merge& merge, Answers& answers) {
                 const auto x = normal_input({2, 3, 5, 4}, 49).to(torch::kFloat64).requires_grad_();
                 const auto result = merge(x);
                 answers.add("the result for float64 numbers", result, exact);
                 answers.add_gradients(result, {{"x", x}});
               })
        .check("on_the_device_of_its_input",
               [](const Merge& merge, Answers& answers) {
                 answers.add("where the merged heads of a tensor on the meta device lie",
                             merge(torch::empty({2, 3, 4, 5}, torch::kMeta)).device().str());
               })
        .mistake("no_transpose",
                 [](const Tensor& x) {
                   return x.reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
                 })
        .mistake("view_of_a_transpose",
                 [](const Tensor& x) {
                   return x.transpose(1, 2).view({x.size(0), x.size(2), x.size(1) * x.size(3)});
                 })
        .mistake("features_taken_in_turn",
                 [](const Tensor& x) {
                   return x.permute({0, 2, 3, 1}).reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});
                 })
        .mistake("heads_as_positions",
                 [](const Tensor& x) {
                   return x.reshape({x.size(0), -1, x.size(3)});
                 })
        .mistake("heads_added", [](const Tensor& x) { return x.sum(1); });

// 3.7
// ------------------------------------------------------------------------------------------------------------------

/// The forward pass of a layer.
using Forward = std::function<Tensor(CausalSelfAttentionImpl&, const Tensor&, const AttentionExtras&)>;

/// The forward pass on its own, with a switch for each slip.
struct ForwardSlip {
  bool keys_first = false, values_first = false, interleaved = false, splits = true, splits_right = true,
       merges_right = true, projects = true, masked = true, values_second = false;
  bool mask_knows_cache = true, takes_mask = true, narrows_mask = false, uses_cache = true;
  bool gives_weights = true, fused_gives_weights = true, obeys_fused = true;
  bool drops_weights = true, drops_result = true, drops_in_evaluation = false;
};

Forward forward_with(const ForwardSlip& slip) {
  return [slip](CausalSelfAttentionImpl& layer, const Tensor& x, const AttentionExtras& extras) {
    const std::int64_t batch = x.size(0), time = x.size(1), width = x.size(2);
    const std::int64_t heads = slip.splits ? layer.options.heads : 1;
    const auto split = [&](const Tensor& all) {
      return slip.splits_right ? all.reshape({batch, time, heads, width / heads}).transpose(1, 2)
                               : all.reshape({batch, heads, time, width / heads});
    };
    const auto all = layer.query_key_value->forward(x);
    auto parts = all.chunk(3, -1);
    if (slip.keys_first) std::swap(parts[0], parts[1]);
    if (slip.values_first) std::swap(parts[0], parts[2]);
    if (slip.values_second) std::swap(parts[1], parts[2]);
    if (slip.interleaved) {
      // Each head's query, key and value side by side.
      const auto cut = all.reshape({batch, time, heads, 3, width / heads});
      for (std::int64_t part = 0; part < 3; ++part) {
        parts[static_cast<std::size_t>(part)] = cut.select(3, part).reshape({batch, time, width});
      }
    }
    const auto query = split(parts[0]);
    auto key = split(parts[1]), value = split(parts[2]);
    if (extras.cache != nullptr && slip.uses_cache) std::tie(key, value) = extras.cache->append(key, value);

    auto mask = right_mask(time, slip.mask_knows_cache ? key.size(2) : time);
    if (extras.mask.defined() && slip.takes_mask) {
      mask = slip.narrows_mask ? mask.logical_and(extras.mask) : extras.mask;
    }
    const auto scores = divided_products(query, key, root(width / heads));
    auto weights = slip.masked ? right_weights(scores, mask) : torch::softmax(scores, -1);
    const bool gives = slip.gives_weights && (slip.fused_gives_weights || !layer.options.fused);
    if (extras.weights != nullptr && gives) *extras.weights = weights;
    const bool dropping = layer.is_training() || slip.drops_in_evaluation;
    if (slip.drops_weights) weights = torch::dropout(weights, layer.options.dropout, dropping);
    const auto mixed =
        slip.obeys_fused && layer.options.fused && extras.weights == nullptr
            ? at::scaled_dot_product_attention(query, key, value, mask, dropping ? layer.options.dropout : 0.0)
            : torch::matmul(weights, value);
    const auto merged = (slip.merges_right ? mixed.transpose(1, 2) : mixed).reshape({batch, time, width});
    const auto result = slip.projects ? layer.output->forward(merged) : merged;
    return slip.drops_result ? torch::dropout(result, layer.options.dropout, dropping) : result;
  };
}

/// A layer of 3 heads of 4 with the reference's parameters, large enough for the heads to be choosy.
CausalSelfAttention prepared_layer(Answers& answers, bool fused = false, double dropout = 0.0) {
  AttentionOptions options;
  options.width = 12;
  options.heads = 3;
  options.fused = fused;
  options.dropout = dropout;
  CausalSelfAttention layer(options);
  {
    torch::NoGradGuard no_gradients;
    std::uint64_t seed = 30;
    for (auto& parameter : layer->parameters()) parameter.copy_(normal_input(parameter.sizes().vec(), seed++, 0.5));
  }
  answers.load_parameters(*layer);
  return layer;
}

/// Writes down the weights that a layer hands out when it is asked for them.
void add_weights(const Forward& forward, Answers& answers, bool fused) {
  auto layer = prepared_layer(answers, fused);
  Tensor weights;
  AttentionExtras extras;
  extras.weights = &weights;
  forward(*layer, normal_input({2, 5, 12}, 16), extras);
  answers.add("weights", weights);
}

[[maybe_unused]] const auto& exercise_3_7 =
    exercise<Forward>("3.7", [](CausalSelfAttentionImpl& layer, const Tensor& x,
                                const AttentionExtras& extras) { return layer.forward(x, extras); })
        .check("output_and_gradients",
               [](const Forward& forward, Answers& answers) {
                 auto layer = prepared_layer(answers);
                 const auto x = normal_input({2, 5, 12}, 15).requires_grad_();
                 const auto result = forward(*layer, x, {});
                 answers.add("output", result);
                 Answers::NamedTensors inputs = {{"x", x}};
                 for (const auto& item : layer->named_parameters()) inputs.emplace_back(item.key(), item.value());
                 answers.add_gradients(result, inputs);
               })
        .check("fused_gives_the_same",
               [](const Forward& forward, Answers& answers) {
                 auto layer = prepared_layer(answers, /*fused=*/true);
                 answers.add("output", forward(*layer, normal_input({2, 5, 12}, 15), {}));
               })
        .check("weights_on_request",
               [](const Forward& forward, Answers& answers) { add_weights(forward, answers, /*fused=*/false); })
        .check("weights_of_a_fused_layer",
               [](const Forward& forward, Answers& answers) { add_weights(forward, answers, /*fused=*/true); })
        .check("a_mask_of_the_callers",
               [](const Forward& forward, Answers& answers) {
                 auto layer = prepared_layer(answers);
                 AttentionExtras extras;
                 extras.mask = normal_input({2, 1, 5, 5}, 17) > 0;
                 extras.mask.diagonal(0, 2, 3).fill_(true);
                 answers.add("output", forward(*layer, normal_input({2, 5, 12}, 18), extras));
               })
        .check("reading_on_from_a_cache",
               [](const Forward& forward, Answers& answers) {
                 auto layer = prepared_layer(answers);
                 JoiningCache cache;
                 AttentionExtras extras;
                 extras.cache = &cache;
                 const auto x = normal_input({2, 6, 12}, 19);
                 answers.add("output for the first 3 positions", forward(*layer, x.narrow(1, 0, 3), extras));
                 answers.add("output for the next 2", forward(*layer, x.narrow(1, 3, 2), extras));
                 answers.add("output for the last", forward(*layer, x.narrow(1, 5, 1), extras));
               })
        .check("dropout_in_training_only",
               [](const Forward& forward, Answers& answers) {
                 auto layer = prepared_layer(answers, /*fused=*/false, /*dropout=*/0.5);
                 const auto x = normal_input({1, 5, 12}, 20).expand({800, 5, 12});
                 layer->eval();
                 const auto calm = forward(*layer, x, {});
                 answers.add("output in evaluation", calm[0]);
                 layer->train();
                 const auto lively = forward(*layer, x, {});
                 // 48,000 draws of one in two: a deviation of 0.0023.
                 const Tolerance chance{0.025, 0, "what is dropped is left to chance"};
                 const auto kept = lively != 0;
                 answers.add("share of the result that is dropped in training",
                             1.0 - kept.to(torch::kDouble).mean().item<double>(), chance);
                 // Without dropout on the weights, what is kept would be the calm result, doubled.
                 const auto doubled = (lively - 2 * calm).abs() < 1e-4;
                 answers.add("share of the rest that is as if no weight had been dropped",
                             doubled.masked_select(kept).to(torch::kDouble).mean().item<double>(), chance);
               })
        .check("the_fused_form_where_it_is_asked_for",
               [](const Forward& forward, Answers& answers) {
                 for (const bool fused : {false, true}) {
                   auto layer = prepared_layer(answers, fused);
                   const auto called = operations_called([&] { forward(*layer, normal_input({1, 4, 12}, 50), {}); });
                   const bool kernel = called.count("aten::scaled_dot_product_attention") > 0;
                   answers.add(fused ? "with `fused`, LibTorch's kernel" : "without `fused`, LibTorch's kernel",
                               kernel ? "is called" : "is not called");
                 }
               })
        .mistake("fused_not_obeyed", forward_with, {.obeys_fused = false})
        .mistake("interleaved", forward_with, {.interleaved = true})
        .mistake("values_first", forward_with, {.values_first = true})
        .mistake("no_mask", forward_with, {.masked = false})
        .mistake("keys_first", forward_with, {.keys_first = true})
        .mistake("heads_not_split", forward_with, {.splits = false})
        .mistake("heads_split_wrong", forward_with, {.splits_right = false})
        .mistake("heads_merged_wrong", forward_with, {.merges_right = false})
        .mistake("no_output_projection", forward_with, {.projects = false})
        .mistake("mask_forgets_the_cache", forward_with, {.mask_knows_cache = false})
        .mistake("cache_not_used", forward_with, {.uses_cache = false})
        .mistake("mask_not_used", forward_with, {.takes_mask = false})
        .mistake("mask_and_causal", forward_with, {.narrows_mask = true})
        .mistake("weights_not_given", forward_with, {.gives_weights = false})
        .mistake("fused_gives_no_weights", forward_with, {.fused_gives_weights = false})
        .mistake("dropout_in_evaluation", forward_with, {.drops_in_evaluation = true})
        .mistake("no_dropout_on_the_weights", forward_with, {.drops_weights = false})
        .mistake("values_second", forward_with, {.values_second = true})
        .mistake("no_dropout_on_the_result", forward_with, {.drops_result = false});

}  // namespace
}  // namespace verse
