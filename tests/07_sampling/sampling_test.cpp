/// @file
/// The checks of chapter 7's exercises, and the mistakes that they know.

#include "07_sampling/sampling.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "common/projection.h"
#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using Tokens = std::vector<std::int64_t>;

/// Far below what float32 would leave of a probability.
constexpr Tolerance kFewSteps{1e-12, 1e-12, "float64 rounds, a handful of times"};

Tensor float64(const std::vector<double>& values) {
  return watched(torch::tensor(values, torch::kFloat64));
}

Tensor shared_out(const Tensor& kept) {
  return kept / kept.sum();
}

// 7.1
// ------------------------------------------------------------------------------------------------------------------

using Choose = std::function<std::int64_t(const Tensor&)>;

[[maybe_unused]] const auto& exercise_7_1 =
    exercise<Choose>("7.1", greedy)
        .check(
            "one_is_largest",
            [](const Choose& choose, Answers& answers) {
              answers.add("the choice from 0.5, 2.5, -1, 4.25, 0", choose(torch::tensor({0.5, 2.5, -1.0, 4.25, 0.0})));
              answers.add("the choice from 9, 1, 3", choose(torch::tensor({9.0, 1.0, 3.0})));
            })
        .check("all_below_zero",
               [](const Choose& choose, Answers& answers) {
                 answers.add("the choice from -5, -7, -1.5, -9", choose(torch::tensor({-5.0, -7.0, -1.5, -9.0})));
               })
        .check("several_are_largest",
               [](const Choose& choose, Answers& answers) {
                 answers.add("the choice from -2, 7, 7, 1, 7", choose(torch::tensor({-2.0, 7.0, 7.0, 1.0, 7.0})));
               })
        .mistake("smallest", [](const Tensor& logits) { return logits.argmin().item<std::int64_t>(); })
        .mistake(
            "last_of_equals",
            [](const Tensor& logits) { return logits.size(0) - 1 - logits.flip({0}).argmax().item<std::int64_t>(); })
        .mistake("value_for_place",
                 [](const Tensor& logits) { return static_cast<std::int64_t>(logits.max().item<double>()); })
        .mistake("largest_starts_at_zero",
                 [](const Tensor& logits) {
                   std::int64_t best = 0;
                   double largest = 0;
                   for (std::int64_t token = 0; token < logits.size(0); ++token) {
                     const auto score = logits[token].item<double>();
                     if (score > largest) {
                       largest = score;
                       best = token;
                     }
                   }
                   return best;
                 })
        .mistake("counted_from_one", [](const Tensor& logits) { return logits.argmax().item<std::int64_t>() + 1; });

// 7.2
// ------------------------------------------------------------------------------------------------------------------

using Temper = std::function<Tensor(const Tensor&, double)>;

[[maybe_unused]] const auto& exercise_7_2 =
    exercise<Temper>("7.2", temperature_probabilities)
        .check("sharper_and_flatter",
               [](const Temper& temper, Answers& answers) {
                 const auto logits = normal_input({6}, 1, 2.0);
                 for (const char* temperature : {"1.0", "0.7", "0.5", "1.5"}) {
                   answers.add(std::string("the probabilities at temperature ") + temperature,
                               temper(logits, std::stod(temperature)), kFewSteps);
                 }
               })
        .check("nearly_zero",
               [](const Temper& temper, Answers& answers) {
                 answers.add("the probabilities of scores 10, 9 and -200 at temperature 0.001",
                             temper(torch::tensor({10.0F, 9.0F, -200.0F}), 1e-3), kFewSteps);
               })
        .check("element_type",
               [](const Temper& temper, Answers& answers) {
                 const auto probabilities = temper(normal_input({4}, 2), 0.7);
                 answers.add("the element type of the probabilities", c10::toString(probabilities.scalar_type()));
               })
        .check("float64_logits_stay",
               [](const Temper& temper, Answers& answers) {
                 const auto logits = float64({0.5, -1.0, 2.0, 0.25});
                 answers.add("the probabilities of float64 scores at temperature 0.5", temper(logits, 0.5), kFewSteps);
                 answers.add("the scores afterwards", logits, exact);
               })
        .mistake("scores_changed",
                 [](const Tensor& logits, double temperature) {
                   auto scores = logits.to(torch::kFloat64);
                   scores.div_(temperature);
                   return torch::softmax(scores, -1);
                 })
        .mistake("multiplied",
                 [](const Tensor& logits, double temperature) {
                   return torch::softmax(logits.to(torch::kFloat64) * temperature, -1);
                 })
        .mistake("temperature_ignored",
                 [](const Tensor& logits, double) { return torch::softmax(logits.to(torch::kFloat64), -1); })
        .mistake("after_the_softmax",
                 [](const Tensor& logits, double temperature) {
                   return torch::softmax(logits.to(torch::kFloat64), -1) / temperature;
                 })
        .mistake("not_shared_out_again",
                 [](const Tensor& logits, double temperature) {
                   return torch::softmax(logits.to(torch::kFloat64), -1).pow(1 / temperature);
                 })
        .mistake("overflow",
                 [](const Tensor& logits, double temperature) {
                   return shared_out((logits.to(torch::kFloat64) / temperature).exp());
                 })
        .mistake("logarithms",
                 [](const Tensor& logits, double temperature) {
                   return torch::log_softmax(logits.to(torch::kFloat64) / temperature, -1);
                 })
        .mistake("single_precision",
                 [](const Tensor& logits, double temperature) { return softmax(logits / temperature); })
        .mistake("float64_too_late", [](const Tensor& logits, double temperature) {
          return softmax(logits / temperature).to(torch::kFloat64);
        });

// 7.3
// ------------------------------------------------------------------------------------------------------------------

