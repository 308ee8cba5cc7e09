/// @file
/// The checks of chapter 6's findings about broken runs: on records made by hand for each edge, and on recorded runs.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "06_loss_stages/diagnosis.h"
#include "common/base/text.h"
#include "tests/06_loss_stages/recorded_runs.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using Find = std::function<Finding(const RunRecord&)>;

/// The lines that the checks of 6.6 to 6.12 draw, whatever 6.13 has chosen: these, and others in one check of each.
constexpr Thresholds kLines{0.5, 1e-3, 0.5, 1.0, 0.05, 0.9};
constexpr Thresholds kOtherLines{2.0, 0.5, 0.25, 0.6, 0.2, 0.5};
Thresholds lines_in_use = kLines;

/// A finding with the lines in use.
Find with_lines(Finding (*find)(const RunRecord&, const Thresholds&)) {
  return [find](const RunRecord& run) { return find(run, lines_in_use); };
}

/// A finding that does not look at the thresholds.
Find with_lines_by_heart(Finding (*find)(const RunRecord&, const Thresholds&)) {
  return [find](const RunRecord& run) { return find(run, kLines); };
}

/// A check under the other lines.
std::function<void(const Find&, Answers&)> with_other_lines(std::function<void(const Find&, Answers&)> check) {
  return [check = std::move(check)](const Find& find, Answers& answers) {
    struct OtherLines {
      OtherLines() { lines_in_use = kOtherLines; }
      ~OtherLines() { lines_in_use = kLines; }
    } const other_lines;
    check(find, answers);
  };
}

std::string name_of(Finding finding) {
  return finding == Finding::yes ? "yes" : finding == Finding::no ? "no" : "unknown";
}

Finding yes_if(bool found) {
  return found ? Finding::yes : Finding::no;
}

const double nan = std::numeric_limits<double>::quiet_NaN();

/// A healthy run of 600 steps on a text like tiny Shakespeare: rows every 10 steps, 768 characters a step.
RunRecord healthy_run(std::int64_t steps = 600) {
  RunRecord run;
  run.text_name = "a text";
  run.training_characters = 1000000;
  run.landmarks = {4.17, 3.31, 2.45, 1.90, std::nullopt};
  run.future_influence = 0.0;
  run.sample = "The king of all the world was in his tent,\nAnd all the people spoke of what was meant.\n";
  for (std::int64_t step = 0; step <= steps; step += 10) {
    Metrics row;
    row.step = step;
    row.tokens = 768 * step;
    row.validation_loss = 1.6 + 2.6 * std::exp(-static_cast<double>(step) / 150.0);
    if (step > 0) {
      row.train_loss = *row.validation_loss - 0.02;
      row.learning_rate = step < 100 ? 1e-5 * static_cast<double>(step) : 1e-3 - 1e-6 * static_cast<double>(step);
    }
    run.rows.push_back(row);
  }
  return run;
}

/// The same with other training losses and learning rates by the step.
RunRecord run_with(const std::function<double(std::int64_t)>& train_loss,
                   const std::function<double(std::int64_t)>& learning_rate, std::int64_t steps = 600) {
  RunRecord run = healthy_run(steps);
  for (Metrics& row : run.rows) {
    if (row.step == 0) continue;
    row.train_loss = train_loss(row.step);
    row.validation_loss = train_loss(row.step) + 0.02;
    row.learning_rate = learning_rate(row.step);
  }
  return run;
}

double warmed_up(std::int64_t step) {
  return step < 100 ? 1e-3 * static_cast<double>(step) : 0.1 - 1e-4 * static_cast<double>(step - 100);
}
double at_once(std::int64_t step) {
  return 0.01 - 1e-5 * static_cast<double>(step);
}
double rises_and_stays(std::int64_t step) {
  return step <= 60 ? 3.2 : 3.33 - 1e-4 * static_cast<double>(step);
}
double slow(std::int64_t step) {
  return 3.3 - 1e-3 * static_cast<double>(step);
}

