/// LlamaGPT: its shapes, its cache, its two forms of attention, what it reads and what it refuses.

#include "11_modern/given/llama.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/checkpoint.h"
#include "07_sampling/sampling.h"
#include "11_modern/given/modern_gpt.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/largest_difference.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

LlamaOptions tiny_llama_options(LlamaFamily family = LlamaFamily::llama) {
  LlamaOptions options;
  options.family = family;
  options.vocab_size = 11;
  options.hidden_size = 24;
  options.intermediate_size = 40;
  options.num_hidden_layers = 3;
  options.num_attention_heads = 4;
  options.num_key_value_heads = 2;
  options.head_dim = 8;  // not 24 / 4
  options.max_position_embeddings = 16;
  return options;
}

/// A model none of whose parameters is what it begins with, so that everything takes part.
LlamaGPT tiny_llama(const LlamaOptions& options = tiny_llama_options()) {
  torch::manual_seed(4);
  LlamaGPT model(options);
  const torch::NoGradGuard no_gradients;
  for (auto& parameter : model->parameters()) parameter.add_(0.2 * torch::randn_like(parameter));
  model->eval();
  return model;
}

torch::Tensor some_tokens(std::int64_t batch = 2, std::int64_t time = 12) {
  torch::manual_seed(9);
  return torch::randint(11, {batch, time}, torch::kInt64);
}

/// Options of every kind: groups, one head for all, biases, norms of queries, windows everywhere or in some layers.
std::vector<LlamaOptions> every_kind() {
  std::vector<LlamaOptions> all;
  for (const auto family : {LlamaFamily::llama, LlamaFamily::mistral, LlamaFamily::qwen2, LlamaFamily::qwen3}) {
    all.push_back(tiny_llama_options(family));
  }
  all[0].num_key_value_heads = 1;
  all[0].rope_scaling = {RotaryScaling::Kind::llama3, 8, 1, 4, 8};
  all[1].sliding_window = 4;
  all[2].tie_word_embeddings = true;
  all[2].sliding_window = 5;
  all[2].max_window_layers = 1;
  all[3].attention_bias = true;
  all[3].sliding_window = 3;
  all[3].sliding_layers = {true, false, true};
  return all;
}

TEST(LlamaGPT, HasTheParametersThatItsShapesName) {
  for (const auto& options : every_kind()) {
    const LlamaGPT model = tiny_llama(options);
    const auto shapes = llama_shapes(options);
    std::set<std::string> names;
    for (const auto& parameter : model->named_parameters()) {
      names.insert(parameter.key());
      ASSERT_EQ(shapes.count(parameter.key()), 1U) << parameter.key();
      EXPECT_EQ(parameter.value().sizes().vec(), shapes.at(parameter.key())) << parameter.key();
    }
    EXPECT_EQ(names.size(), shapes.size());
    EXPECT_EQ(model->parameter_count(), llama_parameters(options));
  }
  // By hand, of the plain one: the table and the head, and of each layer four projections, the MLP and two norms.
  const std::int64_t layer = 24 * 32 + 2 * 24 * 16 + 32 * 24 + 3 * 24 * 40 + 2 * 24;
  EXPECT_EQ(llama_parameters(tiny_llama_options()), 2 * 11 * 24 + 3 * layer + 24);
  EXPECT_EQ(tiny_llama()->cache_shape().heads, 2);
  EXPECT_EQ(tiny_llama()->cache_shape().head_width, 8);
}

