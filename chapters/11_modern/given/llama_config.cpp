#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "11_modern/given/llama.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 31;  ///< of any size, so that two can be multiplied

/// A family by its names, and what is meant where its configuration leaves something out.
struct FamilyDefaults {
  LlamaFamily family;
  const char* model_type;
  const char* architecture;
  std::int64_t vocab_size, intermediate_size;
  std::int64_t key_value_heads;  ///< 0 for as many as there are query heads
  std::int64_t head_dim;         ///< 0 for hidden_size / num_attention_heads
  std::int64_t positions;
};

constexpr std::array<FamilyDefaults, 4> kFamilies{{
    {LlamaFamily::llama, "llama", "LlamaForCausalLM", 32000, 11008, 0, 0, 2048},
    {LlamaFamily::mistral, "mistral", "MistralForCausalLM", 32000, 14336, 8, 0, 131072},
    {LlamaFamily::qwen2, "qwen2", "Qwen2ForCausalLM", 151936, 22016, 32, 0, 32768},
    {LlamaFamily::qwen3, "qwen3", "Qwen3ForCausalLM", 151936, 22016, 32, 128, 32768},
}};
constexpr std::int64_t kHiddenSize = 4096, kLayers = 32, kHeads = 32;  // of all four
constexpr std::int64_t kSlidingWindow = 4096, kMaxWindowLayers = 28;

const FamilyDefaults* family_named(const std::string& model_type) {
  const auto* const found = std::find_if(kFamilies.begin(), kFamilies.end(),
                                         [&](const FamilyDefaults& each) { return model_type == each.model_type; });
  return found == kFamilies.end() ? nullptr : found;
}

const FamilyDefaults& defaults_of(LlamaFamily family) {
  return *std::find_if(kFamilies.begin(), kFamilies.end(), [&](const auto& each) { return each.family == family; });
}

std::int64_t whole(const JsonEntry& table, const char* name, std::int64_t otherwise, std::int64_t least = 1) {
  return table.has(name) ? table.at(name).whole(least, kMost) : otherwise;
}

bool flag(const JsonEntry& table, const char* name, bool otherwise = false) {
  return table.has(name) ? table.at(name).flag() : otherwise;
}

/// An entry that may be there, but only with one value.
void insist(const JsonEntry& table, const char* name, const Json& value) {
  if (table.has(name) && table.at(name).json() != value) table.at(name).refuse(value.dump());
}

/// A number above 0.
double positive(const JsonEntry& entry) {
  const double value = entry.number();
  if (value <= 0) entry.refuse("a number above 0");
  return value;
}

/// Rotary positions: from the model's own entries, or from one table for all of it.
void read_rotary(const JsonEntry& config, LlamaOptions& options) {
  using Kind = RotaryScaling::Kind;
  insist(config, "partial_rotary_factor", 1.0);
  if (config.has("rope_theta")) options.rope_theta = positive(config.at("rope_theta"));
  const char* name = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  if (!config.has(name) || config.at(name).table().empty()) return;
  const JsonEntry table = config.at(name);
  for (const auto& [key, value] : table.table()) {
    static const std::vector<std::string> known{"rope_type",        "type",
                                                "factor",           "low_freq_factor",
                                                "high_freq_factor", "original_max_position_embeddings",
                                                "rope_theta",       "partial_rotary_factor"};
    if (std::find(known.begin(), known.end(), key) == known.end() && !value.is_null()) {
      throw UsageError(fmt::format("{}: rotary positions with it are not supported", value.place()));
    }
  }
  insist(table, "partial_rotary_factor", 1.0);
  if (table.has("rope_theta")) options.rope_theta = positive(table.at("rope_theta"));
  const char* kind_name = table.has("rope_type") ? "rope_type" : "type";
  const std::string kind = table.has(kind_name) ? table.at(kind_name).text() : "default";
  RotaryScaling& scaling = options.rope_scaling;
  if (kind == "default") return;
  if (kind != "linear" && kind != "llama3") {
    table.at(kind_name).refuse("\"default\", \"linear\" or \"llama3\"");
  }
  scaling.kind = kind == "linear" ? Kind::linear : Kind::llama3;
  scaling.factor = positive(table.at("factor"));
  if (scaling.kind == Kind::linear) return;
  scaling.low_frequency_factor = table.at("low_freq_factor").number();
  scaling.high_frequency_factor = table.at("high_freq_factor").number();
  if (scaling.high_frequency_factor <= scaling.low_frequency_factor) {
    table.at("high_freq_factor").refuse(fmt::format("above low_freq_factor, {}", scaling.low_frequency_factor));
  }
  constexpr const char* kOriginal = "original_max_position_embeddings";
  scaling.original_context = whole(config, kOriginal, whole(table, kOriginal, options.max_position_embeddings));
}

