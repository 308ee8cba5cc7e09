#include "12_full_gpt/given/training/team_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "12_full_gpt/data_parallel.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/training/sharded_optimizer.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/results.h"

namespace verse {

namespace {

/// Several processes on one machine share its cores, where nobody has said otherwise.
void share_cores(bool threads_given, const Place& place) {
  if (!place.local_size || threads_given || environment_variable("OMP_NUM_THREADS")) return;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  torch::set_num_threads(std::max(1, cores / *place.local_size));
}

/// Each process takes the GPU of its number on this machine.
torch::Device device_of(const DeviceChoice& choice, const Place& place) {
  if (!choice.device.is_cuda()) return choice.device;
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(place.local_rank)};
}

/// Remembers nothing.
class NoOptimizer : public Optimizer {
 public:
  void step(double) override {}
  const std::vector<torch::Tensor>& parameters() const override { return parameters_; }
  std::vector<std::pair<std::string, torch::Tensor>> state() const override { return {}; }
  void set_state(const std::vector<std::pair<std::string, torch::Tensor>>&) override {}

 private:
  std::vector<torch::Tensor> parameters_;
};

}  // namespace

void TeamRequest::declare(CommandLine& line) {
  constexpr double kLongest = 86'400;
  line.group("Several processes (started by torchrun, mpirun, srun, or with WORLD_SIZE and RANK)");
  line.option("patience", patience, {1, kLongest}, "seconds that a process waits for one that is silent");
  line.choice(
      "sync", sync, {"overlapped", "reducer", "after", "ring"},
      "how gradients are averaged: while backward goes on, the same by c10d's Reducer, after it, or after it by the "
      "ring of exercise 12.8");
  line.choice("sums", sums, {"fp32", "bf16"}, "numbers in which gradients travel; bf16 is half the bytes");
  line.flag("shard-optimizer", shard_optimizer, "each process keeps a part of AdamW's moments, and no other has it");
}

TeamOptions TeamRequest::options() const {
  if (sums == "bf16" && sync == "ring") throw UsageError("--sync ring sends what there is: --sums bf16 is not for it");
  return {sync, sums == "bf16" ? SumPrecision::bfloat16 : SumPrecision::as_they_are, shard_optimizer};
}

int with_team(const TeamRequest& request, bool resume, bool threads_given, const DeviceChoice& device,
              const std::function<void(Team&, bool&)>& work) {
  const Place place = place_from_environment();
  const auto patience = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * request.patience));
  bool has_state = false;
  if (place.size == 1) {
    Team alone;
    work(alone, has_state);
    return 0;
  }
  if (device.device.is_cuda() && request.sync == "ring") {
    throw UsageError(
        "--sync ring passes messages between processors; with GPUs there are overlapped, reducer and after");
  }

  const std::string who = fmt::format("rank {}: ", place.rank);
  try {
    share_cores(threads_given, place);
    Team team(place, patience, device_of(device, place));
    if (!team.leads()) record_nothing();
    try {
      team.agree_on({{"--resume", resume ? "given" : "not given"},
                     {"--sync", request.sync},
                     {"--sums", request.sums},
                     {"--shard-optimizer", request.shard_optimizer ? "given" : "not given"}});
      work(team, has_state);
      return 0;
    } catch (const Interrupted&) {
      if (team.leads()) throw;
      return 130;
    } catch (const std::exception& error) {
      team.give_up(error.what());
      throw;
    }
  } catch (const Interrupted&) {
    throw;
  } catch (const UsageError& error) {
    throw UsageError(who + error.what());
  } catch (const TeamError& error) {
    throw TeamError(who + error.what() +
                    (has_state ? "; the last state saved is whole, and --resume goes on from it" : ""));
  } catch (const std::exception& error) {
    throw std::runtime_error(who + error.what());
  }
}

void agree_on_run(Team& team, const RunIdentity& identity) {
  Team::Settings settings;
  const auto recipe = to_json(identity.recipe);
  for (const auto& [flag, value] : recipe.items()) settings.emplace_back("--" + flag, value.dump());
  settings.emplace_back("a text of digest", identity.text_digest);
  settings.emplace_back("--device", identity.device);
  settings.emplace_back("a tokenizer of digest", text_digest(identity.tokenizer_file.value_or("")));
  team.agree_on(settings);
  const std::int64_t rows = identity.recipe.batch_size, parts = identity.recipe.accumulate;
  const std::int64_t largest = (rows + parts - 1) / parts, last = rows % largest == 0 ? largest : rows % largest;
  if (!team.alone() && last < team.size()) {
    throw UsageError(fmt::format(
        "--batch-size {} with --accumulate {} leaves {} in a part, and each of {} processes needs a row of it", rows,
        parts, last, team.size()));
  }
}

void share_state(Team& team, LanguageModelImpl& model, Optimizer& optimizer, Random& random, RunProgress& progress) {
  if (team.alone()) return;
  // A part of the moments for each does not travel with what all have alike.
  auto* const sharded = dynamic_cast<ShardedOptimizer*>(&optimizer);
  NoOptimizer none;
  Optimizer& alike = sharded != nullptr ? static_cast<Optimizer&>(none) : optimizer;
  auto state = collect_training_state(model, alike, random);
  for (auto& [name, tensor] : state) {
    tensor = tensor.contiguous();
    team.broadcast(tensor);
  }
  restore_training_state(state, model, alike, random);
  if (sharded != nullptr) sharded->hand_out();
  progress = described_run(team.broadcast(describe_run(RunIdentity(), progress))).progress;
}

double evaluate_together(Team& team, LanguageModel model, const torch::Tensor& tokens, std::int64_t batch_size) {
  if (team.alone()) return evaluate(model, tokens, batch_size);
  const std::int64_t context = model->context(), predictions = tokens.size(0) - 1;
  const std::int64_t windows = (predictions + context - 1) / context;
  const Rows mine = rows_of(windows, team.rank(), team.size());
  const std::int64_t first = mine.first * context, last = std::min(first + mine.count * context, predictions);
  double sum = 0;
  if (mine.count > 0) {
    sum = evaluate(model, tokens.slice(0, first, last + 1), batch_size) * static_cast<double>(last - first);
  }
  return team.sum(sum) / static_cast<double>(predictions);
}

}  // namespace verse
