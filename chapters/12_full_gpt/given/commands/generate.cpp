#include "12_full_gpt/given/commands/generate.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <sstream>

#include "12_full_gpt/given/gpu/card_writer.h"
#include "12_full_gpt/given/sampling/generation.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/random.h"
#include "common/corpus.h"
#include "common/program.h"

namespace verse {

namespace {

/// From here on it is worth a few tokens to find out how many threads are best.
constexpr std::int64_t kTokensWorthProbing = 64;

constexpr std::int64_t kMostSamples = 4096;

SamplingOptions read_options(const CommandLine& line) {
  SamplingOptions options;
  options.temperature = line.number("temperature", 1e-6, 1e6);
  options.greedy = line.on("greedy");
  options.cached = !line.on("no-cache");
  if (line.given("top-k")) options.top_k = line.integer("top-k", 1);
  if (line.given("top-p")) options.top_p = line.number("top-p", 1e-9, 1);
  return options;
}

/// What is to be continued: the one prompt or each line of a file, as often as there are to be samples.
std::vector<std::string> read_prompts(const CommandLine& line) {
  std::vector<std::string> once;
  if (line.given("prompts")) {
    if (line.given("prompt")) throw UsageError("--prompt and --prompts exclude each other");
    std::istringstream lines(read_file(line.text("prompts")));
    for (std::string prompt; std::getline(lines, prompt);) {
      if (!prompt.empty()) once.push_back(prompt);
    }
    if (once.empty()) throw UsageError(fmt::format("--prompts {} has no line with a prompt", line.text("prompts")));
  } else {
    once.push_back(line.given("prompt") ? line.text("prompt") : kPrompt);
    if (once.front().empty()) throw UsageError("--prompt needs at least one character");
  }
  const std::int64_t samples = line.integer("samples", 1, kMostSamples);
  std::vector<std::string> prompts;
  for (const auto& prompt : once) prompts.insert(prompts.end(), static_cast<std::size_t>(samples), prompt);
  return prompts;
}

/// Text alone goes to standard output, each character when it is there.
void write_one(LoadedRun& run, const std::string& prompt, bool shows_prompt, std::int64_t count,
               const SamplingOptions& options, std::uint64_t seed) {
  if (shows_prompt) fmt::print("{}", prompt);
  std::fflush(stdout);
  std::string last = prompt;
  continue_text(run, prompt, count, options, seed, [&last](const std::string& piece) {
    std::fwrite(piece.data(), 1, piece.size(), stdout);
    std::fflush(stdout);
    last = piece;
    return !interrupted() && std::ferror(stdout) == 0;
  });
  if (last.back() != '\n') std::fputs("\n", stdout);
}

/// Several texts grow side by side, so they are written when all are complete, with a line between.
void write_several(LoadedRun& run, const std::vector<std::string>& prompts, bool shows_prompt, std::int64_t count,
                   const SamplingOptions& options, std::uint64_t seed) {
  const auto texts = continue_texts(run, prompts, count, options, seed, [] { return !interrupted(); });
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string text = (shows_prompt ? prompts[i] : "") + texts[i];
    fmt::print("{}{}{}", i == 0 ? "" : "--------\n", text, text.empty() || text.back() != '\n' ? "\n" : "");
  }
}

}  // namespace

std::string continue_text(LoadedRun& run, const std::string& prompt, std::int64_t count, const SamplingOptions& options,
                          std::uint64_t seed, const std::function<bool(const std::string&)>& listener) {
  std::vector<Random> randoms{Random(seed)};
  TextStream stream;
  std::string text;
  // A token may end within a character, which is then handed on with the token that completes it.
  const auto hand_on = [&](const std::string& piece) {
    text += piece;
    return piece.empty() || !listener || listener(piece);
  };
  generate_together(run.model, {run.codec->encode(prompt)}, count, options, randoms,
                    [&](std::size_t, std::int64_t token) { return hand_on(stream.add(run.codec->bytes_of(token))); });
  hand_on(stream.finish());
  return text;
}

