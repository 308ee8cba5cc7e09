/// @file
/// The checks of chapter 8's core exercises (8.1 to 8.6), and the mistakes that they know.

#include "08_post_training/post_training.h"

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using Tokens = std::vector<std::int64_t>;

/// Numbers that no character of the checks has.
constexpr SpecialTokens kSpecial{20, 21, 22, 23, 24, 25};

// 8.1
// ------------------------------------------------------------------------------------------------------------------

using Grow = std::function<GPT(GPT&, std::int64_t, Random&)>;

/// What of growing a slip gets wrong.
struct GrowSlip {
  bool mean = true, overall_mean = false, by_columns = false, old_rows = true, at_end = true, shares = false;
  bool leaves_rest = false;
  double deviation = kNewRowDeviation;
};

GPT grow_by(const GrowSlip& slip, GPT& base, std::int64_t new_tokens, Random& random) {
  const torch::NoGradGuard no_gradients;
  auto options = base->options;
  options.vocabulary_size += new_tokens;
  GPT grown(options);
  const auto old_rows = base->token_embedding;
  auto rows = torch::zeros({new_tokens, options.width});
  if (slip.mean) rows += slip.overall_mean ? old_rows.mean().expand({options.width}) : old_rows.mean(0);
  auto noise = slip.by_columns ? torch::zeros({options.width, new_tokens}) : torch::zeros({new_tokens, options.width});
  for (std::int64_t i = 0; i < noise.numel(); ++i)
    noise.data_ptr<float>()[i] = static_cast<float>(slip.deviation * random.normal());
  rows += slip.by_columns ? noise.t() : noise;
  for (auto& parameter : grown->named_parameters()) {
    if (parameter.key() == "token_embedding") {
      const auto kept = slip.old_rows ? old_rows : old_rows.mean(0).expand_as(old_rows);
      parameter->copy_(slip.at_end ? torch::cat({kept, rows}) : torch::cat({rows, kept}));
    } else if (slip.leaves_rest) {
      parameter->zero_();
    } else {
      parameter->copy_(base->named_parameters()[parameter.key()]);
    }
  }
  if (slip.shares) grown->position_embedding.set_data(base->position_embedding);
  return grown;
}

Grow grow_with(const GrowSlip& slip) {
  return [slip](GPT& base, std::int64_t new_tokens, Random& random) { return grow_by(slip, base, new_tokens, random); };
}

GPT numbered_base() {
  GPT base(small_options());
  fill_with_numbers(*base);
  return base;
}

[[maybe_unused]] const auto& exercise_8_1 =
    exercise<Grow>("8.1", grow_vocabulary)
        .check("the_table",
               [](const Grow& grow, Answers& answers) {
                 auto base = numbered_base();
                 Random random(5);
                 const auto grown = grow(base, 3, random);
                 answers.add("the old tokens' rows", grown->token_embedding.narrow(0, 0, 11), exact);
                 answers.add("the three new tokens' rows", grown->token_embedding.narrow(0, 11, 3),
                             {1e-6, 1e-5, "float32 rounds the mean"});
               })
        .check("everything_else",
               [](const Grow& grow, Answers& answers) {
                 auto base = numbered_base();
                 Random random(6);
                 const auto grown = grow(base, 2, random);
                 for (const auto& parameter : grown->named_parameters())
                   if (parameter.key() != "token_embedding") answers.add(parameter.key(), parameter.value(), exact);
               })
        .check("the_base_stays",
               [](const Grow& grow, Answers& answers) {
                 auto base = numbered_base();
                 Random random(7);
                 const auto grown = grow(base, 1, random);
                 const torch::NoGradGuard no_gradients;
                 for (auto& parameter : grown->parameters()) parameter.zero_();
                 answers.add("the base's table after the grown model was emptied", base->token_embedding, exact);
                 answers.add("its position table", base->position_embedding, exact);
               })
        .mistake("libtorchs_noise_alone",
                 [](GPT& base, std::int64_t new_tokens, Random& random) {
                   auto grown = grow_by({}, base, new_tokens, random);
                   const torch::NoGradGuard no_gradients;
                   grown->token_embedding.narrow(0, base->token_embedding.size(0), new_tokens)
                       .copy_(torch::randn({new_tokens, base->options.width}) * kNewRowDeviation);
                   return grown;
                 })
        .mistake("zeros",
                 [](GPT& base, std::int64_t new_tokens, Random& random) {
                   auto grown = grow_by({}, base, new_tokens, random);
                   const torch::NoGradGuard no_gradients;
                   grown->token_embedding.narrow(0, base->token_embedding.size(0), new_tokens).zero_();
                   return grown;
                 })
        .mistake("no_mean", grow_with, {.mean = false})
        .mistake("mean_of_everything", grow_with, {.overall_mean = true})
        .mistake("no_noise", grow_with, {.deviation = 0})
        .mistake("too_much_noise", grow_with, {.deviation = 1})
        .mistake("by_columns", grow_with, {.by_columns = true})
        .mistake("old_rows_lost", grow_with, {.old_rows = false})
        .mistake("new_rows_first", grow_with, {.at_end = false})
        .mistake("rest_left", grow_with, {.leaves_rest = true})
        .mistake("shared", grow_with, {.shares = true});

