/// @file
/// The checks of chapter 6's exercises, and the mistakes that they know.

#include "06_loss_stages/loss_stages.h"

#include <fmt/core.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/random.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 6.1
// ------------------------------------------------------------------------------------------------------------------

using TextEntropy = std::function<double(const Tensor&, std::int64_t, int)>;

/// How often each number occurs.
template <typename Key>
using Counts = std::map<Key, double>;

/// @return nats
template <typename Key>
double entropy_of(const Counts<Key>& counts) {
  double all = 0, sum = 0;
  for (const auto& [key, count] : counts) all += count;
  for (const auto& [key, count] : counts) sum -= count / all * std::log(count / all);
  return sum;
}

/// text_entropy() on its own, by plain counting, with a switch for each slip.
struct EntropySlip {
  bool in_bits = false, counts_the_used = false, looks_further = false, joint = false, contexts_alike = false;
  bool looks_ahead = false, every_context = false, wraps = false, as_choices = false;
  double added = 0;  // to each count, as in smoothing
};

TextEntropy entropy_with(const EntropySlip& slip) {
  return [slip](const Tensor& tokens, std::int64_t vocabulary_size, int order) {
    const std::vector<std::int64_t> text(tokens.data_ptr<std::int64_t>(),
                                         tokens.data_ptr<std::int64_t>() + tokens.numel());
    const double unit = slip.in_bits ? std::log(2.0) : 1.0;
    const auto answer = [&](double nats) { return slip.as_choices ? std::exp(nats) : nats / unit; };
    if (order == 0) {
      Counts<std::int64_t> used;
      for (const auto token : text) used[token] = 1;
      return answer(std::log(static_cast<double>(slip.counts_the_used ? used.size() : vocabulary_size)));
    }

    // What stands before a place, as the list it is, or as one number that may not fit into 64 bits.
    using Context = std::vector<std::int64_t>;
    const auto length = static_cast<std::size_t>(order) - (slip.looks_further ? 0 : 1);
    const auto key_of = [&](Context characters) {
      if (!slip.wraps) return characters;
      std::uint64_t number = 0;
      for (const auto character : characters) {
        number = number * static_cast<std::uint64_t>(vocabulary_size) + static_cast<std::uint64_t>(character);
      }
      return Context{static_cast<std::int64_t>(number)};
    };
    Counts<Context> contexts, with_next;
    std::map<Context, Counts<std::int64_t>> followers;
    for (std::size_t place = length; place < text.size(); ++place) {
      Context window(text.begin() + static_cast<std::ptrdiff_t>(place - length),
                     text.begin() + static_cast<std::ptrdiff_t>(place) + 1);
      ++with_next[key_of(window)];
      const auto next = slip.looks_ahead ? window.front() : window.back();
      window.erase(slip.looks_ahead ? window.begin() : window.end() - 1);
      ++contexts[key_of(window)];
      ++followers[key_of(window)][next];
    }
    if (slip.every_context && length > 0) {
      ++contexts[key_of({text.end() - static_cast<std::ptrdiff_t>(length), text.end()})];
    }

    if (slip.joint) return answer(entropy_of(with_next));
    if (slip.contexts_alike || slip.added > 0) {
      double sum = 0, weights = 0;
      for (auto& [context, counts] : followers) {
        double seen = 0;
        for (const auto& [token, count] : counts) seen += count;
        for (std::int64_t token = 0; slip.added > 0 && token < vocabulary_size; ++token) counts[token] += slip.added;
        const double weight = slip.contexts_alike ? 1.0 : seen;
        sum += weight * entropy_of(counts);
        weights += weight;
      }
      return answer(sum / weights);
    }
    return answer(entropy_of(with_next) - entropy_of(contexts));
  };
}

/// A text of 60 in which some follow others by habit; 5 never occurs.
Tensor habitual_text() {
  Random random(3);
  std::vector<std::int64_t> text = {0};
  while (text.size() < 60) text.push_back(random.uniform() < 0.6 ? (text.back() * 2 + 1) % 5 : random.below(5));
  return torch::tensor(text, torch::kInt64);
}