using KeepK = std::function<Tensor(const Tensor&, std::int64_t)>;

/// The k-th largest, or the smallest where there are fewer.
Tensor kth_largest(const Tensor& probabilities, std::int64_t k) {
  return std::get<0>(probabilities.sort(0, /*descending=*/true))[std::min(k, probabilities.size(0)) - 1];
}

[[maybe_unused]] const auto& exercise_7_3 =
    exercise<KeepK>("7.3", keep_top_k)
        .check("some_of_five",
               [](const KeepK& keep, Answers& answers) {
                 const auto probabilities = float64({0.1, 0.35, 0.05, 0.3, 0.2});
                 answers.add("the best 3", keep(probabilities, 3), kFewSteps);
                 answers.add("the best 1", keep(probabilities, 1), kFewSteps);
                 answers.add("the probabilities that were given, afterwards", probabilities, exact);
               })
        .check("ties_with_the_kth",
               [](const KeepK& keep, Answers& answers) {
                 answers.add("the best 2 of 0.2, 0.15, 0.2, 0.25, 0.2", keep(float64({0.2, 0.15, 0.2, 0.25, 0.2}), 2),
                             kFewSteps);
               })
        .check("all_of_them",
               [](const KeepK& keep, Answers& answers) {
                 const auto probabilities = float64({0.5, 0.125, 0.375});
                 answers.add("the best 3 of 3", keep(probabilities, 3), kFewSteps);
                 answers.add("the best 40 of 3", keep(probabilities, 40), kFewSteps);
               })
        .mistake("not_shared_out_again",
                 [](const Tensor& probabilities, std::int64_t k) {
                   return torch::where(probabilities >= kth_largest(probabilities, k), probabilities, 0.0);
                 })
        .mistake("ties_cut",
                 [](const Tensor& probabilities, std::int64_t k) {
                   const auto [largest, places] = probabilities.topk(std::min(k, probabilities.size(0)));
                   return shared_out(torch::zeros_like(probabilities).scatter(0, places, largest));
                 })
        .mistake("kth_dropped",
                 [](const Tensor& probabilities, std::int64_t k) {
                   return shared_out(torch::where(probabilities > kth_largest(probabilities, k), probabilities, 0.0));
                 })
        .mistake(
            "one_too_many",
            [](const Tensor& probabilities, std::int64_t k) {
              return shared_out(torch::where(probabilities >= kth_largest(probabilities, k + 1), probabilities, 0.0));
            })
        .mistake("smallest_kept",
                 [](const Tensor& probabilities, std::int64_t k) {
                   const auto threshold = -kth_largest(-probabilities, k);
                   return shared_out(torch::where(probabilities <= threshold, probabilities, 0.0));
                 })
        .mistake("more_than_there_are",
                 [](const Tensor& probabilities, std::int64_t k) {
                   const auto threshold = std::get<0>(probabilities.topk(k))[-1];
                   return shared_out(torch::where(probabilities >= threshold, probabilities, 0.0));
                 })
        .mistake("only_k_numbers",
                 [](const Tensor& probabilities, std::int64_t k) {
                   return shared_out(std::get<0>(probabilities.topk(std::min(k, probabilities.size(0)))));
                 })
        .mistake("left_sorted",
                 [](const Tensor& probabilities, std::int64_t k) {
                   const auto sorted = std::get<0>(probabilities.sort(0, /*descending=*/true));
                   return shared_out(torch::where(sorted >= kth_largest(probabilities, k), sorted, 0.0));
                 })
        .mistake("softmax_again",
                 [](const Tensor& probabilities, std::int64_t k) {
                   constexpr double kNever = -std::numeric_limits<double>::infinity();
                   const auto kept = probabilities >= kth_largest(probabilities, k);
                   return torch::softmax(torch::where(kept, probabilities, kNever), 0);
                 })
        .mistake("input_changed", [](const Tensor& probabilities, std::int64_t k) {
          auto kept = probabilities;  // another name of the same numbers
          kept.masked_fill_(probabilities < kth_largest(probabilities, k), 0.0);
          return shared_out(kept);
        });

// 7.4
// ------------------------------------------------------------------------------------------------------------------

using KeepP = std::function<Tensor(const Tensor&, double)>;

/// What of top-p a slip gets wrong.
struct TopPSlip {
  bool descending = true, keeps_crossing = true, keeps_one_more = false, keeps_ties = false, shares_out = true;
  enum { scattered, gathered, left_sorted } back = scattered;
};

KeepP keep_p_with(const TopPSlip& slip) {
  return [slip](const Tensor& probabilities, double p) {
    const auto [sorted, order] = probabilities.sort(/*stable=*/true, /*dim=*/0, slip.descending);
    const auto up_to = sorted.cumsum(0);  // all of these sums are exact in the checks
    auto stays = up_to - sorted < p;
    if (!slip.keeps_crossing) stays = up_to <= p;
    if (slip.keeps_one_more) stays = up_to - sorted <= p;
    if (slip.keeps_ties) stays = sorted >= sorted.masked_select(stays).min();
    const auto kept = torch::where(stays, sorted, 0.0);
    Tensor result = kept;
    if (slip.back == TopPSlip::scattered) result = torch::zeros_like(kept).scatter(0, order, kept);
    if (slip.back == TopPSlip::gathered) result = kept.gather(0, order);
    return slip.shares_out ? shared_out(result) : result;
  };
}

