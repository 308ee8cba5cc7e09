#include "06_loss_stages/given/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "06_loss_stages/given/hidden_faults.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/plot.h"

namespace verse {

namespace {

std::string show(const std::optional<double>& number, int digits = 3) {
  if (!number) return "not recorded";
  return std::isfinite(*number) ? fmt::format("{:.{}f}", *number, digits) : "no number";
}

const char* word_for(Finding finding) {
  return finding == Finding::yes ? "yes" : finding == Finding::no ? "no" : "cannot tell";
}

/// The last of a loss that was recorded.
std::optional<double> last_loss(const RunRecord& run, std::optional<double> Metrics::*loss) {
  for (auto row = run.rows.rbegin(); row != run.rows.rend(); ++row) {
    if ((*row).*loss) return (*row).*loss;
  }
  return std::nullopt;
}

/// Runs of letters and apostrophes, in small letters (ASCII ones; all other characters count as letters).
std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char letter : text + " ") {
    const auto byte = static_cast<unsigned char>(letter);
    if (std::isalpha(byte) != 0 || byte >= 0x80 || letter == '\'') {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
    } else if (!word.empty()) {
      words.push_back(word);
      word.clear();
    }
  }
  return words;
}

}  // namespace

namespace {

/// The questions about faults that losses hide, as far as they were put to this run.
void add_hidden_faults(const RunRecord& run, Report& report) {
  const Probes& probes = run.probes;
  if (probes.answers_differ) {
    report.faults.push_back(
        {"Dropout on in evaluation?", dropout_at_evaluation(run),
         fmt::format("asked the same again, the program moves a logit by {:.2g}", *probes.answers_differ),
         "Call eval() before the validation loss is measured, and train() after it."});
  }
  if (probes.seen_before) {
    report.faults.push_back(
        {"Do the splits overlap?", splits_overlap(run),
         fmt::format("{:.1f} % of the validation text's windows stand in the training text", 100 * *probes.seen_before),
         "Cut the text before anything else is done to it, and take repeated documents out first."});
  }
  if (probes.sample_surprise) {
    report.faults.push_back(
        {"Another vocabulary?", wrong_tokenizer(run),
         fmt::format("the sample has {:.2f} nats a character for a reader of pairs, validation loss {}",
                     *probes.sample_surprise, show(last_loss(run, &Metrics::validation_loss))),
         "Store the vocabulary with the model, and decode with that one. Encode and decode a line to see."});
  }
  if (probes.rounded_weights) {
    report.faults.push_back({"Precision lost?", precision_lost(run),
                             fmt::format("{:.1f} % of the weights are bfloat16 numbers", 100 * *probes.rounded_weights),
                             "Keep the weights in float32, and use bfloat16 for the products only."});
  }
}

}  // namespace

Report examine(const RunRecord& run) {
  Report report;
  const Thresholds thresholds = choose_thresholds();
  const auto no_number = no_number_from(run.rows);
  const auto first = run.rows.empty() ? std::nullopt : run.rows.front().validation_loss;
  const auto train_loss = last_loss(run, &Metrics::train_loss);
  const auto validation_loss = last_loss(run, &Metrics::validation_loss);
  const double peak = highest_rate(run);
  const std::string stuck =
      fmt::format("training loss at the end {}, two-character entropy {:.3f}", show(train_loss), run.landmarks.pairs);

  const bool measured = std::any_of(run.rows.begin(), run.rows.end(), [](const Metrics& row) {
    return row.train_loss || row.validation_loss || row.gradient_norm;
  });
  report.faults = {
      {"Did it blow up?",
       no_number  ? Finding::yes
       : measured ? Finding::no
                  : Finding::unknown,
       no_number  ? fmt::format("a loss or a gradient is no number from step {} on; highest learning rate {:.2g}",
                                *no_number, peak)
       : measured ? "every loss and gradient on record is a number"
                  : "no loss is recorded",
       "Divide the learning rate by ten and begin anew. If that does not help, look for a division by 0 or the "
       "logarithm "
       "of 0 in the code of the loss."},
      {"Bad initialisation?", bad_initialisation(run, thresholds),
       fmt::format("loss before the first step {}, the uniform guess has {:.3f}", show(first), run.landmarks.uniform),
       "Give tables and weights small values (chapter 4: standard deviation 0.02), so that the untrained model "
       "guesses."},
      {"Does it see the future?", sees_the_future(run, thresholds),
       run.future_influence ? fmt::format("changing later tokens moves earlier logits by {:.2g}", *run.future_influence)
                            : "it was not probed",
       "Look at the causal mask: is it there, is it the right way round, does it begin at the right position?"},
      {"Targets not shifted?", targets_not_shifted(run, thresholds),
       fmt::format("{:.0f} % of the sample's characters repeat the one before, validation loss {}",
                   100 * repeated_share(run.sample), show(validation_loss)),
       "Targets are the inputs one position later: compare the two tensors of one batch by eye."},
      {"The same batch every step?", same_batch_every_step(run, thresholds),
       fmt::format("{} characters to learn from; training loss at the end {}, validation loss {}",
                   run.training_characters, show(train_loss), show(validation_loss)),
       "Draw a new batch for every step, inside the loop, from a generator that is made once, outside."},
      {"Warm-up missing?", warmup_missing(run, thresholds),
       fmt::format("highest learning rate {:.2g}; {}", peak, stuck),
       "Let the learning rate rise over the first hundred steps, or lower its peak."},
      {"Learning rate too high?", learning_rate_too_high(run, thresholds),
       fmt::format("highest learning rate {:.2g}; {}", peak, stuck), "Divide the learning rate by ten and begin anew."},
  };
  add_hidden_faults(run, report);

  // Of a run that blew up, what came before says nothing about its end.
  if (!no_number) report.overfitting = find_overfitting(run.rows);

  // Causes come before consequences: a program that is broken may overfit as well.
  for (const Answered& fault : report.faults) {
    if (fault.finding != Finding::yes) continue;
    if (!report.verdict.empty()) report.verdict += " ";
    report.verdict += fmt::format("{} Yes: {}.", fault.question, fault.because);
  }
  if (report.verdict.empty() && report.overfitting.found == Finding::yes) {
    report.verdict =
        fmt::format("Overfitting: validation was best at step {}, with {:.3f}, and has risen by {:.3f} since.",
                    report.overfitting.best_step, report.overfitting.best_loss, report.overfitting.rise);
  }
  if (report.verdict.empty()) {
    const bool all_told = std::all_of(report.faults.begin(), report.faults.end(),
                                      [](const Answered& fault) { return fault.finding == Finding::no; });
    report.verdict = all_told ? "Healthy: none of the faults that this chapter knows, and no overfitting."
                              : "No fault found; some questions this record cannot answer.";
  }
  return report;
}