/// Every recorded run, asked the same.
void ask_recorded_runs(const Find& find, Answers& answers) {
  for (const auto& [name, run] : recorded_runs()) answers.add("the recorded run " + name, name_of(find(run)));
}

void ask(const Find& find, const std::string& name, const RunRecord& run, Answers& answers) {
  answers.add(name, name_of(find(run)));
}

// 6.6
// ------------------------------------------------------------------------------------------------------------------

/// The first row's loss, or another's. @param row counts from 0; -1 is the last
std::optional<double> validation_at(const RunRecord& run, std::int64_t row) {
  if (run.rows.empty()) return std::nullopt;
  return row < 0 ? run.rows.back().validation_loss : run.rows[static_cast<std::size_t>(row)].validation_loss;
}

[[maybe_unused]] const auto& exercise_6_7 =
    exercise<Find>("6.6", with_lines(bad_initialisation))
        .check("first_losses",
               [](const Find& find, Answers& answers) {
                 for (const double loss : {4.17, 4.4, 4.6, 4.7, 82.0, 3.2, nan}) {
                   RunRecord run = healthy_run();
                   run.rows.front().validation_loss = loss;
                   ask(find, fmt::format("a first loss of {}", loss), run, answers);
                 }
                 RunRecord small = healthy_run();
                 small.landmarks.uniform = 2.0;
                 small.rows.front().validation_loss = 3.0;
                 ask(find, "a first loss of 3 with a vocabulary of 7", small, answers);
               })
        .check("what_cannot_tell",
               [](const Find& find, Answers& answers) {
                 RunRecord later = healthy_run();
                 later.rows.erase(later.rows.begin());
                 later.rows.front().validation_loss = 5.0;
                 ask(find, "a record that begins at step 20 with 5.0", later, answers);
                 RunRecord without = healthy_run();
                 without.rows.front().validation_loss = std::nullopt;
                 ask(find, "no loss at step 0", without, answers);
                 RunRecord empty = healthy_run();
                 empty.rows.clear();
                 ask(find, "no rows", empty, answers);
               })
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 for (const double loss : {4.4, 6.0, 6.3}) {
                   RunRecord run = healthy_run();
                   run.rows.front().validation_loss = loss;
                   ask(find, fmt::format("a first loss of {}, where 2 nats are allowed", loss), run, answers);
                 }
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(bad_initialisation))
        .mistake("vocabulary_of_its_own",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, 0);
                   if (!loss || run.rows.front().step != 0) return Finding::unknown;
                   return yes_if(!(*loss <= std::log(65.0) + lines_in_use.initial_excess));
                 })
        .mistake("no_margin",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, 0);
                   if (!loss || run.rows.front().step != 0) return Finding::unknown;
                   return yes_if(!(*loss <= run.landmarks.uniform));
                 })
        .mistake("whatever_row_is_first",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, 0);
                   return loss ? yes_if(!(*loss <= run.landmarks.uniform + lines_in_use.initial_excess))
                               : Finding::unknown;
                 })
        .mistake("no_number_is_fine",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, 0);
                   if (!loss || run.rows.front().step != 0) return Finding::unknown;
                   return yes_if(*loss > run.landmarks.uniform + lines_in_use.initial_excess);
                 })
        .mistake("below_too",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, 0);
                   if (!loss || run.rows.front().step != 0) return Finding::unknown;
                   return yes_if(!(std::abs(*loss - run.landmarks.uniform) <= lines_in_use.initial_excess));
                 })
        .mistake("the_last_loss",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, -1);
                   if (!loss || run.rows.front().step != 0) return Finding::unknown;
                   return yes_if(!(*loss <= run.landmarks.uniform + lines_in_use.initial_excess));
                 })
        .mistake("last_row",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, -1);
                   return loss ? yes_if(*loss > run.landmarks.uniform + lines_in_use.initial_excess) : Finding::unknown;
                 })
        .mistake("nothing_is_no", [](const RunRecord& run) {
          const auto loss = validation_at(run, 0);
          if (!loss || run.rows.front().step != 0) return Finding::no;
          return yes_if(!(*loss <= run.landmarks.uniform + lines_in_use.initial_excess));
        });