[[maybe_unused]] const auto& exercise_7_4 =
    exercise<KeepP>("7.4", keep_top_p)
        .check("the_one_that_crosses",
               [](const KeepP& keep, Answers& answers) {
                 const auto probabilities = float64({0.25, 0.0625, 0.5, 0.125, 0.0625});
                 answers.add("of 1/4, 1/16, 1/2, 1/8, 1/16 what p = 0.8 keeps", keep(probabilities, 0.8), kFewSteps);
                 answers.add("of 1/4, 1/16, 1/2, 1/8, 1/16 what p = 0.3 keeps", keep(probabilities, 0.3), kFewSteps);
                 answers.add("the probabilities that were given, afterwards", probabilities, exact);
               })
        .check("reached_exactly",
               [](const KeepP& keep, Answers& answers) {
                 const auto probabilities = float64({0.125, 0.25, 0.125, 0.5});
                 answers.add("of 1/8, 1/4, 1/8, 1/2 what p = 0.75 keeps", keep(probabilities, 0.75), kFewSteps);
                 answers.add("of 1/8, 1/4, 1/8, 1/2 what p = 1 keeps", keep(probabilities, 1.0), kFewSteps);
               })
        .check("a_tie_where_it_crosses",
               [](const KeepP& keep, Answers& answers) {
                 // Which of the four stays is not said; that it is one of them is.
                 const auto kept = keep(float64({0.125, 0.125, 0.5, 0.125, 0.125}), 0.6);
                 answers.add("of 1/8, 1/8, 1/2, 1/8, 1/8 what p = 0.6 keeps, largest first",
                             std::get<0>(kept.sort(0, /*descending=*/true)), kFewSteps);
               })
        .mistake("total_below_p",
                 [](const Tensor& probabilities, double p) {
                   const auto [sorted, order] = probabilities.sort(/*stable=*/true, 0, true);
                   const auto kept = torch::where(sorted.cumsum(0) < p, sorted, 0.0);
                   return shared_out(torch::zeros_like(kept).scatter(0, order, kept));
                 })
        .mistake("crossing_dropped", keep_p_with, {.keeps_crossing = false})
        .mistake("one_more_when_reached", keep_p_with, {.keeps_one_more = true})
        .mistake("not_shared_out_again", keep_p_with, {.shares_out = false})
        .mistake("least_probable_first", keep_p_with, {.descending = false})
        .mistake("left_sorted", keep_p_with, {.back = TopPSlip::left_sorted})
        .mistake("gathered_for_scattered", keep_p_with, {.back = TopPSlip::gathered})
        .mistake("ties_kept", keep_p_with, {.keeps_ties = true})
        .mistake("not_sorted",
                 [](const Tensor& probabilities, double p) {
                   const auto before = probabilities.cumsum(0) - probabilities;
                   return shared_out(torch::where(before < p, probabilities, 0.0));
                 })
        .mistake("one_by_one", [](const Tensor& probabilities, double p) {
          return shared_out(torch::where(probabilities >= p, probabilities, 0.0));
        });

// 7.5
// ------------------------------------------------------------------------------------------------------------------

using Draw = std::function<std::int64_t(const Tensor&, Random&)>;

/// A generator whose next uniform number is `place`. xoshiro256** gives rotate_left(5 s, 7) * 9 for the second word s
/// of its state; 5 and 9 have inverses modulo 2^64.
Random random_at(double place) {
  const std::uint64_t bits = static_cast<std::uint64_t>(place * 0x1p53) << 11;
  const std::uint64_t rotated = bits * 0x8e38e38e38e38e39ULL;
  const std::uint64_t product = (rotated >> 7) | (rotated << 57);
  Random random(1);
  auto state = random.state();
  state[1] = product * 0xcccccccccccccccdULL;
  random.set_state(state);
  auto probe = random;
  if (probe.uniform() != place) throw std::logic_error("the check cannot place its uniform number");
  return random;
}

/// The largest number that Random::uniform() gives.
constexpr double kJustBelowOne = 1 - 0x1p-53;

std::vector<double> values_of(const Tensor& probabilities) {
  const auto* first = probabilities.data_ptr<double>();
  return {first, first + probabilities.size(0)};
}

std::int64_t last_possible(const std::vector<double>& probabilities) {
  auto token = static_cast<std::int64_t>(probabilities.size()) - 1;
  while (token > 0 && !(probabilities[static_cast<std::size_t>(token)] > 0)) --token;
  return token;
}

/// A walk along the probabilities, with a switch for each slip.
struct DrawSlip {
  bool adds_first = true, may_equal = false, cumulative = true, new_numbers = false;
  enum { possible, last, first } leftover = possible;
};

std::int64_t draw_with(const DrawSlip& slip, const Tensor& given, Random& random) {
  const auto probabilities = values_of(given);
  double place = random.uniform(), end = 0;
  for (std::size_t token = 0; token < probabilities.size(); ++token) {
    if (slip.new_numbers && token > 0) place = random.uniform();
    if (slip.adds_first) end = slip.cumulative ? end + probabilities[token] : probabilities[token];
    if (place < end || (slip.may_equal && place == end)) return static_cast<std::int64_t>(token);
    if (!slip.adds_first) end += probabilities[token];
  }
  if (slip.leftover == DrawSlip::first) return 0;
  if (slip.leftover == DrawSlip::last) return given.size(0) - 1;
  return last_possible(probabilities);
}

Draw drawing_with(const DrawSlip& slip) {
  return [slip](const Tensor& probabilities, Random& random) { return draw_with(slip, probabilities, random); };
}

/// The tokens drawn where the uniform number is each of the places.
void add_draws(const Draw& draw_token, Answers& answers, const std::string& what, const Tensor& probabilities,
               const std::vector<std::pair<const char*, double>>& places) {
  for (const auto& [name, place] : places) {
    auto random = random_at(place);
    answers.add("the token from " + what + " when the number is " + name, draw_token(probabilities, random));
  }
}

