#include "12_full_gpt/given/training/run_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <system_error>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr const char* kStateFile = "state.safetensors";
constexpr const char* kMetricsFile = "metrics.csv";
constexpr const char* kEntry = "run";                                           ///< the state's metadata, as JSON
constexpr const char *kModelOfRun = "verse.run", *kModelOfStep = "verse.step";  ///< the best model's metadata
constexpr std::int64_t kMostThreads = 1024;                                     ///< as on the command line

/// What a run that was cut off before its first state, or in the middle of a write, leaves behind.
bool is_left_over(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  if (name == kMetricsFile) return is_file(file) && read_file(file) == kMetricsHeader;
  return name == ".lock" || is_unfinished_name(name);
}

void remove_left_overs(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (is_unfinished_name(entry.path().filename().string())) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
}

void sync_file(const std::filesystem::path& place) {
  const int file = ::open(place.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

/// Infinity has no place in JSON; it stands for "none yet".
Json finite_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json describe(const RunState& state, const std::string& metrics) {
  const auto& [identity, progress, tensors] = state;
  Json json = {
      {"format", 1},
      {"recipe", to_json(identity.recipe)},
      {"text", {{"name", identity.text_name}, {"digest", identity.text_digest}}},
      {"device", identity.device},
      {"threads", identity.threads},
      {"step", progress.step},
      {"seconds", progress.seconds},
      {"best_loss", finite_or_null(progress.best_loss)},
      {"best_step", progress.best_step},
      {"row_step", progress.row_step},
      {"row_loss", finite_or_null(progress.row_loss)},
      {"row_seconds", progress.row_seconds},
      {"loss_scale", progress.loss_scale.scale},
      {"good_steps", progress.loss_scale.good_steps},
      {"metrics", {{"bytes", metrics.size()}, {"digest", text_digest(metrics)}}},
  };
  if (identity.text_file) json["text"]["file"] = json_of_path(*identity.text_file);
  if (identity.text_by_pipe) json["text"]["pipe"] = true;
  if (identity.tokenizer_file) json["tokenizer"] = *identity.tokenizer_file;
  return json;
}

RunState read_description(const JsonEntry& json) {
  RunState state;
  if (json.at("format").whole() != 1) throw UsageError("it was written by another version of this program");
  state.identity.recipe = recipe_from_json(json.at("recipe"));
  const JsonEntry text = json.at("text");
  state.identity.text_name = text.at("name").text();
  state.identity.text_digest = text.at("digest").text();
  if (text.has("file")) state.identity.text_file = text.at("file").path();
  if (text.has("pipe")) state.identity.text_by_pipe = text.at("pipe").flag();
  if (json.has("tokenizer")) state.identity.tokenizer_file = json.at("tokenizer").text();
  const JsonEntry device = json.at("device");
  state.identity.device = device.text();
  if (state.identity.device != "cpu" && state.identity.device != "cuda") device.refuse("\"cpu\" or \"cuda\"");
  state.identity.threads = static_cast<int>(json.at("threads").whole(0, kMostThreads));
  state.progress.step = json.at("step").whole(0);
  state.progress.seconds = json.at("seconds").number();
  if (json.has("best_loss")) state.progress.best_loss = json.at("best_loss").number();
  state.progress.best_step = json.at("best_step").whole(0);
  state.progress.row_step = json.at("row_step").whole(0);
  if (json.has("row_loss")) state.progress.row_loss = json.at("row_loss").number();
  state.progress.row_seconds = json.at("row_seconds").number();
  if (json.has("loss_scale")) state.progress.loss_scale.scale = json.at("loss_scale").number();
  if (json.has("good_steps")) state.progress.loss_scale.good_steps = json.at("good_steps").whole(0);
  return state;
}

/// The state comes last: it knows of all the others.
void write_state(const std::filesystem::path& folder, const NamedTensors& tensors, const std::string& description,
                 const std::optional<ModelFiles>& best) {
  if (best) save_files(folder, *best);
  sync_file(folder / kMetricsFile);
  save_tensors(folder / kStateFile, tensors, {{kEntry, description}});
}

}  // namespace

std::map<std::string, std::string> model_notes(const RunIdentity& identity, std::int64_t step) {
  Recipe recipe = identity.recipe;
  recipe.stop_at_loss.reset();  // which may change from one part of a run to the next
  return {{kModelOfRun, text_digest(json_text(to_json(recipe)) + identity.text_digest)},
          {kModelOfStep, std::to_string(step)}};
}

void check_best_model(const std::filesystem::path& folder, const RunState& state) {
  const auto place = folder / "model.safetensors";
  const auto metadata = load_tensors(place).metadata;
  const auto expected = model_notes(state.identity, state.progress.best_step);
  const auto run = metadata.find(kModelOfRun), step = metadata.find(kModelOfStep);
  if (run == metadata.end() || step == metadata.end()) return;  // written before there were notes
  if (run->second != expected.at(kModelOfRun)) {
    throw UsageError(fmt::format("{} is a model of another run than {}", place.string(), kStateFile));
  }
  // A run that was cut off after its model was written and before its state was takes those steps again.
  const auto number = to_whole_number(step->second);
  if (number && (*number == state.progress.best_step || *number > state.progress.step)) return;
  throw UsageError(fmt::format("{} is the model of step {}, and the best one of this run is of step {}", place.string(),
                               one_line(step->second, 20), state.progress.best_step));
}

std::string describe_run(const RunIdentity& identity, const RunProgress& progress) {
  return json_text(describe({identity, progress, {}}, ""));
}

RunState described_run(const std::string& text) {
  return read_description(parse_json(text, "the run that rank 0 has told of"));
}

RunFolder::RunFolder(const std::filesystem::path& path) : path_(path), lock_(std::make_unique<FolderLock>(path)) {
  remove_left_overs(path);
}

void RunFolder::check_new(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return;
  if (!std::filesystem::is_directory(path, error)) throw UsageError(fmt::format("{} is a file", path.string()));
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (is_left_over(entry.path())) continue;
    if (std::filesystem::exists(path / kStateFile)) {
      throw UsageError(
          fmt::format("{} holds a run already; --resume goes on with it, --out names another", path.string()));
    }
    throw UsageError(fmt::format("the folder {} is not empty; --out names another", path.string()));
  }
}