/// Which layers slide. @param layers at least 1
void read_windows(const JsonEntry& config, LlamaOptions& options) {
  constexpr const char *kWindow = "sliding_window", *kTypes = "layer_types";
  const bool named = config.json().contains(kWindow);  // null means that none slides
  options.sliding_window = config.has(kWindow) ? config.at(kWindow).whole(1, kMost) : named ? 0 : kSlidingWindow;
  if (options.family == LlamaFamily::mistral) {
    if (config.has(kTypes)) {
      throw UsageError(fmt::format("{}: a Mistral with it is not supported", config.at(kTypes).place()));
    }
    return;
  }
  if (options.family == LlamaFamily::llama || !flag(config, "use_sliding_window")) options.sliding_window = 0;
  if (options.family == LlamaFamily::llama) return;
  options.max_window_layers = whole(config, "max_window_layers", kMaxWindowLayers, 0);
  if (!config.has(kTypes)) return;
  const auto types = config.at(kTypes).list();
  if (static_cast<std::int64_t>(types.size()) != options.num_hidden_layers) {
    config.at(kTypes).refuse(fmt::format("a list of {} layers", options.num_hidden_layers));
  }
  for (const JsonEntry& type : types) {
    const std::string text = type.text();
    if (text != "full_attention" && text != "sliding_attention") {
      type.refuse("\"full_attention\" or \"sliding_attention\"");
    }
    options.sliding_layers.push_back(text == "sliding_attention");
    if (options.sliding_layers.back() && options.sliding_window == 0) {
      throw UsageError(fmt::format("{}: a layer slides, but there is no sliding_window", type.place()));
    }
  }
}

}  // namespace

bool is_llama_config(const JsonEntry& config) {
  return config.is_table() && config.has("model_type") && config.at("model_type").is_text() &&
         family_named(config.at("model_type").text()) != nullptr;
}

LlamaOptions read_llama_config(const JsonEntry& config) {
  const FamilyDefaults* defaults = family_named(config.at("model_type").text());
  if (defaults == nullptr) config.at("model_type").refuse("\"llama\", \"mistral\", \"qwen2\" or \"qwen3\"");
  if (config.has("architectures")) {
    for (const JsonEntry& each : config.at("architectures").list()) {
      if (each.text() != defaults->architecture) each.refuse(fmt::format("\"{}\"", defaults->architecture));
    }
  }
  if (config.has("quantization_config")) {
    throw UsageError(fmt::format("{}: weights that are quantised already are not supported",
                                 config.at("quantization_config").place()));
  }
  insist(config, "hidden_act", "silu");
  insist(config, "mlp_bias", false);
  insist(config, "pretraining_tp", 1);
  insist(config, "rope_interleaved", false);

  LlamaOptions options;
  options.family = defaults->family;
  options.vocab_size = whole(config, "vocab_size", defaults->vocab_size);
  options.hidden_size = whole(config, "hidden_size", kHiddenSize);
  options.intermediate_size = whole(config, "intermediate_size", defaults->intermediate_size);
  options.num_hidden_layers = whole(config, "num_hidden_layers", kLayers);
  options.num_attention_heads = whole(config, "num_attention_heads", kHeads);
  const std::int64_t heads = options.num_attention_heads;
  // An entry of null means as many as there are query heads, one that is left out the family's number.
  const bool named = config.json().contains("num_key_value_heads");
  options.num_key_value_heads =
      whole(config, "num_key_value_heads", named || defaults->key_value_heads == 0 ? heads : defaults->key_value_heads);
  if (heads % options.num_key_value_heads != 0) {
    throw UsageError(fmt::format("{}: num_attention_heads {} is no multiple of num_key_value_heads {}", config.place(),
                                 heads, options.num_key_value_heads));
  }
  options.head_dim = whole(config, "head_dim", defaults->head_dim);
  if (options.head_dim == 0) {
    if (options.hidden_size % heads != 0) {
      throw UsageError(
          fmt::format("{}: {} heads cannot share a width of {}", config.place(), heads, options.hidden_size));
    }
    options.head_dim = options.hidden_size / heads;
  }
  if (options.head_dim % 2 != 0) {
    throw UsageError(
        fmt::format("{}: a head of {} features has no pairs that could be turned", config.place(), options.head_dim));
  }
  options.max_position_embeddings = whole(config, "max_position_embeddings", defaults->positions);
  if (config.has("rms_norm_eps")) options.rms_norm_eps = positive(config.at("rms_norm_eps"));
  options.tie_word_embeddings = flag(config, "tie_word_embeddings");
  const bool may_have_bias = options.family == LlamaFamily::llama || options.family == LlamaFamily::qwen3;
  options.attention_bias = may_have_bias && flag(config, "attention_bias");
  if (config.has("attention_dropout")) options.attention_dropout = config.at("attention_dropout").number(0, 0.99);
  read_rotary(config, options);
  read_windows(config, options);

  if (config.has("bos_token_id")) options.bos_token_id = config.at("bos_token_id").whole(0, kMost);
  if (config.has("eos_token_id")) {
    const JsonEntry end = config.at("eos_token_id");
    for (const JsonEntry& each : end.is_list() ? end.list() : std::vector<JsonEntry>{end}) {
      options.eos_token_id.push_back(each.whole(0, kMost));
    }
  }
  return options;
}

