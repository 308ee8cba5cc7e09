#include "12_full_gpt/given/commands/evaluate.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "05_training/training.h"
#include "10_subwords/subwords.h"
#include "11_modern/given/llama.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "12_full_gpt/given/model/small_gpt.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {

namespace {

constexpr std::int64_t kTokensTogether = 2048;  ///< read at a time: as many as are fastest on a CPU
constexpr std::int64_t kLongestWindow = 512;    ///< of a model that could read far more at once

/// What a text of a run's comes to.
struct Measured {
  std::int64_t bytes = 0;  ///< of the matrices that each token reads
  double loss = 0;         ///< nats a token
  double bits = 0;         ///< a byte of the text
};

Measured measure(const std::filesystem::path& run_folder, const std::string& weights, const std::string& text,
                 torch::Device device) {
  LoadedRun run = load_run(run_folder);
  const auto numbers = run.codec->encode_whole(text);
  if (numbers.size() < 2) throw UsageError("the validation part of the text has fewer than two tokens");
  if (auto* llama = dynamic_cast<LlamaGPTImpl*>(run.model.get())) llama->read_at_most(kLongestWindow);
  run.model = in_small_numbers(run.model, weight_kind(weights));
  run.model->to(device);
  const auto tokens = torch::tensor(numbers, torch::kInt64).to(device);
  Measured result;
  result.bytes = bytes_read_per_token(*run.model);
  const std::int64_t windows = std::max<std::int64_t>(kTokensTogether / run.model->context(), 1);
  result.loss = evaluate(run.model, tokens, windows);
  // The text's own first token is not predicted; one that was put before the text has no bytes in it.
  const std::string start = run.codec->bytes_of(numbers.front());
  const auto predicted = static_cast<std::int64_t>(text.size() - (text.starts_with(start) ? start.size() : 0));
  result.bits = bits_per_byte(result.loss, tokens.size(0) - 1, predicted);
  return result;
}

}  // namespace

int evaluate_command(int argc, char** argv) {
  std::optional<std::filesystem::path> run;
  std::string weights = "fp32";
  CommandLine line(
      "Measures a run's model on the last tenth of a text, which a run of the same text has not learned from: its "
      "loss, "
      "and the bits that it needs for a byte.",
      "evaluate");
  line.group("Evaluation");
  line.option("run", run, "the run's folder", "RUN");
  line.choice("weights", weights, {"fp32", "bf16", "int8", "int4", "all"},
              "numbers that the matrices are kept in; all measures one after the other");
  const SharedOptions shared = line.parse(argc, argv);
  if (!run) throw UsageError("evaluate needs --run, the folder of a run");
  if (weights != "fp32" && !shared.device.device.is_cpu()) {
    throw UsageError(fmt::format("--weights {} is computed on a processor: --device cpu", weights));
  }
  const Corpus corpus = load_corpus(shared.data);
  std::vector<std::string> kinds{weights};
  if (weights == "all") kinds = {"fp32", "bf16", "int8", "int4"};

  auto& table = results().table("weights", {"weights", "bytes", "loss", "bits_per_byte"});
  std::optional<double> first;
  std::vector<Measured> all;  // before anything is printed, whatever is wrong is said
  for (const std::string& kind : kinds) {
    all.push_back(measure(*run, kind, corpus.validation, shared.device.device));
  }
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::string& kind = kinds[i];
    const Measured& measured = all[i];
    if (i == 0) {
      fmt::print("the last tenth of {}, {} bytes\n\n", corpus.name,
                 with_commas(static_cast<std::int64_t>(corpus.validation.size())));
      fmt::print("{:<8}{:>16}{:>14}{:>16}{}\n", "weights", "bytes to read", "loss", "bits a byte",
                 kinds.size() > 1 ? "    than fp32" : "");
    }
    fmt::print("{:<8}{:>16}{:>14.4f}{:>16.4f}", kind, with_commas(measured.bytes), measured.loss, measured.bits);
    if (first) fmt::print("{:>+11.3f} %", 100 * (measured.bits / *first - 1));
    fmt::print("\n");
    std::fflush(stdout);
    table.row({kind, measured.bytes, measured.loss, measured.bits});
    results().scalar("bytes_" + kind, measured.bytes, "bytes");
    results().scalar("loss_" + kind, measured.loss, "nats");
    results().scalar("bits_" + kind, measured.bits, "bits a byte");
    if (first) results().scalar("more_" + kind, 100 * (measured.bits / *first - 1), "percent");
    if (kinds.size() > 1 && !first) first = measured.bits;
  }
  return 0;
}

}  // namespace verse