[[maybe_unused]] const auto& exercise_7_5 =
    exercise<Draw>("7.5", draw)
        .check("where_the_number_falls",
               [](const Draw& draw_token, Answers& answers) {
                 add_draws(draw_token, answers, "1/4, 1/2, 1/4", float64({0.25, 0.5, 0.25}),
                           {{"0", 0.0}, {"1/8", 0.125}, {"1/4", 0.25}, {"5/8", 0.625}, {"7/8", 0.875}});
               })
        .check("impossible_tokens",
               [](const Draw& draw_token, Answers& answers) {
                 add_draws(draw_token, answers, "0, 1/2, 0, 1/2, 0", float64({0, 0.5, 0, 0.5, 0}),
                           {{"0", 0.0}, {"1/2", 0.5}, {"a hair below 1", kJustBelowOne}});
               })
        .check("a_sum_that_is_rounded",
               [](const Draw& draw_token, Answers& answers) {
                 // Ten times 0.1, added up in float64, is 1 - 2^-53.
                 std::vector<double> probabilities(10, 0.1);
                 probabilities.push_back(0.0);
                 add_draws(draw_token, answers, "ten times 1/10, and 0", float64(probabilities),
                           {{"a hair below 1", kJustBelowOne}});
               })
        .check("forty_draws",
               [](const Draw& draw_token, Answers& answers) {
                 const auto probabilities = float64({0.4, 0.05, 0.2, 0.25, 0.1});
                 Random random(5);
                 Tokens drawn;
                 for (int i = 0; i < 40; ++i) drawn.push_back(draw_token(probabilities, random));
                 answers.add("forty tokens in a row", drawn);
                 answers.add("the generator's next number: a draw takes one", random.uniform(), exact);
               })
        .check("in_float64",
               [](const Draw& draw_token, Answers& answers) {
                 // 0.7 is smaller as a float32 number than as a float64 one.
                 add_draws(draw_token, answers, "7/10, 3/10", float64({0.7, 0.3}),
                           {{"7/10 less a hundred-millionth", std::floor(0.69999999 * 0x1p53) / 0x1p53}});
               })
        .mistake("in_float32",
                 [](const Tensor& given, Random& random) {
                   const auto totals = given.to(torch::kFloat32).cumsum(0);
                   const auto place = static_cast<float>(random.uniform());
                   for (std::int64_t token = 0; token < totals.size(0); ++token)
                     if (place < totals[token].item<float>()) return token;
                   return last_possible(values_of(given));
                 })
        .mistake("one_too_far", drawing_with, {.adds_first = false})
        .mistake("equal_is_enough", drawing_with, {.may_equal = true})
        .mistake("not_cumulative", drawing_with, {.cumulative = false})
        .mistake("new_number_each_token", drawing_with, {.new_numbers = true})
        .mistake("leftover_to_the_last", drawing_with, {.leftover = DrawSlip::last})
        .mistake("leftover_to_the_first", drawing_with, {.leftover = DrawSlip::first})
        .mistake("equally_likely",
                 [](const Tensor& probabilities, Random& random) { return random.below(probabilities.size(0)); })
        .mistake("always_the_largest",
                 [](const Tensor& probabilities, Random&) { return probabilities.argmax().item<std::int64_t>(); })
        .mistake("in_float",
                 [](const Tensor& probabilities, Random& random) {
                   const auto place = static_cast<float>(random.uniform());
                   float end = 0;
                   for (std::int64_t token = 0; token < probabilities.size(0); ++token) {
                     end += probabilities[token].item<float>();
                     if (place < end) return token;
                   }
                   return probabilities.size(0) - 1;
                 })
        .mistake("another_generator", [](const Tensor& probabilities, Random&) {
          return probabilities.multinomial(1).item<std::int64_t>();
        });

// The cache and the step that the mistakes below read with, written here on their own: a mistake in one exercise must
// not look different because another exercise is wrong or not written yet.
// ------------------------------------------------------------------------------------------------------------------

/// What a cache gets wrong.
enum class CacheSlip {
  none,
  overwritten,
  never_kept,
  new_first,
  as_heads,
  as_features,
  new_returned,
  old_returned,
  values_not_kept,
  keys_for_values,
  joined_to_nothing
};

class SlippingCache : public LayerCache {
 public:
  explicit SlippingCache(CacheSlip slip = CacheSlip::none) : slip_(slip) {}

  std::int64_t length() const override { return keys_.defined() ? keys_.size(2) : 0; }

  std::pair<Tensor, Tensor> append(const Tensor& key, const Tensor& value) override {
    const auto old = std::make_pair(keys_, values_);
    switch (slip_) {
      case CacheSlip::overwritten:
        keys_ = key;
        values_ = value;
        break;
      case CacheSlip::never_kept:
        return {joined(keys_, key), joined(values_, value)};
      case CacheSlip::values_not_kept:
        keys_ = joined(keys_, key);
        values_ = value;
        break;
      default:
        keys_ = joined(keys_, key);
        values_ = joined(values_, slip_ == CacheSlip::keys_for_values ? key : value);
    }
    if (slip_ == CacheSlip::new_returned) return {key, value};
    if (slip_ == CacheSlip::old_returned && old.first.defined()) return old;
    return {keys_, values_};
  }

 private:
  Tensor joined(const Tensor& old, const Tensor& more) const {
    if (slip_ == CacheSlip::joined_to_nothing) return torch::cat({old, more}, 2);
    if (!old.defined()) return more;
    if (slip_ == CacheSlip::new_first) return torch::cat({more, old}, 2);
    if (slip_ == CacheSlip::as_heads) return torch::cat({old, more}, 1);
    if (slip_ == CacheSlip::as_features) return torch::cat({old, more}, 3);
    return torch::cat({old, more}, 2);
  }

