/// @file
/// The checks of chapter 8's exercises on preference and reward (8.7 to 8.10), and the mistakes that they know.

#include "08_post_training/preference.h"

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 8.7
// ------------------------------------------------------------------------------------------------------------------

using Score = std::function<Tensor(const Tensor&, const Tensor&)>;

Tensor picked(const Tensor& from, const Tensor& tokens) {
  return from.gather(-1, tokens.unsqueeze(-1)).squeeze(-1);
}

[[maybe_unused]] const auto& exercise_8_7 =
    exercise<Score>("8.7", token_log_probabilities)
        .check("values_and_gradients",
               [](const Score& score, Answers& answers) {
                 const auto logits = normal_input({2, 5, 6}, 1, 2.0).requires_grad_();
                 const auto result = score(logits, token_input({2, 5}, 6, 2));
                 answers.add("the log-probabilities of 2 rows of 5 tokens", result);
                 answers.add_gradients(result, {{"logits", logits}});
               })
        .check("large_scores",
               [](const Score& score, Answers& answers) {
                 const auto logits = torch::tensor({{{300.0F, 0.0F, -300.0F}, {0.0F, 0.0F, 0.0F}}});
                 answers.add("a log-probability of about -600", score(logits, torch::tensor({{0, 2}}, torch::kInt64)));
               })
        .check("one_row_of_two",
               [](const Score& score, Answers& answers) {
                 answers.add("the log-probability of the second of two tokens",
                             score(normal_input({1, 2, 3}, 3), token_input({1, 2}, 3, 4)));
               })
        .mistake("first_cut",
                 [](const Tensor& logits, const Tensor& tokens) {
                   return picked(torch::log_softmax(logits, -1), tokens).narrow(1, 1, tokens.size(1) - 1);
                 })
        .mistake("not_shifted",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(torch::log_softmax(logits, -1).narrow(1, 0, time), tokens.narrow(1, 0, time));
                 })
        .mistake("last_kept",
                 [](const Tensor& logits, const Tensor& tokens) {
                   return picked(torch::log_softmax(logits, -1), tokens.roll(-1, 1));
                 })
        .mistake("wrong_way",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(torch::log_softmax(logits, -1).narrow(1, 1, time), tokens.narrow(1, 0, time));
                 })
        .mistake("probabilities",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(torch::softmax(logits, -1).narrow(1, 0, time), tokens.narrow(1, 1, time));
                 })
        .mistake("scores",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(logits.narrow(1, 0, time), tokens.narrow(1, 1, time));
                 })
        .mistake("over_time",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(torch::log_softmax(logits.narrow(1, 0, time), 1), tokens.narrow(1, 1, time));
                 })
        .mistake("underflow",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto time = tokens.size(1) - 1;
                   return picked(torch::softmax(logits, -1).log().narrow(1, 0, time), tokens.narrow(1, 1, time));
                 })
        .mistake("squeezed",
                 [](const Tensor& logits, const Tensor& tokens) {
                   const auto all = torch::log_softmax(logits, -1).slice(1, 0, -1);
                   return torch::gather(all, -1, tokens.slice(1, 1).unsqueeze(-1)).squeeze();
                 })
        .mistake("losses", [](const Tensor& logits, const Tensor& tokens) {
          const auto time = tokens.size(1) - 1;
          return -picked(torch::log_softmax(logits.narrow(1, 0, time), -1), tokens.narrow(1, 1, time));
        });

// 8.8
// ------------------------------------------------------------------------------------------------------------------

using Dpo = std::function<Tensor(const PairLogProbabilities&, const PairLogProbabilities&, double)>;

struct DpoSlip {
  bool reference = true, swapped = false, beta = true, beta_outside = false, sums = false, logs = true, frozen = true;
  bool rejected_frozen = true;
  enum { stable, rounds, none } sigmoid = stable;
};