// 6.8
// ------------------------------------------------------------------------------------------------------------------

[[maybe_unused]] const auto& exercise_6_8 =
    exercise<Find>("6.8", with_lines(sees_the_future))
        .check("influences",
               [](const Find& find, Answers& answers) {
                 for (const double influence : {0.0, 2e-6, 9e-4, 2e-3, 9.5, nan}) {
                   RunRecord run = healthy_run();
                   run.future_influence = influence;
                   ask(find, fmt::format("an influence of {}", influence), run, answers);
                 }
                 RunRecord run = healthy_run();
                 run.future_influence = std::nullopt;
                 ask(find, "not probed", run, answers);
               })
        .check("whatever_the_losses_are",
               [](const Find& find, Answers& answers) {
                 const auto tiny = [](std::int64_t) { return 0.05; };
                 ask(find, "a loss of 0.05 and no influence", run_with(tiny, at_once), answers);
                 RunRecord young = healthy_run(40);
                 young.future_influence = 3.0;
                 ask(find, "a run of 40 steps with an influence of 3", young, answers);
               })
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 for (const double influence : {2e-3, 0.4, 9.5}) {
                   RunRecord run = healthy_run();
                   run.future_influence = influence;
                   ask(find, fmt::format("an influence of {}, where 0.5 is allowed", influence), run, answers);
                 }
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(sees_the_future))
        .mistake("by_the_loss",
                 [](const RunRecord& run) {
                   const auto loss = validation_at(run, -1);
                   return loss ? yes_if(*loss < run.landmarks.triples / 2) : Finding::unknown;
                 })
        .mistake("rounding_counts",
                 [](const RunRecord& run) {
                   if (!run.future_influence || !std::isfinite(*run.future_influence)) return Finding::unknown;
                   return yes_if(*run.future_influence > 0);
                 })
        .mistake("not_probed_is_no",
                 [](const RunRecord& run) {
                   const double influence = run.future_influence.value_or(0);
                   return std::isfinite(influence) ? yes_if(influence > lines_in_use.influence) : Finding::unknown;
                 })
        .mistake("no_number_is_no",
                 [](const RunRecord& run) {
                   return run.future_influence ? yes_if(*run.future_influence > lines_in_use.influence)
                                               : Finding::unknown;
                 })
        .mistake("not_probed_is_no",
                 [](const RunRecord& run) { return yes_if(run.future_influence.value_or(0) > lines_in_use.influence); })
        .mistake("only_with_a_fine_loss", [](const RunRecord& run) {
          if (!run.future_influence || !std::isfinite(*run.future_influence)) return Finding::unknown;
          return yes_if(*run.future_influence > lines_in_use.influence &&
                        validation_at(run, -1).value_or(9) < run.landmarks.triples);
        });

// 6.9
// ------------------------------------------------------------------------------------------------------------------

/// targets_not_shifted() on its own, with a switch for each slip.
struct ShiftSlip {
  bool loss_alone = false, sample_alone = false, bytes = false, whatever_the_future = false, short_sample = false,
       missing_is_no = false, no_number_is_no = false;
  std::optional<double> share;
};

Find shift_with(const ShiftSlip& slip) {
  return [slip](const RunRecord& run) {
    const double influence = run.future_influence.value_or(0);
    if (!slip.whatever_the_future && influence > lines_in_use.influence) return Finding::no;
    const auto loss = validation_at(run, -1);
    const bool number = loss && (std::isfinite(*loss) || slip.no_number_is_no);
    const auto length = slip.bytes ? run.sample.size() : count_characters(run.sample);
    if ((length < 20 && !slip.short_sample) || !number) {
      return slip.missing_is_no ? Finding::no : Finding::unknown;
    }
    const bool fine = *loss < run.landmarks.pairs;
    const bool repeats = repeated_share(run.sample) > slip.share.value_or(lines_in_use.repeated);
    return yes_if((fine || slip.sample_alone) && (repeats || slip.loss_alone));
  };
}