  CacheSlip slip_;
  Tensor keys_;
  Tensor values_;
};

Cache right_cache(std::int64_t layers) {
  Cache cache;
  for (std::int64_t layer = 0; layer < layers; ++layer) cache.push_back(std::make_shared<SlippingCache>());
  return cache;
}

/// A lower triangle whose last kept diagonal is `diagonal`.
Tensor triangle(std::int64_t time, std::int64_t keys, std::int64_t diagonal) {
  return torch::ones({time, keys}, torch::kBool).tril(diagonal);
}

/// A step through the model, with a switch for each slip.
struct StepSlip {
  bool counts_kept = true, masks_from_kept = true, uses_cache = true, gives_positions = true, positions_twice = false;
  enum { last, first, all, last_of_everything, with_batch, probabilities } what = last;
};

Tensor step_with(const StepSlip& slip, GPT& model, const Tokens& tokens, Cache* cache) {
  const torch::NoGradGuard no_gradients;
  const std::int64_t kept = cache == nullptr ? 0 : cache->front()->length();
  const auto time = static_cast<std::int64_t>(tokens.size());
  const auto input = torch::tensor(tokens, torch::kInt64).unsqueeze(0);
  const auto x = slip.positions_twice ? embed(model->token_embedding, model->position_embedding, input)
                                      : embed_tokens(model->token_embedding, input);
  const std::int64_t first = slip.counts_kept ? kept : 0;
  const auto positions = slip.gives_positions ? torch::arange(first, first + time, torch::kInt64) : Tensor();
  ForwardExtras extras;
  extras.mask = triangle(time, kept + time, slip.masks_from_kept ? kept : 0);
  extras.cache = slip.uses_cache ? cache : nullptr;
  const auto logits = model->forward_embedded(x, positions, extras);
  switch (slip.what) {
    case StepSlip::first:
      return logits[0][0];
    case StepSlip::all:
      return logits[0];
    case StepSlip::last_of_everything:
      return logits[0][kept + time - 1];
    case StepSlip::with_batch:
      return logits.select(1, -1);
    case StepSlip::probabilities:
      return torch::softmax(logits[0][-1], -1);
    default:
      return logits[0][-1];
  }
}

/// A model whose numbers are large enough to make some tokens clearly likelier than others.
GPT decided_model(Answers& answers, std::int64_t layers, std::int64_t context) {
  auto options = small_options();
  options.vocabulary_size = 7;
  options.context = context;
  options.layers = layers;
  GPT model(options);
  fill_with_numbers(*model, 0.7);
  answers.load_parameters(*model);
  return model;
}

// 7.9
// ------------------------------------------------------------------------------------------------------------------

/// A projection that counts the positions that pass through it.
class CountingProjection : public Projection {
 public:
  explicit CountingProjection(std::shared_ptr<Projection> real) : real_(std::move(real)) {}
  Tensor forward(const Tensor& x) override {
    times.push_back(x.size(1));
    return real_->forward(x);
  }
  Tokens times;

 private:
  std::shared_ptr<Projection> real_;
};

using Generate =
    std::function<Tokens(GPT&, const Tokens&, std::int64_t, const SamplingOptions&, Random&, const TokenListener&)>;

/// The loop, with a switch for each slip.
struct LoopSlip {
  bool returns_prompt = false, counts_prompt = false, always_greedy = false;
  bool cached_reads_all = false, uncached_reads_new = false, always_cached = false, never_cached = false;
  bool tells = true, obeys = true, asks_whether_there = true, loses_last = false;
  enum { right, never, early, slides, first_half, half_rounded_down, cache_kept, not_read_again } cut = right;
};

std::int64_t right_choice(const Tensor& logits, const SamplingOptions& options, Random& random, bool always_greedy) {
  if (options.greedy || always_greedy) return logits.argmax().item<std::int64_t>();
  return draw_with({}, torch::softmax(logits.to(torch::kFloat64) / options.temperature, -1), random);
}

Generate generate_with(const LoopSlip& slip) {
  return [slip](GPT& model, const Tokens& prompt, std::int64_t count, const SamplingOptions& options, Random& random,
                const TokenListener& listener) {
    const EvaluationMode evaluating(*model);
    const auto context = model->options.context;
    Tokens unread = prompt, window, made;
    auto cache = right_cache(model->options.layers);
    if (slip.counts_prompt) count -= static_cast<std::int64_t>(prompt.size());
    while (static_cast<std::int64_t>(made.size()) < count) {
      window.insert(window.end(), unread.begin(), unread.end());
      const auto length = static_cast<std::int64_t>(window.size());
      if (slip.cut != LoopSlip::never && length > (slip.cut == LoopSlip::early ? context - 1 : context)) {
        std::int64_t half = context / 2;
        if (slip.cut != LoopSlip::half_rounded_down) half = std::max<std::int64_t>(half, 1);
        if (slip.cut == LoopSlip::slides) half = context;
        if (slip.cut == LoopSlip::first_half) {
          window.resize(static_cast<std::size_t>(half));
        } else {
          window.erase(window.begin(), window.end() - half);
        }
        if (slip.cut != LoopSlip::not_read_again) unread = window;
        if (slip.cut != LoopSlip::cache_kept) cache = right_cache(model->options.layers);
      }
      const bool cached = (options.cached || slip.always_cached) && !slip.never_cached;
      const bool all = cached ? slip.cached_reads_all : !slip.uncached_reads_new;
      const auto logits = step_with({}, model, all ? window : unread, cached ? &cache : nullptr);
      const auto token = right_choice(logits, options, random, slip.always_greedy);
      unread = {token};
      made.push_back(token);
      if (slip.tells && (listener || !slip.asks_whether_there) && !listener(token) && slip.obeys) {
        if (slip.loses_last) made.pop_back();
        break;
      }
    }
    if (slip.returns_prompt) made.insert(made.begin(), prompt.begin(), prompt.end());
    return made;
  };
}