Dpo dpo_with(const DpoSlip& slip) {
  return [slip](const PairLogProbabilities& policy, const PairLogProbabilities& reference, double beta) {
    auto margin = policy.chosen - policy.rejected;
    if (slip.reference) {
      const auto rejected = slip.rejected_frozen ? reference.rejected.detach() : reference.rejected;
      margin = margin - (slip.frozen ? reference.chosen.detach() - rejected : reference.chosen - reference.rejected);
    }
    if (slip.swapped) margin = -margin;
    const auto scaled = slip.beta && !slip.beta_outside ? beta * margin : margin;
    Tensor loss;
    if (slip.sigmoid == DpoSlip::none) {
      loss = -scaled;
    } else if (slip.sigmoid == DpoSlip::rounds) {
      loss = -torch::sigmoid(scaled).log();
    } else {
      loss = slip.logs ? -torch::log_sigmoid(scaled) : 1 - torch::sigmoid(scaled);
    }
    if (slip.beta_outside) loss = beta * loss;
    return slip.sums ? loss.sum() : loss.mean();
  };
}

[[maybe_unused]] const auto& exercise_8_8 =
    exercise<Dpo>("8.8", dpo_loss)
        .check("three_pairs",
               [](const Dpo& dpo, Answers& answers) {
                 const auto chosen = torch::tensor({-4.0F, -9.0F, -2.5F}).requires_grad_();
                 const auto rejected = torch::tensor({-6.0F, -7.0F, -2.0F}).requires_grad_();
                 const PairLogProbabilities reference{torch::tensor({-5.0F, -8.0F, -3.5F}),
                                                      torch::tensor({-5.5F, -8.5F, -4.0F})};
                 const auto loss = dpo({chosen, rejected}, reference, 0.3);
                 answers.add("the loss at a beta of 0.3", loss);
                 answers.add_gradients(loss, {{"chosen", chosen}, {"rejected", rejected}});
               })
        .check("hopeless_pairs",
               [](const Dpo& dpo, Answers& answers) {
                 const PairLogProbabilities policy{torch::tensor({-900.0F}), torch::tensor({-100.0F})};
                 const PairLogProbabilities reference{torch::tensor({-300.0F}), torch::tensor({-300.0F})};
                 answers.add("the loss of a pair that is wrong by 800 nats", dpo(policy, reference, 0.5));
               })
        .check("the_reference_is_frozen",
               [](const Dpo& dpo, Answers& answers) {
                 const auto chosen = torch::tensor({-1.0F}).requires_grad_();
                 const auto known = torch::tensor({-2.0F}).requires_grad_(),
                            other = torch::tensor({-3.0F}).requires_grad_();
                 dpo({chosen, torch::tensor({-3.0F})}, {known, other}, 0.5).backward();
                 answers.add("a gradient reaches the reference's chosen response",
                             known.grad().defined() ? "yes" : "no");
                 answers.add("a gradient reaches its rejected response", other.grad().defined() ? "yes" : "no");
               })
        .check("another_beta",
               [](const Dpo& dpo, Answers& answers) {
                 answers.add("the loss of one pair at a beta of 2",
                             dpo({torch::tensor({-1.0F}), torch::tensor({-1.5F})},
                                 {torch::tensor({-1.25F}), torch::tensor({-1.0F})}, 2.0));
               })
        .mistake("rejected_does_not_learn",
                 [](const PairLogProbabilities& policy, const PairLogProbabilities& reference, double beta) {
                   return dpo_with({})({policy.chosen, policy.rejected.detach()}, reference, beta);
                 })
        .mistake("beta_of_its_own", [](const PairLogProbabilities& policy, const PairLogProbabilities& reference,
                                       double) { return dpo_with({})(policy, reference, 0.1); })
        .mistake("no_reference", dpo_with, {.reference = false})
        .mistake("rejected_wins", dpo_with, {.swapped = true})
        .mistake("no_beta", dpo_with, {.beta = false})
        .mistake("beta_outside", dpo_with, {.beta_outside = true})
        .mistake("a_sum", dpo_with, {.sums = true})
        .mistake("underflow", dpo_with, {.sigmoid = DpoSlip::rounds})
        .mistake("no_sigmoid", dpo_with, {.sigmoid = DpoSlip::none})
        .mistake("no_logarithm", dpo_with, {.logs = false})
        .mistake("rejected_not_detached", dpo_with, {.rejected_frozen = false})
        .mistake("reference_learns", dpo_with, {.frozen = false});