constexpr Tolerance counting{1e-6, 1e-6, "logarithms may be summed in float32"};

[[maybe_unused]] const auto& exercise_6_1 =
    exercise<TextEntropy>("6.1", text_entropy)
        .check("orders_0_to_4",
               [](const TextEntropy& entropy, Answers& answers) {
                 for (int order = 0; order <= 4; ++order) {
                   answers.add("the entropy of order " + std::to_string(order) + " of 60 characters",
                               entropy(habitual_text(), 6, order), counting);
                 }
               })
        .check("by_hand",
               [](const TextEntropy& entropy, Answers& answers) {
                 const auto text = torch::tensor({0, 1, 0, 1, 0, 0}, torch::kInt64);
                 for (const int order : {1, 2, 3, 6}) {
                   answers.add("the entropy of order " + std::to_string(order) + " of 0 1 0 1 0 0",
                               entropy(text, 2, order), counting);
                 }
               })
        .check("characters_that_never_occur",
               [](const TextEntropy& entropy, Answers& answers) {
                 const auto text = watched(torch::tensor({5, 2, 2, 5, 0, 2, 5, 5}, torch::kInt64));
                 answers.add("the entropy of order 2 of 5 2 2 5 0 2 5 5", entropy(text, 7, 2), counting);
               })
        .check("many_characters_and_a_high_order",
               [](const TextEntropy& entropy, Answers& answers) {
                 // Five characters of 65,536 are 80 bits, and only the first of the five tells what comes.
                 std::vector<std::int64_t> text;
                 for (int i = 0; i < 10; ++i) {
                   for (const std::int64_t token : {1, 9, 9, 9, 9, 3, 2, 9, 9, 9, 9, 4}) text.push_back(token);
                 }
                 answers.add("the entropy of order 6 with 65,536 characters",
                             entropy(torch::tensor(text, torch::kInt64), 65536, 6), counting);
               })
        .mistake("in_bits", entropy_with, {.in_bits = true})
        .mistake("only_the_characters_used", entropy_with, {.counts_the_used = true})
        .mistake("one_character_further", entropy_with, {.looks_further = true})
        .mistake("context_not_taken_off", entropy_with, {.joint = true})
        .mistake("contexts_count_alike", entropy_with, {.contexts_alike = true})
        .mistake("looks_ahead", entropy_with, {.looks_ahead = true})
        .mistake("last_context_counted", entropy_with, {.every_context = true})
        .mistake("numbers_too_large", entropy_with, {.wraps = true})
        .mistake("as_choices", entropy_with, {.as_choices = true})
        .mistake("smoothed", entropy_with, {.added = 1.0});

// 6.2
// ------------------------------------------------------------------------------------------------------------------

using StageOf = std::function<LossStage(double, const LossLandmarks&)>;

/// stage_of() on its own, with a switch for each slip.
struct StageSlip {
  double share = 0.1;  // of the way to the next landmark
  bool of_the_landmark = false, of_the_way_before = false, nearest = false, from_below = false;
  bool knows_the_floor = true, zero_at_the_end = true, no_floor_is_zero = false, may_equal = false;
  int later = 0;  // stages
};

StageOf stage_with(const StageSlip& slip) {
  return [slip](double loss, const LossLandmarks& landmarks) {
    std::vector<double> levels = {landmarks.uniform, landmarks.characters, landmarks.pairs, landmarks.triples};
    if (landmarks.floor && slip.knows_the_floor) levels.push_back(*landmarks.floor);
    if (slip.no_floor_is_zero && !landmarks.floor) levels.push_back(0);
    if (slip.zero_at_the_end) levels.push_back(0);

    const int last = static_cast<int>(levels.size()) - 1;
    if (slip.nearest) {
      const auto closer = [loss](double one, double other) { return std::abs(loss - one) < std::abs(loss - other); };
      const auto found = std::min_element(levels.begin(), levels.end(), closer);
      return static_cast<LossStage>(found - levels.begin());
    }
    const auto passes = [&](int landmark) {
      const auto i = static_cast<std::size_t>(landmark);
      const double way = slip.of_the_landmark                     ? levels[i]
                         : slip.of_the_way_before && landmark > 0 ? levels[i - 1] - levels[i]
                                                                  : levels[i] - levels[i + 1];
      const double threshold = levels[i] - slip.share * way;
      // From below it is asked what has not been passed, and nothing compares with what is not a number.
      if (slip.may_equal && loss == threshold) return true;
      return slip.from_below ? !(loss >= threshold) : loss < threshold;
    };
    int passed = 0;
    while (passed < last && passes(passed)) ++passed;
    return static_cast<LossStage>(std::clamp(passed + slip.later, 0, 5));
  };
}