/// The text after prompts of several lengths; the context is 4.
void add_texts(const Generate& make, Answers& answers, const std::vector<Tokens>& prompts, std::int64_t count,
               bool cached) {
  auto model = decided_model(answers, 1, 4);
  SamplingOptions options;
  options.temperature = 1.2;
  options.cached = cached;
  for (const auto& prompt : prompts) {
    Random random(static_cast<std::uint64_t>(prompt.size()));
    const std::string with = cached ? " with a cache" : " without a cache";
    answers.add(std::to_string(count) + " tokens after a prompt of " + std::to_string(prompt.size()) + with,
                make(model, prompt, count, options, random, {}));
  }
}

[[maybe_unused]] const auto& exercise_7_6 =
    exercise<Generate>("7.9", generate)
        .check("within_the_context",
               [](const Generate& make, Answers& answers) {
                 add_texts(make, answers, {{3}, {5, 1}}, 3, false);
               })
        .check("within_the_context_cached",
               [](const Generate& make, Answers& answers) {
                 add_texts(make, answers, {{3}, {5, 1}}, 3, true);
               })
        .check("past_the_context",
               [](const Generate& make, Answers& answers) {
                 add_texts(make, answers, {{3}, {2, 6, 0, 4}, {1, 5, 3, 0, 6, 2, 4}}, 12, false);
               })
        .check("past_the_context_cached",
               [](const Generate& make, Answers& answers) {
                 add_texts(make, answers, {{3}, {2, 6, 0, 4}, {1, 5, 3, 0, 6, 2, 4}}, 12, true);
               })
        .check("a_context_of_one",
               [](const Generate& make, Answers& answers) {
                 auto model = decided_model(answers, 1, 1);
                 Random random(1);
                 answers.add("the new tokens", make(model, {3}, 8, {}, random, {}));
               })
        .check("greedily",
               [](const Generate& make, Answers& answers) {
                 auto model = decided_model(answers, 1, 4);
                 SamplingOptions options;
                 options.greedy = true;
                 Random random(1);
                 answers.add("the new tokens", make(model, {0, 2}, 8, options, random, {}));
               })
        .check("somebody_listens",
               [](const Generate& make, Answers& answers) {
                 auto model = decided_model(answers, 1, 4);
                 Random random(2);
                 Tokens heard;
                 const auto made = make(model, {3}, 9, {}, random, [&heard](std::int64_t token) {
                   heard.push_back(token);
                   return heard.size() < 5;
                 });
                 answers.add("what a listener hears who has enough after 5", heard);
                 answers.add("the new tokens when a listener has enough after 5", made);
               })
        .check("what_each_pass_reads",
               [](const Generate& make, Answers& answers) {
                 for (const bool cached : {true, false}) {
                   auto model = decided_model(answers, 1, 4);
                   auto& attention = *model->blocks->at<BlockImpl>(0).attention;
                   const auto counting = std::make_shared<CountingProjection>(attention.query_key_value);
                   attention.query_key_value = counting;
                   SamplingOptions options;
                   options.cached = cached;
                   Random random(3);
                   make(model, {3, 1}, 3, options, random, {});
                   answers.add(std::string("how many tokens each pass reads, with `cached` ") + (cached ? "on" : "off"),
                               counting->times);
                 }
               })
        .check("the_mode_stays",
               [](const Generate& make, Answers& answers) {
                 for (const bool training : {true, false}) {
                   auto model = decided_model(answers, 1, 4);
                   model->train(training);
                   Random random(4);
                   make(model, {3}, 3, {}, random, [](std::int64_t) { return false; });
                   answers.add(std::string("the mode of a model in ") + (training ? "training" : "evaluation") +
                                   ", when a listener has stopped it",
                               model->is_training() ? "training" : "evaluation");
                 }
                 // Dropout is off while it writes.
                 auto model = decided_model(answers, 1, 4);
                 answers.add("a model in training is in evaluation while it writes", [&] {
                   std::string while_writing;
                   model->train();
                   Random random(4);
                   make(model, {3}, 1, {}, random, [&](std::int64_t) {
                     while_writing = model->is_training() ? "no" : "yes";
                     return false;
                   });
                   return while_writing;
                 }());
               })
        .mistake("left_in_training",
                 [](GPT& model, const Tokens& prompt, std::int64_t count, const SamplingOptions& options,
                    Random& random, const TokenListener& listener) {
                   const EvaluationMode evaluating(*model);
                   return generate_with({})(model, prompt, count, options, random, [&](std::int64_t token) {
                     model->train();
                     return !listener || listener(token);
                   });
                 })
        .mistake("never_cached", generate_with, {.never_cached = true})
        .mistake("always_cached", generate_with, {.always_cached = true})
        .mistake("prompt_returned", generate_with, {.returns_prompt = true})
        .mistake("prompt_counted", generate_with, {.counts_prompt = true})
        .mistake("always_greedy", generate_with, {.always_greedy = true})
        .mistake("context_not_cut", generate_with, {.cut = LoopSlip::never})
        .mistake("cut_too_early", generate_with, {.cut = LoopSlip::early})
        .mistake("whole_context_kept", generate_with, {.cut = LoopSlip::slides})
        .mistake("first_half_kept", generate_with, {.cut = LoopSlip::first_half})
        .mistake("nothing_kept", generate_with, {.cut = LoopSlip::half_rounded_down})
        .mistake("cache_not_renewed", generate_with, {.cut = LoopSlip::cache_kept})
        .mistake("half_not_read_again", generate_with, {.cut = LoopSlip::not_read_again})
        .mistake("read_into_the_cache_again", generate_with, {.cached_reads_all = true})
        .mistake("only_the_new_without_a_cache", generate_with, {.uncached_reads_new = true})
        .mistake("listener_not_told", generate_with, {.tells = false})
        .mistake("listener_not_obeyed", generate_with, {.obeys = false})
        .mistake("listener_always_called", generate_with, {.asks_whether_there = false})
        .mistake("last_token_lost", generate_with, {.loses_last = true});

