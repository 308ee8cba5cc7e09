#include "12_full_gpt/given/commands/import_gpt2.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "12_full_gpt/given/commands/hugging_face.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/text.h"
#include "common/safetensors.h"

namespace verse {

namespace {

namespace fs = std::filesystem;

/// A tensor's name as our run folders have it: without the model's own name before it.
std::string plain_name(const std::string& name) {
  constexpr std::string_view prefix = "transformer.";
  return name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name;
}

/// The same, and nothing for the causal mask, which older files keep with the weights.
std::string kept_name(const std::string& name) {
  static const std::regex mask(R"(h\.\d+\.attn\.(masked_)?bias)");
  const std::string plain = plain_name(name);
  return std::regex_match(plain, mask) ? "" : plain;
}

}  // namespace

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
  // Small things first: what cannot work is said before gigabytes are read.
  RunFolder::check_new(out);
  std::vector<std::string> left_out;
  const GPTOptions options = read_gpt2_config(hugging_face_config(folder), left_out);
  const std::string tokenizer = hugging_face_tokenizer(folder, options.vocabulary_size);

  try {
    auto tensors = hugging_face_tensors(folder, kept_name);
    drop_tied_head(tensors, "wte.weight",
                   "lm_head.weight is not the token table wte.weight; a head of its own is not supported");
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

}  // namespace verse