// 8.2
// ------------------------------------------------------------------------------------------------------------------

using Format = std::function<Tokens(const Turn&, const SpecialTokens&)>;

struct FormatSlip {
  bool user = true, assistant = true, opens = true, closes = true, ends = true, always_fenced = false;
  bool answer_first = false, keeps_chain = true, assistant_late = false, empty_is_none = false;
};

Format format_with(const FormatSlip& slip) {
  return [slip](const Turn& turn, const SpecialTokens& special) {
    Tokens row;
    const auto add = [&row](const Tokens& more) { row.insert(row.end(), more.begin(), more.end()); };
    if (slip.user) row.push_back(special.user);
    add(turn.question);
    if (slip.assistant && !slip.assistant_late) row.push_back(special.assistant);
    if (slip.answer_first) add(turn.answer);
    const bool there = turn.chain && !(slip.empty_is_none && turn.chain->empty());
    if (there || slip.always_fenced) {
      if (slip.opens) row.push_back(special.think);
      if (turn.chain && slip.keeps_chain) add(*turn.chain);
      if (slip.closes) row.push_back(special.end_think);
    }
    if (slip.assistant_late) row.push_back(special.assistant);
    if (!slip.answer_first) add(turn.answer);
    if (slip.ends) row.push_back(special.end);
    return row;
  };
}

[[maybe_unused]] const auto& exercise_8_2 =
    exercise<Format>("8.2", format_turn)
        .check("answer_alone",
               [](const Format& format, Answers& answers) {
                 answers.add("the row of question 1 2 3 and answer 7 8, with <user> 20, <assistant> 21, <end> 24",
                             format({{1, 2, 3}, {}, {7, 8}}, kSpecial));
               })
        .check("with_a_chain",
               [](const Format& format, Answers& answers) {
                 answers.add("the row of question 1 2, chain 4 5 6, answer 9, with <think> 22 and </think> 23",
                             format({{1, 2}, Tokens{4, 5, 6}, {9}}, kSpecial));
               })
        .check("an_empty_chain",
               [](const Format& format, Answers& answers) {
                 answers.add("the row of question 1, a chain of no tokens, answer 9",
                             format({{1}, Tokens{}, {9}}, kSpecial));
               })
        .mistake("no_end", format_with, {.ends = false})
        .mistake("no_user", format_with, {.user = false})
        .mistake("no_assistant", format_with, {.assistant = false})
        .mistake("assistant_behind_the_chain", format_with, {.assistant_late = true})
        .mistake("chain_not_opened", format_with, {.opens = false})
        .mistake("chain_not_closed", format_with, {.closes = false})
        .mistake("chain_forgotten", format_with, {.keeps_chain = false})
        .mistake("always_fenced", format_with, {.always_fenced = true})
        .mistake("empty_chain_is_none", format_with, {.empty_is_none = true})
        .mistake("answer_first", format_with, {.answer_first = true});

// 8.3
// ------------------------------------------------------------------------------------------------------------------

using Mask = std::function<Tensor(const Tensor&, const SpecialTokens&)>;

struct MaskSlip {
  bool opener = false, end = true, stops = true, turned = false, second_turn = true, chain = true, goes_on = false;
  std::int64_t shift = 0;
};

