#include "01_tokenizer/given/shown_tokens.h"

#include <cstddef>

#include "common/base/text.h"

namespace verse {

std::string on_one_line(const std::u32string& text) {
  std::string line;
  for (const char32_t character : text) line += character == U'\n' ? "\\n" : encode_utf8(character);
  return line;
}

std::u32string find_sentence(const std::u32string& text) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t character = text[i];
    if (character == U'\n' || character == U':') begin = i + 1;
    if (character != U'.' && character != U'!' && character != U'?') continue;
    while (begin < i && text[begin] == U' ') ++begin;
    const bool whole = text[begin] < U'a' || text[begin] > U'z';  // not the end of one from the line before
    if (whole && i + 1 - begin >= 40 && i + 1 - begin <= 80) return text.substr(begin, i + 1 - begin);
    begin = i + 1;
  }
  return text.substr(0, 60);
}

std::vector<std::u32string> token_texts(const Tokenizer& tokenizer, const std::vector<Merge>& merges) {
  std::vector<std::u32string> texts;
  for (const char32_t character : tokenizer.vocabulary()) texts.push_back({character});
  for (const Merge& merge : merges) {
    texts.push_back(texts[static_cast<std::size_t>(merge.pair.first)] +
                    texts[static_cast<std::size_t>(merge.pair.second)]);
  }
  return texts;
}

std::string cut(const std::vector<std::int64_t>& tokens, const std::vector<std::u32string>& texts) {
  std::string line;
  for (const std::int64_t token : tokens) {
    line += (line.empty() ? "" : "|") + on_one_line(texts[static_cast<std::size_t>(token)]);
  }
  return line;
}

}  // namespace verse
