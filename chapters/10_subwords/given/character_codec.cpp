#include "10_subwords/given/character_codec.h"

#include "05_training/given/checkpoint.h"
#include "10_subwords/given/byte_pair.h"
#include "common/base/json.h"

namespace verse {

std::string CharacterCodec::bytes_of(std::int64_t token) const {
  if (token < 0 || token >= tokenizer_.size()) return {};
  return tokenizer_.decode({token});
}

std::unique_ptr<TextCodec> read_codec(const std::filesystem::path& place, const std::string& content) {
  const JsonEntry file = parse_json(content, place.string());
  if (model_of_tokenizer(file) == "BPE") return std::make_unique<BytePairCodec>(file);
  return std::make_unique<CharacterCodec>(read_tokenizer(place, content));
}

}  // namespace verse
