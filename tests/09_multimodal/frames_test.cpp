/// @file
/// The checks of chapter 9's exercises on frames, 9.9 and 9.10, and the mistakes that they know.

#include "09_multimodal/frames.h"

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 9.9
// ------------------------------------------------------------------------------------------------------------------

using FrameLoss = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, FrameDistance)>;

Tensor distances(const Tensor& predicted, const Tensor& truth, FrameDistance distance) {
  return distance == FrameDistance::squared ? (predicted - truth).square() : (predicted - truth).abs();
}

Tensor there(const Tensor& truth, const Tensor& lengths) {
  return (torch::arange(truth.size(1)) < lengths.unsqueeze(1)).unsqueeze(-1);  // [batch, frames, 1]
}

FrameLoss loss_of(const std::function<Tensor(const Tensor&, const Tensor&)>& mean_where) {
  return [mean_where](const Tensor& predicted, const Tensor& truth, const Tensor& lengths, FrameDistance distance) {
    return mean_where(distances(predicted, truth, distance), there(truth, lengths));
  };
}

[[maybe_unused]] const auto& exercise_9_9 =
    exercise<FrameLoss>("9.9", frame_loss)
        .check("squares",
               [](const FrameLoss& loss, Answers& answers) {
                 const auto predicted = normal_input({3, 5, 4}, 1).requires_grad_();
                 const auto result =
                     loss(predicted, normal_input({3, 5, 4}, 2), torch::tensor({5, 2, 1}), FrameDistance::squared);
                 answers.add("the loss by squares", result);
                 answers.add_gradients(result, {{"predicted", predicted}});
               })
        .check("sizes",
               [](const FrameLoss& loss, Answers& answers) {
                 const auto predicted = normal_input({2, 4, 3}, 3).requires_grad_();
                 const auto result =
                     loss(predicted, normal_input({2, 4, 3}, 4), torch::tensor({3, 1}), FrameDistance::absolute);
                 answers.add("the loss by sizes", result);
                 answers.add_gradients(result, {{"predicted", predicted}});
               })
        .mistake("root_of_the_mean_square",
                 [](const Tensor& predicted, const Tensor& truth, const Tensor& lengths, FrameDistance distance) {
                   const auto mean = distances(predicted, truth, distance).masked_select(there(truth, lengths)).mean();
                   return distance == FrameDistance::squared ? mean.sqrt() : mean;
                 })
        .mistake("padding_counts", loss_of([](const Tensor& off, const Tensor&) { return off.mean(); }))
        .mistake("mean_over_everything",
                 loss_of([](const Tensor& off, const Tensor& where) { return (off * where).mean(); }))
        .mistake("summed", loss_of([](const Tensor& off, const Tensor& where) { return (off * where).sum(); }))
        .mistake("bands_summed",
                 loss_of([](const Tensor& off, const Tensor& where) { return (off * where).sum() / where.sum(); }))
        .mistake("mean_of_sounds", loss_of([](const Tensor& off, const Tensor& where) {
                   return ((off * where).mean(2).sum(1) / where.squeeze(-1).sum(1)).mean();
                 }))
        .mistake("root",
                 [](const Tensor& predicted, const Tensor& truth, const Tensor& lengths, FrameDistance distance) {
                   return distances(predicted, truth, distance).masked_select(there(truth, lengths)).mean().sqrt();
                 })
        .mistake("squares_and_sizes_swapped",
                 [](const Tensor& predicted, const Tensor& truth, const Tensor& lengths, FrameDistance distance) {
                   const auto other =
                       distance == FrameDistance::squared ? FrameDistance::absolute : FrameDistance::squared;
                   return distances(predicted, truth, other).masked_select(there(truth, lengths)).mean();
                 })
        .mistake("one_frame_too_many",
                 [](const Tensor& predicted, const Tensor& truth, const Tensor& lengths, FrameDistance distance) {
                   return distances(predicted, truth, distance).masked_select(there(truth, lengths + 1)).mean();
                 });

// 9.10
// ------------------------------------------------------------------------------------------------------------------

