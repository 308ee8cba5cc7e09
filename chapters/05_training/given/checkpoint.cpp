#include "05_training/given/checkpoint.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/shown.h"
#include "common/base/text.h"
#include "common/safetensors.h"
#include "common/unset_projections.h"

namespace verse {

namespace {

/// What layer_norm() adds to a variance.
constexpr double kEpsilon = 1e-5;

/// GPT-2's name for a parameter of ours, and whether its layout is the other way round.
struct Naming {
  std::string name;
  bool transposed = false;
};

/// The parts of a block, ours and GPT-2's. GPT-2 stores a projection as [inputs, outputs], we as [outputs, inputs].
struct BlockPart {
  const char* ours;
  const char* gpt2;
  bool projection;
};

constexpr BlockPart kBlockParts[] = {
    {"attention_norm", "ln_1", false},         {"attention.query_key_value", "attn.c_attn", true},
    {"attention.output", "attn.c_proj", true}, {"mlp_norm", "ln_2", false},
    {"mlp.expand", "mlp.c_fc", true},          {"mlp.contract", "mlp.c_proj", true},
};

/// GPT-2's name for every parameter that a model of this depth has, by ours.
std::map<std::string, Naming> gpt2_names(std::int64_t layers) {
  std::map<std::string, Naming> names = {
      {"token_embedding", {"wte.weight"}},
      {"position_embedding", {"wpe.weight"}},
      {"final_norm.weight", {"ln_f.weight"}},
      {"final_norm.bias", {"ln_f.bias"}},
  };
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (const auto& part : kBlockParts)
      for (const std::string kind : {"weight", "bias"})
        names[fmt::format("blocks.{}.{}.{}", layer, part.ours, kind)] = {
            fmt::format("h.{}.{}.{}", layer, part.gpt2, kind), part.projection && kind == "weight"};
  return names;
}

/// The model's parameters in GPT-2's order of names, each with its naming.
std::vector<std::pair<Naming, torch::Tensor>> named_for_gpt2(GPTImpl& model) {
  const auto names = gpt2_names(model.options.layers);
  std::vector<std::pair<Naming, torch::Tensor>> result;
  for (const auto& parameter : model.named_parameters()) {
    const auto found = names.find(parameter.key());
    if (found == names.end())
      throw UsageError(
          fmt::format("the parameter {} has no place in GPT-2's layout (was a projection wrapped?)", parameter.key()));
    result.emplace_back(found->second, parameter.value());
  }
  return result;
}

std::string show_shape(torch::IntArrayRef sizes) {
  return fmt::format("[{}]", fmt::join(sizes.begin(), sizes.end(), ", "));
}

/// The name under which a file of weights keeps the digest of both files that tell how they are to be read.
constexpr const char* kCompanions = "verse.companions";

/// What GPT2Config of Hugging Face's transformers reads.
Json config_json(const GPTOptions& options) {
  return {
      {"model_type", "gpt2"},
      {"architectures", {"GPT2LMHeadModel"}},
      {"vocab_size", options.vocabulary_size},
      {"n_positions", options.context},
      {"n_ctx", options.context},
      {"n_embd", options.width},
      {"n_layer", options.layers},
      {"n_head", options.heads},
      {"n_inner", nullptr},
      {"activation_function", options.exact_gelu ? "gelu" : "gelu_new"},
      {"layer_norm_epsilon", kEpsilon},
      {"tie_word_embeddings", true},
      {"embd_pdrop", options.dropout},
      {"attn_pdrop", options.dropout},
      {"resid_pdrop", options.dropout},
      {"initializer_range", 0.02},
      // There are no such tokens here; GPT-2's default for both is 50,256.
      {"bos_token_id", nullptr},
      {"eos_token_id", nullptr},
      {"torch_dtype", "float32"},
      {"tokenizer_class", "PreTrainedTokenizerFast"},
  };
}

/// The file that Hugging Face's `tokenizers` reads: the text is cut into single characters, each looked up as a whole
/// word; decoding puts them side by side again.
Json tokenizer_json(const Tokenizer& tokenizer) {
  Json vocabulary = Json::object();
  for (std::int64_t token = 0; token < tokenizer.size(); ++token)
    vocabulary[encode_utf8(tokenizer.vocabulary()[static_cast<std::size_t>(token)])] = token;
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", Json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Split"}, {"pattern", {{"Regex", "[\\s\\S]"}}}, {"behavior", "Isolated"}, {"invert", false}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "Fuse"}}},
      // A character outside the vocabulary is an error there too: the unknown token is not in it.
      {"model", {{"type", "WordLevel"}, {"vocab", vocabulary}, {"unk_token", "<unk>"}}},
  };
}

