#pragma once

/// @file
/// `chat` and `generate --chat`: how models that were taught to answer are asked.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "10_subwords/given/text_codec.h"

namespace verse {

/// How a conversation is written down for a model that was taught to answer: what stands around each message.
struct ChatForm {
  std::array<const char*, 3> marks;  ///< tokens by which such a model's tokenizer is known; unused ones are empty
  const char* system;                ///< before what the model is told first; nullptr where it was taught no such thing
  const char* user;                  ///< before a question
  const char* assistant;             ///< before an answer
  const char* asked;                 ///< after a question, and after what the model is told first
  const char* end;                   ///< the mark that ends an answer
  const char* answered;              ///< after that mark
  bool alone;                        ///< each question was taught by itself, with none before it
};

/// The form whose marks a tokenizer knows: ChatML (Qwen, SmolLM), Llama 3's, or chapter 8's.
///
/// Templates that a model's own files hold are not read: a system's message that they put there by themselves has to be
/// given.
/// @throws UsageError where the tokenizer knows none of them
const ChatForm& chat_form(const TextCodec& codec);

/// The token that ends an answer. @param codec one that chat_form() gave this form for
std::int64_t end_token(const ChatForm& form, const TextCodec& codec);

/// What the model is told before the first question, in its form; empty where it is told nothing.
/// @throws UsageError where the form has no place for it
std::string told_first(const ChatForm& form, const std::optional<std::string>& system);

/// A question in the form in which a model was taught to expect one, up to where the answer begins.
std::string question_in_form(const ChatForm& form, const std::string& question);

}  // namespace verse
