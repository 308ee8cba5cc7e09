#include "10_subwords/given/tokenize_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <vector>

#include "10_subwords/given/pair_trainer.h"
#include "10_subwords/given/tokenizer_file.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"
#include "common/corpus.h"

namespace verse {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// The files that are to be learned from; none means the play.
std::vector<fs::path> files_of(const TokenizeRequest& request) {
  std::vector<fs::path> files;
  if (request.data) files.push_back(*request.data);
  if (!request.more) return files;
  if (!request.data) throw UsageError("--more names texts beside that of --data, which is not given");
  for (const std::string& file : split(*request.more, ',')) files.emplace_back(file);
  return files;
}

int train(const TokenizeRequest& request) {
  if (!request.out) {
    throw UsageError("tokenize needs --out FILE, where a tokenizer is to be trained; or --tokenizer FILE, to use one");
  }
  if (request.prompt || request.decode || request.count) {
    throw UsageError("--prompt, --decode and --count use a tokenizer: they need --tokenizer FILE");
  }
  if (fs::exists(*request.out)) {
    throw UsageError(fmt::format("{} is there already; --out names another", request.out->string()));
  }
  PairTrainingOptions options;
  options.vocabulary = request.vocabulary;
  options.cutting = cutting_named(request.pattern);
  options.threads = request.threads;
  if (request.special) options.special = split(*request.special, ',');
  const auto files = files_of(request);

  const auto start = Clock::now();
  WordCounts words(options.cutting, options.threads);
  for (const fs::path& file : files) words.add_file(file);
  if (files.empty()) words.add(load_corpus({}).text);
  const LearnedPairs learned = learn_pairs(words, options);
  write_file_atomically(*request.out, tokenizer_text(learned, options.cutting));
  fmt::print("{}: {} tokens by {} merges, from {} different words of {} bytes, in {:.2f} s on {}\n",
             request.out->string(), with_commas(static_cast<std::int64_t>(learned.tokens.size())),
             with_commas(static_cast<std::int64_t>(learned.merges.size())),
             with_commas(static_cast<std::int64_t>(words.words().size())), with_commas(words.bytes()),
             seconds_since(start), options.threads == 1 ? "1 thread" : fmt::format("{} threads", options.threads));
  return 0;
}

/// What a tokenizer makes of a text, and how fast.
void show_count(const TextCodec& codec, const std::string& text) {
  if (text.empty()) throw UsageError("there is no text to count in");
  const auto start = Clock::now();
  const auto tokens = codec.encode(text);
  const double seconds = seconds_since(start);
  const auto count = static_cast<double>(tokens.size());
  fmt::print("{} bytes, {} characters, {} tokens: {:.3f} characters a token\n",
             with_commas(static_cast<std::int64_t>(text.size())),
             with_commas(static_cast<std::int64_t>(count_characters(text))),
             with_commas(static_cast<std::int64_t>(tokens.size())),
             static_cast<double>(count_characters(text)) / count);
  std::vector<std::int64_t> seen(static_cast<std::size_t>(codec.size()));
  for (const auto token : tokens) ++seen[static_cast<std::size_t>(token)];
  std::int64_t never = 0, once = 0;
  for (const auto times : seen) {
    never += times == 0;
    once += times == 1;
  }
  fmt::print("of {} tokens, {} are not in it, {} once\n", with_commas(codec.size()), with_commas(never),
             with_commas(once));
  fmt::print(stderr, "encoded in {:.3f} s: {:.1f} MB/s\n", seconds, 1e-6 * static_cast<double>(text.size()) / seconds);
}

int use(const TokenizeRequest& request, const OptionReader& options, const CodecReader& read) {
  for (const char* option : {"out", "vocabulary", "pattern", "special", "more"}) {
    if (options.given(option)) {
      throw UsageError(
          fmt::format("--{} is for training a tokenizer, and --tokenizer uses one: give one of them", option));
    }
  }
  const fs::path place =
      fs::is_directory(*request.tokenizer) ? *request.tokenizer / "tokenizer.json" : *request.tokenizer;
  const auto codec = read(place, read_file(place));
  if (request.decode) {
    const std::string text = codec->decode(read_token_numbers(*codec));
    std::fwrite(text.data(), 1, text.size(), stdout);
    return 0;
  }
  if (request.prompt.has_value() == request.data.has_value()) {
    throw UsageError("tokenize --tokenizer needs a text: either --prompt TEXT or --data FILE");
  }
  const std::string text = request.data ? read_file(*request.data) : *request.prompt;
  try {
    if (request.count) {
      show_count(*codec, text);
    } else {
      fmt::print("{}\n", fmt::join(codec->encode(text), " "));
    }
  } catch (const UsageError& problem) {
    if (!request.data) throw;
    throw UsageError(fmt::format("{}: {}", request.data->string(), problem.what()));
  }
  return 0;
}

}  // namespace

const char* const kTokenizePurpose =
    "Trains a tokenizer of byte pairs on --data (or the play), and writes it as a tokenizer.json. With --tokenizer it "
    "writes a text's token numbers on one line.";

void declare_tokenize(OptionReader& options, TokenizeRequest& request) {
  options.group("Training");
  options.option("out", request.out, "the tokenizer.json to write, a new file", "FILE");
  options.option("vocabulary", request.vocabulary, {256, 10'000'000}, "tokens in all, the 256 bytes among them");
  options.choice("pattern", request.pattern, {"gpt2", "gpt4"}, "whose rule cuts text into words: gpt2 or gpt4");
  options.option("special", request.special, "tokens that are never cut, apart by commas, such as \"<|endoftext|>\"",
                 "TOKENS");
  options.option("more", request.more, "further texts to learn from, apart by commas", "FILES");
  options.group("Use");
  options.option("tokenizer", request.tokenizer, "a tokenizer.json, or a folder with one", "FILE");
  options.option("prompt", request.prompt, "the text; --data takes it from a file", "TEXT");
  options.flag("decode", request.decode, "the other way: reads numbers from standard input and writes their text");
  options.flag("count", request.count,
               "instead of numbers, how many tokens there are, and how many of them hardly occur");
}

int tokenize(const OptionReader& options, const TokenizeRequest& request, const CodecReader& read) {
  catch_interrupts();
  return request.tokenizer ? use(request, options, read) : train(request);
}

}  // namespace verse
