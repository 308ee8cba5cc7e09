/// @file
/// The checks of chapter 5's exercises, and the mistakes that they know.

#include "05_training/training.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/projection.h"
#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

/// A model that costs nothing, with parameters large enough for it to be sure of things.
GPT tiny_model(double dropout = 0.0) {
  GPTOptions options;
  options.vocabulary_size = 7;
  options.context = 4;
  options.layers = 1;
  options.heads = 2;
  options.width = 8;
  options.dropout = dropout;
  options.fused = true;
  GPT model(options);
  fill_with_numbers(*model);
  return model;
}

const char* yes_or_no(bool answer) {
  return answer ? "yes" : "no";
}

// 5.1
// ------------------------------------------------------------------------------------------------------------------

using DrawBatch = std::function<Batch(const Tensor&, std::int64_t, std::int64_t, Random&)>;

/// draw_batch() on its own, with a switch for each slip.
struct DrawSlip {
  std::int64_t inputs_from = 0, targets_from = 1;
  std::int64_t more_places = 0;
  enum { drawn, one_for_all, in_a_row, from_libtorch } starts = drawn;
  std::int64_t room_wanted = 1;
};

DrawBatch draw_with(const DrawSlip& slip) {
  return [slip](const Tensor& tokens, std::int64_t batch_size, std::int64_t context, Random& random) -> Batch {
    if (tokens.size(0) < context + slip.room_wanted) throw UsageError("the text is too short");
    const std::int64_t places = tokens.size(0) - context + slip.more_places;
    std::vector<std::int64_t> drawn;
    for (std::int64_t row = 0; row < batch_size; ++row) {
      if (slip.starts == DrawSlip::in_a_row) {
        drawn.push_back(row * context % places);
      } else {
        drawn.push_back(slip.starts == DrawSlip::one_for_all && row > 0 ? drawn[0] : random.below(places));
      }
    }
    const auto starts = slip.starts == DrawSlip::from_libtorch ? torch::randint(places, {batch_size}, torch::kInt64)
                                                               : torch::tensor(drawn, torch::kInt64);
    const auto where = starts.unsqueeze(1) + torch::arange(context);  // [batch, context]
    return {tokens.index({where + slip.inputs_from}), tokens.index({where + slip.targets_from})};
  };
}

// Which windows are drawn is left to the generator and to how it is asked; what can be said of any draw is checked.
[[maybe_unused]] const auto& exercise_5_1 =
    exercise<DrawBatch>("5.1", draw_batch)
        .check("windows_of_a_text_that_counts",
               [](const DrawBatch& draw, Answers& answers) {
                 Random random(3);
                 const auto batch = draw(torch::arange(1000), 32, 20, random);
                 answers.add("the shape of the inputs", batch.inputs.sizes().vec());
                 answers.add("the shape of the targets", batch.targets.sizes().vec());
                 answers.add("how many characters each target is ahead of its input", batch.targets - batch.inputs,
                             exact);
                 const auto starts = batch.inputs.slice(1, 0, 1);
                 answers.add("each input's place in its window", batch.inputs - starts, exact);
                 answers.add("all windows begin at one place", yes_or_no((starts == starts[0]).all().item<bool>()));
               })
        .check("every_place_where_a_window_fits",
               [](const DrawBatch& draw, Answers& answers) {
                 Random random(1);
                 const auto starts = draw(torch::arange(8), 4000, 4, random).inputs.select(1, 0).contiguous();
                 answers.add("the first place drawn, of 8 characters and a context of 4", starts.min(), exact);
                 answers.add("the last place drawn", starts.max(), exact);
                 // The difference of two such shares has a deviation of 0.01.
                 answers.add("the share of each place", torch::bincount(starts).to(torch::kDouble) / 4000.0,
                             {0.05, 0, "which windows are drawn is left to chance"});
               })
        .check("by_the_generator",
               [](const DrawBatch& draw, Answers& answers) {
                 Random one(5), other(5);
                 const auto first = draw(torch::arange(1000), 8, 4, one).inputs;
                 answers.add("equal generators draw equal batches",
                             yes_or_no(torch::equal(first, draw(torch::arange(1000), 8, 4, other).inputs)));
                 answers.add("the next batch is the same again",
                             yes_or_no(torch::equal(first, draw(torch::arange(1000), 8, 4, one).inputs)));
               })
        .check("short_texts",
               [](const DrawBatch& draw, Answers& answers) {
                 Random random(1);
                 answers.add_error("a text of 4 characters and a context of 4",
                                   [&] { draw(torch::arange(4), 1, 4, random); });
                 answers.add("the targets, of 5 characters and a context of 4",
                             draw(torch::arange(5), 1, 4, random).targets, exact);
               })
        .mistake("not_shifted", draw_with, {.targets_from = 0})
        .mistake("shifted_backwards", draw_with, {.inputs_from = 1, .targets_from = 0})
        .mistake("last_place_never", draw_with, {.more_places = -1})
        .mistake("one_place_too_many", draw_with, {.more_places = 1})
        .mistake("one_start_for_all", draw_with, {.starts = DrawSlip::one_for_all})
        .mistake("windows_in_a_row", draw_with, {.starts = DrawSlip::in_a_row})
        .mistake("another_generator", draw_with, {.starts = DrawSlip::from_libtorch})
        .mistake("short_text_not_refused", draw_with, {.room_wanted = 0})
        .mistake("one_place_too_many",
                 [](const Tensor& tokens, std::int64_t batch_size, std::int64_t context, Random& random) -> Batch {
                   if (tokens.size(0) <= context) throw UsageError("the text is too short");
                   std::vector<Tensor> inputs, targets;
                   while (std::ssize(inputs) < batch_size) {
                     const std::int64_t first = random.below(tokens.size(0) - context + 1);
                     inputs.push_back(tokens.slice(0, first, first + context));
                     targets.push_back(tokens.slice(0, first + 1, first + 1 + context));
                   }
                   return {torch::stack(inputs), torch::stack(targets)};
                 })
        .mistake("next_character_alone",
                 [](const Tensor& tokens, std::int64_t batch_size, std::int64_t context, Random& random) -> Batch {
                   Batch batch = draw_with({})(tokens, batch_size, context, random);
                   return {batch.inputs, batch.targets.slice(1, context - 1)};
                 })
        .mistake("exact_fit_refused", draw_with, {.room_wanted = 2});