// 8.9
// ------------------------------------------------------------------------------------------------------------------

using Advantages = std::function<Tensor(const Tensor&)>;

struct AdvantageSlip {
  bool centred = true, scaled = true, unbiased = false, variance = false, safe = true;
  enum { groups, everything, questions } over = groups;
};

Advantages advantages_with(const AdvantageSlip& slip) {
  return [slip](const Tensor& rewards) {
    const std::vector<std::int64_t> dims = slip.over == AdvantageSlip::groups      ? std::vector<std::int64_t>{1}
                                           : slip.over == AdvantageSlip::questions ? std::vector<std::int64_t>{0}
                                                                                   : std::vector<std::int64_t>{0, 1};
    const auto mean = rewards.mean(dims, true);
    auto spread = rewards.var(dims, slip.unbiased, true);
    if (!slip.variance) spread = spread.sqrt();
    if (slip.safe) spread = spread + 1e-6;
    auto result = slip.centred ? rewards - mean : rewards;
    return slip.scaled ? result / spread : result;
  };
}

[[maybe_unused]] const auto& exercise_8_9 =
    exercise<Advantages>("8.9", group_advantages)
        .check("right_and_wrong",
               [](const Advantages& advantages, Answers& answers) {
                 answers.add("the advantages of the rewards 1 and 0", advantages(torch::tensor({{1.0F, 0.0F}})));
                 answers.add("of 1, 0, 0, 0 and of 1, 1, 0, 1",
                             advantages(torch::tensor({{1.0F, 0.0F, 0.0F, 0.0F}, {1.0F, 1.0F, 0.0F, 1.0F}})));
               })
        .check("equal_rewards",
               [](const Advantages& advantages, Answers& answers) {
                 answers.add("the advantages of 1, 1, 1 and of 0, 0, 0",
                             advantages(torch::tensor({{1.0F, 1.0F, 1.0F}, {0.0F, 0.0F, 0.0F}})));
               })
        .check("rewards_of_any_size",
               [](const Advantages& advantages, Answers& answers) {
                 answers.add("the advantages of 2, 5, 11 and of 30, 30, 90",
                             advantages(torch::tensor({{2.0F, 5.0F, 11.0F}, {30.0F, 30.0F, 90.0F}})));
               })
        .check("small_differences",
               [](const Advantages& advantages, Answers& answers) {
                 answers.add("the advantages of rewards that lie 0.001 apart",
                             advantages(watched(torch::tensor({{0.0F, 0.001F, 0.0F, 0.001F}}))),
                             {1e-4, 1e-4, "float32 rounds"});
               })
        .mistake("inside_the_root",
                 [](const Tensor& rewards) {
                   const auto centred = rewards - rewards.mean(1, true);
                   return centred / (centred.square().mean(1, true) + 1e-6).sqrt();
                 })
        .mistake("not_centred", advantages_with, {.centred = false})
        .mistake("not_scaled", advantages_with, {.scaled = false})
        .mistake("one_less", advantages_with, {.unbiased = true})
        .mistake("variance", advantages_with, {.variance = true})
        .mistake("zero_by_zero", advantages_with, {.safe = false})
        .mistake("over_all_groups", advantages_with, {.over = AdvantageSlip::everything})
        .mistake("across_groups", advantages_with, {.over = AdvantageSlip::questions});

// 8.10
// ------------------------------------------------------------------------------------------------------------------

using Objective = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                                       const ObjectiveOptions&)>;

