#include "12_full_gpt/given/training/large_text.h"

#include <cstdint>
#include <string>
#include <vector>

#include "10_subwords/given/character_codec.h"
#include "common/base/characters.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::size_t kCodePoints = 0x110000;

/// Writes tokens into a tensor that has room for all of them. @return false where a character has none
template <typename Number>
bool fill(torch::Tensor& tokens, std::string_view text, const std::vector<std::int32_t>& by_character) {
  auto* next = tokens.data_ptr<Number>();
  bool known = true;
  each_character(text, [&](std::u32string_view piece) {
    for (const char32_t character : piece) {
      const std::int32_t token = by_character[character];
      known = known && token >= 0;
      *next++ = static_cast<Number>(token);
    }
  });
  return known;
}

}  // namespace

Tokenizer tokenizer_of(std::string_view text, std::size_t large) {
  if (text.size() < large) return Tokenizer::from_text(text);
  std::vector<bool> occurs(kCodePoints, false);
  each_character(text, [&occurs](std::u32string_view piece) {
    for (const char32_t character : piece) occurs[character] = true;
  });
  std::vector<char32_t> vocabulary;
  for (std::size_t i = 0; i < kCodePoints; ++i) {
    if (occurs[i]) vocabulary.push_back(static_cast<char32_t>(i));
  }
  return Tokenizer(std::move(vocabulary));
}

torch::Tensor tokens_of_text(const TextCodec& codec, std::string_view text, std::size_t large) {
  const auto* characters = dynamic_cast<const CharacterCodec*>(&codec);
  if (text.size() < large || characters == nullptr) return torch::tensor(codec.encode(text), torch::kInt64);

  const auto& vocabulary = characters->tokenizer().vocabulary();
  std::vector<std::int32_t> by_character(kCodePoints, -1);
  for (std::size_t token = 0; token < vocabulary.size(); ++token) {
    by_character.at(vocabulary[token]) = static_cast<std::int32_t>(token);
  }
  const auto type = vocabulary.size() <= 256     ? torch::kUInt8
                    : vocabulary.size() <= 32768 ? torch::kInt16
                                                 : torch::kInt32;
  auto tokens = torch::empty({static_cast<std::int64_t>(count_characters(text))}, type);
  const bool known = type == torch::kUInt8   ? fill<std::uint8_t>(tokens, text, by_character)
                     : type == torch::kInt16 ? fill<std::int16_t>(tokens, text, by_character)
                                             : fill<std::int32_t>(tokens, text, by_character);
  if (!known) codec.encode(text);  // says which characters it does not know
  return tokens;
}

}  // namespace verse