// 5.2
// ------------------------------------------------------------------------------------------------------------------

using BatchLoss = std::function<Tensor(GPT&, const Batch&)>;

/// The mean loss over all rows. @param logits [batch, time, vocabulary] @param targets [batch, time]
Tensor mean_loss(const Tensor& logits, const Tensor& targets) {
  return torch::cross_entropy_loss(logits.flatten(0, 1), targets.flatten());
}

[[maybe_unused]] const auto& exercise_5_2 =
    exercise<BatchLoss>("5.2", batch_loss)
        .check("loss_and_gradients",
               [](const BatchLoss& loss_of, Answers& answers) {
                 auto model = tiny_model();
                 const auto loss = loss_of(model, {token_input({3, 4}, 7, 1), token_input({3, 4}, 7, 2)});
                 answers.add("the loss of 3 windows of 4", loss);
                 answers.add_gradients(loss, {{"the token table", model->token_embedding},
                                              {"the position table", model->position_embedding}});
               })
        .check("the_mode_stays",
               [](const BatchLoss& loss_of, Answers& answers) {
                 for (const bool training : {true, false}) {
                   auto model = tiny_model();
                   model->train(training);
                   loss_of(model, {token_input({1, 3}, 7, 3), token_input({1, 3}, 7, 4)});
                   answers.add(
                       std::string("the mode of a model in ") + (training ? "training" : "evaluation") + ", afterwards",
                       model->is_training() ? "training" : "evaluation");
                 }
               })
        .mistake("put_into_training",
                 [](GPT& model, const Batch& batch) {
                   model->train();
                   return mean_loss(model->forward(batch.inputs), batch.targets);
                 })
        .mistake("left_in_evaluation",
                 [](GPT& model, const Batch& batch) {
                   model->eval();
                   return mean_loss(model->forward(batch.inputs), batch.targets);
                 })
        .mistake("softmax_first",
                 [](GPT& model, const Batch& batch) {
                   return mean_loss(torch::softmax(model->forward(batch.inputs), -1), batch.targets);
                 })
        .mistake("inputs_for_targets",
                 [](GPT& model, const Batch& batch) { return mean_loss(model->forward(batch.inputs), batch.inputs); })
        .mistake("shifted_again",
                 [](GPT& model, const Batch& batch) {
                   return mean_loss(model->forward(batch.inputs).slice(1, 0, -1), batch.targets.slice(1, 1));
                 })
        .mistake("last_position_only",
                 [](GPT& model, const Batch& batch) {
                   return mean_loss(model->forward(batch.inputs).slice(1, -1), batch.targets.slice(1, -1));
                 })
        .mistake("sum_for_mean",
                 [](GPT& model, const Batch& batch) {
                   return mean_loss(model->forward(batch.inputs), batch.targets) *
                          static_cast<double>(batch.targets.numel());
                 })
        .mistake("batch_and_time_exchanged",
                 [](GPT& model, const Batch& batch) {
                   const auto logits = model->forward(batch.inputs).transpose(0, 1).flatten(0, 1);
                   return torch::cross_entropy_loss(logits, batch.targets.flatten());
                 })
        .mistake("cut_from_the_model", [](GPT& model, const Batch& batch) {
          const torch::NoGradGuard no_gradients;
          return mean_loss(model->forward(batch.inputs), batch.targets);
        });

// 5.3
// ------------------------------------------------------------------------------------------------------------------

using UpdateMoments = std::function<void(Moments&, const Tensor&, double, double)>;

/// The right update, written here on its own: a mistake in one exercise must not look different because an earlier
/// exercise is wrong.
void right_moments(Moments& moments, const Tensor& gradient, double beta1, double beta2) {
  moments.first.mul_(beta1).add_(gradient, 1 - beta1);
  moments.second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
}

[[maybe_unused]] const auto& exercise_5_3 =
    exercise<UpdateMoments>("5.3", update_moments)
        .check("three_gradients",
               [](const UpdateMoments& update, Answers& answers) {
                 Moments moments{torch::zeros({2, 3}), torch::zeros({2, 3})};
                 for (int i = 1; i <= 3; ++i) {
                   const auto gradient = normal_input({2, 3}, 10 + static_cast<std::uint64_t>(i), 2.0);
                   update(moments, gradient, 0.9, 0.8);
                   const auto after = " after gradient " + std::to_string(i);
                   answers.add("the first moment" + after, moments.first);
                   answers.add("the second moment" + after, moments.second);
                   answers.add("the gradient itself" + after, gradient);
                 }
               })
        .check("in_place",
               [](const UpdateMoments& update, Answers& answers) {
                 Moments moments{torch::zeros({2}), torch::zeros({2})};
                 const auto first = moments.first, second = moments.second;
                 update(moments, normal_input({2}, 14), 0.5, 0.5);
                 answers.add("another name of the first moment, after the update", first);
                 answers.add("another name of the second moment", second);
               })
        .mistake("new_tensors",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   moments.first = moments.first * beta1 + gradient * (1 - beta1);
                   moments.second = moments.second * beta2 + gradient * gradient * (1 - beta2);
                 })
        .mistake("gradient_not_squared",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   moments.first.mul_(beta1).add_(gradient, 1 - beta1);
                   moments.second.mul_(beta2).add_(gradient, 1 - beta2);
                 })
        .mistake("square_of_the_mean",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   moments.first.mul_(beta1).add_(gradient, 1 - beta1);
                   moments.second.mul_(beta2).addcmul_(moments.first, moments.first, 1 - beta2);
                 })
        .mistake("betas_exchanged", [](Moments& moments, const Tensor& gradient, double beta1,
                                       double beta2) { right_moments(moments, gradient, beta2, beta1); })
        .mistake("shares_exchanged", [](Moments& moments, const Tensor& gradient, double beta1,
                                        double beta2) { right_moments(moments, gradient, 1 - beta1, 1 - beta2); })
        .mistake("added_whole",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   moments.first.mul_(beta1).add_(gradient);
                   moments.second.mul_(beta2).addcmul_(gradient, gradient);
                 })
        .mistake("not_remembered",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   Moments copy{moments.first.clone(), moments.second.clone()};
                   right_moments(copy, gradient, beta1, beta2);
                 })
        .mistake("second_not_squared",
                 [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
                   moments.first.lerp_(gradient, 1 - beta1);
                   moments.second.lerp_(torch::abs(gradient), 1 - beta2);
                 })
        .mistake("gradient_changed", [](Moments& moments, const Tensor& gradient, double beta1, double beta2) {
          moments.first.mul_(beta1).add_(gradient.mul_(1 - beta1));
          moments.second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
        });

