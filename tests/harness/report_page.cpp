#include "tests/harness/report_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/terminal.h"
#include "tests/harness/progress_report.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

constexpr int pack_version = 1;

// "2026-01-31T12:03:04Z" for a reader: "2026-01-31 12:03".
std::string short_time(const std::string& stamp) {
  return stamp.size() < 16 ? "" : stamp.substr(0, 10) + " " + stamp.substr(11, 5);
}

std::string words_for(const Json& exercise) {
  const std::string progress = exercise["progress"];
  if (progress == "not_started") return "not started";
  if (progress == "changed_since_passed") return "changed since it passed";
  if (progress == "passed" && exercise["by_reference"].get<bool>()) return "the reference's answer";
  return progress;
}

constexpr const char* style_sheet =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px "
    "solid "
    "#8884;vertical-align:top}td.n{text-align:right}.passed{color:#176b2c}.failed{color:#a3201a}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}.passed{color:#7ccf8f}.failed{color:#ef8f88}"
    "}";

}  // namespace

Json make_report(const Course& course, const LearnerState& state, const std::string& name) {
  Json chapters = Json::array();
  std::size_t passed = 0, by_reference = 0, total = 0;
  for (const ChapterProgress& chapter : progress_of(course, state)) {
    Json exercises = Json::array();
    for (const ExerciseProgress& one : chapter.exercises) {
      const auto found = state.exercises.find(one.exercise->id);
      const ExerciseRecord record = found == state.exercises.end() ? ExerciseRecord() : found->second;
      ++total;
      if (one.progress == Progress::passed) ++(one.by_reference ? by_reference : passed);
      exercises.push_back({{"id", one.exercise->id},
                           {"title", one.exercise->title},
                           {"core", one.exercise->core},
                           {"minutes", one.exercise->minutes},
                           {"progress", name_of(one.progress)},
                           {"by_reference", one.by_reference},
                           {"begun_at", record.begun_at},
                           {"passed_at", record.passed_at},
                           {"checks", record.checks},
                           {"hints_shown", record.hints_shown},
                           {"solution_shown_at", record.solution_shown_at}});
    }
    Json predictions = Json::array();
    for (const Prediction& prediction : chapter.chapter->predictions) {
      const auto found = state.predictions.find(prediction.id);
      const PredictionRecord record = found == state.predictions.end() ? PredictionRecord() : found->second;
      predictions.push_back({{"id", prediction.id},
                             {"right", record.right},
                             {"told", record.told},
                             {"answers", record.answers.size()},
                             {"answered_at", record.answered_at}});
    }
    chapters.push_back({{"chapter", chapter.chapter->number},
                        {"title", chapter.chapter->title},
                        {"exercises", exercises},
                        {"predictions", predictions}});
  }
  return {{"report", 1},
          {"learner", name},
          {"made_at", time_stamp()},
          {"passed", passed},
          {"by_reference", by_reference},
          {"exercises", total},
          {"chapters", chapters}};
}

std::string report_as_page(const Json& report) {
  const std::string name = escape_markup(report["learner"].get<std::string>());
  std::string page = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\">\n<title>Chapter and Verse: {0}</title><style>{1}</style>\n<h1>{0}</h1>\n"
      "<p>{2} of {3} pass with code of their own, {4} with the reference's answer; as of {5} UTC.</p>\n",
      name, style_sheet, report["passed"].get<int>(), counted(report["exercises"].get<std::size_t>(), "exercise"),
      report["by_reference"].get<int>(), short_time(report["made_at"]));
  for (const Json& chapter : report["chapters"]) {
    page += fmt::format(
        "<h2>{} {}</h2>\n<table><tr><th>Exercise<th><th>Stands<th>Begun<th>Passed<th>Checks<th>Hints</tr>\n",
        chapter["chapter"].get<int>(), escape_markup(chapter["title"].get<std::string>()));
    for (const Json& one : chapter["exercises"]) {
      page += fmt::format("<tr><td>{}<td>{}{}<td class=\"{}\">{}<td>{}<td>{}<td class=n>{}<td class=n>{}</tr>\n",
                          one["id"].get<std::string>(), escape_markup(one["title"].get<std::string>()),
                          one["core"].get<bool>() ? "" : " (going further)", one["progress"].get<std::string>(),
                          words_for(one), short_time(one["begun_at"]), short_time(one["passed_at"]),
                          one["checks"].get<int>(), one["hints_shown"].get<int>());
    }
    page += "</table>\n";
    std::size_t right = 0;
    for (const Json& one : chapter["predictions"]) right += one["right"].get<bool>() ? 1 : 0;
    if (!chapter["predictions"].empty()) {
      page += fmt::format("<p>Predictions: {} of {} right.</p>\n", right, chapter["predictions"].size());
    }
  }
  return page + "</html>\n";
}

Json make_pack(const Course& course, const LearnerState& state, const std::string& name) {
  Json files = Json::object();
  for (const StubFile& stub : make_stubs(course)) {
    const auto text = read_file_if_there(course.root() / stub.path);
    if (text && !all_bodies_are_stubs(*text)) files[stub.path] = *text;
  }
  return {{"pack", pack_version},
          {"learner", name},
          {"made_at", time_stamp()},
          {"files", files},
          {"report", make_report(course, state, name)}};
}

}  // namespace verse