Json llama_config(const LlamaOptions& options) {
  const FamilyDefaults& family = defaults_of(options.family);
  Json config = {
      {"architectures", {family.architecture}},
      {"model_type", family.model_type},
      {"vocab_size", options.vocab_size},
      {"hidden_size", options.hidden_size},
      {"intermediate_size", options.intermediate_size},
      {"num_hidden_layers", options.num_hidden_layers},
      {"num_attention_heads", options.num_attention_heads},
      {"num_key_value_heads", options.num_key_value_heads},
      {"head_dim", options.head_dim},
      {"hidden_act", "silu"},
      {"max_position_embeddings", options.max_position_embeddings},
      {"rms_norm_eps", options.rms_norm_eps},
      {"rope_theta", options.rope_theta},
      {"rope_scaling", nullptr},
      {"tie_word_embeddings", options.tie_word_embeddings},
      {"attention_bias", options.attention_bias},
      {"attention_dropout", options.attention_dropout},
  };
  const RotaryScaling& scaling = options.rope_scaling;
  if (scaling.kind == RotaryScaling::Kind::linear) {
    config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", scaling.factor}};
  } else if (scaling.kind == RotaryScaling::Kind::llama3) {
    config["rope_scaling"] = {{"rope_type", "llama3"},
                              {"factor", scaling.factor},
                              {"low_freq_factor", scaling.low_frequency_factor},
                              {"high_freq_factor", scaling.high_frequency_factor},
                              {"original_max_position_embeddings", scaling.original_context}};
  }
  if (options.family != LlamaFamily::llama) {
    config["sliding_window"] = options.sliding_window > 0 ? Json(options.sliding_window) : Json(nullptr);
  }
  if (options.family == LlamaFamily::qwen2 || options.family == LlamaFamily::qwen3) {
    config["use_sliding_window"] = options.sliding_window > 0;
    config["max_window_layers"] = options.max_window_layers;
    if (!options.sliding_layers.empty()) {
      Json types = Json::array();
      for (const bool slides : options.sliding_layers) types.push_back(slides ? "sliding_attention" : "full_attention");
      config["layer_types"] = types;
    }
  }
  config["bos_token_id"] = options.bos_token_id ? Json(*options.bos_token_id) : Json(nullptr);
  const auto& ends = options.eos_token_id;
  config["eos_token_id"] = ends.empty() ? Json(nullptr) : ends.size() == 1 ? Json(ends[0]) : Json(ends);
  config["torch_dtype"] = "float32";
  return config;
}

}  // namespace verse