struct ObjectiveSlip {
  bool clips = true, min = true, max = false, exponential = true, detached = true, reference_detached = true;
  bool below_too = true, ratio_detached = false;
  enum { right, turned, difference, added } divergence = right;
  enum { by_sample, by_token, over_filling, sums } mean = by_sample;
  bool is_loss = false;
};

Objective objective_with(const ObjectiveSlip& slip) {
  return [slip](const Tensor& current, const Tensor& sampled, const Tensor& reference, const Tensor& advantages,
                const Tensor& learned, const ObjectiveOptions& options) {
    const auto now = slip.ratio_detached ? current.detach() : current;
    const auto log_ratio = now - (slip.detached ? sampled.detach() : sampled);
    const auto ratio = slip.exponential ? log_ratio.exp() : 1 + log_ratio;
    const auto advantage = advantages.unsqueeze(1);
    const auto free = ratio * advantage;
    const auto held =
        (slip.below_too ? ratio.clamp(1 - options.clip, 1 + options.clip) : ratio.clamp_max(1 + options.clip)) *
        advantage;
    auto gain = slip.clips ? (slip.max ? torch::max(free, held) : slip.min ? torch::min(free, held) : held) : free;
    const auto known = slip.reference_detached ? reference.detach() : reference;
    const auto apart = slip.divergence == ObjectiveSlip::turned ? current - known : known - current;
    auto divergence = slip.divergence == ObjectiveSlip::difference ? -apart : apart.exp() - apart - 1;
    if (slip.divergence == ObjectiveSlip::added) divergence = -divergence;
    const auto worth = (gain - options.kl_weight * divergence) * learned;
    Tensor objective;
    if (slip.mean == ObjectiveSlip::by_sample) objective = (worth.sum(1) / learned.sum(1)).mean();
    if (slip.mean == ObjectiveSlip::by_token) objective = worth.sum() / learned.sum();
    if (slip.mean == ObjectiveSlip::over_filling) objective = worth.mean();
    if (slip.mean == ObjectiveSlip::sums) objective = worth.sum(1).mean();
    return slip.is_loss ? -objective : objective;
  };
}

/// Which tokens of three samples of up to four count.
Tensor three_lengths() {
  return torch::tensor({{1, 1, 1, 1}, {0, 1, 1, 0}, {0, 0, 1, 0}}).to(torch::kBool);
}