// 7.6
// ------------------------------------------------------------------------------------------------------------------

using MakeCache = std::function<std::shared_ptr<LayerCache>()>;

MakeCache caches_with(CacheSlip slip) {
  return [slip] { return std::make_shared<SlippingCache>(slip); };
}

[[maybe_unused]] const auto& exercise_7_7 =
    exercise<MakeCache>("7.6", [] { return std::make_shared<GrowingCache>(); })
        .check("three_pieces",
               [](const MakeCache& make, Answers& answers) {
                 const auto cache = make();
                 const auto key = normal_input({2, 3, 5, 4}, 1), value = normal_input({2, 3, 5, 4}, 2);
                 std::int64_t read = 0;
                 // Two pieces of one length first: joined along another dimension they still fit.
                 for (const std::int64_t time : {2, 2, 1}) {
                   const auto [keys, values] = cache->append(key.narrow(2, read, time), value.narrow(2, read, time));
                   read += time;
                   const auto when = " after " + std::to_string(read) + " positions";
                   answers.add("the keys" + when, keys, exact);
                   answers.add("the values" + when, values, exact);
                   answers.add("the length" + when, cache->length());
                 }
               })
        .check("two_texts",
               [](const MakeCache& make, Answers& answers) {
                 const auto one = make(), other = make();
                 one->append(normal_input({1, 2, 3, 4}, 3), normal_input({1, 2, 3, 4}, 4));
                 const auto kept = other->append(normal_input({1, 2, 1, 4}, 5), normal_input({1, 2, 1, 4}, 6));
                 answers.add("the keys of a cache beside another", kept.first, exact);
                 answers.add("the values of a cache beside another", kept.second, exact);
                 const auto grown = one->append(normal_input({1, 2, 1, 4}, 7), normal_input({1, 2, 1, 4}, 8));
                 answers.add("the keys of the first cache, after the other was used", grown.first, exact);
                 answers.add("the values of the first cache", grown.second, exact);
               })
        .check("one_text_after_another",
               [](const MakeCache& make, Answers& answers) {
                 for (std::uint64_t text = 0; text < 2; ++text) {
                   const auto cache = make();
                   cache->append(normal_input({1, 1, 2, 3}, 20 + text), normal_input({1, 1, 2, 3}, 30 + text));
                   const auto kept =
                       cache->append(normal_input({1, 1, 1, 3}, 40 + text), normal_input({1, 1, 1, 3}, 50 + text));
                   answers.add("the keys of text " + std::to_string(text + 1), kept.first, exact);
                   answers.add("the values of text " + std::to_string(text + 1), kept.second, exact);
                 }
               })
        .mistake("overwritten", caches_with(CacheSlip::overwritten))
        .mistake("never_kept", caches_with(CacheSlip::never_kept))
        .mistake("new_first", caches_with(CacheSlip::new_first))
        .mistake("joined_as_heads", caches_with(CacheSlip::as_heads))
        .mistake("joined_as_features", caches_with(CacheSlip::as_features))
        .mistake("new_returned", caches_with(CacheSlip::new_returned))
        .mistake("old_returned", caches_with(CacheSlip::old_returned))
        .mistake("values_not_kept", caches_with(CacheSlip::values_not_kept))
        .mistake("keys_for_values", caches_with(CacheSlip::keys_for_values))
        .mistake("joined_to_nothing", caches_with(CacheSlip::joined_to_nothing));

// 7.7
// ------------------------------------------------------------------------------------------------------------------

using Plan = std::function<CachedStep(std::int64_t, std::int64_t, torch::Device)>;

/// Positions from `first`, and a triangle whose last kept diagonal is `diagonal`.
CachedStep planned(std::int64_t kept, std::int64_t time, std::int64_t first, std::int64_t diagonal,
                   torch::Device device) {
  return {torch::arange(first, first + time, torch::kInt64).to(device),
          triangle(time, kept + time, diagonal).to(device)};
}

