#include "12_full_gpt/given/commands/import_gpt2.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "10_subwords/given/text_codec.h"
#include "10_subwords/given/tokenizer_file.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/text.h"
#include "common/program.h"
#include "common/safetensors.h"

namespace verse {

namespace {

namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kTokenTable = "wte.weight";
constexpr const char* kHead = "lm_head.weight";

/// A tensor's name as our run folders have it: without the model's own name before it.
std::string plain_name(const std::string& name) {
  constexpr std::string_view prefix = "transformer.";
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

/// The causal mask, which older files keep with the weights.
bool is_mask(const std::string& name) {
  static const std::regex mask(R"(h\.\d+\.attn\.(masked_)?bias)");
  return std::regex_match(name, mask);
}

/// Adds a file's tensors, in float32.
void add_tensors(const fs::path& path, std::map<std::string, torch::Tensor>& tensors) {
  for (auto& [full_name, tensor] : load_tensors(path).tensors) {
    const auto name = plain_name(full_name);
    if (is_mask(name)) continue;
    if (!torch::isFloatingType(tensor.scalar_type())) {
      throw UsageError(fmt::format("{}: the tensor {} is of type {}, not of floating-point numbers", path.string(),
                                   full_name, torch::toString(tensor.scalar_type())));
    }
    if (!tensors.emplace(name, tensor.to(torch::kFloat32)).second) {
      throw UsageError(fmt::format("{}: the tensor {} is there twice", path.string(), name));
    }
  }
}

/// All tensors by their plain names, the head's among them where it is there.
std::map<std::string, torch::Tensor> tensors_of(const fs::path& folder) {
  std::map<std::string, torch::Tensor> tensors;
  if (fs::exists(folder / kWeights)) {
    add_tensors(folder / kWeights, tensors);
  } else if (fs::exists(folder / kIndex)) {
    for (const auto& file : shards_of(load_json(folder / kIndex))) add_tensors(folder / file, tensors);
    for (const auto& [full_name, file] : load_json(folder / kIndex).at("weight_map").table()) {
      const auto name = plain_name(full_name);
      if (!is_mask(name) && tensors.count(name) == 0) {
        throw UsageError(fmt::format("{}: {} has no such tensor", file.place(), file.text()));
      }
    }
  } else {
    const bool pickled =
        fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json");
    throw UsageError(fmt::format("{} has neither {} nor {}{}", folder.string(), kWeights, kIndex,
                                 pickled ? "; pytorch_model.bin is not read: save_pretrained() of a newer transformers "
                                           "writes what is"
                                         : ""));
  }
  return tensors;
}

/// Our head is the token table, read the other way; one of its own has no place.
void drop_head(std::map<std::string, torch::Tensor>& tensors) {
  const auto head = tensors.find(kHead), table = tensors.find(kTokenTable);
  if (head == tensors.end()) return;
  if (table == tensors.end()) {
    tensors[kTokenTable] = head->second;
  } else if (!torch::equal(head->second, table->second)) {
    throw UsageError("lm_head.weight is not the token table wte.weight; a head of its own is not supported");
  }
  tensors.erase(kHead);
}

}  // namespace

std::set<std::string> shards_of(const JsonEntry& index) {
  std::set<std::string> files;
  for (const auto& [tensor, file] : index.at("weight_map").table()) {
    const auto name = file.text();
    if (name.empty() || name == "." || name == ".." || fs::path(name).filename() != name)
      file.refuse("the name of a file beside it");
    files.insert(name);
  }
  return files;
}

GPTOptions read_gpt2_config(const JsonEntry& config, std::vector<std::string>& left_out) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  const auto whole = [&config](const char* name, std::int64_t otherwise) {
    return config.has(name) ? config.at(name).whole(1, kMost) : otherwise;
  };
  const auto size = [&](const char* name, const char* second_name, std::int64_t otherwise) {
    const std::int64_t first = whole(name, 0), second = whole(second_name, 0);
    if (first != 0 && second != 0 && first != second) {
      config.at(second_name).refuse(fmt::format("{}, as {} has it", first, name));
    }
    if (first == 0 && second == 0) left_out.push_back(fmt::format("{} {}", name, otherwise));
    return first != 0 ? first : second != 0 ? second : otherwise;
  };
  // An entry that has to be one of a few values; the first of them is what is meant where it is left out.
  const auto insist = [&config](const char* name, const std::vector<std::string>& known) {
    if (!config.has(name)) return known.front();
    const std::string value = json_text(config.at(name).json());
    if (std::find(known.begin(), known.end(), value) == known.end()) config.at(name).refuse(one_of(known));
    return value;
  };
  insist("model_type", {"\"gpt2\""});
  GPTOptions options;
  options.vocabulary_size = whole("vocab_size", 50257);
  options.context = size("n_positions", "max_position_embeddings", 1024);
  options.width = size("n_embd", "hidden_size", 768);
  options.layers = size("n_layer", "num_hidden_layers", 12);
  options.heads = size("n_head", "num_attention_heads", 12);
  if (options.width % options.heads != 0) {
    throw UsageError(
        fmt::format("{}: {} heads cannot share a width of {}", config.place(), options.heads, options.width));
  }
  if (!config.has("vocab_size")) left_out.emplace_back("vocab_size 50257");
  options.dropout = config.has("resid_pdrop") ? config.at("resid_pdrop").number(0, 1) : 0.1;
  options.initialise = false;

