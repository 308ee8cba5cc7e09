#include "tests/harness/learner_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/error.h"
#include "tests/harness/text_file.h"

namespace verse {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// How a standing is written in the file.
NLOHMANN_JSON_SERIALIZE_ENUM(Standing, {{Standing::never_checked, "never_checked"},
                                        {Standing::not_started, "not_started"},
                                        {Standing::failed, "failed"},
                                        {Standing::passed, "passed"}})

namespace {

constexpr int format_version = 1;

fs::path state_file(const fs::path& root) {
  return learner_folder(root) / "progress.json";
}

Json to_json(const LearnerState& state) {
  Json exercises = Json::object();
  for (const auto& [id, record] : state.exercises) {
    exercises[id] = {{"standing", record.standing},
                     {"checked_at", record.checked_at},
                     {"body", record.body},
                     {"hints_shown", record.hints_shown},
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
LearnerState from_json(const Json& json) {
  if (json.at("version").get<int>() > format_version) throw std::runtime_error("it was written by a newer verse");
  const auto section = [&](const char* key) { return json.value(key, Json::object()); };
  const Json exercises = section("exercises");
  const Json predictions = section("predictions");
  const Json chapters = section("chapters");
  const Json stubs = section("stubs_written");

  LearnerState state;
  for (const auto& [id, entry] : exercises.items()) {
    ExerciseRecord& record = state.exercises[id];
    record.standing = entry.value("standing", Standing::never_checked);
    record.checked_at = entry.value("checked_at", "");
    record.body = entry.value("body", "");
    record.hints_shown = entry.value("hints_shown", 0);
    record.solution_shown_at = entry.value("solution_shown_at", "");
  }
  for (const auto& [id, entry] : predictions.items()) {
    PredictionRecord& record = state.predictions[id];
    record.right = entry.value("right", false);
    record.told = entry.value("told", false);
    record.answers = entry.value("answers", std::vector<std::string>{});
    record.answered_at = entry.value("answered_at", "");
  }
  for (const auto& [number, entry] : chapters.items()) {
    state.chapters[std::stoi(number)] = {entry.value("passed_with", ""), entry.value("passed_at", "")};
  }
  for (const auto& [file, digests] : stubs.items()) {
    state.stubs_written[file] = digests.get<std::vector<std::string>>();
  }
  return state;
}

// Held while the state is read, changed and written; ends with the process, whatever ends it.
class StateLock {
 public:
  explicit StateLock(const fs::path& root) {
    fs::create_directories(learner_folder(root));
    const fs::path file = learner_folder(root) / "lock";
    descriptor_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) throw std::runtime_error(fmt::format("cannot open {}: {}", file.string(), strerror(errno)));
    while (flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~StateLock() { close(descriptor_); }
  StateLock(const StateLock&) = delete;
  StateLock& operator=(const StateLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace

fs::path learner_folder(const fs::path& root) {
  return root / ".verse";
}

LearnerState load_state(const fs::path& root) {
  const auto text = read_text_if_there(state_file(root));
  if (!text) return {};
  try {
    return from_json(Json::parse(*text));
  } catch (const std::exception& error) {
    throw UsageError(fmt::format("{} cannot be understood ({}); move it away to begin anew", state_file(root).string(),
                                 error.what()));
  }
}

void update_state(const fs::path& root, const std::function<void(LearnerState&)>& change) {
  const StateLock lock(root);
  LearnerState state = load_state(root);
  change(state);
  const std::string text = to_json(state).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  if (read_text_if_there(state_file(root)) != text) write_atomically(state_file(root), text);
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
    write_atomically(target, text);
    return fs::relative(target, root).string();
  }
}

}  // namespace verse
