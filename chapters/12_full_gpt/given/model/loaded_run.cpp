#include "12_full_gpt/given/model/loaded_run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "10_subwords/given/character_codec.h"
#include "11_modern/given/llama.h"
#include "11_modern/given/modern_gpt.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/program.h"

namespace verse {

namespace {

/// A run's codec alone, which is there at once where the model may be large.
std::shared_ptr<TextCodec> load_codec(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) {
    throw UsageError(fmt::format("{} is not a folder with a trained model{}", folder.string(),
                                 std::filesystem::exists(folder) ? "" : ": there is no such folder"));
  }
  const auto place = folder / "tokenizer.json";
  return read_codec(place, read_file(place));
}

/// What `tokens` and `logits` are asked for.
struct Request {
  std::optional<std::filesystem::path> run;
  std::optional<std::string> prompt;
  bool decode = false;
};

const std::filesystem::path& run_of(const Request& request, const char* command) {
  if (!request.run) throw UsageError(fmt::format("{} needs --run, the folder of a run", command));
  return *request.run;
}

/// The tokens of --prompt, or of the file after --data.
std::vector<std::int64_t> tokens_of(const TextCodec& codec, const Request& request, const SharedOptions& shared,
                                    const char* command) {
  if (request.prompt.has_value() == shared.data.has_value()) {
    throw UsageError(fmt::format("{} needs a text: either --prompt TEXT or --data FILE", command));
  }
  if (!shared.data) return codec.encode_whole(*request.prompt);
  const std::string text = read_input(*shared.data);
  try {
    return codec.encode_whole(text);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", shared.data->string(), error.what()));
  }
}

void declare(CommandLine& line, Request& request) {
  line.group("Text");
  line.option("run", request.run, "the run's folder", "RUN");
  line.option("prompt", request.prompt, "the text; --data takes it from a file", "TEXT");
}

}  // namespace

LoadedRun load_run(const std::filesystem::path& folder, bool fused) try {
  LoadedRun run;
  run.codec = load_codec(folder);
  run.model = load_any_gpt(folder, fused);
  if (const auto* llama = dynamic_cast<LlamaGPTImpl*>(run.model.get())) run.ends = llama->options.eos_token_id;
  // A model may have more rows in its table than there are tokens, to make a round number; never fewer.
  const auto rows = run.model->vocabulary();
  if (run.codec->size() > rows) {
    throw UsageError(fmt::format("{}: config.json speaks of {} tokens, tokenizer.json of {}", folder.string(), rows,
                                 run.codec->size()));
  }
  return run;
} catch (const UsageError& error) {
  throw UsageError(error.what() + folder_hint(folder));
}

std::string starting_text(const TextCodec& codec) {
  try {
    if (!codec.encode(kPrompt).empty()) return kPrompt;
  } catch (const UsageError&) {
    // There is no line end in the text.
  }
  return codec.decode({0});
}

int tokens_command(int argc, char** argv) {
  Request request;
  CommandLine line("Writes a text's token numbers by a run's tokenizer on one line.", "tokens");
  declare(line, request);
  line.flag("decode", request.decode, "the other way: reads numbers from standard input and writes their text");
  const SharedOptions shared = line.parse(argc, argv);
  const auto codec = load_codec(run_of(request, "tokens"));
  if (request.decode) {
    const std::string text = codec->decode(read_token_numbers(*codec));
    fmt::print("{}", for_standard_output(text));
  } else {
    fmt::print("{}\n", fmt::join(tokens_of(*codec, request, shared, "tokens"), " "));
  }
  return 0;
}

int logits_command(int argc, char** argv) {
  Request request;
  CommandLine line(
      "Writes the model's logits after each token of a text: a line a token, a number for each token that may come "
      "next.",
      "logits");
  declare(line, request);
  const SharedOptions shared = line.parse(argc, argv);
  LoadedRun run = load_run(run_of(request, "logits"));
  const auto tokens = tokens_of(*run.codec, request, shared, "logits");
  if (tokens.empty()) throw UsageError("logits needs a text of at least one character");

  const c10::InferenceMode no_gradients;
  run.model->to(shared.device.device);
  const auto input = torch::tensor(tokens, torch::kInt64).to(shared.device.device).unsqueeze(0);   // [1, time]
  const auto logits = run.model->forward(input)[0].to(torch::kCPU, torch::kFloat32).contiguous();  // [time, vocabulary]
  for (std::int64_t t = 0; t < logits.size(0); ++t) {
    const auto* row = logits.data_ptr<float>() + t * logits.size(1);
    // Nine digits tell any two floats apart.
    std::string text = fmt::format("{:.9g}", row[0]);
    for (std::int64_t token = 1; token < logits.size(1); ++token) text += fmt::format(" {:.9g}", row[token]);
    fmt::print("{}\n", text);
  }
  return 0;
}

}  // namespace verse
