#pragma once

/// @file
/// What chapter 6's findings say about a run, in words and as a page. Given, not an exercise.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "06_loss_stages/diagnosis.h"

namespace verse {

/// One question asked of a run, and its answer.
struct Answered {
  std::string question;
  Finding finding = Finding::unknown;
  std::string because;  ///< the evidence, with its numbers
  std::string remedy;   ///< what to try, where the finding is yes
};

/// What a run looks like to chapter 6.
struct Report {
  std::vector<Answered> faults;  ///< one for each fault that the chapter knows
  Overfitting overfitting;
  std::string verdict;  ///< one sentence
};

/// Asks a run everything.
Report examine(const RunRecord& run);

/// The report as lines of text.
std::string report_text(const RunRecord& run, const Report& report);

/// Writes the report as one HTML file that needs no other: verdict, curve with its landmarks, stages, evidence, what to
/// try, sample. @throws as write_file_atomically()
void write_report(const std::filesystem::path& file, const RunRecord& run, const Report& report);

/// Draws both losses over the steps, with the landmarks of the text, as SVG. @throws UsageError where no loss is
/// recorded
void plot_run(const std::filesystem::path& svg, const RunRecord& run);
std::string run_as_svg(const RunRecord& run);  ///< the same, without a file

/// Draws the validation losses of several runs on one text, each under its name, as SVG.
void plot_runs(const std::filesystem::path& svg, const std::vector<std::pair<std::string, RunRecord>>& runs);

/// The share of a text's words that occur in another. Words are runs of letters and apostrophes, in any case.
/// @return 0 for a text without words
double known_word_share(const std::string& text, const std::string& known);

}  // namespace verse
