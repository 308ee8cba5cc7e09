/// @file
/// Models on disk: what is written is what is read back, in GPT-2's names and layout, and damage is noticed.

#include "05_training/given/checkpoint.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "common/base/error.h"
#include "common/safetensors.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

/// A folder of its own for each test, gone afterwards.
class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "verse_checkpoint_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    torch::manual_seed(11);
    options_.vocabulary_size = tokenizer_.size();
    options_.context = 6;
    options_.layers = 2;
    options_.heads = 2;
    options_.width = 8;
    model_ = GPT(options_);
    // Biases and gains that could be taken for one another would hide a mix-up.
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model_->parameters()) parameter.add_(torch::randn_like(parameter) * 0.1);
  }
  void TearDown() override { fs::remove_all(folder_); }

  void save() { save_model(folder_, *model_, tokenizer_); }

  std::string read(const char* file) const {
    std::ifstream stream(folder_ / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void write(const char* file, const std::string& bytes) const {
    std::ofstream(folder_ / file, std::ios::binary | std::ios::trunc) << bytes;
  }

  /// Loading must be refused, with a message that has this word in it.
  void expect_refused(const std::string& word) const {
    try {
      load_model(folder_);
      ADD_FAILURE() << "was loaded, although it should have been refused for " << word;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "one line: " << error.what();
    }
  }

  fs::path folder_;
  Tokenizer tokenizer_ = Tokenizer::from_text("ab\n \"\\cé€😀\t");
  GPTOptions options_;
  GPT model_{nullptr};
};

TEST_F(Checkpoint, ReadsBackWhatItWrote) {
  save();
  for (const bool fused : {true, false}) {
    auto loaded = load_model(folder_, fused);
    EXPECT_EQ(loaded.tokenizer.vocabulary(), tokenizer_.vocabulary());
    EXPECT_EQ(loaded.model->options.layers, 2);
    EXPECT_EQ(loaded.model->options.heads, 2);
    EXPECT_EQ(loaded.model->options.fused, fused);
    EXPECT_FALSE(loaded.model->is_training());
    const auto expected = model_->named_parameters();
    ASSERT_EQ(loaded.model->named_parameters().size(), expected.size());
    for (const auto& parameter : loaded.model->named_parameters())
      EXPECT_TRUE(torch::equal(parameter.value(), expected[parameter.key()])) << parameter.key();
    // The same weights, in another order of float32 operations where they are fused.
    const auto tokens = torch::tensor({{0, 3, 1, 2, 5}});
    model_->eval();
    const auto difference = (loaded.model->forward(tokens) - model_->forward(tokens)).abs().max().item<double>();
    EXPECT_LE(difference, 1e-5);
  }
}

TEST_F(Checkpoint, DrawsNoFirstValuesForWhatTheFileHas) {
  save();
  torch::manual_seed(3);
  const auto undisturbed = torch::rand({4});
  torch::manual_seed(3);
  const auto loaded = load_model(folder_);
  EXPECT_TRUE(torch::equal(torch::rand({4}), undisturbed));
  EXPECT_TRUE(loaded.model->options.initialise) << "a model made by its options is to have first values";
}

TEST_F(Checkpoint, UsesGPT2sNamesAndLayout) {
  // The list is GPT-2's: https://huggingface.co/openai-community/gpt2, for two layers.
  std::map<std::string, std::vector<std::int64_t>> expected = {
      {"wte.weight", {11, 8}}, {"wpe.weight", {6, 8}}, {"ln_f.weight", {8}}, {"ln_f.bias", {8}}};
  for (const std::string layer : {"h.0.", "h.1."}) {
    expected[layer + "ln_1.weight"] = expected[layer + "ln_1.bias"] = {8};
    expected[layer + "ln_2.weight"] = expected[layer + "ln_2.bias"] = {8};
    expected[layer + "attn.c_attn.weight"] = {8, 24};
    expected[layer + "attn.c_attn.bias"] = {24};
    expected[layer + "attn.c_proj.weight"] = {8, 8};
    expected[layer + "attn.c_proj.bias"] = {8};
    expected[layer + "mlp.c_fc.weight"] = {8, 32};
    expected[layer + "mlp.c_fc.bias"] = {32};
    expected[layer + "mlp.c_proj.weight"] = {32, 8};
    expected[layer + "mlp.c_proj.bias"] = {8};
  }
  save();
  const auto file = load_tensors(folder_ / "model.safetensors");
  ASSERT_EQ(file.tensors.size(), expected.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(tensor.sizes().vec(), expected[name]) << name;
    EXPECT_EQ(tensor.scalar_type(), torch::kFloat32) << name;
  }
  EXPECT_EQ(file.metadata.at("format"), "pt");

  // A square matrix shows that it is transposed and not only reshaped.
  const std::map<std::string, torch::Tensor> by_name(file.tensors.begin(), file.tensors.end());
  const auto ours = model_->named_parameters();
  EXPECT_TRUE(torch::equal(by_name.at("h.1.attn.c_proj.weight"), ours["blocks.1.attention.output.weight"].t()));
  EXPECT_TRUE(torch::equal(by_name.at("h.0.ln_2.bias"), ours["blocks.0.mlp_norm.bias"]));
}

TEST_F(Checkpoint, DescribesTheModelAsHuggingFaceDoes) {
  save();
  const auto config = nlohmann::json::parse(read("config.json"));
  EXPECT_EQ(config["model_type"], "gpt2");
  EXPECT_EQ(config["architectures"][0], "GPT2LMHeadModel");
  EXPECT_EQ(config["n_layer"], 2);
  EXPECT_EQ(config["n_head"], 2);
  EXPECT_EQ(config["n_embd"], 8);
  EXPECT_EQ(config["n_positions"], 6);
  EXPECT_EQ(config["vocab_size"], 11);
  EXPECT_EQ(config["activation_function"], "gelu_new");
  EXPECT_EQ(config["tie_word_embeddings"], true);
  const auto tokenizer = nlohmann::json::parse(read("tokenizer.json"));
  EXPECT_EQ(tokenizer["model"]["vocab"]["\n"], 1);  // "\t" comes before it
  EXPECT_EQ(tokenizer["model"]["vocab"]["😀"], 10);
}

TEST_F(Checkpoint, KeepsTheExactGeluAndDropout) {
  options_.exact_gelu = true;
  options_.dropout = 0.25;
  model_ = GPT(options_);
  save();
  const auto loaded = load_model(folder_);
  EXPECT_TRUE(loaded.model->options.exact_gelu);
  EXPECT_EQ(loaded.model->options.dropout, 0.25);
  EXPECT_EQ(nlohmann::json::parse(read("config.json"))["activation_function"], "gelu");
}

TEST_F(Checkpoint, RefusesAFolderThatIsMissingOrIncomplete) {
  save();
  for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const auto bytes = read(file);
    fs::remove(folder_ / file);
    expect_refused(file);
    write(file, bytes);
  }
  EXPECT_NO_THROW(load_model(folder_));
  fs::remove_all(folder_);
  expect_refused("folder");
}

