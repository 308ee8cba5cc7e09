#include "12_full_gpt/given/commands/generate.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <string_view>

#include "12_full_gpt/given/commands/chat_form.h"
#include "12_full_gpt/given/commands/steering_flags.h"
#include "12_full_gpt/given/gpu/card_writer.h"
#include "12_full_gpt/given/model/small_gpt.h"
#include "12_full_gpt/given/sampling/generation.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/random.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {

namespace {

/// From here on it is worth a few tokens to find out how many threads are best.
constexpr std::int64_t kTokensWorthProbing = 64;
constexpr std::int64_t kProbedTexts = 64;  ///< at most, where that is found out

constexpr std::int64_t kMostSamples = 4096;
constexpr std::int64_t kMostTexts = 1'000'000;

/// Texts of one length grow together, as many as have room for their keys and values in so many bytes.
constexpr double kCacheBytes = 256e6;
constexpr double kMostTogether = 1024;

/// What the command is asked for.
struct GenerateRequest {
  std::optional<std::filesystem::path> run, prompts, prompt_file;
  std::optional<std::string> prompt;
  std::string precision = "fp32", weights = "fp32";
  std::int64_t samples = 1, count = 500;
  SamplingOptions options;
  SteeringFlags steering;
  bool no_cache = false, timing = false, chat = false;
  std::optional<std::string> system;
};

/// A text to be gone on with, and where it stands, for messages.
struct Prompt {
  std::string text;
  std::string place;
};

/// What is to be continued: the one prompt or each line of a file. None where the model is to begin by itself.
std::vector<Prompt> read_prompts(const GenerateRequest& request) {
  std::vector<Prompt> once;
  const int given = (request.prompt ? 1 : 0) + (request.prompts ? 1 : 0) + (request.prompt_file ? 1 : 0);
  if (given > 1) throw UsageError("--prompt, --prompt-file and --prompts exclude each other");
  if (request.prompts) {
    const std::string file = read_input(*request.prompts);
    std::size_t line = 0;
    for (const std::string_view prompt : lines_of(without_mark(file))) {
      ++line;
      if (!prompt.empty()) once.push_back({std::string(prompt), fmt::format("{}:{}", request.prompts->string(), line)});
    }
    if (once.empty())
      throw UsageError(fmt::format("--prompts {} has no line with a prompt", request.prompts->string()));
  } else if (request.prompt_file) {
    const std::string file = read_input(*request.prompt_file);
    once.push_back({std::string(without_mark(file)), request.prompt_file->string()});
    if (once.front().text.empty())
      throw UsageError(fmt::format("--prompt-file {} is empty", request.prompt_file->string()));
  } else if (request.prompt) {
    if (request.prompt->empty()) throw UsageError("--prompt needs at least one character");
    once.push_back({*request.prompt, "--prompt"});
  }
  if (static_cast<std::int64_t>(once.size()) > kMostTexts / request.samples) {
    throw UsageError(fmt::format("{} prompts with {} samples each are more than {} texts", with_commas(once.size()),
                                 request.samples, with_commas(kMostTexts)));
  }
  return once;
}

/// Makes questions of prompts, where they are meant for a model that answers.
void ask(const GenerateRequest& request, LoadedRun& run, std::vector<Prompt>& prompts) {
  if (!request.chat) return;
  const ChatForm& form = chat_form(*run.codec);
  const std::string told = told_first(form, request.system);
  for (Prompt& prompt : prompts) prompt.text = told + question_in_form(form, prompt.text);
  if (const auto end = end_token(form, *run.codec); !run.ends_at(end)) run.ends.push_back(end);
}

/// The prompts as often as there are to be samples. What one has that the model does not know is said before anything
/// is written.
std::vector<std::string> texts_to_continue(const TextCodec& codec, std::vector<Prompt> prompts, std::int64_t samples) {
  if (prompts.empty()) prompts.push_back({starting_text(codec), "the start"});
  std::vector<std::string> texts;
  for (const Prompt& prompt : prompts) {
    std::vector<std::int64_t> tokens;
    try {
      tokens = codec.encode_whole(prompt.text);
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}: {}", prompt.place, error.what()));
    }
    if (tokens.empty())
      throw UsageError(fmt::format("{}: \"{}\" has no tokens", prompt.place, one_line(prompt.text, 60)));
    texts.insert(texts.end(), static_cast<std::size_t>(samples), prompt.text);
  }
  return texts;
}

/// Text alone goes to standard output, each character when it is there.
void write_one(LoadedRun& run, const std::string& prompt, bool shows_prompt, std::int64_t count,
               const SamplingOptions& options, std::uint64_t seed, const SteeringOptions& steering) {
  if (shows_prompt) fmt::print("{}", for_standard_output(prompt));
  std::fflush(stdout);
  std::string last = prompt;
  const auto write = [&last](const std::string& piece) {
    fmt::print("{}", for_standard_output(piece));
    std::fflush(stdout);
    last = piece;
    return !interrupted() && std::ferror(stdout) == 0;
  };
  continue_text(run, prompt, count, options, seed, write, steering);
  if (last.back() != '\n') std::fputs("\n", stdout);
}

