/// @file
/// Readers of a run's files.

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "05_training/given/checkpoint.h"
#include "06_loss_stages/given/recording.h"
#include "07_sampling/given/grammar.h"
#include "09_multimodal/given/png.h"
#include "10_subwords/given/character_codec.h"
#include "10_subwords/given/tokenizer_file.h"
#include "11_modern/given/llama.h"
#include "12_full_gpt/given/commands/hugging_face.h"
#include "12_full_gpt/given/commands/import_gpt2.h"
#include "12_full_gpt/given/training/run_folder.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/safetensors.h"
#include "tests/fuzz/target.h"

namespace verse {
namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void weights(std::string_view bytes) {
  const TensorFile file = parse_tensors(bytes);
  std::size_t held = 0;
  for (const auto& [name, tensor] : file.tensors) held += tensor.nbytes();
  expect(held <= bytes.size());
  GPTOptions options;
  options.vocabulary_size = 5;
  options.width = options.context = 8;
  options.layers = options.heads = 1;
  refuse_non_numbers(file.tensors);
  check_gpt2_shapes(options, file.tensors);
}

/// A model of these sizes may be refused, and no more than its sizes may be taken at their word.
void check(const GPTOptions& options) {
  expect(options.vocabulary_size >= 1 && options.context >= 1 && options.layers >= 1 && options.heads >= 1 &&
         options.width >= 1);
  try {
    check_gpt2_shapes(options, {{"wte.weight", torch::zeros({1, 1})}, {"wpe.weight", torch::zeros({1, 1})}});
  } catch (const UsageError&) {
  }
}

void config(std::string_view bytes) {
  check(read_config(bytes, "config.json"));
}

void gpt2_config(std::string_view bytes) {
  std::vector<std::string> left_out;
  check(read_gpt2_config(parse_json(bytes, "config.json"), left_out));
}

void llama_config_target(std::string_view bytes) {
  const LlamaOptions options = read_llama_config(parse_json(bytes, "config.json"));
  expect(options.num_attention_heads % options.num_key_value_heads == 0 && options.head_dim % 2 == 0);
  const LlamaOptions again = read_llama_config(parse_json(json_text(llama_config(options)), "config.json"));
  expect(again.head_dim == options.head_dim && again.sliding_layers == options.sliding_layers);
  try {
    check_llama_shapes(options, {{"model.embed_tokens.weight", torch::zeros({1, 1})}});
    expect(false);  // that is no whole model of any sizes
  } catch (const UsageError&) {
  }
}

void tokenizer(std::string_view bytes) {
  const auto codec = read_codec("tokenizer.json", std::string(bytes));
  expect(codec->size() >= 0);
  for (const std::string_view text : {"", "a b", "To be, or not\n\n to be: caf\xc3\xa9 <|endoftext|> 12's"}) {
    std::vector<std::int64_t> tokens;
    try {
      tokens = codec->encode(text);
    } catch (const UsageError&) {
      continue;  // a character that it does not know
    }
    for (const std::int64_t token : tokens) expect(token >= 0 && token < codec->size());
    codec->decode(tokens);
  }
  for (const std::int64_t token : {std::int64_t{-1}, std::int64_t{0}, codec->size() - 1, codec->size()}) {
    codec->bytes_of(token);
  }
}

void state(std::string_view bytes) {
  const RunState state = described_run(std::string(bytes));
  const Recipe& recipe = state.identity.recipe;
  expect(recipe.model.heads > 0 && (recipe.llama || recipe.model.width % recipe.model.heads == 0) &&
         recipe.evaluate_every > 0);
  const RunState again = described_run(describe_run(state.identity, state.progress));
  expect(again.progress.step == state.progress.step);
}

void evidence(std::string_view bytes) {
  RunRecord run;
  read_evidence(parse_json(bytes, "evidence.json"), run);
}

/// The index of weights that lie in several files.
void shards(std::string_view bytes) {
  for (const std::string& name : shards_of(parse_json(bytes, "model.safetensors.index.json")))
    expect(!name.empty() && name != ".." && name.find('/') == std::string::npos);
}

/// vocab.json, a byte of nothing, merges.txt.
void merges(std::string_view bytes) {
  const std::size_t end = std::min(bytes.find('\0'), bytes.size());
  const JsonEntry vocabulary = parse_json(bytes.substr(0, end), "vocab.json");
  tokenizer(tokenizer_of_two(vocabulary, bytes.substr(std::min(end + 1, bytes.size())), "merges.txt"));
}

void png(std::string_view bytes) {
  const torch::Tensor picture = parse_png(bytes, "a.png");
  expect(picture.dim() == 3 && picture.size(0) == 3 && picture.min().item<float>() >= 0 &&
         picture.max().item<float>() <= 1);
}

/// A grammar, and whether what it allows first can be completed.
void grammar(std::string_view bytes) {
  GrammarState state(TextGrammar::parse(bytes, "grammar.txt"));
  for (int taken = 0; taken < 20 && state.goes_on(); ++taken) {
    const auto missing = state.missing();
    bool found = false;
    for (int byte = 0; byte < 256 && !found; ++byte) {
      GrammarState next = state;
      found = next.take(static_cast<char>(byte)) && next.missing() >= missing - 1;
      if (found) state = next;
    }
    expect(found);
  }
}

}  // namespace

const std::map<std::string, FuzzTarget>& fuzz_targets() {
  static const std::map<std::string, FuzzTarget> targets = {
      {"weights", weights},     {"config", config}, {"gpt2-config", gpt2_config}, {"llama-config", llama_config_target},
      {"tokenizer", tokenizer}, {"state", state},   {"evidence", evidence},       {"shards", shards},
      {"merges", merges},       {"png", png},       {"grammar", grammar}};
  return targets;
}

}  // namespace verse