  // Everything else has to be as the GPT of chapter 4 computes.
  options.exact_gelu = insist("activation_function", {"\"gelu_new\"", "\"gelu\""}) == "\"gelu\"";
  if (whole("n_inner", 4 * options.width) != 4 * options.width) {
    config.at("n_inner").refuse(fmt::format("four times n_embd, {}", 4 * options.width));
  }
  insist("layer_norm_epsilon", {"1e-05"});
  insist("scale_attn_weights", {"true"});
  insist("scale_attn_by_inverse_layer_idx", {"false"});
  insist("add_cross_attention", {"false"});
  return options;
}

void import_gpt2(const fs::path& folder, const fs::path& out) {
  if (!fs::is_directory(folder)) {
    throw UsageError(fs::exists(folder)
                         ? fmt::format("{} is a file, and the folder of a GPT-2 is meant", folder.string())
                         : fmt::format("there is no folder {}", folder.string()));
  }
  RunFolder::check_new(out);

  // Small things first: what cannot work is said before gigabytes are read.
  if (!fs::exists(folder / "config.json")) {
    throw UsageError(fmt::format("{} has no config.json{}", folder.string(), folder_hint(folder)));
  }
  std::vector<std::string> left_out;
  const GPTOptions options = read_gpt2_config(load_json(folder / "config.json"), left_out);
  const auto tokenizer_place = folder / "tokenizer.json";
  const std::string tokenizer = tokenizer_of_folder(folder);
  const auto codec = read_codec(tokenizer_place, tokenizer);
  if (codec->size() > options.vocabulary_size) {
    throw UsageError(fmt::format("{} has {} tokens, but config.json only {}", tokenizer_place.string(), codec->size(),
                                 options.vocabulary_size));
  }

  try {
    auto tensors = tensors_of(folder);
    drop_head(tensors);
    const NamedTensors in_order(tensors.begin(), tensors.end());
    check_gpt2_shapes(options, in_order);
    refuse_non_numbers(in_order);
    GPT model(options);
    load_gpt2_tensors(*model, in_order);
    tensors.clear();
    save_model(out, *model, tokenizer);
    fmt::print("{}: {} layers, {} heads, {} wide, context {}, {} tokens: {} parameters\n", out.string(), options.layers,
               options.heads, options.width, options.context, with_commas(options.vocabulary_size),
               with_commas(model->parameter_count()));
  } catch (const UsageError& error) {
    const std::string message = error.what();
    const bool named = message.find(folder.string()) != std::string::npos;
    const bool by_default = message.find("config.json asks for") != std::string::npos && !left_out.empty();
    throw UsageError(
        (named ? message : fmt::format("{}: {}", folder.string(), message)) +
        (by_default ? fmt::format(" (it does not say {}, which are GPT-2's)", fmt::join(left_out, ", ")) : ""));
  }
}

int import_gpt2_command(int argc, char** argv) {
  std::optional<fs::path> folder, out;
  CommandLine line("Makes a run of a GPT-2 in Hugging Face's layout: generate lets it speak, train --from goes on.",
                   "import-gpt2");
  line.group("Import");
  line.option("folder", folder, "the GPT-2's folder", "DIR");
  line.positional("folder");
  line.option("out", out, "the run's folder, a new one", "RUN");
  line.parse(argc, argv);
  if (!folder) throw UsageError("import-gpt2 needs the folder of a GPT-2: import-gpt2 DIR --out RUN");
  if (!out) throw UsageError("import-gpt2 needs --out, the folder of the run that it is to make");
  import_gpt2(*folder, *out);
  return 0;
}

}  // namespace verse