// 5.4
// ------------------------------------------------------------------------------------------------------------------

using Direction = std::function<Tensor(const Moments&, std::int64_t, const AdamWOptions&)>;

/// adam_direction() on its own, with a switch for each slip.
struct DirectionSlip {
  bool corrects_first = true, corrects_second = true, beta1_for_both = false, roots_first = false, in_place = false;
  bool roots = true, betas_by_heart = false;
  std::int64_t first_step = 1;
  enum { outside, inside, nowhere } epsilon = outside;
};

Direction direction_with(const DirectionSlip& slip) {
  return [slip](const Moments& moments, std::int64_t step, const AdamWOptions& options) {
    const auto t = static_cast<double>(step - 1 + slip.first_step);
    const double beta1 = slip.betas_by_heart ? 0.9 : options.beta1;
    const double share1 = slip.corrects_first ? 1 - std::pow(beta1, t) : 1.0;
    const double beta2 = slip.betas_by_heart ? 0.999 : slip.beta1_for_both ? options.beta1 : options.beta2;
    const double share2 = slip.corrects_second ? 1 - std::pow(beta2, t) : 1.0;
    const auto mean = slip.in_place ? moments.first.div_(share1) : moments.first / share1;
    auto size = slip.in_place ? moments.second.div_(share2) : moments.second / share2;
    if (slip.epsilon == DirectionSlip::inside) size = size + options.epsilon;
    if (slip.roots) size = slip.roots_first ? moments.second.sqrt() / share2 : size.sqrt();
    return mean / (slip.epsilon == DirectionSlip::outside ? size + options.epsilon : size);
  };
}

Moments some_moments() {
  return {normal_input({2, 3}, 21), normal_input({2, 3}, 22).square()};
}

[[maybe_unused]] const auto& exercise_5_4 =
    exercise<Direction>("5.4", adam_direction)
        .check("early_and_late",
               [](const Direction& direction, Answers& answers) {
                 for (const std::int64_t step : {1, 2, 10, 1000}) {
                   answers.add("the direction in step " + std::to_string(step), direction(some_moments(), step, {}));
                 }
               })
        .check("an_epsilon_that_shows",
               [](const Direction& direction, Answers& answers) {
                 AdamWOptions options;
                 options.epsilon = 0.3;
                 answers.add("the direction with an epsilon of 0.3", direction(some_moments(), 3, options));
               })
        .check("a_gradient_of_zero",
               [](const Direction& direction, Answers& answers) {
                 answers.add("the direction where every gradient was 0",
                             direction({torch::zeros({2}), torch::zeros({2})}, 5, {}));
               })
        .check("moments_are_left_alone",
               [](const Direction& direction, Answers& answers) {
                 const auto moments = some_moments();
                 direction(moments, 2, {});
                 answers.add("the first moment afterwards", moments.first);
                 answers.add("the second moment afterwards", moments.second);
               })
        .check("other_betas",
               [](const Direction& direction, Answers& answers) {
                 AdamWOptions options;
                 options.beta1 = 0.7;
                 options.beta2 = 0.95;
                 answers.add("the direction with the betas 0.7 and 0.95", direction(some_moments(), 2, options));
               })
        .mistake("power_forgotten", [](const Moments& moments, std::int64_t,
                                       const AdamWOptions& options) { return direction_with({})(moments, 1, options); })
        .mistake("epsilon_of_its_own",
                 [](const Moments& moments, std::int64_t step, const AdamWOptions& options) {
                   auto own = options;
                   own.epsilon = 1e-8;
                   return direction_with({})(moments, step, own);
                 })
        .mistake("betas_of_its_own",
                 [](const Moments& moments, std::int64_t step, const AdamWOptions& options) {
                   AdamWOptions own;
                   own.epsilon = options.epsilon;
                   return direction_with({})(moments, step, own);
                 })
        .mistake("no_correction", direction_with, {.corrects_first = false, .corrects_second = false})
        .mistake("only_the_first_corrected", direction_with, {.corrects_second = false})
        .mistake("beta1_for_both", direction_with, {.beta1_for_both = true})
        .mistake("steps_from_zero", direction_with, {.first_step = 0})
        .mistake("one_step_ahead", direction_with, {.first_step = 2})
        .mistake("corrected_after_the_root", direction_with, {.roots_first = true})
        .mistake("no_root", direction_with, {.roots = false})
        .mistake("epsilon_inside_the_root", direction_with, {.epsilon = DirectionSlip::inside})
        .mistake("no_epsilon", direction_with, {.epsilon = DirectionSlip::nowhere})
        .mistake("betas_by_heart", direction_with, {.betas_by_heart = true})
        .mistake("moments_changed", direction_with, {.in_place = true});

// 5.5
// ------------------------------------------------------------------------------------------------------------------

using Update = std::function<void(Tensor&, Moments&, std::int64_t, double, const AdamWOptions&)>;

