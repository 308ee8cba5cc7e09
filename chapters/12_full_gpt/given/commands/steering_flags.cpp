#include "12_full_gpt/given/commands/steering_flags.h"

#include <fmt/format.h>

#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/json.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// The one token that a text is. @param flag for the message
std::int64_t only_token(const std::string& text, const TextCodec& codec, const std::string& flag) {
  const auto tokens = codec.encode(text);
  if (tokens.size() != 1) {
    throw UsageError(
        fmt::format("--{}: \"{}\" should be one token of the model, and is {}", flag, text, tokens.size()));
  }
  return tokens.front();
}

}  // namespace

void declare_steering(CommandLine& line, SteeringFlags& flags) {
  line.option("repetition-penalty", flags.repetition, {0.01, 100},
              "above 1: what the text has said becomes less likely, positive logits being divided by it");
  line.option("presence-penalty", flags.presence, {-100, 100},
              "what is taken off the logits of what the text has said");
  line.option("logit-bias", flags.bias, "what is added to tokens' logits, as JSON: {\"e\": -2, \"\\n\": 1}", "JSON");
  line.option("stop", flags.stop, "end before this text; no part of it is written", "TEXT");
  line.option("stops", flags.stops, "a file whose lines are such texts", "FILE");
  line.option("end-token", flags.end_token, "end when this token is chosen: <|endoftext|> of GPT-2", "TEXT");
  line.option("grammar", flags.grammar, "write only what this grammar allows (chapter 7)", "FILE");
}

SteeringOptions read_steering(const SteeringFlags& flags, const TextCodec& codec) {
  SteeringOptions options;
  options.repetition = flags.repetition;
  options.presence = flags.presence;
  if (flags.bias) {
    for (const auto& [text, bias] : parse_json(*flags.bias, "--logit-bias").table()) {
      options.bias.emplace_back(only_token(text, codec, "logit-bias"), bias.number());
    }
  }
  if (flags.stop) options.stops.push_back(*flags.stop);
  if (flags.stops) {
    const std::string file = read_file(*flags.stops);
    for (const auto stop : lines_of(file)) {
      if (!stop.empty()) options.stops.emplace_back(stop);
    }
    if (options.stops.empty()) throw UsageError(fmt::format("--stops {} has no line", flags.stops->string()));
  }
  for (const auto& stop : options.stops) {
    if (stop.empty()) throw UsageError("--stop needs at least one character");
  }
  if (flags.end_token) options.end_token = only_token(*flags.end_token, codec, "end-token");
  if (flags.grammar) options.grammar = TextGrammar::parse(read_file(*flags.grammar), flags.grammar->string());
  return options;
}

}  // namespace verse