Mask mask_with(const MaskSlip& slip) {
  return [slip](const Tensor& tokens, const SpecialTokens& special) {
    auto mask = torch::zeros(tokens.sizes(), torch::kBool);
    bool responding = false, over = false;
    for (std::int64_t row = 0; row < tokens.size(0); ++row) {
      if (!slip.goes_on) responding = over = false;
      for (std::int64_t place = 0; place < tokens.size(1); ++place) {
        const auto token = tokens[row][place].item<std::int64_t>();
        const bool opens = token == special.assistant && !(over && !slip.second_turn);
        const bool ends = responding && token == special.end;
        bool learned = responding;
        if (slip.opener && opens) learned = true;
        if (!slip.end && ends) learned = false;
        mask[row][place] = learned;
        if (opens)
          responding =
              slip.chain || place + 1 >= tokens.size(1) || tokens[row][place + 1].item<std::int64_t>() != special.think;
        if (!slip.chain && token == special.end_think) responding = true;
        if (ends && slip.stops) responding = false, over = true;
      }
    }
    if (slip.turned) mask = mask.logical_not();
    if (slip.shift != 0) {
      mask = mask.roll(slip.shift, 1);
      if (slip.shift < 0) mask.narrow(1, mask.size(1) + slip.shift, -slip.shift).fill_(false);
      if (slip.shift > 0) mask.narrow(1, 0, slip.shift).fill_(false);
    }
    return mask;
  };
}

[[maybe_unused]] const auto& exercise_8_3 =
    exercise<Mask>("8.3", response_mask)
        .check("one_turn",
               [](const Mask& mask, Answers& answers) {
                 const auto rows = torch::tensor({{20, 1, 2, 21, 7, 8, 24, 25, 25}, {20, 5, 21, 22, 3, 23, 6, 24, 25}},
                                                 torch::kInt64);
                 answers.add("what is learned of <user> 1 2 <assistant> 7 8 <end>, and of a turn with a chain",
                             mask(rows, kSpecial), exact);
               })
        .check("two_turns",
               [](const Mask& mask, Answers& answers) {
                 const auto row = torch::tensor({{20, 1, 21, 7, 24, 20, 2, 21, 8, 24, 25}}, torch::kInt64);
                 answers.add("what is learned of two turns and some filling", mask(row, kSpecial), exact);
               })
        .check("cut_off",
               [](const Mask& mask, Answers& answers) {
                 const auto rows = torch::tensor({{20, 1, 21, 7, 8}, {20, 1, 2, 3, 21}}, torch::kInt64);
                 answers.add("what is learned of a response without its end, and of none", mask(rows, kSpecial), exact);
               })
        .mistake("assistant_learned", mask_with, {.opener = true})
        .mistake("end_not_learned", mask_with, {.end = false})
        .mistake("never_stops", mask_with, {.stops = false})
        .mistake("question_learned", mask_with, {.turned = true})
        .mistake("first_turn_only", mask_with, {.second_turn = false})
        .mistake("chain_not_learned", mask_with, {.chain = false})
        .mistake("one_early", mask_with, {.shift = -1})
        .mistake("one_late", mask_with, {.shift = 1})
        .mistake("goes_on_in_the_next_row", mask_with, {.goes_on = true})
        .mistake("everything",
                 [](const Tensor& tokens, const SpecialTokens&) { return torch::ones(tokens.sizes(), torch::kBool); });

// 8.4
// ------------------------------------------------------------------------------------------------------------------

using Loss = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>;

struct LossSlip {
  std::int64_t target_shift = 1, mask_shift = 1;  ///< how far behind the logits each is taken
  bool masked = true, over_all = false, sums = false, by_rows = false, wraps = false, turned = false;
};

Loss loss_with(const LossSlip& slip) {
  return [slip](const Tensor& logits, const Tensor& tokens, const Tensor& learned) {
    const auto time = slip.wraps ? tokens.size(1) : tokens.size(1) - 1;
    const auto taken = [&](const Tensor& x, std::int64_t shift) {
      return slip.wraps ? x.roll(-shift, 1) : x.narrow(1, shift, time);
    };
    const auto log_probabilities = torch::log_softmax(logits.narrow(1, 0, time), -1);
    const auto losses = -log_probabilities.gather(-1, taken(tokens, slip.target_shift).unsqueeze(-1)).squeeze(-1);
    auto counts = taken(learned, slip.mask_shift).to(torch::kFloat32);
    if (slip.turned) counts = 1 - counts;
    if (!slip.masked) counts = torch::ones_like(counts);
    const auto total = (losses * counts).sum();
    if (slip.sums) return total;
    if (slip.over_all) return total / static_cast<double>(losses.numel());
    if (slip.by_rows) return ((losses * counts).sum(1) / counts.sum(1)).mean();
    return total / counts.sum();
  };
}

void add_loss(const Loss& loss, Answers& answers, const Tensor& learned, std::uint64_t seed) {
  const auto logits = normal_input({2, 6, 5}, seed, 2.0).requires_grad_();
  const auto tokens = token_input({2, 6}, 5, seed + 1);
  const auto result = loss(logits, tokens, learned);
  answers.add("the loss", result);
  answers.add_gradients(result, {{"logits", logits}});
}

