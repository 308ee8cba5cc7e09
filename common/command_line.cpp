#include <torch/torch.h>

#include <string>
#include <vector>

#include "common/program.h"
#include "common/results.h"

namespace verse {

struct CommandLine::Shared {
  std::optional<std::filesystem::path> data, record;
  std::string device = "auto";
  std::int64_t seed = 1, threads = 0;
};

CommandLine::CommandLine(const std::string& purpose, const std::string& command)
    : OptionReader(purpose, command), shared_(std::make_unique<Shared>()) {
  group("Shared");
  option("data", shared_->data, "a UTF-8 text to learn from; without it, the generated play", "FILE");
  add("device", "where to compute: auto, cpu, cuda, cuda:N for the GPU of that number, or mps", "NAME", shared_->device,
      check_device_name, [shared = shared_.get()](const std::string& text) { shared->device = text; });
  option("seed", shared_->seed, {0}, "of everything random");
  option("threads", shared_->threads, {0, kMostThreads}, "processor threads; 0 leaves the choice to LibTorch");
  option("record", shared_->record, "writes what the book quotes of this run, as JSON", "FILE");
  declare_help();
  group("This program");
}

CommandLine::CommandLine(CommandLine&&) noexcept = default;
CommandLine::~CommandLine() = default;

SharedOptions CommandLine::parse(int argc, char** argv) {
  read(argc, argv);
  SharedOptions shared;
  shared.data = shared_->data;
  shared.seed = static_cast<std::uint64_t>(shared_->seed);
  shared.threads = static_cast<int>(shared_->threads);
  shared.device = choose_device(shared_->device);
  if (shared.threads > 0) torch::set_num_threads(shared.threads);
  torch::manual_seed(shared.seed);
  make_folders();
  if (shared_->record) {
    record_to(*shared_->record, {std::vector<std::string>(argv, argv + argc),
                                 machine_in_words(shared.device.device.is_cuda()),
                                 torch::get_num_threads(),
                                 {shared.seed}});
  }
  return shared;
}

}  // namespace verse