/// Several texts grow side by side, so they are written when all are complete, with a line between. Steered ones are
/// made one after the other: each is changed by what it says itself.
void write_several(LoadedRun& run, const std::vector<std::string>& prompts, bool shows_prompt, std::int64_t count,
                   const SamplingOptions& options, std::uint64_t seed, const SteeringOptions& steering) {
  std::vector<std::string> texts;
  if (!steering.any()) {
    texts = continue_texts(run, prompts, count, options, seed, [] { return !interrupted(); });
  } else {
    const auto goes_on = [](const std::string&) { return !interrupted(); };
    for (std::size_t i = 0; i < prompts.size() && !interrupted(); ++i) {
      texts.push_back(continue_text(run, prompts[i], count, options, seed + i, goes_on, steering));
    }
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string text = (shows_prompt ? prompts[i] : "") + texts[i];
    fmt::print("{}{}{}", i == 0 ? "" : "--------\n", for_standard_output(text),
               text.empty() || text.back() != '\n' ? "\n" : "");
  }
}

}  // namespace

std::string continue_text(LoadedRun& run, const std::string& prompt, std::int64_t count, const SamplingOptions& given,
                          std::uint64_t seed, const std::function<bool(const std::string&)>& listener,
                          const SteeringOptions& steered) {
  std::vector<Random> randoms{Random(seed)};
  const auto tokens = run.codec->encode_whole(prompt);
  std::vector<std::string> texts;  // of each token, for a grammar
  for (std::int64_t token = 0; steered.grammar != nullptr && token < run.codec->size(); ++token) {
    texts.push_back(run.codec->bytes_of(token));
  }
  Steering steering(steered, std::move(texts), tokens, count);
  SamplingOptions options = given;
  if (steered.changes_logits()) {
    options.change = [&steering](const torch::Tensor& logits) { return steering.change(logits); };
  }

  TextStream stream;
  StopSearch search(steered.stops);
  std::string text;
  // A token may end within a character, or within a stop string: it is handed on with the token that decides.
  const auto hand_on = [&](const std::string& piece) {
    text += piece;
    return piece.empty() || !listener || listener(piece);
  };
  generate_together(run.model, {tokens}, count, options, randoms, [&](std::size_t, std::int64_t token) {
    const bool goes_on = steering.hear(token);
    if (steered.end_token == token || run.ends_at(token)) return false;
    return hand_on(search.add(stream.add(run.codec->bytes_of(token)))) && goes_on && !search.found();
  });
  const std::string last = search.add(stream.finish());
  hand_on(last + search.finish());
  return text;
}

std::vector<std::string> continue_texts(LoadedRun& run, const std::vector<std::string>& prompts, std::int64_t count,
                                        const SamplingOptions& options, std::uint64_t seed,
                                        const std::function<bool()>& go_on) {
  std::map<std::size_t, std::vector<std::size_t>> by_length;
  std::vector<std::vector<std::int64_t>> tokens;
  for (const auto& prompt : prompts) {
    tokens.push_back(run.codec->encode_whole(prompt));
    by_length[tokens.back().size()].push_back(tokens.size() - 1);
  }

  std::vector<std::string> texts(prompts.size());
  const ModelShape shape = run.model->shape();
  const CacheShape kept = run.model->cache_shape();
  const double position = 8.0 * static_cast<double>(shape.layers * kept.heads * kept.head_width);
  for (const auto& [length, all] : by_length) {
    if (go_on && !go_on()) break;
    const double positions =
        std::min(static_cast<double>(shape.context), static_cast<double>(length) + static_cast<double>(count));
    const auto most = static_cast<std::size_t>(std::clamp(kCacheBytes / (position * positions), 1.0, kMostTogether));
    for (std::size_t first = 0; first < all.size(); first += most) {
      const std::vector<std::size_t> members(
          all.begin() + static_cast<std::ptrdiff_t>(first),
          all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), first + most)));
      std::vector<std::vector<std::int64_t>> together;
      std::vector<Random> randoms;
      for (const auto member : members) {
        together.push_back(tokens[member]);
        randoms.emplace_back(seed + member);
      }
      auto made = generate_together(run.model, together, count, options, randoms,
                                    [&](std::size_t, std::int64_t) { return !go_on || go_on(); });
      for (std::size_t i = 0; i < members.size(); ++i) {
        auto& new_tokens = made[i];
        new_tokens.erase(std::find_if(new_tokens.begin(), new_tokens.end(),
                                      [&run](std::int64_t token) { return run.ends_at(token); }),
                         new_tokens.end());
        texts[members[i]] = run.codec->decode(new_tokens);
      }
      if (go_on && !go_on()) break;
    }
  }
  return texts;
}