[[maybe_unused]] const auto& exercise_8_10 =
    exercise<Objective>("8.10", clipped_objective)
        .check("right_and_wrong",
               [](const Objective& objective, Answers& answers) {
                 // The first step after sampling: every ratio is 1, and the objective is 0, but not its slope.
                 const auto sampled = -normal_input({2, 3}, 1).abs();
                 const auto current = sampled.clone().requires_grad_();
                 const auto result = objective(current, sampled, sampled - 0.5, torch::tensor({1.0F, -1.0F}),
                                               torch::ones({2, 3}, torch::kBool), {0.2, 0.0});
                 answers.add("the objective of two samples rewarded 1 and 0", result);
                 answers.add_gradients(result, {{"current", current}});
               })
        .check("moved_far",
               [](const Objective& objective, Answers& answers) {
                 // Ratios of about 1.65, 0.61, 1.05 and 1: clipped only where that takes an incentive away.
                 const auto sampled = torch::full({2, 4}, -2.0F);
                 const auto moved = torch::tensor({0.5F, -0.5F, 0.05F, 0.0F});
                 const auto current = (sampled + moved).requires_grad_();
                 const auto result = objective(current, sampled, sampled, torch::tensor({1.5F, -0.5F}),
                                               torch::ones({2, 4}, torch::kBool), {0.2, 0.0});
                 answers.add("the objective after a large step", result);
                 answers.add_gradients(result, {{"current", current}});
               })
        .check("away_from_the_reference",
               [](const Objective& objective, Answers& answers) {
                 const auto current = (-normal_input({3, 4}, 2).abs()).requires_grad_();
                 const auto sampled = current.detach() + normal_input({3, 4}, 3, 0.05);
                 const auto reference = current.detach() + normal_input({3, 4}, 4, 0.8);
                 const auto result = objective(current, sampled, reference, torch::tensor({0.5F, 1.0F, -1.5F}),
                                               three_lengths(), {0.2, 0.3});
                 answers.add("the objective of samples of 4, 2 and 1 tokens, at a KL weight of 0.3", result);
                 answers.add_gradients(result, {{"current", current}});
               })
        .check("only_the_model_learns",
               [](const Objective& objective, Answers& answers) {
                 const auto current = torch::tensor({{-1.0F}}).requires_grad_();
                 const auto sampled = torch::tensor({{-1.1F}}).requires_grad_();
                 const auto reference = torch::tensor({{-1.3F}}).requires_grad_();
                 objective(current, sampled, reference, torch::tensor({1.0F}), torch::ones({1, 1}, torch::kBool),
                           {0.2, 0.1})
                     .backward();
                 answers.add("a gradient reaches the log-probabilities under the reference",
                             reference.grad().defined() ? "yes" : "no");
                 answers.add("a gradient reaches the log-probabilities at sampling",
                             sampled.grad().defined() ? "yes" : "no");
               })
        .check("another_clip",
               [](const Objective& objective, Answers& answers) {
                 const auto sampled = torch::full({1, 4}, -2.0F);
                 const auto current = (sampled + torch::tensor({0.5F, -0.5F, 0.15F, 0.0F})).requires_grad_();
                 for (const float sign : {1.0F, -1.0F}) {
                   const auto result = objective(current, sampled, sampled, torch::tensor({sign}),
                                                 torch::ones({1, 4}, torch::kBool), {0.4, 0.0});
                   answers.add(std::string("the objective at a clip of 0.4, for a sample that is ") +
                                   (sign > 0 ? "better" : "worse"),
                               result);
                 }
               })
        .mistake("divergence_does_not_teach",
                 [](const Tensor& current, const Tensor& sampled, const Tensor& reference, const Tensor& advantages,
                    const Tensor& learned, const ObjectiveOptions& options) {
                   auto free = options;
                   free.kl_weight = 0;
                   const auto kept =
                       objective_with({})(current.detach(), sampled, reference, advantages, learned, options) -
                       objective_with({})(current.detach(), sampled, reference, advantages, learned, free);
                   return objective_with({})(current, sampled, reference, advantages, learned, free) + kept.detach();
                 })
        .mistake("reference_learns", objective_with, {.reference_detached = false})
        .mistake("clip_of_its_own",
                 [](const Tensor& current, const Tensor& sampled, const Tensor& reference, const Tensor& advantages,
                    const Tensor& learned, ObjectiveOptions options) {
                   options.clip = 0.2;
                   return objective_with({})(current, sampled, reference, advantages, learned, options);
                 })
        .mistake("no_clip", objective_with, {.clips = false})
        .mistake("clipped_always", objective_with, {.min = false})
        .mistake("larger_of_the_two", objective_with, {.max = true})
        .mistake("no_exponential", objective_with, {.exponential = false})
        .mistake("divergence_turned", objective_with, {.divergence = ObjectiveSlip::turned})
        .mistake("divergence_is_a_difference", objective_with, {.divergence = ObjectiveSlip::difference})
        .mistake("divergence_added", objective_with, {.divergence = ObjectiveSlip::added})
        .mistake("tokens_alike", objective_with, {.mean = ObjectiveSlip::by_token})
        .mistake("filling_counts", objective_with, {.mean = ObjectiveSlip::over_filling})
        .mistake("long_counts_more", objective_with, {.mean = ObjectiveSlip::sums})
        .mistake("a_loss", objective_with, {.is_loss = true})
        .mistake("clipped_above_alone", objective_with, {.below_too = false})
        .mistake("ratio_detached", objective_with, {.ratio_detached = true})
        .mistake("sampled_learns", objective_with, {.detached = false});

}  // namespace
}  // namespace verse