[[maybe_unused]] const auto& exercise_8_4 =
    exercise<Loss>("8.4", masked_loss)
        .check("some_tokens_learned",
               [](const Loss& loss, Answers& answers) {
                 add_loss(loss, answers, torch::tensor({{0, 0, 1, 1, 1, 0}, {0, 0, 0, 0, 1, 1}}).to(torch::kBool), 1);
               })
        .check("the_first_token_is_predicted_by_nobody",
               [](const Loss& loss, Answers& answers) {
                 add_loss(loss, answers, torch::tensor({{1, 0, 0, 1, 0, 0}, {1, 1, 0, 0, 0, 1}}).to(torch::kBool), 3);
               })
        .check("nothing_counts",
               [](const Loss& loss, Answers& answers) {
                 answers.add(
                     "the loss where no token counts",
                     loss(normal_input({1, 3, 4}, 5), token_input({1, 3}, 4, 6), torch::zeros({1, 3}, torch::kBool)));
               })
        .mistake("every_position_for_itself",
                 [](const Tensor& logits, const Tensor& tokens, const Tensor& learned) {
                   const auto losses = -torch::log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1);
                   return (losses * learned).sum() / learned.sum();
                 })
        .mistake("nothing_is_zero",
                 [](const Tensor& logits, const Tensor& tokens, const Tensor& learned) {
                   return learned.narrow(1, 1, tokens.size(1) - 1).any().item<bool>()
                              ? loss_with({})(logits, tokens, learned)
                              : torch::zeros({});
                 })
        .mistake("not_shifted", loss_with, {.target_shift = 0, .mask_shift = 0})
        .mistake("mask_not_shifted", loss_with, {.mask_shift = 0})
        .mistake("targets_not_shifted", loss_with, {.target_shift = 0})
        .mistake("everything_counts", loss_with, {.masked = false})
        .mistake("mean_over_all", loss_with, {.over_all = true})
        .mistake("a_sum", loss_with, {.sums = true})
        .mistake("rows_alike", loss_with, {.by_rows = true})
        .mistake("round_the_end", loss_with, {.wraps = true})
        .mistake("the_others", loss_with, {.turned = true});

// 8.5
// ------------------------------------------------------------------------------------------------------------------

using Pack = std::function<Packed(const std::vector<Tokens>&, std::int64_t, std::int64_t)>;

struct PackSlip {
  bool one_a_row = false, first_fit = false, full_is_too_full = false, positions_go_on = false, owners_go_on = false;
  bool owners_from_one = false, filling_owned = false, filling_zero = false, numbered_filling = false;
};

Pack pack_with(const PackSlip& slip) {
  return [slip](const std::vector<Tokens>& examples, std::int64_t length, std::int64_t filler) {
    std::vector<Tokens> tokens, positions, owners;
    std::vector<std::int64_t> counts;
    std::int64_t all = 0;
    for (const auto& example : examples) {
      const auto size = static_cast<std::int64_t>(example.size());
      const auto fits = [&](std::size_t row) {
        const auto used = static_cast<std::int64_t>(tokens[row].size());
        return slip.full_is_too_full ? used + size < length : used + size <= length;
      };
      std::size_t row = tokens.size();
      if (!tokens.empty() && !slip.one_a_row && fits(tokens.size() - 1)) row = tokens.size() - 1;
      if (slip.first_fit)
        for (std::size_t earlier = tokens.size(); earlier-- > 0;)
          if (fits(earlier)) row = earlier;
      if (row == tokens.size())
        tokens.emplace_back(), positions.emplace_back(), owners.emplace_back(), counts.push_back(0);
      const auto owner = (slip.owners_go_on ? all : counts[row]) + (slip.owners_from_one ? 1 : 0);
      ++all, ++counts[row];
      for (std::int64_t i = 0; i < size; ++i) {
        positions[row].push_back(slip.positions_go_on ? static_cast<std::int64_t>(tokens[row].size()) : i);
        tokens[row].push_back(example[static_cast<std::size_t>(i)]);
        owners[row].push_back(owner);
      }
    }
    const auto filled = [&](std::vector<Tokens>& rows, std::int64_t with, bool last, bool counted) {
      Tokens flat;
      for (auto& row : rows) {
        const auto value = last ? row.back() : with;
        while (static_cast<std::int64_t>(row.size()) < length)
          row.push_back(counted ? static_cast<std::int64_t>(row.size()) : value);
        flat.insert(flat.end(), row.begin(), row.end());
      }
      return torch::tensor(flat, torch::kInt64).view({-1, length});
    };
    return Packed{filled(tokens, slip.filling_zero ? 0 : filler, false, false),
                  filled(positions, 0, false, slip.numbered_filling), filled(owners, -1, slip.filling_owned, false)};
  };
}