RunRecord run_that_wrote(const std::string& sample, double loss) {
  RunRecord run = run_with([loss](std::int64_t) { return loss; }, at_once);
  run.sample = sample;
  return run;
}

[[maybe_unused]] const auto& exercise_6_9 =
    exercise<Find>("6.9", with_lines(targets_not_shifted))
        .check("samples_and_losses",
               [](const Find& find, Answers& answers) {
                 const std::string still(100, 'e'), text = healthy_run().sample;
                 ask(find, "a text that stands still, a loss of 0.05", run_that_wrote(still, 0.05), answers);
                 ask(find, "a text that stands still, a loss of 3.3", run_that_wrote(still, 3.3), answers);
                 ask(find, "a text, a loss of 0.05", run_that_wrote(text, 0.05), answers);
                 ask(find, "a text with a third of its characters repeated, a loss of 1.9",
                     run_that_wrote("aab ccd eef ggh iij kkl mmn oop", 1.9), answers);
               })
        .check("the_future_is_another_reason",
               [](const Find& find, Answers& answers) {
                 RunRecord run = run_that_wrote(std::string(100, '\n'), 0.05);
                 run.future_influence = 9.5;
                 ask(find, "an influence of 9.5", run, answers);
                 run.future_influence = std::nullopt;
                 ask(find, "not probed", run, answers);
               })
        .check("what_cannot_tell",
               [](const Find& find, Answers& answers) {
                 ask(find, "a sample of 19 characters", run_that_wrote(std::string(19, 'e'), 0.05), answers);
                 std::string accents;
                 for (int i = 0; i < 15; ++i) accents += "\xc3\xa9";
                 ask(find, "a sample of 15 characters of two bytes each", run_that_wrote(accents, 0.05), answers);
                 RunRecord no_rows = run_that_wrote(std::string(100, 'e'), 0.05);
                 no_rows.rows.clear();
                 ask(find, "no row at all", no_rows, answers);
                 RunRecord run = run_that_wrote(std::string(100, 'e'), 0.05);
                 run.rows.back().validation_loss = std::nullopt;
                 ask(find, "no validation loss at the end", run, answers);
                 run.rows.back().validation_loss = nan;
                 ask(find, "a validation loss at the end that is no number", run, answers);
               })
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 ask(find, "a third of the characters repeated, where a quarter is allowed, a loss of 1.9",
                     run_that_wrote("aab ccd eef ggh iij kkl mmn oop", 1.9), answers);
                 RunRecord run = run_that_wrote(std::string(100, 'e'), 0.05);
                 run.future_influence = 0.1;
                 ask(find, "a text that stands still, an influence of 0.1, where 0.5 is allowed", run, answers);
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(targets_not_shifted))
        .mistake("bytes_counted", shift_with, {.bytes = true})
        .mistake("loss_alone", shift_with, {.loss_alone = true})
        .mistake("sample_alone", shift_with, {.sample_alone = true})
        .mistake("whatever_the_future", shift_with, {.whatever_the_future = true})
        .mistake("sample_too_short", shift_with, {.short_sample = true})
        .mistake("missing_is_no", shift_with, {.missing_is_no = true})
        .mistake("a_quarter_is_enough", shift_with, {.share = 0.25})
        .mistake("no_number_is_no", shift_with, {.no_number_is_no = true});

// 6.10
// ------------------------------------------------------------------------------------------------------------------

/// same_batch_every_step() on its own, with a switch for each slip.
struct BatchSlip {
  bool any_time = false, last_row_only = false, turned_round = false, first_row_counts = false, missing_is_no = false;
  bool whatever_training = false, no_number_is_no = false;
  std::optional<double> gap;
};