/// adamw_update() on its own, with a switch for each slip.
struct UpdateSlip {
  enum { decoupled, in_the_gradient, nowhere } decay = decoupled;
  bool vectors_decay = false, by_the_rate = true, decays_last = false, moves_moments = true;
  bool by_the_gradient = false, guarded = true, in_place = true;
  double sign = 1.0;
};

Update update_with(const UpdateSlip& slip) {
  return [slip](Tensor& parameter, Moments& moments, std::int64_t step, double rate, const AdamWOptions& options) {
    const torch::AutoGradMode recording(!slip.guarded);
    const bool decays = slip.decay != UpdateSlip::nowhere && (slip.vectors_decay || parameter.dim() >= 2);
    auto gradient = parameter.grad();
    if (decays && slip.decay == UpdateSlip::in_the_gradient) {
      gradient = gradient + options.weight_decay * parameter.detach();
    }
    if (slip.moves_moments) right_moments(moments, gradient, options.beta1, options.beta2);

    const bool shrinks = decays && slip.decay == UpdateSlip::decoupled;
    const double kept = shrinks ? 1 - (slip.by_the_rate ? rate : 1.0) * options.weight_decay : 1.0;
    const auto direction = slip.by_the_gradient ? gradient : direction_with({})(moments, step, options);
    if (!slip.in_place) {
      parameter = parameter * kept - direction * rate;
    } else if (slip.decays_last) {
      parameter.sub_(direction, rate).mul_(kept);
    } else {
      parameter.mul_(kept).sub_(direction, slip.sign * rate);
    }
  };
}

/// Three steps of a parameter. What the model sees is reported, not what the optimizer holds.
void take_three_steps(const Update& update, const std::vector<std::int64_t>& shape, Answers& answers) {
  AdamWOptions options;
  options.weight_decay = 0.4;
  auto in_the_model = normal_input(shape, 30).requires_grad_();
  Moments moments{torch::zeros(shape), torch::zeros(shape)};
  for (std::int64_t step = 1; step <= 3; ++step) {
    in_the_model.mutable_grad() = normal_input(shape, 30 + static_cast<std::uint64_t>(step));
    auto in_the_optimizer = in_the_model;
    update(in_the_optimizer, moments, step, 0.25, options);
    const auto after = " after step " + std::to_string(step);
    answers.add("the model's parameter" + after, in_the_model);
    answers.add("its gradient" + after, in_the_model.grad());
    answers.add("the first moment" + after, moments.first);
    answers.add("the second moment" + after, moments.second);
  }
  answers.add("the parameter still requires gradients", yes_or_no(in_the_model.requires_grad()));
}

[[maybe_unused]] const auto& exercise_5_5 =
    exercise<Update>("5.5", adamw_update)
        .check("matrix",
               [](const Update& update, Answers& answers) {
                 take_three_steps(update, {3, 2}, answers);
               })
        .check("vector", [](const Update& update, Answers& answers) { take_three_steps(update, {4}, answers); })
        .check("three_dimensions",
               [](const Update& update, Answers& answers) {
                 take_three_steps(update, {2, 2, 2}, answers);
               })
        .mistake("two_dimensions_only",
                 [](Tensor& parameter, Moments& moments, std::int64_t step, double rate, const AdamWOptions& options) {
                   auto own = options;
                   if (parameter.dim() > 2) own.weight_decay = 0;
                   update_with({})(parameter, moments, step, rate, own);
                 })
        .mistake("gradient_cleared",
                 [](Tensor& parameter, Moments& moments, std::int64_t step, double rate, const AdamWOptions& options) {
                   update_with({})(parameter, moments, step, rate, options);
                   parameter.mutable_grad().zero_();
                 })
        .mistake("decay_of_its_own",
                 [](Tensor& parameter, Moments& moments, std::int64_t step, double rate, const AdamWOptions& options) {
                   auto own = options;
                   own.weight_decay = 0.1;
                   update_with({})(parameter, moments, step, rate, own);
                 })
        .mistake("decay_in_the_gradient", update_with, {.decay = UpdateSlip::in_the_gradient})
        .mistake("no_decay", update_with, {.decay = UpdateSlip::nowhere})
        .mistake("vectors_decay_too", update_with, {.vectors_decay = true})
        .mistake("decay_without_the_rate", update_with, {.by_the_rate = false})
        .mistake("decay_after_the_step", update_with, {.decays_last = true})
        .mistake("moments_forgotten", update_with, {.moves_moments = false})
        .mistake("by_the_gradient", update_with, {.by_the_gradient = true})
        .mistake("uphill", update_with, {.sign = -1.0})
        .mistake("inside_autograd", update_with, {.guarded = false})
        .mistake("a_new_tensor", update_with, {.in_place = false});

// 5.6
// ------------------------------------------------------------------------------------------------------------------

using Rate = std::function<double(std::int64_t, const Schedule&)>;

/// learning_rate_at() on its own, with a switch for each slip.
struct RateSlip {
  std::int64_t step_off = 0;
  bool warms_up = true, warmup_inclusive = false, counts_from_warmup = true, whole_progress = false, ends = true;
  enum { half_cosine, whole_cosine, line } shape = half_cosine;
  enum { minimum, zero, minimum_on_top } foot = minimum;
};

Rate rate_with(const RateSlip& slip) {
  return [slip](std::int64_t given, const Schedule& schedule) {
    const std::int64_t step = given + slip.step_off;
    const std::int64_t warming = schedule.warmup + (slip.warmup_inclusive ? 1 : 0);
    if (slip.warms_up && step < warming) {
      return schedule.peak * static_cast<double>(step) / static_cast<double>(schedule.warmup);
    }
    if (slip.ends && step >= schedule.steps) return slip.foot == RateSlip::zero ? 0.0 : schedule.minimum;
    const std::int64_t begin = slip.counts_from_warmup ? schedule.warmup : 0;
    double progress = static_cast<double>(step - begin) / static_cast<double>(schedule.steps - begin);
    if (slip.whole_progress) progress = std::floor(progress);
    const double height = slip.shape == RateSlip::line
                              ? 1 - progress
                              : 0.5 * (1 + std::cos((slip.shape == RateSlip::whole_cosine ? 2 : 1) * M_PI * progress));
    const double foot = slip.foot == RateSlip::zero ? 0.0 : schedule.minimum;
    return foot + (schedule.peak - (slip.foot == RateSlip::minimum ? foot : 0.0)) * height;
  };
}