void add_packed(const Pack& pack_examples, Answers& answers, const std::vector<Tokens>& examples, std::int64_t length) {
  const auto packed = pack_examples(examples, length, 9);
  answers.add("the tokens", packed.tokens, exact);
  answers.add("the positions", packed.positions, exact);
  answers.add("the owners", packed.owners, exact);
}

[[maybe_unused]] const auto& exercise_8_5 =
    exercise<Pack>("8.5", pack)
        .check("two_to_a_row",
               [](const Pack& pack_examples, Answers& answers) {
                 add_packed(pack_examples, answers, {{1, 2, 3}, {4, 5}, {6, 7, 8, 1}, {2}}, 7);
               })
        .check("one_that_fits_exactly",
               [](const Pack& pack_examples, Answers& answers) {
                 add_packed(pack_examples, answers, {{1, 2, 3}, {4, 5, 6}, {7}}, 6);
               })
        .check("room_left_in_an_earlier_row",
               [](const Pack& pack_examples, Answers& answers) {
                 add_packed(pack_examples, answers, {{1, 2, 3}, {4, 5, 6, 7}, {8}, {1, 2}}, 5);
               })
        .check("nothing_to_pack",
               [](const Pack& pack_into, Answers& answers) {
                 answers.add("the rows of no example", pack_into({}, 4, 9).tokens.size(0));
               })
        .mistake("a_row_for_nothing",
                 [](const std::vector<Tokens>& examples, std::int64_t length, std::int64_t filler) {
                   auto packed = pack_with({})(examples.empty() ? std::vector<Tokens>{{}} : examples, length, filler);
                   return packed;
                 })
        .mistake("one_a_row", pack_with, {.one_a_row = true})
        .mistake("back_to_an_earlier_row", pack_with, {.first_fit = true})
        .mistake("full_is_too_full", pack_with, {.full_is_too_full = true})
        .mistake("positions_go_on", pack_with, {.positions_go_on = true})
        .mistake("owners_go_on", pack_with, {.owners_go_on = true})
        .mistake("owners_from_one", pack_with, {.owners_from_one = true})
        .mistake("filling_owned", pack_with, {.filling_owned = true})
        .mistake("filled_with_zero", pack_with, {.filling_zero = true})
        .mistake("filling_numbered", pack_with, {.numbered_filling = true});

// 8.6
// ------------------------------------------------------------------------------------------------------------------

using Look = std::function<Tensor(const Tensor&)>;

Tensor same_owner(const Tensor& owners) {
  return owners.unsqueeze(2) == owners.unsqueeze(1);
}

[[maybe_unused]] const auto& exercise_8_6 =
    exercise<Look>("8.6", packed_mask)
        .check("two_examples_and_filling",
               [](const Look& look, Answers& answers) {
                 const auto owners = torch::tensor({{0, 0, 0, 1, 1, -1, -1}, {0, 1, 1, 2, 2, 2, 2}}, torch::kInt64);
                 answers.add("who looks at whom (rows look, columns are looked at)", look(owners), exact);
               })
        .check("nobody_looks_at_nothing",
               [](const Look& look, Answers& answers) {
                 const auto owners = torch::tensor({{0, -1, -1}}, torch::kInt64);
                 answers.add("at how many each position looks", look(owners).to(torch::kInt64).sum(-1), exact);
               })
        .mistake("looks_ahead", [](const Tensor& owners) { return same_owner(owners).unsqueeze(1); })
        .mistake("across_examples",
                 [](const Tensor& owners) { return torch::ones_like(same_owner(owners)).tril().unsqueeze(1); })
        .mistake("not_itself", [](const Tensor& owners) { return same_owner(owners).tril(-1).unsqueeze(1); })
        .mistake("looks_ahead_only", [](const Tensor& owners) { return same_owner(owners).triu().unsqueeze(1); })
        .mistake("filling_sees_nothing",
                 [](const Tensor& owners) {
                   return torch::logical_and(same_owner(owners).tril(), (owners >= 0).unsqueeze(2)).unsqueeze(1);
                 })
        .mistake("no_place_for_heads", [](const Tensor& owners) { return same_owner(owners).tril(); })
        .mistake("forbidden_for_allowed",
                 [](const Tensor& owners) { return same_owner(owners).tril().logical_not().unsqueeze(1); });

}  // namespace
}  // namespace verse
