/// @file
/// `tokenize`: what `gpt tokenize` does with byte pairs, without LibTorch.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "10_subwords/given/byte_pair.h"
#include "10_subwords/given/tokenize_command.h"
#include "common/base/error.h"
#include "common/base/run_body.h"
#include "common/base/text.h"

namespace verse {
namespace {

/// As many threads as OMP_NUM_THREADS says, as in the programs with LibTorch; else as many as there are processors.
int threads_here() {
  const char* const said = std::getenv("OMP_NUM_THREADS");
  const auto number = to_whole_number(said != nullptr ? said : "");
  if (number && *number >= 1 && *number <= kMostThreads) return static_cast<int>(*number);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::unique_ptr<TextCodec> read_pairs(const std::filesystem::path& place, const std::string& content) {
  const JsonEntry file = parse_json(content, place.string());
  if (const std::string kind = model_of_tokenizer(file); kind != "BPE") {
    throw UsageError(
        fmt::format("{}: its model is {}, and this program reads byte pairs (BPE); `gpt tokenize` also reads the "
                    "course's tokenizers of characters",
                    place.string(), kind.empty() ? "not named" : kind));
  }
  return std::make_unique<BytePairCodec>(file);
}

int run(int argc, char** argv) {
  TokenizeRequest request;
  std::int64_t threads = 0;
  OptionReader options(kTokenizePurpose);
  options.group("Shared");
  options.option("data", request.data, "a UTF-8 text to learn from; without it, the generated play", "FILE");
  options.option("threads", threads, {0, kMostThreads}, "processor threads; 0 takes as many as there are processors");
  options.declare_help();
  declare_tokenize(options, request);
  options.read(argc, argv);
  request.threads = threads > 0 ? static_cast<int>(threads) : threads_here();
  return tokenize(options, request, read_pairs);
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_body([&] { return verse::run(argc, argv); });
}