[[maybe_unused]] const auto& exercise_7_8 =
    exercise<Plan>("7.7", [](std::int64_t kept, std::int64_t time,
                             torch::Device device) { return plan_cached_step(kept, time, device); })
        .check("positions",
               [](const Plan& plan, Answers& answers) {
                 answers.add("the positions of 4 tokens at the start", plan(0, 4, torch::kCPU).positions, exact);
                 answers.add("the positions of 2 tokens after 3", plan(3, 2, torch::kCPU).positions, exact);
                 answers.add("the position of 1 token after 5", plan(5, 1, torch::kCPU).positions, exact);
               })
        .check("mask",
               [](const Plan& plan, Answers& answers) {
                 answers.add("the mask of 4 tokens at the start", plan(0, 4, torch::kCPU).mask, exact);
                 answers.add("the mask of 2 tokens after 3", plan(3, 2, torch::kCPU).mask, exact);
                 answers.add("the mask of 1 token after 5", plan(5, 1, torch::kCPU).mask, exact);
               })
        .check("on_the_device_asked_for",
               [](const Plan& plan, Answers& answers) {
                 // The meta device holds no numbers, so that every machine has it; not every operation is made for it.
                 std::string places;
                 try {
                   const auto step = plan(2, 3, torch::kMeta);
                   places = step.positions.device().str() + ", " + step.mask.device().str();
                 } catch (const c10::Error& error) {
                   places = std::string(error.what()).find("Meta") != std::string::npos ? "meta, meta" : "an error";
                 }
                 answers.add("where positions and mask for the meta device lie", places);
               })
        .mistake("always_on_the_cpu", [](std::int64_t kept, std::int64_t time,
                                         torch::Device) { return planned(kept, time, kept, kept, torch::kCPU); })
        .mistake("positions_from_zero", [](std::int64_t kept, std::int64_t time,
                                           torch::Device device) { return planned(kept, time, 0, kept, device); })
        .mistake("mask_without_offset", [](std::int64_t kept, std::int64_t time,
                                           torch::Device device) { return planned(kept, time, kept, 0, device); })
        .mistake("both_from_zero", [](std::int64_t kept, std::int64_t time,
                                      torch::Device device) { return planned(kept, time, 0, 0, device); })
        .mistake("one_too_far", [](std::int64_t kept, std::int64_t time,
                                   torch::Device device) { return planned(kept, time, kept + 1, kept + 1, device); })
        .mistake("not_itself", [](std::int64_t kept, std::int64_t time,
                                  torch::Device device) { return planned(kept, time, kept, kept - 1, device); })
        .mistake("everything_allowed",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   return planned(kept, time, kept, kept + time, device);
                 })
        .mistake("kept_left_out",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   auto step = planned(kept, time, kept, kept, device);
                   step.mask = triangle(time, time, 0).to(device);
                   return step;
                 })
        .mistake("kept_forbidden",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   auto step = planned(kept, time, kept, kept, device);
                   step.mask.narrow(1, 0, kept).fill_(false);
                   return step;
                 })
        .mistake("forbidden_for_allowed",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   auto step = planned(kept, time, kept, kept, device);
                   step.mask = triangle(time, kept + time, kept).logical_not().to(device);
                   return step;
                 })
        .mistake("mask_on_the_cpu",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   auto step = planned(kept, time, kept, kept, device);
                   step.mask = triangle(time, kept + time, kept);
                   return step;
                 })
        .mistake("positions_in_float",
                 [](std::int64_t kept, std::int64_t time, torch::Device device) {
                   auto step = planned(kept, time, kept, kept, device);
                   step.positions = step.positions.to(torch::kFloat);
                   return step;
                 })
        .mistake("keys_by_queries", [](std::int64_t kept, std::int64_t time, torch::Device device) {
          auto step = planned(kept, time, kept, kept, device);
          step.mask = step.mask.t();
          return step;
        });

// 7.8
// ------------------------------------------------------------------------------------------------------------------

using Step = std::function<Tensor(GPT&, const Tokens&, Cache*)>;

Step stepping_with(const StepSlip& slip) {
  return [slip](GPT& model, const Tokens& tokens, Cache* cache) { return step_with(slip, model, tokens, cache); };
}

/// The logits after each piece of a text, read through one cache.
void add_pieces(const Step& step, Answers& answers, const std::vector<Tokens>& pieces) {
  auto model = decided_model(answers, 2, 8);
  model->eval();
  auto cache = right_cache(2);
  std::size_t read = 0;
  for (const auto& piece : pieces) {
    read += piece.size();
    const auto when = " after " + std::to_string(read) + " tokens";
    answers.add("the logits" + when, step(model, piece, &cache));
    answers.add("what the last layer's cache has kept" + when, cache.back()->length());
  }
}

[[maybe_unused]] const auto& exercise_7_9 =
    exercise<Step>("7.8", next_logits)
        .check("without_a_cache",
               [](const Step& step, Answers& answers) {
                 auto model = decided_model(answers, 2, 8);
                 model->eval();
                 answers.add("the logits after 5 tokens", step(model, {3, 1, 4, 1, 5}, nullptr));
                 answers.add("the logits after a full context", step(model, {6, 2, 0, 5, 3, 5, 1, 4}, nullptr));
               })
        .check("one_by_one",
               [](const Step& step, Answers& answers) {
                 add_pieces(step, answers, {{3}, {1}, {4}, {1}});
               })
        .check("in_pieces",
               [](const Step& step, Answers& answers) {
                 add_pieces(step, answers, {{3, 1, 4}, {1, 5}, {2, 6, 0}});
               })
        .check("the_mode_stays",
               [](const Step& step, Answers& answers) {
                 auto model = decided_model(answers, 1, 8);
                 model->train();
                 step(model, {3, 1}, nullptr);
                 answers.add("the mode of a model in training, afterwards",
                             model->is_training() ? "training" : "evaluation");
               })
        .mistake("put_into_evaluation",
                 [](GPT& model, const Tokens& tokens, Cache* cache) {
                   model->eval();
                   return step_with({}, model, tokens, cache);
                 })
        .mistake("first_position", stepping_with, {.what = StepSlip::first})
        .mistake("counted_with_the_kept", stepping_with, {.what = StepSlip::last_of_everything})
        .mistake("all_positions", stepping_with, {.what = StepSlip::all})
        .mistake("batch_left_on", stepping_with, {.what = StepSlip::with_batch})
        .mistake("probabilities", stepping_with, {.what = StepSlip::probabilities})
        .mistake("positions_from_zero", stepping_with, {.counts_kept = false})
        .mistake("mask_without_offset", stepping_with, {.masks_from_kept = false})
        .mistake("cache_not_given", stepping_with, {.uses_cache = false})
        .mistake("no_positions", stepping_with, {.gives_positions = false})
        .mistake("positions_twice", stepping_with, {.positions_twice = true});

}  // namespace
}  // namespace verse
