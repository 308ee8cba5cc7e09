#include "01_tokenizer/given/prompt.h"

#include <algorithm>

#include "common/base/text.h"
#include "common/corpus.h"

namespace verse {

std::int64_t starting_token(const Tokenizer& tokenizer) {
  const auto& known = tokenizer.vocabulary();
  const char32_t line_end = decode_utf8(kPrompt).back();
  return std::binary_search(known.begin(), known.end(), line_end) ? tokenizer.encode(kPrompt).back() : 0;
}

}  // namespace verse