TEST(LlamaGPT, IsTheSameCachedOrNotAndFusedOrSpelledOut) {
  const torch::NoGradGuard no_gradients;
  for (auto options : every_kind()) {
    LlamaGPT model = tiny_llama(options);
    const auto tokens = some_tokens();
    const auto whole = model->forward(tokens);
    EXPECT_EQ(whole.sizes().vec(), (std::vector<std::int64_t>{2, 12, 11}));

    // By pieces of several tokens and of one.
    Cache cache = make_cache(3);
    std::vector<torch::Tensor> pieces;
    std::int64_t place = 0;
    for (const std::int64_t count : {1, 4, 1, 1, 5}) {
      ForwardExtras extras;
      extras.cache = &cache;
      pieces.push_back(model->forward(tokens.narrow(1, place, count), extras));
      place += count;
    }
    EXPECT_LE(largest_difference(torch::cat(pieces, 1), whole), 1e-5);  // float32, sums in another order

    model->options.fused = false;
    EXPECT_LE(largest_difference(model->forward(tokens), whole), 1e-5);
    std::vector<torch::Tensor> weights;
    ForwardExtras extras;
    extras.weights = &weights;
    model->forward(tokens, extras);
    ASSERT_EQ(weights.size(), 3U);
    EXPECT_EQ(weights[0].sizes().vec(), (std::vector<std::int64_t>{2, 4, 12, 12}));
    for (std::int64_t layer = 0; layer < 3; ++layer) {
      const std::int64_t window = options.window_of(layer);
      const auto far =
          weights[static_cast<std::size_t>(layer)].select(2, 11).narrow(2, 0, 12 - std::max<std::int64_t>(window, 1));
      if (window > 0) {
        EXPECT_EQ(far.abs().max().item<double>(), 0) << "a layer looks beyond its window";
      } else {
        EXPECT_GT(far.min().item<double>(), 0);
      }
    }
  }
}

TEST(LlamaGPT, DependsOnHowFarApartPositionsStandAndOnNothingElse) {
  const torch::NoGradGuard no_gradients;
  LlamaGPT model = tiny_llama();
  const auto x = torch::embedding(model->token_embedding, some_tokens(1, 6));
  const auto here = model->forward_embedded(x, torch::arange(6)),
             later = model->forward_embedded(x, torch::arange(9, 15));
  EXPECT_LE(largest_difference(here, later), 1e-4);
  EXPECT_GT(largest_difference(here, model->forward_embedded(x, 2 * torch::arange(6))), 1e-3);
  EXPECT_THROW(model->forward_embedded(x, {}), UsageError);
  EXPECT_THROW(model->forward(some_tokens(1, 17)), UsageError);
  model->read_at_most(5);
  EXPECT_EQ(model->context(), 5);
  EXPECT_THROW(model->forward(some_tokens(1, 6)), UsageError);
}

TEST(LlamaGPT, EveryParameterHasAGradientAndAStepLowersTheLoss) {
  for (const auto& options : every_kind()) {
    LlamaGPT model = tiny_llama(options);
    model->train();
    const auto tokens = some_tokens();
    const auto loss_of = [&] {
      const auto logits = model->forward(tokens.narrow(1, 0, 11)).reshape({-1, 11});
      return torch::nn::functional::cross_entropy(logits, tokens.narrow(1, 1, 11).reshape({-1}));
    };
    const auto before = loss_of();
    before.backward();
    for (const auto& parameter : model->named_parameters()) {
      ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
      EXPECT_GT(parameter.value().grad().abs().max().item<double>(), 0) << parameter.key();
    }
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model->parameters()) parameter.sub_(0.01 * parameter.grad());
    EXPECT_LT(loss_of().item<double>(), before.item<double>());
  }
}

TEST(LlamaConfig, ComesBackAsItWasWritten) {
  for (auto options : every_kind()) {
    options.eos_token_id = {3};
    options.bos_token_id = 1;
    const std::string text = json_text(llama_config(options));
    const LlamaOptions read = read_llama_config(parse_json(text, "config.json"));
    EXPECT_EQ(json_text(llama_config(read)), text);
    EXPECT_EQ(llama_shapes(read), llama_shapes(options));
  }
}