Tokenizer tokenizer_from(const JsonEntry& file) {
  const auto model = file.at("model");
  if (model.at("type").text() != "WordLevel") model.at("type").refuse("\"WordLevel\", over single characters");
  const auto vocabulary = model.at("vocab").table();
  std::vector<char32_t> characters(vocabulary.size());
  std::set<std::int64_t> seen;
  for (const auto& [text, number] : vocabulary) {
    const auto character = decode_utf8(text);
    if (character.size() != 1)
      throw UsageError(fmt::format("{}: \"{}\" is not a single character", number.place(), one_line(text, 30)));
    const auto token = number.whole(0, static_cast<std::int64_t>(characters.size()) - 1);
    if (!seen.insert(token).second) throw UsageError(fmt::format("{}: {} is given twice", number.place(), token));
    characters[static_cast<std::size_t>(token)] = character[0];
  }
  try {
    return Tokenizer(characters);
  } catch (const std::invalid_argument& error) {
    throw UsageError(fmt::format("{}: {}", file.place(), error.what()));
  }
}

void check_is_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    throw UsageError(fmt::format("{} is not a folder with a trained model", folder.string()));
}

/// The shape of every tensor that a model of these sizes has in GPT-2's layout, by its name.
std::map<std::string, std::vector<std::int64_t>> gpt2_shapes(const GPTOptions& options) {
  const std::int64_t width = options.width;
  std::map<std::string, std::vector<std::int64_t>> shapes = {{"wte.weight", {options.vocabulary_size, width}},
                                                             {"wpe.weight", {options.context, width}},
                                                             {"ln_f.weight", {width}},
                                                             {"ln_f.bias", {width}}};
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    const auto add = [&](const char* part, std::vector<std::int64_t> weight, std::int64_t bias) {
      shapes[fmt::format("h.{}.{}.weight", layer, part)] = std::move(weight);
      shapes[fmt::format("h.{}.{}.bias", layer, part)] = {bias};
    };
    add("ln_1", {width}, width);
    add("attn.c_attn", {width, 3 * width}, 3 * width);
    add("attn.c_proj", {width, width}, width);
    add("ln_2", {width}, width);
    add("mlp.c_fc", {width, 4 * width}, 4 * width);
    add("mlp.c_proj", {4 * width, width}, width);
  }
  return shapes;
}

}  // namespace

GPTOptions read_config(std::string_view text, const std::string& place) {
  const JsonEntry config = parse_json(text, place);
  const auto insist = [&config](const char* name, const Json& value) {
    if (config.at(name).json() != value) config.at(name).refuse(value.dump());
  };
  insist("model_type", "gpt2");
  insist("layer_norm_epsilon", kEpsilon);
  if (config.has("tie_word_embeddings")) insist("tie_word_embeddings", true);  // a head of its own is not supported
  const auto activation = config.at("activation_function");
  if (activation.text() != "gelu_new" && activation.text() != "gelu") activation.refuse("\"gelu_new\" or \"gelu\"");

  // A damaged configuration may ask for more than there is, but for no size that is none.
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  GPTOptions options;
  options.vocabulary_size = config.at("vocab_size").whole(1, kMost);
  options.context = config.at("n_positions").whole(1, kMost);
  options.layers = config.at("n_layer").whole(1, kMost);
  options.heads = config.at("n_head").whole(1, kMost);
  options.width = config.at("n_embd").whole(1, kMost);
  options.dropout = config.at("resid_pdrop").number(0, 1);
  options.exact_gelu = activation.text() == "gelu";
  return options;
}

