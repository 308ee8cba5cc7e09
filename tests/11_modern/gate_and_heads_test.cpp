/// @file
/// Exercises 11.6 to 11.8: SwiGLU, heads that share keys and values, and a window for attention.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>

#include "11_modern/parts.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

/// The device of what is made from tensors on the meta device, which holds no numbers, so that every machine has it.
std::string place_of(const std::function<Tensor()>& make) {
  try {
    return make().device().str();
  } catch (const c10::Error& error) {
    // Not every operation is made for it; one that says so was called there.
    return std::string(error.what()).find("Meta") != std::string::npos ? "meta" : "an error";
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// 11.6 SwiGLU.

using Gated = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>;
using Activation = std::function<Tensor(const Tensor&)>;

/// The MLP with something else in the place of the gated features. @param mix of the gate's projection and the other
Gated gated_by(const std::function<Tensor(const Tensor&, const Tensor&)>& mix) {
  return [mix](const Tensor& x, const Tensor& gate, const Tensor& up, const Tensor& down) {
    return torch::matmul(mix(torch::matmul(x, gate.t()), torch::matmul(x, up.t())), down.t());
  };
}

[[maybe_unused]] const auto& exercise_11_6 =
    exercise<Gated>("11.6", swiglu)
        .check("outputs_and_gradients",
               [](const Gated& mlp, Answers& answers) {
                 const auto x = normal_input({2, 3, 4}, 601).requires_grad_();
                 const auto gate = normal_input({7, 4}, 602).requires_grad_();
                 const auto up = normal_input({7, 4}, 603).requires_grad_();
                 const auto down = normal_input({4, 7}, 604, 0.5).requires_grad_();
                 const auto result = mlp(x, gate, up, down);
                 answers.add("swiglu(x)", result);
                 answers.add_gradients(result, {{"x", x}, {"gate", gate}, {"up", up}, {"down", down}});
               })
        .check("of_any_rank",
               [](const Gated& mlp, Answers& answers) {
                 const auto gate = normal_input({3, 3}, 605), up = normal_input({3, 3}, 606);
                 answers.add("swiglu of one vector, square weights",
                             mlp(normal_input({3}, 607), gate, up, normal_input({3, 3}, 608)));
                 answers.add("swiglu of [batch, heads, time, width]",
                             mlp(normal_input({1, 2, 2, 3}, 609), gate, up, normal_input({3, 3}, 610)));
               })
        .check("types",
               [](const Gated& mlp, Answers& answers) {
                 const auto typed = [](const Tensor& x) { return x.to(torch::kFloat64); };
                 answers.add("swiglu of float64 numbers",
                             mlp(typed(normal_input({2, 3}, 611)), typed(normal_input({5, 3}, 612)),
                                 typed(normal_input({5, 3}, 613)), typed(normal_input({3, 5}, 614))),
                             double_rounding);
               })
        .mistake("gate_and_up_swapped",
                 gated_by([](const Tensor& gate, const Tensor& up) { return gate * torch::silu(up); }))
        .mistake("sigmoid_alone",
                 gated_by([](const Tensor& gate, const Tensor& up) { return torch::sigmoid(gate) * up; }))
        .mistake("gelu_gate", gated_by([](const Tensor& gate, const Tensor& up) { return torch::gelu(gate) * up; }))
        .mistake("relu_gate", gated_by([](const Tensor& gate, const Tensor& up) { return torch::relu(gate) * up; }))
        .mistake("silu_of_the_product",
                 gated_by([](const Tensor& gate, const Tensor& up) { return torch::silu(gate * up); }))
        .mistake("silu_of_both",
                 gated_by([](const Tensor& gate, const Tensor& up) { return torch::silu(gate) * torch::silu(up); }))
        .mistake("added", gated_by([](const Tensor& gate, const Tensor& up) { return torch::silu(gate) + up; }))
        .mistake("no_activation", gated_by([](const Tensor& gate, const Tensor& up) { return gate * up; }))
        .mistake("not_transposed",
                 [](const Tensor& x, const Tensor& gate, const Tensor& up, const Tensor& down) {
                   return torch::matmul(torch::silu(torch::matmul(x, gate)) * torch::matmul(x, up), down);
                 })
        .mistake("silu_at_the_end",
                 [](const Tensor& x, const Tensor& gate, const Tensor& up, const Tensor& down) {
                   const auto inner = torch::silu(torch::linear(x, gate)) * torch::linear(x, up);
                   return torch::silu(torch::linear(inner, down));
                 })
        .mistake("no_up", gated_by([](const Tensor& gate, const Tensor&) { return torch::silu(gate); }));

// ---------------------------------------------------------------------------------------------------------------------
// 11.7 Heads for the queries of a group.

using Repeat = std::function<Tensor(const Tensor&, std::int64_t)>;

/// Numbers that say where they stand: 1000 batch + 100 head + 10 time + feature.
Tensor speaking_heads(std::int64_t batch, std::int64_t heads, std::int64_t time, std::int64_t width) {
  const auto counted = [](std::int64_t count, double by) { return by * torch::arange(count, torch::kFloat32); };
  return watched(counted(batch, 1000).view({batch, 1, 1, 1}) + counted(heads, 100).view({1, heads, 1, 1}) +
                 counted(time, 10).view({time, 1}) + counted(width, 1));
}

[[maybe_unused]] const auto& exercise_11_7 =
    exercise<Repeat>("11.7", repeat_heads)
        .check("each_where_it_belongs",
               [](const Repeat& repeat, Answers& answers) {
                 answers.add("3 heads, twice each (1210 is row 1, head 2, position 1, feature 0)",
                             repeat(speaking_heads(2, 3, 2, 4), 2), exact);
                 answers.add("2 heads, three times each, in a batch of one", repeat(speaking_heads(1, 2, 3, 2), 3),
                             exact);
               })
        .check("ends",
               [](const Repeat& repeat, Answers& answers) {
                 answers.add("1 head for 4 queries", repeat(speaking_heads(2, 1, 2, 3), 4), exact);
                 answers.add("as many heads as queries", repeat(speaking_heads(2, 3, 1, 2), 1), exact);
                 answers.add("no positions yet", repeat(torch::empty({1, 2, 0, 4}), 2), exact);
               })
        .check("gradients_and_types",
               [](const Repeat& repeat, Answers& answers) {
                 const auto x = normal_input({2, 2, 3, 4}, 701).to(torch::kFloat64).requires_grad_();
                 const auto result = repeat(x, 3);
                 answers.add("the result for float64 numbers", result, exact);
                 answers.add_gradients(result, {{"x, the sum over its copies", x}}, double_rounding);
                 answers.add("the result for bfloat16 numbers",
                             repeat(normal_input({1, 2, 1, 2}, 702).to(torch::kBFloat16), 2), exact);
               })
        .check("on_the_device_of_its_input",
               [](const Repeat& repeat, Answers& answers) {
                 const auto x = torch::empty({1, 2, 3, 4}, torch::kMeta);
                 answers.add("where the heads of a tensor on the meta device lie",
                             place_of([&] { return repeat(x, 2); }));
               })
        .mistake("one_copy_after_the_other",
                 [](const Tensor& x, std::int64_t times) {
                   return x.repeat({1, times, 1, 1});
                 })
        .mistake("positions_repeated",
                 [](const Tensor& x, std::int64_t times) { return torch::repeat_interleave(x, times, 2); })
        .mistake("features_repeated",
                 [](const Tensor& x, std::int64_t times) { return torch::repeat_interleave(x, times, 3); })
        .mistake("batch_repeated",
                 [](const Tensor& x, std::int64_t times) { return torch::repeat_interleave(x, times, 0); })
        .mistake("first_head_for_all",
                 [](const Tensor& x, std::int64_t times) {
                   return x.narrow(1, 0, 1).repeat({1, x.size(1) * times, 1, 1});
                 })
        .mistake("positions_for_heads",
                 [](const Tensor& x, std::int64_t times) {
                   // The copies stand behind the positions, and the shape is mended by reading on.
                   return x.unsqueeze(3)
                       .expand({-1, -1, -1, times, -1})
                       .reshape({x.size(0), x.size(1) * times, x.size(2), x.size(3)});
                 })
        .mistake("last_head_for_all",
                 [](const Tensor& x, std::int64_t times) {
                   return torch::stack(
                       std::vector<Tensor>(static_cast<std::size_t>(x.size(1) * times), x.select(1, -1)), 1);
                 })
        .mistake("not_repeated", [](const Tensor& x, std::int64_t) { return x.clone(); });

// ---------------------------------------------------------------------------------------------------------------------
// 11.8 A window.

using Window = std::function<Tensor(const Tensor&, const Tensor&, std::int64_t)>;

/// What a mistake changes.
struct WindowSlips {
  std::int64_t more = 0;  ///< positions in the window
  bool both_sides = false, future = false, strictly = false, zero_is_a_window = false, ignored = false;
  bool upside_down = false, keys_by_queries = false, indices = false, from_the_end = false, as_numbers = false;
};

Window masked_wrongly(const WindowSlips& slips) {
  return [slips](const Tensor& queries, const Tensor& keys, std::int64_t window) {
    auto behind = queries.unsqueeze(1) - keys.unsqueeze(0);
    if (slips.indices) {
      behind = torch::arange(queries.size(0), queries.options()).unsqueeze(1) -
               torch::arange(keys.size(0), keys.options()).unsqueeze(0) +
               (slips.from_the_end ? keys.size(0) - queries.size(0) : 0);
    }
    if (slips.both_sides) behind = behind.abs();
    auto mask = slips.strictly ? behind > 0 : behind >= 0;
    if (slips.future) mask = behind == behind;
    if (!slips.ignored && (window > 0 || slips.zero_is_a_window)) mask = mask & (behind < window + slips.more);
    if (slips.upside_down) mask = mask.logical_not();
    if (slips.keys_by_queries) mask = mask.t();
    return slips.as_numbers ? mask.to(torch::kFloat32) : mask;
  };
}

Tensor counted_from(std::int64_t first, std::int64_t count) {
  return watched(torch::arange(first, first + count));
}

[[maybe_unused]] const auto& exercise_11_8 =
    exercise<Window>("11.8", sliding_mask)
        .check(
            "a_whole_text",
            [](const Window& mask, Answers& answers) {
              answers.add("6 queries on 6 keys, a window of 3", mask(counted_from(0, 6), counted_from(0, 6), 3), exact);
              answers.add("4 queries on 4 keys, a window of 1", mask(counted_from(0, 4), counted_from(0, 4), 1), exact);
              answers.add("4 queries on 4 keys, a window of 9", mask(counted_from(0, 4), counted_from(0, 4), 9), exact);
            })
        .check("no_window",
               [](const Window& mask, Answers& answers) {
                 answers.add("4 queries on 4 keys, window 0", mask(counted_from(0, 4), counted_from(0, 4), 0), exact);
               })
        .check("with_a_cache",
               [](const Window& mask, Answers& answers) {
                 answers.add("queries 5 and 6 on keys 0 to 6, a window of 3",
                             mask(counted_from(5, 2), counted_from(0, 7), 3), exact);
                 answers.add("query 9 on keys 6 to 9, a window of 4", mask(counted_from(9, 1), counted_from(6, 4), 4),
                             exact);
                 // A cache that writes round a ring keeps its keys in no order of their positions.
                 answers.add("queries 6 and 7 on keys 6, 7, 4, 5, a window of 3",
                             mask(counted_from(6, 2), watched(torch::tensor({6, 7, 4, 5})), 3), exact);
               })
        .check("on_the_device_of_its_positions",
               [](const Window& mask, Answers& answers) {
                 const auto positions = torch::empty({3}, torch::dtype(torch::kInt64).device(torch::kMeta));
                 answers.add("where the mask of positions on the meta device lies",
                             place_of([&] { return mask(positions, positions, 2); }));
               })
        .mistake("one_too_many", masked_wrongly, {.more = 1})
        .mistake("one_too_few", masked_wrongly, {.more = -1})
        .mistake("to_both_sides", masked_wrongly, {.both_sides = true})
        .mistake("future_seen", masked_wrongly, {.future = true})
        .mistake("not_itself", masked_wrongly, {.strictly = true})
        .mistake("window_zero_sees_nothing", masked_wrongly, {.zero_is_a_window = true})
        .mistake("window_not_looked_at", masked_wrongly, {.ignored = true})
        .mistake("upside_down", masked_wrongly, {.upside_down = true})
        .mistake("keys_by_queries", masked_wrongly, {.keys_by_queries = true})
        .mistake("places_for_positions", masked_wrongly, {.indices = true})
        .mistake("places_for_positions", masked_wrongly, {.indices = true, .from_the_end = true})
        .mistake("numbers_for_bool", masked_wrongly, {.as_numbers = true});

}  // namespace
}  // namespace verse
