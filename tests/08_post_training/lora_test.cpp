/// @file
/// The checks of chapter 8's exercises on LoRA (8.11 and 8.12), and the mistakes that they know.

#include "08_post_training/lora.h"

#include <torch/torch.h>

#include <functional>
#include <memory>

#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

/// A projection of 6 features to 4 with a correction of rank 2, all numbers different from 0.
std::shared_ptr<LoraProjection> small_projection(std::int64_t inputs = 6) {
  const auto projection = std::make_shared<LoraProjection>(std::make_shared<LinearProjection>(inputs, 4), 2, 6.0);
  fill_with_numbers(*projection);
  return projection;
}

// 8.11
// ------------------------------------------------------------------------------------------------------------------

using Forward = std::function<Tensor(LoraProjection&, const Tensor&)>;

Tensor correction_of(const LoraProjection& projection, const Tensor& x) {
  return torch::matmul(torch::matmul(x, projection.down.t()), projection.up.t());
}

[[maybe_unused]] const auto& exercise_8_11 =
    exercise<Forward>("8.11", [](LoraProjection& projection, const Tensor& x) { return projection.forward(x); })
        .check("values_and_gradients",
               [](const Forward& forward, Answers& answers) {
                 const auto projection = small_projection();
                 const auto x = normal_input({2, 3, 6}, 1).requires_grad_();
                 const auto result = forward(*projection, x);
                 answers.add("the output for [2, 3, 6]", result);
                 answers.add_gradients(result, {{"x", x}, {"down", projection->down}, {"up", projection->up}});
               })
        .check("before_learning",
               [](const Forward& forward, Answers& answers) {
                 const auto projection = small_projection();
                 const torch::NoGradGuard no_gradients;
                 projection->up.zero_();
                 answers.add("the output while `up` is 0", forward(*projection, normal_input({5, 6}, 2)));
               })
        .mistake("down_does_not_learn",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) +
                          projection.scale * x.matmul(projection.down.detach().t()).matmul(projection.up.t());
                 })
        .mistake("not_scaled",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) + correction_of(projection, x);
                 })
        .mistake("correction_alone", [](LoraProjection& projection,
                                        const Tensor& x) { return projection.scale * correction_of(projection, x); })
        .mistake("all_scaled",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.scale * (projection.wrapped->forward(x) + correction_of(projection, x));
                 })
        .mistake("divided",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) + correction_of(projection, x) / projection.scale;
                 })
        .mistake("bias_twice",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) + projection.scale * correction_of(projection, x) +
                          projection.wrapped->bias;
                 })
        .mistake("not_transposed",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) +
                          projection.scale * torch::matmul(torch::matmul(x, projection.down), projection.up);
                 })
        .mistake("no_correction",
                 [](LoraProjection& projection, const Tensor& x) {
                   return projection.wrapped->forward(x) + 0 * correction_of(projection, x);
                 })
        .mistake("scaled_twice",
                 [](LoraProjection& projection, const Tensor& x) {
                   const double both = projection.scale * projection.scale;
                   return projection.wrapped->forward(x) + both * correction_of(projection, x);
                 })
        .mistake("subtracted", [](LoraProjection& projection, const Tensor& x) {
          return projection.wrapped->forward(x) - projection.scale * correction_of(projection, x);
        });

// 8.12
// ------------------------------------------------------------------------------------------------------------------

using Merge = std::function<Tensor(LoraProjection&)>;

[[maybe_unused]] const auto& exercise_8_12 =
    exercise<Merge>("8.12", [](LoraProjection& projection) { return projection.merged_weight(); })
        .check("one_matrix",
               [](const Merge& merge, Answers& answers) {
                 const auto projection = small_projection();
                 answers.add("the merged weight of 6 features to 4", merge(*projection));
               })
        .check("as_many_in_as_out",
               [](const Merge& merge, Answers& answers) {
                 const auto projection = small_projection(4);
                 answers.add("the merged weight of 4 features to 4", merge(*projection));
               })
        .check("what_is_left",
               [](const Merge& merge, Answers& answers) {
                 const auto projection = small_projection();
                 const auto merged = merge(*projection);
                 answers.add("it wants gradients", merged.requires_grad() ? "yes" : "no");
                 answers.add("the wrapped weight afterwards", projection->wrapped->weight, exact);
                 answers.add("`up` afterwards", projection->up, exact);
               })
        .mistake("not_scaled",
                 [](LoraProjection& projection) {
                   const torch::NoGradGuard no_gradients;
                   return projection.wrapped->weight + torch::matmul(projection.up, projection.down);
                 })
        .mistake("correction_alone",
                 [](LoraProjection& projection) {
                   const torch::NoGradGuard no_gradients;
                   return projection.scale * torch::matmul(projection.up, projection.down);
                 })
        .mistake("transposed",
                 [](LoraProjection& projection) {
                   const torch::NoGradGuard no_gradients;
                   const auto correction = torch::matmul(projection.up, projection.down);
                   return (projection.wrapped->weight + projection.scale * correction).t().contiguous();
                 })
        .mistake("correction_transposed",
                 [](LoraProjection& projection) {
                   const torch::NoGradGuard no_gradients;
                   const auto correction = torch::matmul(projection.down.t(), projection.up.t());
                   return projection.wrapped->weight + projection.scale * correction;
                 })
        .mistake("in_place",
                 [](LoraProjection& projection) -> Tensor {
                   const torch::NoGradGuard no_gradients;
                   projection.wrapped->weight += projection.scale * torch::matmul(projection.up, projection.down);
                   return projection.wrapped->weight.detach();
                 })
        .mistake("still_learning",
                 [](LoraProjection& projection) {
                   return projection.wrapped->weight + projection.scale * torch::matmul(projection.up, projection.down);
                 })
        .mistake("subtracted", [](LoraProjection& projection) {
          const torch::NoGradGuard no_gradients;
          return projection.wrapped->weight - projection.scale * torch::matmul(projection.up, projection.down);
        });

}  // namespace
}  // namespace verse
