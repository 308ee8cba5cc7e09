#include "12_full_gpt/given/commands/import.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>

#include "11_modern/given/llama.h"
#include "12_full_gpt/given/commands/hugging_face.h"
#include "12_full_gpt/given/commands/import_gpt2.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/program.h"

namespace verse {

namespace {

namespace fs = std::filesystem;

/// The name as it is; older files keep rotary frequencies with the weights, which are computed here.
std::string kept_llama_name(const std::string& name) {
  return name.ends_with(".rotary_emb.inv_freq") ? "" : name;
}

/// What ends a text may stand in a file of its own, which then holds.
void read_ends(const fs::path& folder, LlamaOptions& options) {
  const fs::path place = folder / "generation_config.json";
  if (!fs::exists(place)) return;
  const JsonEntry generation = load_json(place);
  if (!generation.has("eos_token_id")) return;
  const JsonEntry end = generation.at("eos_token_id");
  options.eos_token_id.clear();
  for (const JsonEntry& each : end.is_list() ? end.list() : std::vector<JsonEntry>{end}) {
    options.eos_token_id.push_back(each.whole(0, options.vocab_size - 1));
  }
}

void import_llama(const fs::path& folder, const fs::path& out) {
  RunFolder::check_new(out);
  LlamaOptions options = read_llama_config(hugging_face_config(folder));
  const std::string tokenizer = hugging_face_tokenizer(folder, options.vocab_size);
  read_ends(folder, options);
  try {
    auto tensors = hugging_face_tensors(folder, kept_llama_name);
    if (options.tie_word_embeddings) {
      drop_tied_head(
          tensors, "model.embed_tokens.weight",
          "config.json says tie_word_embeddings, but lm_head.weight is not the token table model.embed_tokens.weight");
    }
    const NamedTensors in_order(tensors.begin(), tensors.end());
    check_llama_shapes(options, in_order);
    refuse_non_numbers(in_order);
    save_llama(out, options, in_order, tokenizer);
    fmt::print("{}: {} layers, {} heads, {} of keys and values, {} wide, context {}, {} tokens: {} parameters\n",
               out.string(), options.num_hidden_layers, options.num_attention_heads, options.num_key_value_heads,
               options.hidden_size, options.max_position_embeddings, with_commas(options.vocab_size),
               with_commas(llama_parameters(options)));
  } catch (const UsageError& error) {
    const std::string message = error.what();
    const bool named = message.find(folder.string()) != std::string::npos;
    throw UsageError(named ? message : fmt::format("{}: {}", folder.string(), message));
  }
}

/// What either command is told.
struct ImportRequest {
  fs::path folder, out;
};

/// @param what the model that is meant, for messages
ImportRequest read_import(int argc, char** argv, const std::string& command, const std::string& what,
                          const std::string& about) {
  std::optional<fs::path> folder, out;
  CommandLine line(about, command);
  line.group("Import");
  line.option("folder", folder, fmt::format("the {}'s folder", what), "DIR");
  line.positional("folder");
  line.option("out", out, "the run's folder, a new one", "RUN");
  line.parse(argc, argv);
  if (!folder) throw UsageError(fmt::format("{0} needs the folder of a {1}: {0} DIR --out RUN", command, what));
  if (!out) throw UsageError(fmt::format("{} needs --out, the folder of the run that it is to make", command));
  return {*folder, *out};
}

}  // namespace

void import_model(const fs::path& folder, const fs::path& out) {
  const JsonEntry config = hugging_face_config(folder);
  if (is_llama_config(config)) return import_llama(folder, out);
  if (config.has("model_type") && config.at("model_type").text() != "gpt2") {
    config.at("model_type").refuse("\"gpt2\", \"llama\", \"mistral\", \"qwen2\" or \"qwen3\"");
  }
  import_gpt2(folder, out);
}

int import_command(int argc, char** argv) {
  const ImportRequest request = read_import(
      argc, argv, "import", "model",
      "Makes a run of a GPT-2, Llama, Mistral or Qwen in Hugging Face's layout: generate lets it speak, train --from "
      "goes on.");
  import_model(request.folder, request.out);
  return 0;
}

int import_gpt2_command(int argc, char** argv) {
  const ImportRequest request =
      read_import(argc, argv, "import-gpt2", "GPT-2",
                  "Makes a run of a GPT-2 in Hugging Face's layout: generate lets it speak, train --from goes on.");
  import_gpt2(request.folder, request.out);
  return 0;
}

}  // namespace verse
