#include "12_full_gpt/given/commands/chat_form.h"

#include <algorithm>
#include <string_view>

#include "common/base/error.h"

namespace verse {

namespace {

constexpr std::array<ChatForm, 3> kForms{{
    {{"<|im_start|>", "<|im_end|>", ""},
     "<|im_start|>system\n",
     "<|im_start|>user\n",
     "<|im_start|>assistant\n",
     "<|im_end|>\n",
     "<|im_end|>",
     "\n",
     false},
    {{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
     "<|start_header_id|>system<|end_header_id|>\n\n",
     "<|start_header_id|>user<|end_header_id|>\n\n",
     "<|start_header_id|>assistant<|end_header_id|>\n\n",
     "<|eot_id|>",
     "<|eot_id|>",
     "",
     false},
    {{"<user>", "<assistant>", "<end>"}, nullptr, "<user>", "<assistant>", "", "<end>", "", true},
}};

/// The token that a mark is; none where the tokenizer takes it for mere text.
std::optional<std::int64_t> token_of(const TextCodec& codec, std::string_view mark) {
  try {
    const auto tokens = codec.encode(mark);
    if (tokens.size() == 1) return tokens.front();
  } catch (const UsageError&) {
    // A character that the model does not know.
  }
  return std::nullopt;
}

}  // namespace

const ChatForm& chat_form(const TextCodec& codec) {
  for (const ChatForm& form : kForms) {
    if (std::all_of(form.marks.begin(), form.marks.end(),
                    [&codec](std::string_view mark) { return mark.empty() || token_of(codec, mark).has_value(); })) {
      return form;
    }
  }
  throw UsageError(
      "this is no model to chat with: its tokenizer has neither ChatML's marks (<|im_start|>), nor Llama 3's "
      "(<|start_header_id|>), nor chapter 8's (<user>)");
}

std::int64_t end_token(const ChatForm& form, const TextCodec& codec) {
  return token_of(codec, form.end).value();
}

std::string told_first(const ChatForm& form, const std::optional<std::string>& system) {
  if (!system) return "";
  if (form.system == nullptr) throw UsageError("--system: this model was taught to answer questions, and nothing else");
  return form.system + *system + form.asked;
}

std::string question_in_form(const ChatForm& form, const std::string& question) {
  return form.user + question + form.asked + form.assistant;
}

}  // namespace verse