TEST(LlamaConfig, RefusesByName) {
  const Json good = llama_config(tiny_llama_options());
  const auto message = [&](const std::string& entry, const Json& value) -> std::string {
    Json config = good;
    config[entry] = value;
    try {
      read_llama_config(parse_json(json_text(config), "config.json"));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(message("x", 1), "accepted");  // transformers does not look at it either
  for (const auto& [entry, value] : std::vector<std::pair<std::string, Json>>{{"hidden_act", "relu"},
                                                                              {"mlp_bias", true},
                                                                              {"num_key_value_heads", 3},
                                                                              {"head_dim", 7},
                                                                              {"hidden_size", -1},
                                                                              {"quantization_config", 1},
                                                                              {"rms_norm_eps", 0},
                                                                              {"model_type", "gemma"},
                                                                              {"vocab_size", 1e300},
                                                                              {"rope_theta", -1},
                                                                              {"num_hidden_layers", 0}}) {
    const std::string said = message(entry, value);
    EXPECT_NE(said, "accepted") << entry;
    if (entry != "head_dim") EXPECT_NE(said.find(entry), std::string::npos) << said;
  }
  EXPECT_NE(message("rope_scaling", {{"rope_type", "yarn"}}).find("yarn"), std::string::npos);
}

TEST(LlamaConfig, AnyShapeIsComparedBeforeAModelIsBuilt) {
  LlamaOptions options = tiny_llama_options();
  const LlamaGPT model = tiny_llama(options);
  NamedTensors tensors;
  for (const auto& parameter : model->named_parameters()) tensors.emplace_back(parameter.key(), parameter.value());
  check_llama_shapes(options, tensors);
  const std::int64_t much = std::int64_t{1} << 31;
  for (std::int64_t LlamaOptions::*size :
       {&LlamaOptions::vocab_size, &LlamaOptions::hidden_size, &LlamaOptions::intermediate_size,
        &LlamaOptions::num_hidden_layers, &LlamaOptions::num_attention_heads, &LlamaOptions::head_dim}) {
    LlamaOptions large = options;
    large.*size = much;
    EXPECT_THROW(LlamaGPT(large, tensors), UsageError);
  }
}

TEST(LlamaRun, IsSavedAndReadAndSpeaks) {
  const TemporaryFolder folder;
  for (const auto& options : every_kind()) {
    LlamaGPT model = tiny_llama(options);
    const Tokenizer tokenizer({U'a', U'b', U'c', U'd', U'e', U'f', U'g', U'h', U'i', U'j', U'k'});
    save_any_model(folder.path(), *model, tokenizer_text(tokenizer), {{"verse.step", "7"}});
    LanguageModel read = load_any_gpt(folder.path());
    ASSERT_NE(dynamic_cast<LlamaGPTImpl*>(read.get()), nullptr);
    const torch::NoGradGuard no_gradients;
    EXPECT_TRUE(torch::equal(read->forward(some_tokens()), model->forward(some_tokens())));

    // Chapter 7's sampling does with it what it does with a GPT, beyond the context too.
    SamplingOptions sampling;
    Random one(5), other(5);
    const auto made = generate(read, {1, 2, 3}, 40, sampling, one);
    sampling.cached = false;
    EXPECT_EQ(made.size(), 40U);
    EXPECT_EQ(made, generate(read, {1, 2, 3}, 40, sampling, other));

    // A companion that was exchanged is noticed.
    const std::string config = read_file(folder.path() / "config.json");
    write_file_atomically(folder.path() / "config.json", config + " ");
    EXPECT_THROW(load_any_gpt(folder.path()), UsageError);
    write_file_atomically(folder.path() / "config.json", config);
  }
}

TEST(LlamaRun, WeightsOfWholeNumbersAreRefusedByName) {
  const TemporaryFolder folder;
  save_llama(folder.path(), *tiny_llama(), "{}");
  const auto place = folder.path() / "model.safetensors";
  NamedTensors tensors = load_tensors(place).tensors;
  for (auto& [name, tensor] : tensors) {
    if (name == "model.norm.weight") tensor = tensor.to(torch::kInt64);
  }
  save_tensors(place, tensors);
  std::string said = "accepted";
  try {
    load_llama(folder.path());
  } catch (const UsageError& error) {
    said = error.what();
  }
  EXPECT_NE(said.find("model.norm.weight is of type Long"), std::string::npos) << said;
}

}  // namespace
}  // namespace verse