TEST_F(Checkpoint, RefusesFilesThatAreCutShort) {
  save();
  for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"}) {
    const auto bytes = read(file);
    for (const std::size_t length : {std::size_t{0}, std::size_t{5}, bytes.size() / 2, bytes.size() - 3}) {
      write(file, bytes.substr(0, length));
      expect_refused(file);
    }
    write(file, bytes);
  }
}

TEST_F(Checkpoint, RefusesFilesThatWereAltered) {
  save();
  const auto replaced = [&](const char* file, const std::string& from, const std::string& to) {
    save();
    auto bytes = read(file);
    const auto place = bytes.find(from);
    ASSERT_NE(place, std::string::npos) << from;
    bytes.replace(place, from.size(), to);
    write(file, bytes);
  };
  // None of the first two changes a shape; only the digest can tell.
  replaced("config.json", "\"n_head\": 2", "\"n_head\": 4");
  expect_refused("config.json");
  replaced("tokenizer.json", "\"c\"", "\"d\"");
  expect_refused("tokenizer.json");
  replaced("config.json", "gpt2", "bert");
  expect_refused("model_type");
  replaced("config.json", "gelu_new", "relu");
  expect_refused("activation_function");
  replaced("tokenizer.json", "\"a\"", "\"abc\"");
  expect_refused("single character");

  save();
  auto bytes = read("model.safetensors");
  bytes[bytes.size() - 10] = static_cast<char>(bytes[bytes.size() - 10] ^ 1);
  write("model.safetensors", bytes);
  expect_refused("model.safetensors");
}

TEST_F(Checkpoint, RefusesTensorsOfAnotherModel) {
  // As if from elsewhere: without the digest, shapes and names have to tell.
  const auto tensors = gpt2_tensors(*model_);
  const auto refused = [&](const std::function<void(NamedTensors&)>& change, const std::string& word) {
    save();
    auto changed = tensors;
    change(changed);
    save_tensors(folder_ / "model.safetensors", changed);
    expect_refused(word);
  };
  refused([](NamedTensors& t) { t.pop_back(); }, "is missing");
  refused([](NamedTensors& t) { t[0].second = torch::zeros({11, 9}); }, "wte.weight");
  refused([](NamedTensors& t) { t.back().first = "lm_head.weight"; }, "missing");
  refused([](NamedTensors& t) { t.back().second = torch::zeros({3}); }, "asks for [8]");

  save();
  save_tensors(folder_ / "model.safetensors", tensors);
  EXPECT_NO_THROW(load_model(folder_));
}

TEST_F(Checkpoint, ChangesNothingWhenItRefuses) {
  auto tensors = gpt2_tensors(*model_);
  const auto before = model_->token_embedding.clone();
  tensors[0].second = torch::zeros_like(tensors[0].second);
  tensors.back().first = "elsewhere";
  EXPECT_THROW(load_gpt2_tensors(*model_, tensors), UsageError);
  EXPECT_TRUE(torch::equal(model_->token_embedding, before));
}

}  // namespace
}  // namespace verse
