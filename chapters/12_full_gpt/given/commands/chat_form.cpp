#include "12_full_gpt/given/commands/chat_form.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/error.h"

namespace verse {

namespace {

/// Marks around a message: who speaks stands between the first two, and the last one ends it.
struct ChatForm {
  const char *opens, *closes, *between, *ends, *after;
};

constexpr std::array<ChatForm, 2> kForms{{
    {"<|im_start|>", "", "\n", "<|im_end|>", "\n"},
    {"<|start_header_id|>", "<|end_header_id|>", "\n\n", "<|eot_id|>", ""},
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

bool knows(const TextCodec& codec, std::string_view mark) {
  return mark.empty() || token_of(codec, mark).has_value();
}

}  // namespace

ChatText chat_text(const TextCodec& codec, const std::string& question, const std::optional<std::string>& system) {
  const auto* const form = std::find_if(kForms.begin(), kForms.end(), [&codec](const ChatForm& each) {
    return knows(codec, each.opens) && knows(codec, each.closes) && knows(codec, each.ends);
  });
  if (form == kForms.end()) {
    throw UsageError(
        "--chat is for models that know the marks of ChatML (<|im_start|>) or of Llama 3 (<|start_header_id|>), and "
        "this one's tokenizer has neither");
  }
  const auto opened = [form](const char* who) { return std::string(form->opens) + who + form->closes + form->between; };
  const auto message = [&](const char* who, const std::string& what) {
    return opened(who) + what + form->ends + form->after;
  };
  return {(system ? message("system", *system) : "") + message("user", question) + opened("assistant"),
          *token_of(codec, form->ends)};
}

}  // namespace verse