Find batch_with(const BatchSlip& slip) {
  return [slip](const RunRecord& run) {
    Finding finding = slip.missing_is_no ? Finding::no : Finding::unknown;
    for (const Metrics& row : run.rows) {
      if (slip.last_row_only && &row != &run.rows.back()) continue;
      if (!slip.first_row_counts && row.step == 0) continue;
      if (!slip.any_time && row.tokens > run.training_characters) continue;
      if (slip.first_row_counts && row.validation_loss && !row.train_loss) return Finding::yes;
      if (!row.train_loss || !row.validation_loss) continue;
      const double gap = *row.validation_loss - *row.train_loss;
      if (!slip.no_number_is_no && !std::isfinite(gap)) continue;
      const bool by_heart = slip.whatever_training || *row.train_loss < run.landmarks.pairs;
      if (by_heart && (slip.turned_round ? -gap : gap) > slip.gap.value_or(lines_in_use.gap)) return Finding::yes;
      finding = Finding::no;
    }
    return finding;
  };
}

/// A gap between the losses from a step on, on a text of so many characters.
RunRecord run_with_gap(double gap, std::int64_t from, std::int64_t training_characters) {
  RunRecord run = healthy_run();
  run.training_characters = training_characters;
  for (Metrics& row : run.rows) {
    if (row.step >= from && row.train_loss) row.train_loss = *row.validation_loss - gap;
  }
  return run;
}

[[maybe_unused]] const auto& exercise_6_10 =
    exercise<Find>("6.10", with_lines(same_batch_every_step))
        .check(
            "gaps",
            [](const Find& find, Answers& answers) {
              ask(find, "a gap of 1.5 from step 100, a million characters", run_with_gap(1.5, 100, 1000000), answers);
              ask(find, "a gap of 0.8 from step 100, a million characters", run_with_gap(0.8, 100, 1000000), answers);
              ask(find, "training worse by 1.5", run_with_gap(-1.5, 200, 1000000), answers);
              RunRecord moment = run_with(slow, at_once);
              moment.rows[24].validation_loss = 5.5;
              ask(find, "one bad moment of validation, training at 3.06", moment, answers);
            })
        .check("the_text_was_read_several_times",
               [](const Find& find, Answers& answers) {
                 // 100,000 characters are read once by step 130.
                 ask(find, "a gap of 1.5 from step 300, 100,000 characters", run_with_gap(1.5, 300, 100000), answers);
                 ask(find, "a gap of 1.5 from step 100, 100,000 characters", run_with_gap(1.5, 100, 100000), answers);
                 ask(find, "a gap of 1.5 from step 100, 10,000 characters", run_with_gap(1.5, 100, 10000), answers);
                 RunRecord once = run_with_gap(1.5, 100, 76800);
                 ask(find, "a gap of 1.5 at step 100, when all 76,800 characters have been read once", once, answers);
                 RunRecord first = healthy_run();
                 first.rows[0].validation_loss = 4.2;
                 first.rows[0].train_loss = 2.0;
                 ask(find, "a gap before the first step, when nothing has been read", first, answers);
               })
        .check("a_gap_that_was_there_for_a_while",
               [](const Find& find, Answers& answers) {
                 RunRecord run = run_with_gap(1.5, 100, 1000000);
                 run.rows.back().train_loss = run.rows.back().validation_loss;
                 ask(find, "a gap of 1.5 that closes at the end", run, answers);
               })
        .check("losses_that_are_no_number",
               [](const Find& find, Answers& answers) {
                 RunRecord run = healthy_run();
                 for (Metrics& row : run.rows) row.validation_loss = nan;
                 ask(find, "no number in any row", run, answers);
                 run.rows[3] = healthy_run().rows[3];
                 ask(find, "no number in any row but one", run, answers);
               })
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 ask(find, "a gap of 0.8, where 0.6 is allowed", run_with_gap(0.8, 200, 1000000), answers);
                 ask(find, "a gap of 0.5, where 0.6 is allowed", run_with_gap(0.5, 200, 1000000), answers);
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(same_batch_every_step))
        .mistake("before_the_first_step",
                 [](const RunRecord& run) {
                   RunRecord later = run;
                   for (Metrics& row : later.rows) row.step += 1;
                   return batch_with({})(later);
                 })
        .mistake("all_read_is_too_many",
                 [](const RunRecord& run) {
                   RunRecord shorter = run;
                   shorter.training_characters -= 1;
                   return batch_with({})(shorter);
                 })
        .mistake("at_any_time", batch_with, {.any_time = true})
        .mistake("last_row_only", batch_with, {.last_row_only = true})
        .mistake("turned_round", batch_with, {.turned_round = true})
        .mistake("missing_loss_is_zero", batch_with, {.first_row_counts = true})
        .mistake("nothing_is_no", batch_with, {.missing_is_no = true})
        .mistake("whatever_training_does", batch_with, {.whatever_training = true})
        .mistake("half_a_nat_is_enough", batch_with, {.gap = 0.5})
        .mistake("no_number_is_no", batch_with, {.no_number_is_no = true});