using Guess = std::function<BestGuess(const Tensor&, const Tensor&)>;

Tensor numbers(const std::vector<double>& values) {
  return watched(torch::tensor(values, torch::kFloat64));
}

void add_guess(Answers& answers, const std::string& of, const BestGuess& guess) {
  answers.add("under squares, of " + of, guess.squared);
  answers.add("under sizes, of " + of, guess.absolute);
}

/// The median of the outcomes as they stand in order of size, chances left out of it.
double middle(const Tensor& outcomes) {
  return std::get<0>(outcomes.sort())[(outcomes.size(0) - 1) / 2].item<double>();
}

double median_from(const Tensor& outcomes, const Tensor& chances, double share) {
  const auto [sorted, order] = outcomes.sort();
  const auto below = chances.index_select(0, order).cumsum(0);
  return sorted[(below < share - 1e-12).sum().item<std::int64_t>()].item<double>();
}

double mean_of(const Tensor& outcomes, const Tensor& chances) {
  return (outcomes * chances).sum().item<double>();
}

[[maybe_unused]] const auto& exercise_9_10 =
    exercise<Guess>("9.10", best_guess)
        .check("a_coin_that_is_not_fair",
               [](const Guess& guess, Answers& answers) {
                 add_guess(answers, "-1 and 3, three to one", guess(numbers({-1, 3}), numbers({0.75, 0.25})));
                 add_guess(answers, "-1 and 3, one to three", guess(numbers({-1, 3}), numbers({0.25, 0.75})));
               })
        .check("a_fair_coin",
               [](const Guess& guess, Answers& answers) {
                 add_guess(answers, "2 and 6, even", guess(numbers({6, 2}), numbers({0.5, 0.5})));
               })
        .check("seven_outcomes",
               [](const Guess& guess, Answers& answers) {
                 add_guess(answers, "seven outcomes out of order",
                           guess(numbers({-1, 2, -5, 0, -4, -3, -2}),
                                 numbers({0.125, 0.3125, 0.09375, 0.28125, 0.03125, 0.03125, 0.125})));
               })
        .mistake("plain_mean",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   return BestGuess{outcomes.mean().item<double>(), median_from(outcomes, chances, 0.5)};
                 })
        .mistake("median_without_chances",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   return BestGuess{mean_of(outcomes, chances), middle(outcomes)};
                 })
        .mistake("likeliest",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   return BestGuess{mean_of(outcomes, chances),
                                    outcomes[chances.argmax().item<std::int64_t>()].item<double>()};
                 })
        .mistake("mean_for_both",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   return BestGuess{mean_of(outcomes, chances), mean_of(outcomes, chances)};
                 })
        .mistake("swapped",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   return BestGuess{median_from(outcomes, chances, 0.5), mean_of(outcomes, chances)};
                 })
        .mistake("not_sorted",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   const auto place = (chances.cumsum(0) < 0.5 - 1e-12).sum().item<std::int64_t>();
                   return BestGuess{mean_of(outcomes, chances), outcomes[place].item<double>()};
                 })
        .mistake("chances_left_behind",
                 [](const Tensor& outcomes, const Tensor& chances) {
                   const auto sorted = std::get<0>(outcomes.sort());
                   const auto place = (chances.cumsum(0) < 0.5 - 1e-12).sum().item<std::int64_t>();
                   return BestGuess{mean_of(outcomes, chances), sorted[place].item<double>()};
                 })
        .mistake("weights_left_out",
                 [](const Tensor& outcomes, const Tensor&) {
                   BestGuess best;
                   best.squared = outcomes.mean().item<double>();
                   best.absolute = std::get<0>(outcomes.median(0)).item<double>();
                   return best;
                 })
        .mistake("half_passed", [](const Tensor& outcomes, const Tensor& chances) {
          const auto [sorted, order] = outcomes.sort();
          const auto below = chances.index_select(0, order).cumsum(0);
          const auto place = (below <= 0.5).sum().item<std::int64_t>();
          return BestGuess{mean_of(outcomes, chances), sorted[place].item<double>()};
        });

}  // namespace
}  // namespace verse