/// The name that the code has for a stage.
std::string name_of(LossStage stage) {
  const std::vector<std::string> names = {"guessing", "characters", "pairs", "words", "beyond", "memorised"};
  const auto number = static_cast<std::size_t>(stage);
  return number < names.size() ? names[number] : "no stage: number " + std::to_string(number);
}

/// Tiny Shakespeare's, with round numbers.
LossLandmarks some_landmarks(std::optional<double> floor) {
  LossLandmarks landmarks;
  landmarks.uniform = 4.2;
  landmarks.characters = 3.3;
  landmarks.pairs = 2.5;
  landmarks.triples = 1.9;
  landmarks.floor = floor;
  return landmarks;
}

void add_stages(const StageOf& stage, const LossLandmarks& landmarks, const std::vector<double>& losses,
                Answers& answers) {
  for (const double loss : losses) {
    answers.add(fmt::format("the stage at a loss of {}", loss), name_of(stage(loss, landmarks)));
  }
}

[[maybe_unused]] const auto& exercise_6_2 =
    exercise<StageOf>("6.2", stage_of)
        .check("landmarks_and_what_is_clearly_below",
               [](const StageOf& stage, Answers& answers) {
                 // A tenth of the way to the next: 4.2 is passed at 4.11, 3.3 at 3.22, 2.5 at 2.44, 1.9 at 1.71.
                 add_stages(stage, some_landmarks({}),
                            {9.0, 4.2, 4.12, 4.10, 3.5, 3.3, 3.23, 3.215, 3.0, 2.65, 2.5, 2.45, 2.43, 2.41, 2.1, 1.95,
                             1.72, 1.70},
                            answers);
               })
        .check("no_floor_known",
               [](const StageOf& stage, Answers& answers) {
                 add_stages(stage, some_landmarks({}), {1.2, 0.5, 0.01, 0.0}, answers);
               })
        .check("a_floor_of_1_2",
               [](const StageOf& stage, Answers& answers) {
                 // Here 1.9 is passed at 1.83, and 1.2 at 1.08.
                 add_stages(stage, some_landmarks(1.2), {1.9, 1.835, 1.82, 1.75, 1.3, 1.19, 1.09, 1.07, 0.5, 0.0},
                            answers);
               })
        .check("not_a_number",
               [](const StageOf& stage, Answers& answers) {
                 add_stages(stage, some_landmarks(1.2),
                            {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()},
                            answers);
               })
        .mistake("no_margin", stage_with, {.share = 0})
        .mistake("margin_above", stage_with, {.share = -0.1})
        .mistake("a_tenth_of_the_landmark", stage_with, {.of_the_landmark = true})
        .mistake("a_tenth_of_the_way_before", stage_with, {.of_the_way_before = true})
        .mistake("nearest_landmark", stage_with, {.nearest = true})
        .mistake("no_number_passes", stage_with, {.from_below = true})
        .mistake("floor_forgotten", stage_with, {.knows_the_floor = false})
        .mistake("no_zero_at_the_end", stage_with, {.zero_at_the_end = false})
        .mistake("one_stage_early", stage_with, {.later = 1})
        .mistake("no_floor_is_zero", stage_with, {.no_floor_is_zero = true, .may_equal = true})
        .mistake("one_stage_late", stage_with, {.later = -1});

}  // namespace
}  // namespace verse