void add_rates(const Rate& rate, const Schedule& schedule, const std::vector<std::int64_t>& steps, Answers& answers) {
  for (const auto step : steps) answers.add("the rate of step " + std::to_string(step), rate(step, schedule));
}

[[maybe_unused]] const auto& exercise_5_6 =
    exercise<Rate>("5.6", learning_rate_at)
        .check("the_talks_schedule",
               [](const Rate& rate, Answers& answers) {
                 add_rates(rate, {}, {0, 1, 50, 99, 100, 101, 1325, 2550, 4999, 5000, 5001, 7000}, answers);
               })
        .check("no_warmup",
               [](const Rate& rate, Answers& answers) {
                 add_rates(rate, {2.0, 0.5, 0, 10}, {0, 3, 5, 9, 10, 11}, answers);
               })
        .check("ends_while_warming_up",
               [](const Rate& rate, Answers& answers) {
                 add_rates(rate, {2.0, 0.5, 20, 10}, {0, 7}, answers);
               })
        .mistake("foot_forgotten",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;

                   if (step < schedule.warmup || step >= schedule.steps) return right(step, schedule);
                   Schedule low = schedule;
                   low.minimum = 0;
                   return right(step, low);
                 })
        .mistake("warmup_from_the_minimum",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;

                   if (step >= schedule.warmup) return right(step, schedule);
                   return schedule.minimum + (schedule.peak - schedule.minimum) * static_cast<double>(step) / w;
                 })
        .mistake("degrees",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;

                   if (step < schedule.warmup || step >= schedule.steps) return right(step, schedule);
                   const double progress = static_cast<double>(step - schedule.warmup) /
                                           static_cast<double>(schedule.steps - schedule.warmup);
                   return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(180 * progress));
                 })
        .mistake("divided_by_all_steps",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;

                   if (step < schedule.warmup || step >= schedule.steps) return right(step, schedule);
                   const double progress =
                       static_cast<double>(step - schedule.warmup) / static_cast<double>(schedule.steps);
                   return schedule.minimum + (schedule.peak - schedule.minimum) * 0.5 * (1 + std::cos(M_PI * progress));
                 })
        .mistake("warmup_plus_one",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;
                   return step < schedule.warmup ? schedule.peak * static_cast<double>(step) / (w + 1)
                                                 : right(step, schedule);
                 })
        .mistake("warmup_from_one",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;
                   return step < schedule.warmup ? schedule.peak * static_cast<double>(step + 1) / w
                                                 : right(step, schedule);
                 })
        .mistake("whole_number_warmup",
                 [](std::int64_t step, const Schedule& schedule) {
                   const auto right = rate_with({});
                   const auto w = static_cast<double>(schedule.warmup);
                   (void)w;
                   return step < schedule.warmup ? 0.0 : right(step, schedule);
                 })
        .mistake("off_by_one", rate_with, {.step_off = 1})
        .mistake("no_warmup", rate_with, {.warms_up = false})
        .mistake("divides_by_no_warmup", rate_with, {.warmup_inclusive = true})
        .mistake("progress_of_the_whole_run", rate_with, {.counts_from_warmup = false})
        .mistake("whole_numbers_divided", rate_with, {.whole_progress = true})
        .mistake("rises_after_the_end", rate_with, {.ends = false})
        .mistake("straight_line", rate_with, {.shape = RateSlip::line})
        .mistake("whole_cosine", rate_with, {.shape = RateSlip::whole_cosine})
        .mistake("down_to_zero", rate_with, {.foot = RateSlip::zero})
        .mistake("minimum_on_top", rate_with, {.foot = RateSlip::minimum_on_top});

// 5.7
// ------------------------------------------------------------------------------------------------------------------

using Clip = std::function<Tensor(const std::vector<Tensor>&, double)>;

/// clip_gradients() on its own, with a switch for each slip.
struct ClipSlip {
  enum { together, by_tensor, by_number } scales = together;
  enum { root_of_squares, squares, sum_of_norms } norm = root_of_squares;
  bool only_above = true, before = true, in_place = true, skips = true;
};

Clip clip_with(const ClipSlip& slip) {
  return [slip](const std::vector<Tensor>& parameters, double limit) {
    const torch::NoGradGuard no_gradients;
    std::vector<Tensor> gradients;
    for (const auto& parameter : parameters) {
      if (parameter.grad().defined() || !slip.skips) gradients.push_back(parameter.grad());
    }
    const auto norm_of = [&slip](const std::vector<Tensor>& tensors) {
      if (tensors.empty()) return torch::zeros({});
      std::vector<Tensor> norms;
      for (const auto& tensor : tensors) norms.push_back(tensor.norm());
      const auto all = torch::stack(norms);
      if (slip.norm == ClipSlip::sum_of_norms) return all.sum();
      return slip.norm == ClipSlip::squares ? all.square().sum() : all.norm();
    };
    const auto norm = norm_of(gradients);
    for (auto gradient : gradients) {
      if (slip.scales == ClipSlip::by_number) {
        gradient.clamp_(-limit, limit);
        continue;
      }
      auto factor = limit / ((slip.scales == ClipSlip::by_tensor ? gradient.norm() : norm) + 1e-6);
      if (slip.only_above) factor = factor.clamp_max(1.0);
      if (slip.in_place) gradient.mul_(factor);
    }
    return slip.before ? norm : norm_of(gradients);
  };
}

