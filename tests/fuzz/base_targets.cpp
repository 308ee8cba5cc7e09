/// @file
/// Readers that need no LibTorch.

#include <cstdlib>

#include "09_multimodal/given/wav.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/metrics.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "tests/fuzz/target.h"
#include "tests/harness/answer_list.h"
#include "tests/harness/learner_state.h"
#include "tests/harness/manifest.h"
#include "tests/harness/source_marks.h"

namespace verse {
namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

/// Asks everything of every entry that may be asked of its kind.
void ask_all(const JsonEntry& entry) {
  entry.place();
  if (entry.is_text()) {
    entry.text();
  } else if (entry.is_list()) {
    for (const JsonEntry& each : entry.list()) ask_all(each);
  } else if (entry.is_table()) {
    for (const auto& [name, each] : entry.table()) {
      expect(each.is_null() || entry.has(name));
      ask_all(each);
    }
  } else if (!entry.is_null()) {
    try {
      entry.whole(0, 1000);
    } catch (const UsageError&) {
    }
  }
}

void json(std::string_view bytes) {
  constexpr std::size_t kMostAsked = 2000;  // an entry's place is looked for through all of the text
  const JsonEntry root = parse_json(bytes, "a.json");
  if (bytes.size() <= kMostAsked) ask_all(root);
  parse_json(json_text(root.json()), "what was written of it");
}

void metrics(std::string_view bytes) {
  std::string again = kMetricsHeader;
  for (const Metrics& row : parse_metrics(bytes)) again += format_metrics(row);
  parse_metrics(again, "what was written of it");
}

/// What becomes of any bytes that are shown.
void text(std::string_view bytes) {
  const std::string shown = harmless(bytes), markup = escape_markup(bytes), line = one_line(bytes, 50);
  expect(is_utf8(shown) && is_utf8(markup) && is_utf8(line) && is_utf8(shell_quoted(bytes)));
  expect(harmless(shown) == shown && shown.find('\x1b') == std::string::npos);
  expect(markup.find('<') == std::string::npos && markup.find('\x1b') == std::string::npos);
  expect(line.find('\n') == std::string::npos && line.size() <= 4 * 50 + 4);
  if (is_utf8(bytes)) expect(encode_utf8(decode_utf8(bytes)) == bytes);
}

void manifest(std::string_view bytes) {
  try {
    parse_manifest(std::string(bytes), "03_attention", "exercises.toml");
  } catch (const ManifestError& error) {
    throw UsageError(error.what());
  }
}

/// The marks in a file of exercises; they are the same ones after a body was put back.
void marks(std::string_view bytes) {
  try {
    const auto parts = find_marks(bytes);
    std::size_t last = 0;
    for (const MarkedPart& part : parts) {
      expect(part.begin >= last && part.begin <= part.end && part.end <= bytes.size());
      last = part.end;
    }
    if (!parts.empty()) {
      const std::string again = splice(bytes, parts.back(), body_of(bytes, parts.back()));
      expect(find_marks(again).size() == parts.size());
    }
  } catch (const MarkError& error) {
    throw UsageError(error.what());
  }
}

void answers(std::string_view bytes) {
  for (const ListedAnswer& answer : read_answers(bytes, "answers.cpp")) expect(!answer.exercise.empty());
}

void progress(std::string_view bytes) {
  parse_state(bytes, "progress.json");
}

void wav(std::string_view bytes) {
  const Sound sound = parse_wav(bytes, "a.wav");
  expect(!sound.samples.empty() && 2 * sound.samples.size() <= bytes.size());
  for (const float sample : sound.samples) expect(sample >= -1 && sample <= 1);
}

}  // namespace

const std::map<std::string, FuzzTarget>& fuzz_targets() {
  static const std::map<std::string, FuzzTarget> targets = {
      {"json", json},         {"metrics", metrics}, {"text", text},   {"manifest", manifest},
      {"progress", progress}, {"wav", wav},         {"marks", marks}, {"answers", answers}};
  return targets;
}

}  // namespace verse