std::string report_text(const RunRecord& run, const Report& report) {
  std::string text = fmt::format("{}\n\n", report.verdict);
  const auto loss_line = [&](const char* name, const std::optional<double>& loss) {
    if (!loss) {
      text += fmt::format("  {:<11}not recorded\n", name);
    } else if (!std::isfinite(*loss)) {
      text += fmt::format("  {:<11}no number\n", name);
    } else {
      text += fmt::format("  {:<11}{:.3f}  {}\n", name, *loss, describe(stage_of(*loss, run.landmarks)));
    }
  };
  const std::int64_t last = run.rows.empty() ? 0 : run.rows.back().step;
  text += fmt::format("At the end, after {} steps on {}\n", last, run.text_name);
  loss_line("training", last_loss(run, &Metrics::train_loss));
  loss_line("validation", last_loss(run, &Metrics::validation_loss));
  if (report.overfitting.found != Finding::unknown) {
    text += fmt::format("  best       {:.3f}  at step {}; {:.3f} above it at the end; gap to training {:.3f}\n",
                        report.overfitting.best_loss, report.overfitting.best_step, report.overfitting.rise,
                        report.overfitting.gap);
  }
  text += "\nWhat was asked\n";
  for (const Answered& fault : report.faults) {
    text += fmt::format("  {:<28}{:<13}{}\n", fault.question, word_for(fault.finding), fault.because);
  }
  text += fmt::format("  {:<28}{}\n", "Overfitting?", word_for(report.overfitting.found));
  for (const Answered& fault : report.faults) {
    if (fault.finding == Finding::yes) text += fmt::format("\nWhat to try: {}\n", fault.remedy);
  }
  return text;
}

void write_report(const std::filesystem::path& file, const RunRecord& run, const Report& report) {
  std::string rows;
  const auto add_row = [&rows](const std::string& question, Finding finding, const std::string& because,
                               const std::string& remedy) {
    const std::string what_to_try =
        finding == Finding::yes && !remedy.empty() ? "<br><b>" + escape_markup(remedy) + "</b>" : "";
    rows += fmt::format("<tr class=\"{0}\"><td>{1}</td><td>{2}</td><td>{3}{4}</td></tr>\n",
                        finding == Finding::yes ? "yes" : "no", escape_markup(question), word_for(finding),
                        escape_markup(because), what_to_try);
  };
  for (const Answered& fault : report.faults) add_row(fault.question, fault.finding, fault.because, fault.remedy);
  add_row("Overfitting?", report.overfitting.found,
          report.overfitting.found == Finding::unknown
              ? "too few rows with both losses"
              : fmt::format("best validation loss {:.3f} at step {}; {:.3f} above it at the end",
                            report.overfitting.best_loss, report.overfitting.best_step, report.overfitting.rise),
          "Keep the model of the best step. More text, a smaller model, dropout or fewer steps help.");

  std::string stages;
  for (const Metrics& row : run.rows) {
    if (!row.validation_loss || !std::isfinite(*row.validation_loss)) continue;
    const std::string stage = describe(stage_of(*row.validation_loss, run.landmarks));
    if (!stages.empty() && stages.find(escape_markup(stage)) != std::string::npos) continue;
    stages += fmt::format("<tr><td>{}</td><td>{:.3f}</td><td>{}</td></tr>\n", row.step, *row.validation_loss,
                          escape_markup(stage));
  }

  std::string curve;
  if (std::any_of(run.rows.begin(), run.rows.end(), [](const Metrics& row) {
        return std::isfinite(row.train_loss.value_or(NAN)) || std::isfinite(row.validation_loss.value_or(NAN));
      })) {
    curve = run_as_svg(run);
    curve.erase(0, curve.find("<svg"));
  }

  const std::string page = fmt::format(
      R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A run on {text}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 52rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 Georgia, serif; }}