int generate_command(int argc, char** argv) {
  GenerateRequest request;
  SamplingOptions& options = request.options;
  options.temperature = 0.7;
  CommandLine line("Lets a trained GPT go on with a text.", "generate");
  line.group("Text");
  line.option("run", request.run, "the run's folder", "RUN");
  line.option("prompt", request.prompt, "the text to go on with; without it, the start of a line", "TEXT");
  line.option("prompt-file", request.prompt_file, "a file whose whole text is gone on with", "FILE");
  line.option("prompts", request.prompts, "a file whose lines are prompts, each to be gone on with", "FILE");
  line.flag(
      "chat", request.chat,
      "the prompt is a question to a model that was taught to answer: put into the form that its tokenizer's "
      "marks are for (ChatML's, Llama 3's or chapter 8's), and the answer alone is written; `chat` asks on and on");
  line.option("system", request.system, "with --chat, what the model is told before the question", "TEXT");
  line.option("samples", request.samples, {1, kMostSamples}, "texts for each prompt; their seeds count up from --seed");
  line.option("max-new-tokens", request.count, {1, std::numeric_limits<std::int32_t>::max()},
              "characters (of a model of byte pairs, tokens) to write");
  line.option("temperature", options.temperature, {1e-6, 1e6}, "below 1 is safer, above 1 wilder");
  line.option("top-k", options.top_k, {1}, "only the K most probable");
  line.option("top-p", options.top_p, {1e-9, 1}, "only the most probable that reach P together");
  line.option("min-p", options.min_p, {1e-9, 1}, "only what has at least this share of the most probable one");
  line.flag("greedy", options.greedy, "always the most probable");
  declare_steering(line, request.steering);
  line.flag("no-cache", request.no_cache,
            "read the whole context again for each token; the text is the same, the wait is longer");
  line.choice("precision", request.precision, {"fp32", "bf16"},
              "of the weights: fp32, or bf16 for a GPU that has it: half as much to read, two or three digits");
  line.choice("weights", request.weights, {"fp32", "bf16", "int8", "int4"},
              "on a processor, numbers that the matrices are kept in: a token reads them all, and fewer bytes are read "
              "faster");
  line.flag("timing", request.timing, "say at the end how long the writing took");
  const SharedOptions shared = line.parse(argc, argv);
  if (!request.run) throw UsageError("generate needs --run, the folder of a run");
  if (request.timing && request.steering.may_end_early())
    throw UsageError(
        "--timing counts the tokens that are asked for, so it goes with nothing that may end a text early");
  if (request.weights != "fp32" && request.precision != "fp32")
    throw UsageError("--weights is for a processor and --precision for a GPU: give one of them");
  if (request.weights != "fp32" && !shared.device.device.is_cpu())
    throw UsageError(
        fmt::format("--weights {} is for a processor (--device cpu); a GPU takes --precision bf16", request.weights));
  options.cached = !request.no_cache;
  const std::int64_t count = request.count;
  auto asked = read_prompts(request);
  if (request.chat && asked.empty()) throw UsageError("--chat needs a question: --prompt, --prompt-file or --prompts");
  if (request.system && !request.chat) throw UsageError("--system is for --chat");

  LoadedRun run = load_run(*request.run);
  ask(request, run, asked);
  if (request.timing) run.ends.clear();  // all that is asked for is timed
  run.model->to(shared.device.device, request.precision == "bf16" ? torch::kBFloat16 : torch::kFloat32);
  run.model = in_small_numbers(run.model, weight_kind(request.weights));
  const auto prompts = texts_to_continue(*run.codec, asked, request.samples);
  const SteeringOptions steering = read_steering(request.steering, *run.codec);
  if (shared.threads == 0 && shared.device.device.is_cpu()) {
    const auto batch = std::min<std::int64_t>(static_cast<std::int64_t>(prompts.size()), kProbedTexts);
    choose_threads(run.model, batch, count < kTokensWorthProbing ? 1 : torch::get_num_threads());
  }

  // A GPU's kernels are made ready with the model, before the first character is waited for.
  if (prompts.size() == 1 && options.cached && count >= kTokensWorthProbing && !steering.changes_logits() &&
      CardWriter::chooses_by(options)) {
    if (CardWriter* writer = CardWriter::of(run.model)) writer->prepare(options);
  }

  catch_interrupts();
  const bool shows_prompt = !request.chat && (request.prompt || request.prompts ||
                                              request.prompt_file);  // the default one is a mere line end
  const auto start = std::chrono::steady_clock::now();
  if (prompts.size() == 1) {
    write_one(run, prompts.front(), shows_prompt, count, options, shared.seed, steering);
  } else {
    write_several(run, prompts, shows_prompt, count, options, shared.seed, steering);
  }
  if (interrupted()) throw Interrupted("stopped");
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  results().scalar("seconds", seconds, "seconds");
  if (request.steering.may_end_early() || !run.ends.empty()) return 0;  // nobody has counted the tokens
  const double tokens = static_cast<double>(count) * static_cast<double>(prompts.size());
  results().scalar("tokens_per_second", tokens / seconds, run.codec->unit() + "s a second");
  if (request.timing) {
    fmt::print(stderr, "{:.0f} {}s in {:.3f} s: {:.1f} a second; threads: {}\n", tokens, run.codec->unit(), seconds,
               tokens / seconds, torch::get_num_threads());
  }
  return 0;
}

}  // namespace verse
