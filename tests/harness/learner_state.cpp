#include "tests/harness/learner_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/text.h"

namespace verse {

namespace fs = std::filesystem;

namespace {

constexpr int format_version = 1;

// How a standing is written in the file.
constexpr std::pair<Standing, const char*> standing_names[] = {{Standing::never_checked, "never_checked"},
                                                               {Standing::not_started, "not_started"},
                                                               {Standing::failed, "failed"},
                                                               {Standing::passed, "passed"}};

std::string name_of(Standing standing) {
  for (const auto& [known, name] : standing_names) {
    if (known == standing) return name;
  }
  return "never_checked";
}

Standing standing_named(const JsonEntry& entry) {
  for (const auto& [known, name] : standing_names) {
    if (entry.text() == name) return known;
  }
  entry.refuse("never_checked, not_started, failed or passed");
}

fs::path state_file(const fs::path& root) {
  return learner_folder(root) / "progress.json";
}

Json to_json(const LearnerState& state) {
  Json exercises = Json::object();
  for (const auto& [id, record] : state.exercises) {
    exercises[id] = {{"standing", name_of(record.standing)},
                     {"checked_at", record.checked_at},
                     {"body", record.body},
                     {"hints_shown", record.hints_shown},
                     {"checks", record.checks},
                     {"begun_at", record.begun_at},
                     {"passed_at", record.passed_at},
                     {"solution_shown_at", record.solution_shown_at}};
  }
  Json predictions = Json::object();
  for (const auto& [id, record] : state.predictions) {
    predictions[id] = {{"right", record.right},
                       {"told", record.told},
                       {"answers", record.answers},
                       {"answered_at", record.answered_at}};
  }
  Json chapters = Json::object();
  for (const auto& [number, record] : state.chapters) {
    chapters[std::to_string(number)] = {{"passed_with", record.passed_with}, {"passed_at", record.passed_at}};
  }
  return {{"version", format_version},
          {"exercises", exercises},
          {"predictions", predictions},
          {"chapters", chapters},
          {"stubs_written", state.stubs_written}};
}

// What is missing in the file keeps its default, so that a file of an older `verse` can be read.
class Reader {
 public:
  explicit Reader(const JsonEntry& entry) : entry_(entry) {}

  void take(const char* name, std::string& value) const {
    if (entry_.has(name)) value = entry_.at(name).text();
  }
  void take(const char* name, bool& value) const {
    if (entry_.has(name)) value = entry_.at(name).flag();
  }
  void take(const char* name, int& value) const {
    if (entry_.has(name)) value = static_cast<int>(entry_.at(name).whole(0, INT32_MAX));
  }
  void take(const char* name, Standing& value) const {
    if (entry_.has(name)) value = standing_named(entry_.at(name));
  }
  void take(const char* name, std::vector<std::string>& value) const {
    if (entry_.has(name)) value = texts_of(entry_.at(name));
  }

  std::vector<std::pair<std::string, JsonEntry>> section(const char* name) const {
    if (!entry_.has(name)) return {};
    return entry_.at(name).table();
  }

  static std::vector<std::string> texts_of(const JsonEntry& list) {
    std::vector<std::string> texts;
    for (const JsonEntry& item : list.list()) texts.push_back(item.text());
    return texts;
  }

 private:
  const JsonEntry& entry_;
};

LearnerState from_json(const JsonEntry& json) {
  if (json.at("version").whole() > format_version) throw UsageError(json.place() + ": it was written by a newer verse");
  LearnerState state;
  const Reader file(json);
  for (const auto& [id, entry] : file.section("exercises")) {
    ExerciseRecord& record = state.exercises[id];
    const Reader reader(entry);
    reader.take("standing", record.standing);
    reader.take("checked_at", record.checked_at);
    reader.take("body", record.body);
    reader.take("hints_shown", record.hints_shown);
    reader.take("checks", record.checks);
    reader.take("begun_at", record.begun_at);
    reader.take("passed_at", record.passed_at);
    reader.take("solution_shown_at", record.solution_shown_at);
  }
  for (const auto& [id, entry] : file.section("predictions")) {
    PredictionRecord& record = state.predictions[id];
    const Reader reader(entry);
    reader.take("right", record.right);
    reader.take("told", record.told);
    reader.take("answers", record.answers);
    reader.take("answered_at", record.answered_at);
  }
  for (const auto& [number, entry] : file.section("chapters")) {
    const auto chapter = to_whole_number(number);
    if (!chapter || *chapter < 0 || *chapter > INT32_MAX) {
      throw UsageError(fmt::format("{}: \"{}\" is no chapter's number", entry.place(), number));
    }
    ChapterRecord& record = state.chapters[static_cast<int>(*chapter)];
    const Reader reader(entry);
    reader.take("passed_with", record.passed_with);
    reader.take("passed_at", record.passed_at);
  }
  for (const auto& [stub, digests] : file.section("stubs_written"))
    state.stubs_written[stub] = Reader::texts_of(digests);
  return state;
}

}  // namespace

fs::path learner_folder(const fs::path& root) {
  return root / ".verse";
}

LearnerState parse_state(std::string_view text, const std::string& place) {
  return from_json(parse_json(text, place));
}

LearnerState load_state(const fs::path& root) {
  const auto text = read_file_if_there(state_file(root));
  if (!text) return {};
  try {
    return parse_state(*text, state_file(root).string());
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}; move that file away to begin anew", error.what()));
  }
}

void update_state(const fs::path& root, const std::function<void(LearnerState&)>& change) {
  fs::create_directories(learner_folder(root));
  const FolderLock lock(learner_folder(root), FolderLock::WhenTaken::wait);
  LearnerState state = load_state(root);
  change(state);
  const std::string text = json_text(to_json(state), 2) + "\n";
  if (read_file_if_there(state_file(root)) != text) write_file_atomically(state_file(root), text);
}

std::string time_stamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string back_up(const fs::path& root, const std::string& file, std::string_view text, std::string_view occasion) {
  // "chapters/03_attention/attention.cpp" becomes "..._03_attention_attention.cpp"; a second one in the same second
  // gets a number.
  std::string name = file.substr(file.find('/') + 1);
  std::replace(name.begin(), name.end(), '/', '_');
  std::string stamp = time_stamp();
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-'; });
  for (int copy = 1;; ++copy) {
    const std::string suffix = copy == 1 ? "" : fmt::format("-{}", copy);
    const fs::path target = learner_folder(root) / "backup" / fmt::format("{}{}_{}_{}", stamp, suffix, occasion, name);
    if (fs::exists(target)) continue;
    fs::create_directories(target.parent_path());
    write_file_atomically(target, text);
    return fs::relative(target, root).string();
  }
}

}  // namespace verse