/// A matrix, a vector of smaller gradients, and a parameter that no gradient has reached.
void clip_some(const Clip& clip, double limit, Answers& answers) {
  auto matrix = torch::ones({3, 2}).requires_grad_(), vector = torch::ones({3}).requires_grad_();
  auto unused = torch::ones({2}).requires_grad_();
  matrix.mutable_grad() = normal_input({3, 2}, 51, 2.0);
  vector.mutable_grad() = normal_input({3}, 52, 0.5);
  answers.add("the norm that is returned", clip({matrix, vector, unused}, limit));
  answers.add("the gradient of the matrix afterwards", matrix.grad());
  answers.add("the gradient of the vector afterwards", vector.grad());
  answers.add("the parameter without a gradient has one afterwards", yes_or_no(unused.grad().defined()));
}

[[maybe_unused]] const auto& exercise_5_7 =
    exercise<Clip>("5.7", clip_gradients)
        .check("above_the_limit", [](const Clip& clip, Answers& answers) { clip_some(clip, 0.5, answers); })
        .check("below_the_limit", [](const Clip& clip, Answers& answers) { clip_some(clip, 50.0, answers); })
        .check("no_limit",
               [](const Clip& clip, Answers& answers) {
                 auto parameter = torch::ones({3}).requires_grad_();
                 parameter.mutable_grad() = normal_input({3}, 53);
                 answers.add("the norm that is returned", clip({parameter}, std::numeric_limits<double>::infinity()));
                 answers.add("the gradient afterwards", parameter.grad());
               })
        .check("gaps_and_nothing",
               [](const Clip& clip, Answers& answers) {
                 auto one = torch::ones({2}).requires_grad_(), idle = torch::ones({2}).requires_grad_(),
                      other = torch::ones({3}).requires_grad_();
                 one.mutable_grad() = normal_input({2}, 54);
                 other.mutable_grad() = normal_input({3}, 55);
                 answers.add("the norm where the second of three has no gradient", clip({one, idle, other}, 0.25));
                 answers.add("the gradient of the first", one.grad());
                 answers.add("the gradient of the third", other.grad());
                 answers.add("the norm where nothing has a gradient", clip({idle}, 1.0).item<double>());
                 auto calm = torch::ones({2}).requires_grad_();
                 calm.mutable_grad() = torch::zeros({2});
                 clip({calm}, 1.0);
                 answers.add("a gradient of zeros, afterwards", calm.grad());
               })
        .mistake("nothing_not_expected",
                 [](const std::vector<Tensor>& parameters, double limit) {
                   std::vector<Tensor> some;
                   for (const auto& parameter : parameters)
                     if (parameter.grad().defined()) some.push_back(parameter);
                   if (some.empty()) (void)torch::stack(std::vector<Tensor>{});
                   return clip_with({})(some, limit);
                 })
        .mistake("stops_at_the_first_without",
                 [](const std::vector<Tensor>& parameters, double limit) {
                   std::vector<Tensor> some;
                   for (const auto& parameter : parameters) {
                     if (!parameter.grad().defined()) break;
                     some.push_back(parameter);
                   }
                   return some.empty() ? torch::zeros({}) : clip_with({})(some, limit);
                 })
        .mistake("by_tensor", clip_with, {.scales = ClipSlip::by_tensor})
        .mistake("by_number", clip_with, {.scales = ClipSlip::by_number})
        .mistake("no_root", clip_with, {.norm = ClipSlip::squares})
        .mistake("sum_of_norms", clip_with, {.norm = ClipSlip::sum_of_norms})
        .mistake("small_ones_raised", clip_with, {.only_above = false})
        .mistake("norm_afterwards", clip_with, {.before = false})
        .mistake("only_measured", clip_with, {.in_place = false})
        .mistake("missing_gradients_counted", clip_with, {.skips = false});

// 5.8
// ------------------------------------------------------------------------------------------------------------------

using Evaluate = std::function<double(GPT&, const Tensor&, std::int64_t)>;

/// evaluate() on its own, with a switch for each slip.
struct EvaluateSlip {
  bool calms = true, records = false, takes_the_rest = true, weighs = true, obeys_the_size = true;
  bool over_characters = false, one_by_one = false, nothing_is_nan = false;
  enum { as_before, evaluating, training } leaves = as_before;
  std::int64_t gap = 0;
};

Evaluate evaluate_with(const EvaluateSlip& slip) {
  return [slip](GPT& model, const Tensor& tokens, std::int64_t batch_size) {
    const torch::AutoGradMode recording(slip.records);
    const bool was_training = model->is_training();
    if (slip.calms) model->eval();

    double total = 0, weights = 0;
    const auto add = [&](const Tensor& windows) {  // [rows, length + 1]
      const auto inputs = windows.slice(1, 0, -1), targets = windows.slice(1, 1);
      const double weight = slip.weighs ? static_cast<double>(targets.numel()) : 1.0;
      total += mean_loss(model->forward(inputs), targets).item<double>() * weight;
      weights += weight;
    };
    const std::int64_t context = model->options.context, stride = context + slip.gap;
    std::int64_t rest = 0;
    if (tokens.size(0) > context) {
      const auto windows = tokens.unfold(0, context + 1, stride);
      const std::int64_t rows = slip.one_by_one ? 1 : slip.obeys_the_size ? batch_size : windows.size(0);
      for (std::int64_t row = 0; row < windows.size(0); row += rows) add(windows.slice(0, row, row + rows));
      rest = windows.size(0) * stride;
    }
    if (slip.nothing_is_nan && tokens.size(0) <= context) total = std::numeric_limits<double>::quiet_NaN();
    if (slip.takes_the_rest && rest + 1 < tokens.size(0)) add(tokens.slice(0, rest).unsqueeze(0));

    if (slip.leaves == EvaluateSlip::as_before) model->train(was_training);
    if (slip.leaves == EvaluateSlip::training) model->train();
    return total / (slip.over_characters ? static_cast<double>(tokens.size(0)) : weights);
  };
}