void check_gpt2_shapes(const GPTOptions& options, const NamedTensors& tensors) {
  const std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  for (const char* table : {"wte.weight", "wpe.weight"}) {
    if (given.count(table) == 0) throw UsageError(fmt::format("the tensor {} is missing", table));
  }
  // A configuration may speak of any number of layers.
  if (options.layers > static_cast<std::int64_t>(given.size()))
    throw UsageError(fmt::format("{} tensors are too few for config.json's {} layers", given.size(), options.layers));

  const auto shapes = gpt2_shapes(options);
  for (const auto& [name, shape] : shapes) {
    const auto found = given.find(name);
    if (found == given.end()) throw UsageError(fmt::format("the tensor {} is missing", name));
    if (!found->second.sizes().equals(shape))
      throw UsageError(fmt::format("the tensor {} is {}, but config.json asks for [{}]", name,
                                   show_shape(found->second.sizes()), fmt::join(shape, ", ")));
  }
  for (const auto& [name, tensor] : given)
    if (shapes.count(name) == 0) throw UsageError(fmt::format("the tensor {} is superfluous", one_line(name, 100)));
}

std::string folder_hint(const std::filesystem::path& folder) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_regular_file(folder, ignored))
    return fmt::format("; the folder around it is meant, {}",
                       shell_quoted((folder.has_parent_path() ? folder.parent_path() : fs::path(".")).string()));
  if (!fs::is_directory(folder, ignored)) return "";
  const auto has = [&folder, &ignored](const char* name) { return fs::exists(folder / name, ignored); };
  if (!has("config.json") && !has("model.safetensors")) {
    // A folder too high: what is meant is said where there is but one that can be.
    std::vector<fs::path> below;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (fs::exists(entry.path() / "model.safetensors", ignored)) below.push_back(entry.path());
    }
    if (below.size() == 1) return fmt::format("; there is one in it, {}", shell_quoted(below[0].string()));
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".gguf") return "; it holds a GGUF file of llama.cpp, which is not read";
    }
    return "";
  }
  bool ours = has("state.safetensors");
  try {
    ours = ours || load_tensors(folder / "model.safetensors").metadata.count(kCompanions) > 0;
  } catch (const UsageError&) {
    // What is wrong with it has been said.
  }
  if (ours) return "";
  const bool of_hugging_face = has("vocab.json") || has("merges.txt") || has("generation_config.json") ||
                               has("model.safetensors.index.json") || has("pytorch_model.bin") ||
                               has("tokenizer_config.json") || has("model.safetensors");
  if (!of_hugging_face) return "";
  return fmt::format(
      "; it is no run of this course: of a model in Hugging Face's layout, `build/gpt import {} --out RUN` makes one",
      shell_quoted(folder.string()));
}

std::vector<std::pair<std::string, torch::Tensor>> gpt2_tensors(GPTImpl& model) {
  NamedTensors tensors;
  for (const auto& [naming, parameter] : named_for_gpt2(model)) {
    const auto values = parameter.detach().to(torch::kCPU, torch::kFloat32);
    tensors.emplace_back(naming.name, (naming.transposed ? values.t() : values).contiguous());
  }
  return tensors;
}

void load_gpt2_tensors(GPTImpl& model, const std::vector<std::pair<std::string, torch::Tensor>>& tensors) {
  const torch::NoGradGuard no_gradients;
  std::map<std::string, torch::Tensor> given(tensors.begin(), tensors.end());
  const auto expected = named_for_gpt2(model);

  // Everything is checked before anything is copied: a model is never left half of one run and half of another.
  for (const auto& [naming, parameter] : expected) {
    const auto found = given.find(naming.name);
    if (found == given.end()) throw UsageError(fmt::format("the tensor {} is missing", naming.name));
    const auto wanted = naming.transposed ? parameter.t() : parameter;
    if (!found->second.sizes().equals(wanted.sizes()))
      throw UsageError(fmt::format("the tensor {} is {}, expected {}", naming.name, show_shape(found->second.sizes()),
                                   show_shape(wanted.sizes())));
  }
  std::set<std::string> known;
  for (const auto& [naming, parameter] : expected) known.insert(naming.name);
  for (const auto& [name, tensor] : tensors)
    if (known.count(name) == 0) throw UsageError(fmt::format("the tensor {} is superfluous", name));

  for (const auto& [naming, parameter] : expected) {
    const auto& values = given.at(naming.name);
    auto target = parameter;
    target.copy_(naming.transposed ? values.t() : values);
  }
}

