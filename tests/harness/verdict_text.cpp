// How a verdict looks: for a learner, and for programs.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/base/json.h"
#include "common/base/text.h"
#include "tests/harness/verdict.h"
#include "tests/harness/workbench.h"

namespace verse {
namespace {

constexpr std::size_t most_lines_printed = 12;

// The sign before an exercise: no two states that call for different things look alike, in colour or without.
std::string sign(ExerciseState state, const Style& style) {
  switch (state) {
    case ExerciseState::passed:
      return style.green(style.symbols ? "✓" : "+");
    case ExerciseState::not_started:
      return style.faint(style.symbols ? "·" : ".");
    case ExerciseState::waiting:
      return style.yellow(style.symbols ? "…" : "~");
    case ExerciseState::not_checked:
      return style.yellow("?");
    default:
      return style.red(style.symbols ? "✗" : "x");
  }
}

std::string coloured_state(const ExerciseVerdict& verdict, const Style& style) {
  const std::string words = state_in_words(verdict);
  switch (verdict.state) {
    case ExerciseState::passed:
      return style.green(words);
    case ExerciseState::not_started:
      return style.faint(words);
    case ExerciseState::waiting:
    case ExerciseState::not_checked:
      return style.yellow(words);
    default:
      return style.red(words);
  }
}

bool is_wrong(const ExerciseVerdict& one) {
  return one.state == ExerciseState::wrong || one.state == ExerciseState::crashed ||
         one.state == ExerciseState::endless || one.state == ExerciseState::too_large;
}

std::string capitalised(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// The last lines that the learner's own code printed, if any.
std::string own_printing(const std::string& printed, const Surroundings& around) {
  std::vector<std::string_view> lines = lines_of(trimmed(printed));
  if (lines.empty()) return {};
  std::string result = fmt::format("\n  Printed during the test ({} has all of it):\n", around.log);
  if (lines.size() > most_lines_printed) {
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(most_lines_printed));
    result += "    ...\n";
  }
  for (const std::string_view line : lines) result += fmt::format("    {}\n", line);
  return result;
}

// What every exercise can have beside a known mistake of its own.
std::string kind_in_words(const std::string& kind) {
  static const std::map<std::string, std::string> words = {
      {"computed_in_float",
       "something on the way is in float (float32), where double (float64) is given or asked for."},
      {"input_changed",
       "an input is changed. What is given stays as it is: operations that end in _, and another name for the same "
       "tensor, write into it."},
      {"gradient_cut",
       "no gradient flows: the result is cut off from its inputs (a NoGradGuard, detach(), item() or data()?)."},
      {"gradient_mode_left",
       "gradients are not recorded any more afterwards: GradMode was switched off and not on again. A NoGradGuard does "
       "both."},
      {"random_numbers_drawn", "LibTorch's own random numbers were drawn or seeded, which this exercise does not do."},
  };
  const auto found = words.find(kind);
  return found == words.end() ? std::string() : found->second;
}

// Two mistakes at once, each in words; empty where one of them has none.
std::string both_in_words(const Exercise& exercise, const std::string& mistakes) {
  std::string text;
  for (const std::string& id : split(mistakes, '+')) {
    const KnownMistake* mistake = exercise.find_mistake(id);
    const std::string says = mistake != nullptr ? mistake->says : kind_in_words(id);
    if (says.empty()) return {};
    text += paragraph((text.empty() ? "Two things at once. First: " : "And: ") + says, 2);
  }
  return text;
}

// What happened, from the plainest there is: a known mistake in words, else what the check found.
std::string what_happened(const ExerciseVerdict& one) {
  const TestOutcome& cause = *one.cause;
  std::string result;
  if (const KnownMistake* mistake = one.exercise->find_mistake(cause.mistake)) {
    result = paragraph(mistake->says, 2);
  } else if (cause.mistake.find('+') != std::string::npos) {
    result = both_in_words(*one.exercise, cause.mistake);
  }
  if (!result.empty()) {
    // Said already.
  } else if (cause.status == TestStatus::failed) {
    result = paragraph(cause.message.empty() ? "The test failed without saying why." : trimmed(cause.message), 2);
  } else {
    result = paragraph(capitalised(cause.message) + ".", 2);
  }
  if (!cause.expected.empty()) result += paragraph("expected  " + cause.expected, 2);
  if (!cause.got.empty()) result += paragraph("got       " + cause.got, 2);
  return result;
}

std::string place_of(const BodyInFile& body) {
  return body.line == 0 ? fmt::format("{} (its two lines `//!` are not in order)", body.file)
                        : fmt::format("{}:{}", body.file, body.line);
}

std::string reading(const Course& course, const Chapter& chapter, const std::string& section) {
  const auto title = course.section_title(chapter, section);
  return fmt::format("{}, {}", course.readme_file(chapter), title ? fmt::format("\"{}\"", *title) : "#" + section);
}

// The paragraph that teaches: what happened, where, what to read, what to do.
std::string lesson(const Course& course, const ChapterVerdict& verdict, const ExerciseVerdict& one,
                   const Surroundings& around, const Style& style) {
  const Exercise& exercise = *one.exercise;
  std::string text = style.bold(fmt::format("{} {}: {}", exercise.id, exercise.title, state_in_words(one))) + "\n";
  if (one.state == ExerciseState::not_started) {
    const bool nothing_yet = verdict.count(ExerciseState::not_started) == verdict.exercises.size();
    text +=
        paragraph(fmt::format("{}Read the section, then replace the line `throw NotImplemented(\"{}\");` ({} "
                              "minutes).",
                              nothing_yet ? "Nothing is started yet; begin here. " : "", exercise.id, exercise.minutes),
                  2);
    if (!exercise.calls.empty()) text += "  New calls that it takes:\n";
    for (const NewCall& call : exercise.calls) text += paragraph(fmt::format("{}: {}", call.call, call.does), 4);
  } else if (one.state == ExerciseState::not_checked) {
    text += "  None of its tests has run.\n";
  } else if (one.state == ExerciseState::waiting) {
    text += paragraph(fmt::format("It needs exercise {}, which is not written yet.", one.cause->exercise), 2);
  } else {
    text += what_happened(one);
    if (one.tests > 1) {
      text += style.faint(
          fmt::format("  ({}: {} of {} tests pass)\n", one.cause->full_name(), one.tests_passed, one.tests));
    } else {
      text += style.faint(fmt::format("  ({})\n", one.cause->full_name()));
    }
    text += own_printing(one.cause->printed, around);
  }

  text += fmt::format("\n  where  {}\n", place_of(look_at_body(course, exercise, around.solution)));
  text += fmt::format("  read   {}\n", reading(course, *verdict.chapter, exercise.section));
  if (const auto page = course.book_page(around.build, exercise.section)) text += fmt::format("         {}\n", *page);
  text += fmt::format("  next   make hint-{}\n", exercise.id);
  return text;
}

// A wrong exercise that is not the next one: what happened and where, no more.
std::string remark(const Course& course, const ExerciseVerdict& one, const Surroundings& around, const Style& style) {
  std::string text = style.bold(fmt::format("{} {}: {}", one.exercise->id, one.exercise->title, state_in_words(one)));
  text += fmt::format("  {}\n", style.faint(place_of(look_at_body(course, *one.exercise, around.solution))));
  std::string happened = what_happened(one);
  constexpr std::size_t longest = 400;
  if (happened.size() > longest) happened = happened.substr(0, happened.rfind('\n', longest)) + "\n  ...\n";
  return text + happened;
}

// After a pass: where the reference's way of doing it stands, and what it does differently where that is worth knowing.
std::string reference_of(const Course& course, const ExerciseVerdict& one, const Style& style) {
  std::string text = style.green(fmt::format("{} {}: passed", one.exercise->id, one.exercise->title));
  text +=
      fmt::format("\n  the reference's way  {}\n", place_of(look_at_body(course, *one.exercise, /*solution=*/true)));
  if (!one.exercise->reference.empty()) text += paragraph(one.exercise->reference, 2);
  return text;
}

std::string closing_line(const ChapterVerdict& verdict, const Style& style) {
  const std::string count =
      fmt::format("{} of {} pass", verdict.count(ExerciseState::passed), counted(verdict.exercises.size(), "exercise"));
  const ExerciseVerdict* next = verdict.next();
  if (next) return style.bold(fmt::format("{}; next: {}", count, next->exercise->id)) + "\n";
  if (!verdict.others.empty()) {
    return style.bold(fmt::format("{}, but not the chapter as a whole", count)) + "\n";
  }
  return style.green(fmt::format("{}. Chapter {} is done.", count, verdict.chapter->number)) + "\n";
}

}  // namespace

std::string show_verdict(const Course& course, const ChapterVerdict& verdict, const Surroundings& around,
                         const Style& style) {
  std::string text = style.bold(fmt::format("Chapter {}: {}{}", verdict.chapter->number, verdict.chapter->title,
                                            around.solution ? " (the reference's answers)" : "")) +
                     "\n\n";

  // One line an exercise.
  std::size_t width = 0;
  for (const ExerciseVerdict& one : verdict.exercises) width = std::max(width, one.exercise->title.size());
  for (const ExerciseVerdict& one : verdict.exercises) {
    text += fmt::format("  {} {} {}  {}{}\n", sign(one.state, style), padded(one.exercise->id, 5),
                        padded(one.exercise->title, width), coloured_state(one, style),
                        one.exercise->core ? "" : style.faint("  (going further)"));
  }
  text += "\n";

  for (const ExerciseVerdict& one : verdict.exercises) {
    const auto& news = around.newly_passed;
    const bool is_new = std::find(news.begin(), news.end(), one.exercise->id) != news.end();
    if (is_new && one.state == ExerciseState::passed) text += reference_of(course, one, style) + "\n";
  }

  // The one to work on in full, other wrong ones in short.
  const ExerciseVerdict* next = verdict.next();
  if (next) text += lesson(course, verdict, *next, around, style) + "\n";
  for (const ExerciseVerdict& one : verdict.exercises) {
    if (&one != next && is_wrong(one)) text += remark(course, one, around, style) + "\n";
  }
  for (const TestOutcome& outcome : verdict.others) {
    text += style.bold(fmt::format("The whole chapter: {}", outcome.full_name())) + "\n";
    text += paragraph(capitalised(std::string(trimmed(outcome.message))), 2) + "\n";
  }
  for (const std::string& note : verdict.notes) text += paragraph("Note: " + note + ".", 0) + "\n";
  return text + closing_line(verdict, style);
}

std::string verdict_as_json(const Course& course, const ChapterVerdict& verdict, const Surroundings& around) {
  Json exercises = Json::array();
  for (const ExerciseVerdict& one : verdict.exercises) {
    const BodyInFile body = look_at_body(course, *one.exercise, around.solution);
    Json entry = {{"id", one.exercise->id},     {"title", one.exercise->title},
                  {"core", one.exercise->core}, {"state", state_name(one.state)},
                  {"tests", one.tests},         {"tests_passed", one.tests_passed},
                  {"file", body.file},          {"line", body.line}};
    if (one.state == ExerciseState::passed) {
      entry["reference"] = look_at_body(course, *one.exercise, /*solution=*/true).place();
      if (!one.exercise->reference.empty()) entry["reference_says"] = one.exercise->reference;
    }
    if (one.cause) {
      entry["test"] = one.cause->full_name();
      if (!one.cause->mistake.empty()) entry["mistake"] = one.cause->mistake;
      if (!one.cause->exercise.empty()) entry["stub_met"] = one.cause->exercise;
      entry["message"] = one.cause->message;
    }
    exercises.push_back(entry);
  }
  Json others = Json::array();
  for (const TestOutcome& outcome : verdict.others) {
    others.push_back({{"test", outcome.full_name()}, {"message", outcome.message}});
  }
  const ExerciseVerdict* next = verdict.next();
  const Json all = {{"chapter", verdict.chapter->number},
                    {"exercises", exercises},
                    {"others", others},
                    {"notes", verdict.notes},
                    {"next", next ? Json(next->exercise->id) : Json(nullptr)},
                    {"passes", verdict.everything_passes()}};
  return json_text(all, 2) + "\n";
}

}  // namespace verse