constexpr Tolerance loss_rounding{1e-5, 1e-5, "the model's float32 rounds, and windows may be taken in other batches"};

/// A projection that notices how it is used.
class ListeningProjection : public Projection {
 public:
  explicit ListeningProjection(std::shared_ptr<Projection> real) : real_(std::move(real)) {}
  Tensor forward(const Tensor& x) override {
    recorded = recorded || torch::autograd::GradMode::is_enabled();
    most_rows = std::max(most_rows, x.size(0));
    return real_->forward(x);
  }
  bool recorded = false;
  std::int64_t most_rows = 0;

 private:
  std::shared_ptr<Projection> real_;
};

[[maybe_unused]] const auto& exercise_5_8 =
    exercise<Evaluate>("5.8", evaluate)
        .check("every_character_but_the_first",
               [](const Evaluate& loss_over, Answers& answers) {
                 // Whole windows of 4 and a rest, whole windows only, and less than a window.
                 for (const std::int64_t characters : {15, 13, 3}) {
                   auto model = tiny_model();
                   answers.add("the loss over " + std::to_string(characters) + " characters, 2 windows at a time",
                               loss_over(model, token_input({characters}, 7, 60), 2), loss_rounding);
                 }
               })
        .check("dropout_is_off",
               [](const Evaluate& loss_over, Answers& answers) {
                 auto model = tiny_model(/*dropout=*/0.5);
                 for (const bool training : {true, false}) {
                   model->train(training);
                   const std::string of = training ? " of a model in training" : " of a model in evaluation";
                   answers.add("the loss" + of, loss_over(model, token_input({15}, 7, 60), 8), loss_rounding);
                   answers.add("the mode" + of + " afterwards", model->is_training() ? "training" : "evaluation");
                 }
               })
        .check("what_it_costs",
               [](const Evaluate& loss_over, Answers& answers) {
                 auto model = tiny_model();
                 auto& mlp = *model->blocks->at<BlockImpl>(0).mlp;
                 const auto listening = std::make_shared<ListeningProjection>(mlp.expand);
                 mlp.expand = listening;
                 loss_over(model, token_input({41}, 7, 61), 3);
                 answers.add("operations are recorded for gradients", yes_or_no(listening->recorded));
                 answers.add("more than 3 windows at a time", yes_or_no(listening->most_rows > 3));
               })
        .mistake("in_training_mode", evaluate_with, {.calms = false})
        .mistake("left_in_evaluation", evaluate_with, {.leaves = EvaluateSlip::evaluating})
        .mistake("left_in_training", evaluate_with, {.leaves = EvaluateSlip::training})
        .mistake("gradients_recorded", evaluate_with, {.records = true})
        .mistake("rest_left_out", evaluate_with, {.takes_the_rest = false})
        .mistake("mean_of_means", evaluate_with, {.weighs = false})
        .mistake("gaps_between_windows", evaluate_with, {.gap = 1})
        .mistake("divided_by_characters", evaluate_with, {.over_characters = true})
        .mistake("in_training_mode", evaluate_with, {.calms = false, .one_by_one = true})
        .mistake("mean_of_means", evaluate_with, {.weighs = false, .one_by_one = true})
        .mistake("mean_of_no_windows", evaluate_with, {.nothing_is_nan = true})
        .mistake("all_at_once", evaluate_with, {.obeys_the_size = false});

// 5.9
// ------------------------------------------------------------------------------------------------------------------

using Train = std::function<void(Optimizer&, const LossFunction&, const TrainingOptions&, const StepListener&)>;

/// train() on its own, with a switch for each slip.
struct LoopSlip {
  enum { before_each_step, never, before_each_batch, before_the_optimizer } clears = before_each_step;
  bool divides = true, clips = true, zero_is_no_limit = true, goes_on_from = true, listens = true;
  bool detaches = true, last_loss_only = false, norm_afterwards = false, reports_first = false;
  std::int64_t rate_off = 0, more_steps = 0;
};

Train train_with(const LoopSlip& slip) {
  return [slip](Optimizer& optimizer, const LossFunction& next_loss, const TrainingOptions& options,
                const StepListener& after_step) {
    const auto clear = [&] {
      for (auto parameter : optimizer.parameters()) parameter.mutable_grad().reset();
    };
    const std::int64_t begin = slip.goes_on_from ? options.first_step : 0;
    for (std::int64_t step = begin; step < options.schedule.steps + slip.more_steps; ++step) {
      if (slip.clears == LoopSlip::before_each_step) clear();
      StepReport report;
      for (std::int64_t i = 0; i < options.accumulate; ++i) {
        if (slip.clears == LoopSlip::before_each_batch) clear();
        const auto whole = next_loss();
        const auto loss = slip.divides ? whole / static_cast<double>(options.accumulate) : whole;
        loss.backward();
        const auto told = slip.detaches ? loss.detach() : loss;
        report.loss = i == 0 ? told : report.loss + told;
        if (slip.last_loss_only) report.loss = whole.detach();
      }
      const bool limited = options.gradient_clip > 0 || !slip.zero_is_no_limit;
      const double limit = limited && slip.clips ? options.gradient_clip : std::numeric_limits<double>::infinity();
      report.gradient_norm = clip_with({.before = !slip.norm_afterwards})(optimizer.parameters(), limit);
      if (slip.clears == LoopSlip::before_the_optimizer) clear();
      report.step = step;
      report.learning_rate = rate_with({.step_off = slip.rate_off})(step, options.schedule);
      bool goes_on = true;
      if (slip.reports_first) goes_on = after_step(report);
      optimizer.step(report.learning_rate);
      if (!slip.reports_first) goes_on = after_step(report);
      if (slip.listens && !goes_on) break;
    }
  };
}