// 6.12 and 6.11
// ------------------------------------------------------------------------------------------------------------------

void ask_about_rates(const Find& find, Answers& answers) {
  ask(find, "stuck, at full rate from the first step", run_with(slow, at_once), answers);
  ask(find, "stuck, warmed up, worse as the rate rose", run_with(rises_and_stays, warmed_up), answers);
  ask(find, "stuck, warmed up, slow all the way", run_with(slow, warmed_up), answers);
  ask(find, "stuck, at full rate from the first step, worse later on", run_with(rises_and_stays, at_once), answers);
  ask(find, "learned well, at full rate from the first step",
      run_with([](std::int64_t step) { return 3.0 - 2e-3 * static_cast<double>(step); }, at_once), answers);
  ask(find, "learned well, though worse for a while",
      run_with([](std::int64_t step) { return step == 200 ? 3.5 : 3.0 - 2e-3 * static_cast<double>(step); }, warmed_up),
      answers);
  ask(find, "a healthy run", healthy_run(), answers);
}

void ask_what_cannot_tell(const Find& find, Answers& answers) {
  ask(find, "200 steps, at full rate", run_with(slow, at_once, 200), answers);
  ask(find, "200 steps, worse as the rate rose", run_with(rises_and_stays, warmed_up, 200), answers);
  RunRecord late = run_with(rises_and_stays, warmed_up);
  late.rows.erase(late.rows.begin() + 1, late.rows.begin() + 16);
  ask(find, "stuck, nothing recorded before step 160", late, answers);
  RunRecord no_rates = run_with(rises_and_stays, warmed_up);
  for (Metrics& row : no_rates.rows) row.learning_rate = std::nullopt;
  ask(find, "stuck, no learning rates", no_rates, answers);
}

/// warmup_missing() on its own, with a switch for each slip.
struct WarmupSlip {
  std::optional<double> early_rate;
  bool though_it_learned = false, however_late = false, any_length = false, first_step = false, absolute = false;
  bool late_is_no = false;
};

Find warmup_with(const WarmupSlip& slip) {
  return [slip](const RunRecord& run) {
    const Finding stuck = is_stuck(run);
    const bool short_run = !run.rows.empty() && run.rows.back().step < 400;
    if (!slip.though_it_learned && stuck != Finding::yes && !(slip.any_length && short_run)) return stuck;
    const double peak = highest_rate(run);
    for (const Metrics& row : run.rows) {
      if (row.step == 0 || !row.learning_rate) continue;
      if (slip.first_step && row.step > 1) return Finding::unknown;
      if (!slip.however_late && row.step > run.rows.back().step / 20) break;
      return yes_if(slip.absolute ? *row.learning_rate > 1e-3
                                  : *row.learning_rate > slip.early_rate.value_or(lines_in_use.early_rate) * peak);
    }
    return slip.late_is_no ? Finding::no : Finding::unknown;
  };
}

