#pragma once

/// @file
/// `generate --chat`: how models that were taught to answer are asked.

#include <cstdint>
#include <optional>
#include <string>

#include "10_subwords/given/text_codec.h"

namespace verse {

/// A question in the form in which a model was taught to expect one.
struct ChatText {
  std::string text;  ///< up to where the answer begins
  std::int64_t end;  ///< the token that ends the answer
};

/// Puts a question into ChatML (Qwen, SmolLM) or Llama 3's form, whichever marks the tokenizer knows.
///
/// Templates that a model's own files hold are not read: a system's message that they put there by themselves has to be
/// given.
/// @param system what the model is told before the question, if anything
/// @throws UsageError where the tokenizer has neither form's marks
ChatText chat_text(const TextCodec& codec, const std::string& question, const std::optional<std::string>& system);

}  // namespace verse