std::vector<std::string> continue_texts(LoadedRun& run, const std::vector<std::string>& prompts, std::int64_t count,
                                        const SamplingOptions& options, std::uint64_t seed,
                                        const std::function<bool()>& go_on) {
  std::map<std::size_t, std::vector<std::size_t>> by_length;
  std::vector<std::vector<std::int64_t>> tokens;
  for (const auto& prompt : prompts) {
    tokens.push_back(run.codec->encode(prompt));
    by_length[tokens.back().size()].push_back(tokens.size() - 1);
  }

  std::vector<std::string> texts(prompts.size());
  for (const auto& [length, members] : by_length) {
    std::vector<std::vector<std::int64_t>> together;
    std::vector<Random> randoms;
    for (const auto member : members) {
      together.push_back(tokens[member]);
      randoms.emplace_back(seed + member);
    }
    const auto made = generate_together(run.model, together, count, options, randoms,
                                        [&](std::size_t, std::int64_t) { return !go_on || go_on(); });
    for (std::size_t i = 0; i < members.size(); ++i) texts[members[i]] = run.codec->decode(made[i]);
    if (go_on && !go_on()) break;
  }
  return texts;
}

int generate_command(int argc, char** argv) {
  CommandLine line(fmt::format("{} generate", program_invocation_short_name), "Lets a trained GPT go on with a text.");
  const auto value = [] { return cxxopts::value<std::string>(); };
  line.add("Text")("run", "the run's folder", value(), "RUN")(
      "prompt", "the text to go on with; without it, the start of a line", value(), "TEXT")(
      "prompts", "a file whose lines are prompts, each to be gone on with", value(), "FILE")(
      "samples", "texts for each prompt; their seeds count up from --seed", value()->default_value("1"), "N")(
      "max-new-tokens", "characters (of a model of byte pairs, tokens) to write", value()->default_value("500"), "N")(
      "temperature", "below 1 is safer, above 1 wilder", value()->default_value("0.7"), "X")(
      "top-k", "only the K most probable", value(), "K")("top-p", "only the most probable that reach P together",
                                                         value(), "P")("greedy", "always the most probable")(
      "no-cache", "read the whole context again for each token; the text is the same, the wait is longer")(
      "precision", "of the weights: fp32, or bf16 for a GPU that has it: half as much to read, two or three digits",
      value()->default_value("fp32"), "NAME")("timing", "say at the end how long the writing took");
  const SharedOptions shared = line.parse(argc, argv);
  if (!line.given("run")) throw UsageError("generate needs --run, the folder of a run");
  const SamplingOptions options = read_options(line);
  const std::int64_t count = line.integer("max-new-tokens", 1, std::numeric_limits<std::int32_t>::max());
  const auto prompts = read_prompts(line);

  const std::string precision = line.text("precision");
  if (precision != "fp32" && precision != "bf16") {
    throw UsageError(fmt::format("--precision must be fp32 or bf16, not \"{}\"", precision));
  }

  LoadedRun run = load_run(line.text("run"));
  run.model->to(shared.device.device, precision == "bf16" ? torch::kBFloat16 : torch::kFloat32);
  // What a prompt has that the model does not know is said before anything is written.
  for (const auto& prompt : prompts) {
    if (run.codec->encode(prompt).empty()) throw UsageError(fmt::format("the prompt \"{}\" has no tokens", prompt));
  }
  if (shared.threads == 0 && shared.device.device.is_cpu()) {
    const auto batch = static_cast<std::int64_t>(prompts.size());
    choose_threads(run.model, batch, count < kTokensWorthProbing ? 1 : torch::get_num_threads());
  }

  // A GPU's kernels are made ready with the model, before the first character is waited for.
  if (prompts.size() == 1 && options.cached && count >= kTokensWorthProbing) {
    if (CardWriter* writer = CardWriter::of(run.model)) writer->prepare(options);
  }

  catch_interrupts();
  const bool shows_prompt = line.given("prompt") || line.given("prompts");  // the default one is a mere line end
  const auto start = std::chrono::steady_clock::now();
  if (prompts.size() == 1) {
    write_one(run, prompts.front(), shows_prompt, count, options, shared.seed);
  } else {
    write_several(run, prompts, shows_prompt, count, options, shared.seed);
  }
  if (interrupted()) throw Interrupted("stopped");
  if (line.on("timing")) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double tokens = static_cast<double>(count) * static_cast<double>(prompts.size());
    fmt::print(stderr, "{:.0f} {}s in {:.3f} s: {:.1f} a second; threads: {}\n", tokens, run.codec->unit(), seconds,
               tokens / seconds, torch::get_num_threads());
  }
  return 0;
}

}  // namespace verse
