/// @file
/// The exercise of chapter 4 in stacks.cpp.

#include <torch/torch.h>

#include <functional>
#include <string>

#include "04_blocks/stacks.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using StackLayer = std::function<torch::Tensor(const torch::Tensor&, const Layer&, Stack)>;

/// LibTorch's norm, so that the check is not about exercise 4.1.
torch::Tensor libtorch_norm(const torch::Tensor& x) {
  return torch::layer_norm(x, {x.size(-1)});
}

/// The right answer, one kind of stack at a time replaced by a wrong one.
torch::Tensor right(const torch::Tensor& x, const Layer& layer, Stack stack) {
  switch (stack) {
    case Stack::plain:
      return layer(x);
    case Stack::residual:
      return x + layer(x);
    case Stack::normed:
      return layer(libtorch_norm(x));
    case Stack::pre_norm:
      return x + layer(libtorch_norm(x));
    case Stack::post_norm:
      break;
  }
  return libtorch_norm(x + layer(x));
}

/// Two layers of each stack, so that what is done between them shows too.
[[maybe_unused]] const auto& exercise_4_9 =
    exercise<StackLayer>("4.9", stack_layer)
        .check("two_layers_of_each",
               [](const StackLayer& stack_layer_of, Answers& answers) {
                 const auto first = normal_input({6, 6}, 1, 0.8), second = normal_input({6, 6}, 2, 0.8);
                 for (const Stack stack : all_stacks()) {
                   const auto x = (normal_input({3, 6}, 3) * 2 + 1).requires_grad_();
                   auto stream = stack_layer_of(
                       x, [&](const torch::Tensor& y) { return y.matmul(first.t()); }, stack);
                   stream = stack_layer_of(
                       stream, [&](const torch::Tensor& y) { return y.matmul(second.t()); }, stack);
                   answers.add("two layers, " + name_of(stack), stream);
                   answers.add_gradients(stream, {{"x, " + name_of(stack), x}});
                 }
               })
        .mistake("falls_through",
                 [](const torch::Tensor& x, const Layer& layer, Stack stack) {
                   return right(x, layer, stack == Stack::pre_norm ? Stack::post_norm : stack);
                 })
        .mistake("stream_overwritten_by_norm",
                 [](const torch::Tensor& x, const Layer& layer, Stack stack) {
                   if (stack != Stack::pre_norm) return right(x, layer, stack);
                   const auto normed = libtorch_norm(x);
                   return normed + layer(normed);
                 })
        .mistake("pre_and_post_swapped",
                 [](const torch::Tensor& x, const Layer& layer, Stack stack) {
                   if (stack == Stack::pre_norm) return right(x, layer, Stack::post_norm);
                   if (stack == Stack::post_norm) return right(x, layer, Stack::pre_norm);
                   return right(x, layer, stack);
                 })
        .mistake("norm_after_layer",
                 [](const torch::Tensor& x, const Layer& layer, Stack stack) {
                   return stack == Stack::normed ? libtorch_norm(layer(x)) : right(x, layer, stack);
                 })
        .mistake("norm_of_the_sum_forgotten",
                 [](const torch::Tensor& x, const Layer& layer, Stack stack) {
                   return stack == Stack::post_norm ? x + libtorch_norm(layer(x)) : right(x, layer, stack);
                 })
        .mistake("residual_forgotten", [](const torch::Tensor& x, const Layer& layer, Stack stack) {
          switch (stack) {
            case Stack::residual:
              return layer(x);
            case Stack::pre_norm:
              return layer(libtorch_norm(x));
            case Stack::post_norm:
              return libtorch_norm(layer(x));
            default:
              return right(x, layer, stack);
          }
        });

}  // namespace
}  // namespace verse
