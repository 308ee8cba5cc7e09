#include "10_subwords/given/tokenizer_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "10_subwords/given/byte_letters.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/text.h"

namespace verse {

namespace {

namespace fs = std::filesystem;

constexpr const char* kEnd = "<|endoftext|>";

Json byte_level(bool add_prefix_space, bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

Json cutting_step(Cutting cutting) {
  if (cutting != Cutting::gpt4 && cutting != Cutting::qwen) return byte_level(false, cutting == Cutting::gpt2);
  const Json split = {
      {"type", "Split"}, {"pattern", {{"Regex", pattern_of(cutting)}}}, {"behavior", "Isolated"}, {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", Json::array({split, byte_level(false, false)})}};
}

Json added_token(std::int64_t number, const std::string& content) {
  return {{"id", number},    {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// Everything of a tokenizer.json around its vocabulary.
Json file_of(Json added, const Json& cutter, Json vocabulary, Json merges) {
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer", cutter},
          {"post_processor", nullptr},
          {"decoder", byte_level(true, true)},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", std::move(vocabulary)},
            {"merges", std::move(merges)}}}};
}

/// Whether a step of the file puts a space before a text.
bool adds_space(const JsonEntry& step) {
  if (step.has("pretokenizers")) {
    const auto steps = step.at("pretokenizers").list();
    return std::any_of(steps.begin(), steps.end(), adds_space);
  }
  return step.has("add_prefix_space") && step.at("add_prefix_space").flag();
}

/// What stands beside a tokenizer.json may change what it does. Then the two have to agree.
void check_beside(const fs::path& folder, const JsonEntry& file) {
  const fs::path configuration = folder / "tokenizer_config.json";
  if (fs::exists(configuration)) {
    const JsonEntry settings = load_json(configuration);
    constexpr const char* kSpace = "add_prefix_space";
    if (settings.has(kSpace) && file.has("pre_tokenizer") &&
        settings.at(kSpace).flag() != adds_space(file.at("pre_tokenizer"))) {
      throw UsageError(
          fmt::format("{}: it is not what tokenizer.json says; which of the two holds is not the same "
                      "everywhere, and not supported",
                      settings.at(kSpace).place()));
    }
  }
  const fs::path more = folder / "added_tokens.json";
  if (!fs::exists(more)) return;
  std::vector<JsonEntry> added;
  if (file.has("added_tokens")) added = file.at("added_tokens").list();
  for (const auto& [content, number] : load_json(more).table()) {
    const bool there =
        std::any_of(added.begin(), added.end(), [&content = content, &number = number](const JsonEntry& token) {
          return token.at("content").text() == content && token.at("id").whole() == number.whole();
        });
    if (!there) {
      throw UsageError(fmt::format("{}: tokenizer.json has no such added token; one that is only here is not supported",
                                   number.place()));
    }
  }
}

}  // namespace

std::string tokenizer_text(const LearnedPairs& learned, Cutting cutting) {
  Json added = Json::array(), vocabulary = Json::object(), merges = Json::array();
  auto& entries = vocabulary.get_ref<Json::object_t&>();  // to add to without looking for each among all before it
  std::vector<std::string> written;
  for (std::size_t number = 0; number < learned.tokens.size(); ++number) {
    const std::string& token = learned.tokens[number];
    const bool special = number < learned.special;
    if (special) added.push_back(added_token(static_cast<std::int64_t>(number), token));
    written.push_back(special ? token : letters_of_bytes(token));
    entries.emplace_back(written.back(), number);
  }
  for (const auto& [left, right] : learned.merges) {
    merges.push_back({written[static_cast<std::size_t>(left)], written[static_cast<std::size_t>(right)]});
  }
  return json_text(file_of(std::move(added), cutting_step(cutting), std::move(vocabulary), std::move(merges))) + "\n";
}

std::string tokenizer_of_two(const JsonEntry& vocabulary, std::string_view merges_text, const std::string& place) {
  Json added = Json::array();
  if (vocabulary.has(kEnd)) added.push_back(added_token(vocabulary.at(kEnd).whole(0), kEnd));
  Json merges = Json::array();
  std::size_t number = 0;
  for (const std::string_view line : lines_of(merges_text)) {
    ++number;
    if (line.empty() || line.starts_with("#version")) continue;
    const auto both = split(line, ' ');
    if (both.size() != 2 || both[0].empty() || both[1].empty())
      throw UsageError(fmt::format("{}:{}: a merge should be two tokens with a space between them", place, number));
    merges.push_back({both[0], both[1]});
  }
  return json_text(file_of(std::move(added), byte_level(false, true), vocabulary.json(), std::move(merges)));
}

std::string tokenizer_of_folder(const fs::path& folder) {
  const fs::path place = folder / "tokenizer.json";
  if (!fs::exists(place) && fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    for (const char* more : {"added_tokens.json", "special_tokens_map.json", "tokenizer_config.json"}) {
      if (!fs::exists(folder / more)) continue;
      throw UsageError(
          fmt::format("{} has vocab.json and merges.txt with {}, but no tokenizer.json; GPT2TokenizerFast's "
                      "save_pretrained() writes one",
                      folder.string(), more));
    }
    const fs::path merges = folder / "merges.txt";
    return tokenizer_of_two(load_json(folder / "vocab.json"), read_file(merges), merges.string());
  }
  std::string text = read_file(place);
  check_beside(folder, parse_json(text, place.string()));
  return text;
}

}  // namespace verse