[[maybe_unused]] const auto& exercise_6_12 =
    exercise<Find>("6.12", with_lines(warmup_missing))
        .check("rates", ask_about_rates)
        .check("what_cannot_tell", ask_what_cannot_tell)
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 const auto six_tenths = [](std::int64_t step) { return step < 100 ? 6e-3 : 1e-2; };
                 ask(find, "stuck, at 60 % of the highest rate from the first step, where half is allowed",
                     run_with(slow, six_tenths), answers);
                 ask(find, "stuck, warmed up", run_with(slow, warmed_up), answers);
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(warmup_missing))
        .mistake("though_it_learned", warmup_with, {.though_it_learned = true})
        .mistake("however_late", warmup_with, {.however_late = true})
        .mistake("whatever_the_length", warmup_with, {.any_length = true})
        .mistake("step_one_alone", warmup_with, {.first_step = true})
        .mistake("an_absolute_rate", warmup_with, {.absolute = true})
        .mistake("above_the_highest",
                 [](const RunRecord& run) {
                   const Finding stuck = is_stuck(run);
                   if (stuck != Finding::yes) return stuck;
                   for (const Metrics& row : run.rows) {
                     const bool early = row.step > 0 && row.step * 20 <= run.rows.back().step;
                     if (early && row.learning_rate) return yes_if(*row.learning_rate > highest_rate(run));
                   }
                   return Finding::unknown;
                 })
        .mistake("late_is_no", warmup_with, {.late_is_no = true});

/// learning_rate_too_high() on its own, with a switch for each slip.
struct RateSlip {
  std::optional<double> rise;
  bool though_it_learned = false, stuck_is_enough = false, no_margin = false, missing_is_no = false;
  bool any_rise = false, end_for_worst = false, no_number_is_fine = false;
};

Find rate_with(const RateSlip& slip) {
  return [slip](const RunRecord& run) {
    const Finding stuck = is_stuck(run);
    if (!slip.though_it_learned && stuck != Finding::yes) return stuck;
    if (slip.stuck_is_enough) return Finding::yes;
    const double peak = highest_rate(run);
    double least = std::numeric_limits<double>::infinity(), most = 0, rise = 0, least_so_far = least;
    bool before = true;
    for (const Metrics& row : run.rows) {
      if (!row.learning_rate || !row.train_loss) continue;
      before = before && *row.learning_rate < 0.9 * peak;
      const double loss = std::isfinite(*row.train_loss) || slip.no_number_is_fine
                              ? *row.train_loss
                              : std::numeric_limits<double>::infinity();
      if (before) least = std::min(least, loss);
      if (!before) most = slip.end_for_worst ? loss : std::max(most, loss);
      rise = std::max(rise, loss - least_so_far);
      least_so_far = std::min(least_so_far, loss);
    }
    if (slip.any_rise) return yes_if(rise > lines_in_use.rise);
    if (std::isinf(least)) return slip.missing_is_no ? Finding::no : Finding::unknown;
    return yes_if(most > least + (slip.no_margin ? 0 : slip.rise.value_or(lines_in_use.rise)));
  };
}

[[maybe_unused]] const auto& exercise_6_11 =
    exercise<Find>("6.11", with_lines(learning_rate_too_high))
        .check("rates", ask_about_rates)
        .check("what_cannot_tell", ask_what_cannot_tell)
        .check("a_rise_that_is_gone_at_the_end",
               [](const Find& find, Answers& answers) {
                 const auto falls_with_the_rate = [](std::int64_t step) {
                   return step <= 60 ? 3.2 : step <= 400 ? 3.33 : 3.1;
                 };
                 ask(find, "stuck, worse as the rate rose, better as it fell", run_with(falls_with_the_rate, warmed_up),
                     answers);
                 const auto trembles = [](std::int64_t step) { return step <= 60 ? 3.30 : 3.32; };
                 ask(find, "stuck, a rise of 0.02", run_with(trembles, warmed_up), answers);
                 const auto falls_apart = [](std::int64_t step) { return step <= 100 ? 3.2 : nan; };
                 ask(find, "no number from step 110 on", run_with(falls_apart, warmed_up), answers);
               })
        .check("other_thresholds", with_other_lines([](const Find& find, Answers& answers) {
                 ask(find, "stuck, a rise of 0.12, where 0.2 is allowed", run_with(rises_and_stays, warmed_up),
                     answers);
                 const auto rises_far = [](std::int64_t step) { return step <= 60 ? 3.0 : 3.3; };
                 ask(find, "stuck, a rise of 0.3, where 0.2 is allowed", run_with(rises_far, warmed_up), answers);
               }))
        .check("recorded_runs", ask_recorded_runs)
        .mistake("thresholds_ignored", with_lines_by_heart(learning_rate_too_high))
        .mistake("though_it_learned", rate_with, {.though_it_learned = true})
        .mistake("stuck_is_enough", rate_with, {.stuck_is_enough = true})
        .mistake("no_margin", rate_with, {.no_margin = true})
        .mistake("missing_is_no", rate_with, {.missing_is_no = true})
        .mistake("a_rise_at_any_rate", rate_with, {.any_rise = true})
        .mistake("end_for_worst", rate_with, {.end_for_worst = true})
        .mistake("no_number_is_fine", rate_with, {.no_number_is_fine = true});