RunFolder RunFolder::create(const std::filesystem::path& path) {
  check_new(path);
  make_folder(path);
  RunFolder folder(path);
  // Another process may have been faster between the two.
  check_new(path);
  write_file_atomically(path / kMetricsFile, kMetricsHeader, Links::replace);
  folder.metrics_text_ = kMetricsHeader;
  return folder;
}

RunFolder RunFolder::open(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    throw UsageError(fmt::format("there is no run {} to resume", path.string()));
  }
  if (!std::filesystem::exists(path / kStateFile, error)) {
    throw UsageError(
        fmt::format("{} has no {}: there is nothing to resume{}", path.string(), kStateFile, folder_hint(path)));
  }
  return RunFolder(path);
}

RunState RunFolder::load_state() {
  const auto place = path_ / kStateFile;
  TensorFile file = load_tensors(place);
  RunState state;
  std::size_t bytes = 0;
  std::string digest;
  try {
    const auto entry = file.metadata.find(kEntry);
    if (entry == file.metadata.end()) throw UsageError("it is not the state of a run");
    const JsonEntry json = parse_json(entry->second, "its description");
    state = read_description(json);
    bytes = static_cast<std::size_t>(json.at("metrics").at("bytes").whole(0));
    digest = json.at("metrics").at("digest").text();
  } catch (const UsageError& problem) {
    throw UsageError(fmt::format("{} cannot be used: {}", place.string(), problem.what()));
  }
  state.tensors = std::move(file.tensors);

  // Lines that came after the state belong to steps that will be taken again.
  const auto metrics_place = path_ / kMetricsFile;
  std::string text = read_file(metrics_place);
  if (text.size() < bytes) throw UsageError(fmt::format("{} has been cut short", metrics_place.string()));
  text.resize(bytes);
  if (text_digest(text) != digest) throw UsageError(fmt::format("{} has been altered", metrics_place.string()));
  metrics_ = parse_metrics(text, metrics_place.string());
  write_file_atomically(metrics_place, text, Links::replace);
  metrics_text_ = std::move(text);
  return state;
}

void RunFolder::append(const Metrics& metrics) {
  [[maybe_unused]] static const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const auto place = path_ / kMetricsFile;
  const std::string line = format_metrics(metrics);
  const int file = ::open(place.c_str(), O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  const ssize_t written = file < 0 ? -1 : ::write(file, line.data(), line.size());
  // A line of which only a part was taken met the end of the room; the system says so at the next write only.
  const int error = written < 0 ? errno : ENOSPC;
  if (file >= 0) ::close(file);
  if (written != static_cast<ssize_t>(line.size())) throw_write_error(place, error);
  metrics_text_ += line;
  metrics_.push_back(metrics);
}

void RunFolder::save_state(const RunState& state, const std::optional<ModelFiles>& best) {
  settle();
  write_state(path_, state.tensors, json_text(describe(state, metrics_text_)), best);
}

//! [begin-saving]
void RunFolder::begin_saving(RunState state, std::optional<ModelFiles> best) {
  settle();

  // Training changes its tensors from here on, so the thread gets copies.
  // The state's are copies already.
  for (auto& [name, tensor] : state.tensors) tensor = tensor.to(torch::kCPU);
  if (best) {
    for (auto& [name, tensor] : best->tensors) {
      tensor = tensor.clone(torch::MemoryFormat::Contiguous).to(torch::kCPU);
    }
  }

  const std::string description = json_text(describe(state, metrics_text_));
  saving_ = std::async(std::launch::async, write_state, path_,  //
                       std::move(state.tensors), description, std::move(best));
}

void RunFolder::settle() {
  if (saving_.valid()) saving_.get();  // throws what the thread has thrown
}
//! [begin-saving]

void RunFolder::notice_trouble() {
  if (saving_.valid() && saving_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) settle();
}

}  // namespace verse
