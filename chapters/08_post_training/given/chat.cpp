#include "08_post_training/given/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

//! [added]
ChatVocabulary::ChatVocabulary(Tokenizer base, const std::vector<std::string>& more) : base_(std::move(base)) {
  // What questions are written in. The play's alphabet has its letters, the space, the comma, and of the digits the 3.
  for (const char character : std::string("0123456789+=,<>/ abcdefghijklmnopqrstuvwxyz")) {
    const auto& old = base_.vocabulary();
    if (std::binary_search(old.begin(), old.end(), static_cast<char32_t>(character))) continue;
    numbers_[character] = size();
    added_.push_back(std::string(1, character));
  }

  // Then what no text contains.
  const auto add = [this](const std::string& name) {
    added_.push_back(name);
    return size() - 1;
  };
  special_ = {add("<user>"), add("<assistant>"), add("<think>"), add("</think>"), add("<end>"), add("<filler>")};
  for (const auto& name : more) add(name);  // what one experiment needs beside them
}
//! [added]

std::int64_t ChatVocabulary::token(std::string_view name) const {
  const auto found = std::find(added_.begin(), added_.end(), name);
  if (found == added_.end()) throw std::invalid_argument(fmt::format("no token {} was added", name));
  return base_.size() + (found - added_.begin());
}

std::vector<std::int64_t> ChatVocabulary::encode(std::string_view text) const {
  std::vector<std::int64_t> tokens;
  for (const char32_t character : decode_utf8(text)) {
    const auto found = character < 128 ? numbers_.find(static_cast<char>(character)) : numbers_.end();
    if (found != numbers_.end()) {
      tokens.push_back(found->second);
    } else {
      tokens.push_back(base_.encode(encode_utf8(character)).front());
    }
  }
  return tokens;
}

std::string ChatVocabulary::decode(const std::vector<std::int64_t>& tokens) const {
  std::string text;
  for (const std::int64_t token : tokens) {
    const std::int64_t added = token - base_.size();
    text += added < 0 ? base_.decode({token}) : added_.at(static_cast<std::size_t>(added));
  }
  return text;
}

std::string tokenizer_text(const ChatVocabulary& vocabulary) {
  // Bytes have letters in such a file: visible ones themselves, the space and those before it are moved up.
  Json numbers = Json::object();
  const auto add = [&numbers](char32_t character, std::int64_t token) {
    if (character >= 127) {
      throw UsageError(fmt::format("a model to chat with has an alphabet of ASCII, and this one's has \"{}\"",
                                   one_line(encode_utf8(character), 1)));
    }
    numbers[encode_utf8(character > ' ' ? character : character + 0x100)] = token;
  };
  std::int64_t token = 0;
  for (const char32_t character : vocabulary.base().vocabulary()) add(character, token++);
  Json special = Json::array();
  for (const std::string& name : vocabulary.added_names()) {
    if (name.size() == 1) {
      add(static_cast<unsigned char>(name[0]), token++);
      continue;
    }
    special.push_back({{"id", token++},
                       {"content", name},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", special},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", bytes},
                     {"post_processor", nullptr},
                     {"decoder", bytes},
                     {"model", {{"type", "BPE"}, {"vocab", numbers}, {"merges", Json::array()}}}};
  return json_text(file, 2) + "\n";
}

}  // namespace verse