h1, h2 {{ font-weight: 600; line-height: 1.2; }}
.verdict {{ font-size: 1.25rem; border-left: .3rem solid #b03a2e; padding-left: 1rem; }}
svg {{ width: 100%; height: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
td, th {{ text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8886; }}
tr.yes td:nth-child(2) {{ color: #b03a2e; font-weight: 700; }}
td:nth-child(2) {{ white-space: nowrap; }}
pre {{ white-space: pre-wrap; font: .9rem/1.4 ui-monospace, monospace; background: #8881; padding: 1rem; }}
</style></head><body>
<h1>A run on {text}</h1>
<p class="verdict">{verdict}</p>
{curve}
<h2>What was asked</h2>
<table><tr><th>Question</th><th>Answer</th><th>Evidence</th></tr>
{rows}</table>
<h2>When validation first reached each stage</h2>
<table><tr><th>Step</th><th>Loss</th><th>What a model with this loss has learned</th></tr>
{stages}</table>
<h2>What it wrote</h2>
<pre>{sample}</pre>
</body></html>
)",
      fmt::arg("text", escape_markup(run.text_name)), fmt::arg("verdict", escape_markup(report.verdict)),
      fmt::arg("curve", curve), fmt::arg("rows", rows), fmt::arg("stages", stages),
      fmt::arg("sample", run.sample.empty() ? "No sample was recorded." : escape_markup(run.sample)));
  write_file_atomically(file, page);
}

void plot_run(const std::filesystem::path& svg, const RunRecord& run) {
  write_file_atomically(svg, run_as_svg(run));
}

std::string run_as_svg(const RunRecord& run) {
  Series training{"training", {}}, validation{"validation", {}};
  for (const Metrics& row : run.rows) {
    const auto add = [&row](Series& series, const std::optional<double>& loss) {
      if (loss && std::isfinite(*loss)) series.points.emplace_back(static_cast<double>(row.step), *loss);
    };
    add(training, row.train_loss);
    add(validation, row.validation_loss);
  }
  std::vector<Series> curves;
  for (auto* series : {&training, &validation}) {
    if (!series->points.empty()) curves.push_back(*series);
  }
  if (curves.empty()) throw UsageError("there is no curve to draw: no loss is recorded");
  std::vector<Level> levels = {{"every character alike", run.landmarks.uniform},
                               {"one character", run.landmarks.characters},
                               {"two characters", run.landmarks.pairs},
                               {"three characters", run.landmarks.triples}};
  if (run.landmarks.floor) levels.push_back({"floor", *run.landmarks.floor});
  return lines_as_svg({"Loss on " + run.text_name, "step", "nats a character"}, curves, levels);
}

void plot_runs(const std::filesystem::path& svg, const std::vector<std::pair<std::string, RunRecord>>& runs) {
  std::vector<Series> curves;
  for (const auto& [name, run] : runs) {
    Series curve{name, {}};
    for (const Metrics& row : run.rows) {
      if (row.validation_loss && std::isfinite(*row.validation_loss)) {
        curve.points.emplace_back(static_cast<double>(row.step), *row.validation_loss);
      }
    }
    curves.push_back(curve);
  }
  const RunRecord& first = runs.front().second;
  plot_lines(svg, {"Validation loss on " + first.text_name, "step", "nats a character"}, curves,
             {{"one character", first.landmarks.characters}, {"two characters", first.landmarks.pairs}});
}

double known_word_share(const std::string& text, const std::string& known) {
  const auto words = words_of(text);
  const auto known_words = words_of(known);
  const std::set<std::string> dictionary(known_words.begin(), known_words.end());
  const auto found =
      std::count_if(words.begin(), words.end(), [&](const std::string& word) { return dictionary.count(word) > 0; });
  return words.empty() ? 0.0 : static_cast<double>(found) / static_cast<double>(words.size());
}

}  // namespace verse
