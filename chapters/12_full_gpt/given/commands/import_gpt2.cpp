#include "12_full_gpt/given/commands/import_gpt2.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>
#include <string_view>

#include "05_training/given/checkpoint.h"
#include "10_subwords/given/text_codec.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/text.h"
#include "common/program.h"
#include "common/safetensors.h"

namespace verse {

namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kWeights = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kTokenTable = "wte.weight";
constexpr const char* kHead = "lm_head.weight";

/// Parses a file and has `use` take from it what it needs; whatever is wrong becomes one line with its path.
template <typename Use>
auto use_file(const fs::path& path, Use use) {
  const std::string content = read_file(path);
  try {
    return use(Json::parse(content));
  } catch (const nlohmann::json::exception& error) {
    throw UsageError(fmt::format("{} is damaged: {}", path.string(), error.what()));
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

/// An entry of a configuration, or the value that Hugging Face's GPT2Config has without it.
template <typename Value>
Value entry_or(const Json& config, const char* name, Value value) {
  const auto found = config.find(name);
  return found == config.end() || found->is_null() ? value : found->get<Value>();
}

GPTOptions options_from(const Json& config) {
  const auto type = entry_or<std::string>(config, "model_type", "gpt2");
  if (type != "gpt2") throw UsageError(fmt::format("it is a model of type \"{}\", not \"gpt2\"", type));
  GPTOptions options;
  options.vocabulary_size = entry_or<std::int64_t>(config, "vocab_size", 50257);
  options.context = entry_or<std::int64_t>(config, "n_positions", 1024);
  options.width = entry_or<std::int64_t>(config, "n_embd", 768);
  options.layers = entry_or<std::int64_t>(config, "n_layer", 12);
  options.heads = entry_or<std::int64_t>(config, "n_head", 12);
  options.dropout = entry_or(config, "resid_pdrop", 0.1);
  options.initialise = false;

  // Everything else has to be as the GPT of chapter 4 computes.
  const auto activation = entry_or<std::string>(config, "activation_function", "gelu_new");
  if (activation != "gelu_new" && activation != "gelu") {
    throw UsageError(
        fmt::format("activation_function is \"{}\"; only \"gelu_new\" and \"gelu\" are supported", activation));
  }
  options.exact_gelu = activation == "gelu";
  const auto inner = entry_or<std::int64_t>(config, "n_inner", 4 * options.width);
  if (inner != 4 * options.width) {
    throw UsageError(fmt::format("n_inner is {}; only four times n_embd, {}, is supported", inner, 4 * options.width));
  }
  const auto epsilon = entry_or(config, "layer_norm_epsilon", 1e-5);
  if (epsilon != 1e-5) throw UsageError(fmt::format("layer_norm_epsilon is {}; only 1e-05 is supported", epsilon));
  for (const auto& [name, usual] : std::map<const char*, bool>{
           {"scale_attn_weights", true}, {"scale_attn_by_inverse_layer_idx", false}, {"add_cross_attention", false}}) {
    if (entry_or(config, name, usual) != usual) {
      throw UsageError(fmt::format("{} is {}; only {} is supported", name, !usual, usual));
    }
  }
  return options;
}

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

/// The files that an index names. @throws UsageError where one would lie elsewhere.
std::set<std::string> shards_of(const fs::path& index) {
  return use_file(index, [](const Json& json) {
    std::set<std::string> files;
    for (const auto& [tensor, file] : json.at("weight_map").items()) {
      const auto name = file.get<std::string>();
      if (name.empty() || fs::path(name).filename() != name) {
        throw UsageError(fmt::format("\"{}\" is no name of a file beside it", name));
      }
      files.insert(name);
    }
    return files;
  });
}

/// All tensors by their plain names, the head's among them where it is there.
std::map<std::string, torch::Tensor> tensors_of(const fs::path& folder) {
  std::map<std::string, torch::Tensor> tensors;
  if (fs::exists(folder / kWeights)) {
    add_tensors(folder / kWeights, tensors);
  } else if (fs::exists(folder / kIndex)) {
    for (const auto& file : shards_of(folder / kIndex)) add_tensors(folder / file, tensors);
    use_file(folder / kIndex, [&tensors](const Json& json) {
      for (const auto& [full_name, file] : json.at("weight_map").items()) {
        const auto name = plain_name(full_name);
        if (!is_mask(name) && tensors.count(name) == 0) {
          throw UsageError(fmt::format("{} has no tensor {}", file.template get<std::string>(), full_name));
        }
      }
      return true;
    });
  } else {
    const bool pickled = fs::exists(folder / "pytorch_model.bin");
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

/// The size that the model's largest tables must have, before memory for all of it is asked for.
void check_table(const std::map<std::string, torch::Tensor>& tensors, const char* name, std::int64_t rows,
                 std::int64_t columns) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw UsageError(fmt::format("the tensor {} is missing", name));
  if (!found->second.sizes().equals({rows, columns})) {
    throw UsageError(fmt::format("the tensor {} is not [{}, {}], as config.json has it", name, rows, columns));
  }
}

}  // namespace

void import_gpt2(const fs::path& folder, const fs::path& out) {
  if (!fs::is_directory(folder)) throw UsageError(fmt::format("there is no folder {}", folder.string()));
  RunFolder::check_new(out);

  // Small things first: what cannot work is said before gigabytes are read.
  const GPTOptions options = use_file(folder / "config.json", options_from);
  const auto tokenizer_place = folder / "tokenizer.json";
  if (!fs::exists(tokenizer_place) && fs::exists(folder / "merges.txt")) {
    throw UsageError(fmt::format(
        "{} has vocab.json and merges.txt, but no tokenizer.json; GPT2TokenizerFast's save_pretrained() writes one",
        folder.string()));
  }
  const std::string tokenizer = read_file(tokenizer_place);
  const auto codec = read_codec(tokenizer_place, tokenizer);
  if (codec->size() > options.vocabulary_size) {
    throw UsageError(fmt::format("{} has {} tokens, but config.json only {}", tokenizer_place.string(), codec->size(),
                                 options.vocabulary_size));
  }

  try {
    auto tensors = tensors_of(folder);
    drop_head(tensors);
    check_table(tensors, kTokenTable, options.vocabulary_size, options.width);
    check_table(tensors, "wpe.weight", options.context, options.width);
    if (options.layers > static_cast<std::int64_t>(tensors.size())) {
      throw UsageError(fmt::format("there are no {} layers, as config.json has it", options.layers));
    }
    GPT model(options);
    load_gpt2_tensors(*model, {tensors.begin(), tensors.end()});
    tensors.clear();
    save_model(out, *model, tokenizer);
    fmt::print("{}: {} layers, {} heads, {} wide, context {}, {} tokens: {} parameters\n", out.string(), options.layers,
               options.heads, options.width, options.context, with_commas(options.vocabulary_size),
               with_commas(model->parameter_count()));
  } catch (const UsageError& error) {
    const std::string message = error.what();
    const bool named = message.find(folder.string()) != std::string::npos;
    throw UsageError(named ? message : fmt::format("{}: {}", folder.string(), message));
  }
}

int import_gpt2_command(int argc, char** argv) {
  CommandLine line(fmt::format("{} import-gpt2 DIR", program_invocation_short_name),
                   "Makes a run of a GPT-2 in Hugging Face's layout: generate lets it speak, train --from goes on.");
  line.add("Import")("out", "the run's folder, a new one", cxxopts::value<std::string>(), "RUN");

  // DIR may stand before the flags or after them.
  std::string folder;
  if (argc > 1 && argv[1][0] != '-') {
    folder = argv[1];
    argv[1] = argv[0];
    --argc;
    ++argv;
  } else if (argc > 3 && argv[argc - 1][0] != '-' && argv[argc - 2][0] != '-') {
    folder = argv[--argc];
  }
  line.parse(argc, argv);
  if (folder.empty()) throw UsageError("import-gpt2 needs the folder of a GPT-2: import-gpt2 DIR --out RUN");
  if (!line.given("out")) throw UsageError("import-gpt2 needs --out, the folder of the run that it is to make");
  import_gpt2(folder, line.text("out"));
  return 0;
}

}  // namespace verse