/// Plain gradient descent that writes down what the loop gave it.
class RecordingOptimizer : public Optimizer {
 public:
  explicit RecordingOptimizer(const Tensor& parameter) : parameters_{parameter} {}
  void step(double learning_rate) override {
    const torch::NoGradGuard no_gradients;
    auto& parameter = parameters_[0];
    gradients.push_back(parameter.grad().defined() ? parameter.grad().clone() : torch::zeros_like(parameter));
    rates.push_back(learning_rate);
    parameter.sub_(gradients.back(), learning_rate);
  }
  const std::vector<Tensor>& parameters() const override { return parameters_; }
  std::vector<std::pair<std::string, Tensor>> state() const override { return {}; }
  void set_state(const std::vector<std::pair<std::string, Tensor>>&) override {}

  std::vector<Tensor> gradients;
  std::vector<double> rates;

 private:
  std::vector<Tensor> parameters_;
};

/// The tensors, one after the other; undefined where one of them is.
Tensor stacked(const std::vector<Tensor>& tensors) {
  for (const auto& tensor : tensors) {
    if (!tensor.defined()) return {};
  }
  return torch::stack(tensors);
}

/// Trains one parameter in bowls whose bottoms wander from batch to batch, and writes down all that happened.
void train_in_bowls(const Train& loop, const TrainingOptions& options, std::int64_t last_step, Answers& answers) {
  auto weight = torch::tensor({1.0, -2.0, 3.0}, torch::kFloat64).requires_grad_();
  RecordingOptimizer optimizer(weight);
  std::uint64_t batches = 0;
  const auto next_loss = [&] { return (weight - normal_input({3}, 70 + batches++)).square().sum(); };

  std::vector<std::int64_t> steps;
  std::vector<Tensor> losses, norms, weights;
  std::vector<double> rates;
  bool attached = false;
  loop(optimizer, next_loss, options, [&](const StepReport& report) {
    steps.push_back(report.step);
    rates.push_back(report.learning_rate);
    attached = attached || (report.loss.defined() && report.loss.requires_grad());
    losses.push_back(report.loss.defined() ? report.loss.detach() : report.loss);
    norms.push_back(report.gradient_norm);
    weights.push_back(weight.detach().clone());
    return report.step < last_step;
  });

  answers.add("the steps that are reported", steps);
  answers.add("the batches that are asked for", static_cast<std::int64_t>(batches));
  if (steps.empty() || optimizer.gradients.empty()) return;
  answers.add("each step's gradients, as the optimizer finds them", stacked(optimizer.gradients));
  answers.add("each step's rate, as the optimizer is told", torch::tensor(optimizer.rates, torch::kFloat64));
  answers.add("each step's rate, as reported", torch::tensor(rates, torch::kFloat64));
  answers.add("each step's loss, as reported", stacked(losses));
  answers.add("each step's gradient norm, as reported", stacked(norms));
  answers.add("the parameters, each time a step is reported", stacked(weights));
  answers.add("a reported loss still carries its graph", yes_or_no(attached));
}

/// Six steps without clipping, one batch each.
TrainingOptions six_steps() {
  TrainingOptions options;
  options.schedule = {0.2, 0.02, 2, 6};
  options.gradient_clip = 0;
  return options;
}

constexpr std::int64_t kToTheEnd = 100;

[[maybe_unused]] const auto& exercise_5_9 =
    exercise<Train>("5.9", train)
        .check("from_the_first_step_to_the_last",
               [](const Train& loop, Answers& answers) { train_in_bowls(loop, six_steps(), kToTheEnd, answers); })
        .check("going_on_at_step_3",
               [](const Train& loop, Answers& answers) {
                 auto options = six_steps();
                 options.first_step = 3;
                 train_in_bowls(loop, options, kToTheEnd, answers);
               })
        .check("clipped_at_one_half",
               [](const Train& loop, Answers& answers) {
                 auto options = six_steps();
                 options.gradient_clip = 0.5;
                 train_in_bowls(loop, options, kToTheEnd, answers);
               })
        .check("three_batches_a_step",
               [](const Train& loop, Answers& answers) {
                 auto options = six_steps();
                 options.accumulate = 3;
                 train_in_bowls(loop, options, kToTheEnd, answers);
               })
        .check("stopped_by_the_listener",
               [](const Train& loop, Answers& answers) { train_in_bowls(loop, six_steps(), 2, answers); })
        .mistake("one_batch_a_step",
                 [](Optimizer& optimizer, const LossFunction& next_loss, TrainingOptions options,
                    const StepListener& after_step) {
                   options.accumulate = 1;
                   train_with({})(optimizer, next_loss, options, after_step);
                 })
        .mistake("gradients_not_divided",
                 [](Optimizer& optimizer, const LossFunction& next_loss, const TrainingOptions& options,
                    const StepListener& after_step) {
                   const auto share = static_cast<double>(options.accumulate);
                   train_with({.divides = false})(optimizer, next_loss, options, [&](StepReport report) {
                     report.loss = report.loss / share;
                     return after_step(report);
                   });
                 })
        .mistake("no_zero_grad", train_with, {.clears = LoopSlip::never})
        .mistake("cleared_between_batches", train_with, {.clears = LoopSlip::before_each_batch})
        .mistake("cleared_before_the_step", train_with, {.clears = LoopSlip::before_the_optimizer})
        .mistake("batches_added_up", train_with, {.divides = false})
        .mistake("steps_unclipped", train_with, {.clips = false})
        .mistake("clipped_to_zero", train_with, {.zero_is_no_limit = false})
        .mistake("begins_at_zero", train_with, {.goes_on_from = false})
        .mistake("one_step_too_many", train_with, {.more_steps = 1})
        .mistake("rate_of_the_next_step", train_with, {.rate_off = 1})
        .mistake("listener_not_heard", train_with, {.listens = false})
        .mistake("reported_before_the_step", train_with, {.reports_first = true})
        .mistake("norm_after_clipping", train_with, {.norm_afterwards = true})
        .mistake("loss_of_the_last_batch", train_with, {.last_loss_only = true})
        .mistake("loss_with_its_graph", train_with, {.detaches = false});

}  // namespace
}  // namespace verse