void save_files(const std::filesystem::path& folder, const ModelFiles& files) {
  auto metadata = files.metadata;
  metadata[kCompanions] = text_digest(files.config + files.tokenizer_file);
  make_folder(folder);
  write_file_atomically(folder / "config.json", files.config, Links::replace);
  write_file_atomically(folder / "tokenizer.json", files.tokenizer_file, Links::replace);
  save_tensors_as(torch::kFloat32, folder / "model.safetensors", files.tensors, metadata);
}

void check_companions(const std::map<std::string, std::string>& metadata, const std::filesystem::path& folder,
                      const std::string& config, Companions companions) {
  const auto digest = metadata.find(kCompanions);
  if (digest == metadata.end() && companions == Companions::optional) return;
  if (digest == metadata.end() || digest->second != text_digest(config + read_file(folder / "tokenizer.json"))) {
    throw UsageError("config.json or tokenizer.json beside it is not the one it was written with");
  }
}

void save_model(const std::filesystem::path& folder, GPTImpl& model, const Tokenizer& tokenizer) {
  save_model(folder, model, tokenizer_text(tokenizer));
}

ModelFiles files_of(GPTImpl& model, const std::string& tokenizer_file,
                    const std::map<std::string, std::string>& notes) {
  ModelFiles files{json_text(config_json(model.options), 2) + "\n", tokenizer_file, gpt2_tensors(model), notes};
  files.metadata["format"] = "pt";
  return files;
}

void save_model(const std::filesystem::path& folder, GPTImpl& model, const std::string& tokenizer_file,
                const std::map<std::string, std::string>& notes) {
  save_files(folder, files_of(model, tokenizer_file, notes));
}

TrainedModel load_model(const std::filesystem::path& folder, bool fused) try {
  check_is_folder(folder);
  auto tokenizer = read_tokenizer(folder / "tokenizer.json", read_file(folder / "tokenizer.json"));
  GPT model = load_gpt(folder, fused);
  if (tokenizer.size() != model->options.vocabulary_size)
    throw UsageError(fmt::format("{}: config.json speaks of {} tokens, tokenizer.json of {}", folder.string(),
                                 model->options.vocabulary_size, tokenizer.size()));
  return {model, std::move(tokenizer)};
} catch (const UsageError& error) {
  throw UsageError(error.what() + folder_hint(folder));
}

GPT load_gpt(const std::filesystem::path& folder, bool fused) {
  check_is_folder(folder);
  const auto config_text = read_file(folder / "config.json");
  auto options = read_config(config_text, (folder / "config.json").string());
  options.fused = fused;

  const auto path = folder / "model.safetensors";
  const auto file = load_tensors(path);
  try {
    check_companions(file.metadata, folder, config_text, Companions::optional);
    check_gpt2_shapes(options, file.tensors);
    refuse_non_numbers(file.tensors);
    // Every parameter comes from the file: first values would be drawn for nothing.
    auto unset = options;
    unset.initialise = false;
    const UnsetProjections without_first_values;
    GPT model(unset);
    model->options = options;
    load_gpt2_tensors(*model, file.tensors);
    model->eval();
    return model;
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

std::string tokenizer_text(const Tokenizer& tokenizer) {
  return json_text(tokenizer_json(tokenizer), 2) + "\n";
}

Tokenizer read_tokenizer(const std::filesystem::path& place, const std::string& content) {
  return tokenizer_from(parse_json(content, place.string()));
}

}  // namespace verse
