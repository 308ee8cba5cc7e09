#include "10_full_gpt/generate.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdio>
#include <limits>

#include "common/corpus.h"
#include "common/error.h"
#include "common/interrupt.h"
#include "common/program.h"
#include "common/random.h"

namespace verse {

namespace {

/// Reading one character at a time is so little work for a small model that threads spend longer meeting than
/// computing.
constexpr std::int64_t kParametersForThreads = 50'000'000;

SamplingOptions read_options(const CommandLine& line) {
  SamplingOptions options;
  options.temperature = line.number("temperature", 1e-6, 1e6);
  options.greedy = line.on("greedy");
  if (line.given("top-k")) options.top_k = line.integer("top-k", 1);
  if (line.given("top-p")) options.top_p = line.number("top-p", 1e-9, 1);
  return options;
}

}  // namespace

std::string continue_text(TrainedModel& trained, const std::string& prompt, std::int64_t count,
                          const SamplingOptions& options, std::uint64_t seed,
                          const std::function<bool(const std::string&)>& listener) {
  Random random(seed);
  const auto tokens =
      generate(trained.model, trained.tokenizer.encode(prompt), count, options, random, [&](std::int64_t token) {
        // A token is a whole character, so what is handed on is always whole UTF-8.
        return !listener || listener(trained.tokenizer.decode({token}));
      });
  return trained.tokenizer.decode(tokens);
}

int generate_command(int argc, char** argv) {
  CommandLine line(fmt::format("{} generate", program_invocation_short_name), "Lets a trained GPT go on with a text.");
  line.add("Text")("run", "the run's folder", cxxopts::value<std::string>(), "RUN")(
      "prompt", "the text to go on with; without it, the start of a line", cxxopts::value<std::string>(), "TEXT")(
      "max-new-tokens", "characters to write", cxxopts::value<std::string>()->default_value("500"), "N")(
      "temperature", "below 1 is safer, above 1 wilder", cxxopts::value<std::string>()->default_value("0.7"), "X")(
      "top-k", "only the K most probable characters", cxxopts::value<std::string>(), "K")(
      "top-p", "only the most probable that reach P together", cxxopts::value<std::string>(), "P")(
      "greedy", "always the most probable character");
  const SharedOptions shared = line.parse(argc, argv);
  if (!line.given("run")) throw UsageError("generate needs --run, the folder of a run");
  const SamplingOptions options = read_options(line);
  const std::int64_t count = line.integer("max-new-tokens", 1, std::numeric_limits<std::int32_t>::max());

  TrainedModel trained = load_model(line.text("run"));
  trained.model->to(shared.device.device);
  if (shared.threads == 0 && trained.model->parameter_count() < kParametersForThreads) torch::set_num_threads(1);
  const std::string prompt = line.given("prompt") ? line.text("prompt") : kPrompt;
  if (prompt.empty()) throw UsageError("--prompt needs at least one character");
  trained.tokenizer.encode(prompt);  // says which characters it does not know, before anything is written

  // Text alone goes to standard output, each character when it is there. The default prompt is a mere line end.
  catch_interrupts();
  if (line.given("prompt")) fmt::print("{}", prompt);
  std::fflush(stdout);
  std::string last = prompt;
  continue_text(trained, prompt, count, options, shared.seed, [&last](const std::string& character) {
    std::fwrite(character.data(), 1, character.size(), stdout);
    std::fflush(stdout);
    last = character;
    return !interrupted() && std::ferror(stdout) == 0;
  });
  if (last.back() != '\n') std::fputs("\n", stdout);
  if (interrupted()) throw Interrupted("stopped");
  return 0;
}

}  // namespace verse