// 6.13
// ------------------------------------------------------------------------------------------------------------------

using Choose = std::function<Thresholds()>;

/// The six findings with lines of somebody's choice; written here on their own, so that a choice is judged by itself.
std::vector<std::pair<std::string, Find>> findings_with(const Thresholds& lines) {
  ShiftSlip shift;
  shift.share = lines.repeated;
  BatchSlip batch;
  batch.gap = lines.gap;
  RateSlip rate;
  rate.rise = lines.rise;
  WarmupSlip warmup;
  warmup.early_rate = lines.early_rate;
  return {{"no-initialisation",
           [lines](const RunRecord& run) {
             const auto loss = validation_at(run, 0);
             if (!loss || run.rows.front().step != 0) return Finding::unknown;
             return yes_if(!(*loss <= run.landmarks.uniform + lines.initial_excess));
           }},
          {"no-causal-mask",
           [lines](const RunRecord& run) { return yes_if(run.future_influence.value_or(0) > lines.influence); }},
          {"unshifted-targets", shift_with(shift)},
          {"same-batch", batch_with(batch)},
          {"high-learning-rate", rate_with(rate)},
          {"no-warmup", warmup_with(warmup)}};
}

/// The bars that a choice has to pass on the held-out runs. What our own choice scores stands in the chapter.
constexpr double kLeastRecall = 0.8, kLeastOfRates = 0.3, kMostAlarms = 0.1;

void add_scores(const Choose& choose, Answers& answers) {
  for (const auto& [fault, find] : findings_with(choose())) {
    double there = 0, found = 0, elsewhere = 0, accused = 0;
    for (const auto& [name, run] : held_out_runs()) {
      const bool yes = find(run) == Finding::yes;
      (fault_in(name) == fault ? there : elsewhere) += 1;
      (fault_in(name) == fault ? found : accused) += yes ? 1 : 0;
    }
    const double least = fault == "no-warmup" || fault == "high-learning-rate" ? kLeastOfRates : kLeastRecall;
    answers.add(fmt::format("whether at least {:.0f} % of the held-out runs with {} are found", 100 * least, fault),
                found >= least * there ? "yes" : "no");
    answers.add(
        fmt::format("whether at most {:.0f} % of the other held-out runs are accused of {}", 100 * kMostAlarms, fault),
        accused <= kMostAlarms * elsewhere ? "yes" : "no");
  }
}

[[maybe_unused]] const auto& exercise_6_13 =
    exercise<Choose>("6.13", choose_thresholds)
        .check("on_held_out_runs", add_scores)
        .mistake("nothing_chosen", [] { return Thresholds{}; })
        .mistake("nothing_found", [] { return Thresholds{1e3, 1e3, 1, 1e3, 1e3, 1}; })
        .mistake("everything_accused", [] { return Thresholds{-1e3, -1, -1, -1e3, -1e3, -1}; });

}  // namespace
}  // namespace verse
