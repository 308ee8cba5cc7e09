#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "10_subwords/given/byte_letters.h"
#include "10_subwords/given/byte_pair.h"
#include "10_subwords/given/composition.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// The bytes that a token of the file stands for. One that has characters which stand for no byte stands for itself.
std::string to_bytes(const std::string& written) {
  return bytes_of_letters(written).value_or(written);
}

/// Whether an entry is there and says something else than nothing.
bool says(const JsonEntry& table, const char* entry) {
  if (!table.has(entry)) return false;
  const Json& value = table.at(entry).json();
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_string()) return !value.get_ref<const std::string&>().empty();
  if (value.is_number()) return value.get<double>() != 0;
  return true;
}

[[noreturn]] void refuse(const JsonEntry& entry, const std::string& what) {
  throw UsageError(fmt::format("{}: {}, which is not supported", entry.place(), what));
}

}  // namespace

std::string model_of_tokenizer(const JsonEntry& file) {
  const JsonEntry model = file.at("model");
  // Files from before there was a choice do not name their kind.
  return model.has("type") ? model.at("type").text() : model.has("merges") ? "BPE" : "";
}

BytePairCodec::BytePairCodec(const JsonEntry& file) {
  read_steps(file);
  const auto model = file.at("model");
  for (const char* entry : {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"}) {
    if (says(model, entry)) refuse(model, fmt::format("its model has {}", entry));
  }
  whole_words_ = says(model, "ignore_merges");
  joins_unknown_ = says(model, "fuse_unk");
  read_vocabulary(model);
  read_merges(model.at("merges"));
  if (file.has("added_tokens")) read_added_tokens(file.at("added_tokens"));
  for (const auto token : before_) {
    if (token >= size() || bytes_of(token).empty())
      refuse(file, fmt::format("it puts {} before each text, which is no token", token));
  }
}

void BytePairCodec::read_steps(const JsonEntry& file) {
  if (says(file, "normalizer")) {
    // A row of no steps changes nothing; Qwen's is NFC.
    const auto step = file.at("normalizer");
    composes_ = step.is_table() && step.has("type") && step.at("type").json() == "NFC";
    const bool empty = step.is_table() && step.has("normalizers") && step.at("normalizers").size() == 0;
    if (!composes_ && !empty) refuse(file, "it has a normalizer other than NFC");
  }
  if (!file.has("pre_tokenizer")) refuse(file, "it has no pre_tokenizer");
  read_cutter(file.at("pre_tokenizer"));
  if (file.has("post_processor")) read_post_processor(file.at("post_processor"));
  if (!file.has("decoder")) refuse(file, "it has no decoder");
  auto decoder = file.at("decoder");
  if (decoder.at("type").text() == "Sequence" && decoder.at("decoders").size() == 1) {
    decoder = decoder.at("decoders").list()[0];
  }
  if (const auto type = decoder.at("type").text(); type != "ByteLevel") {
    refuse(decoder, fmt::format("its decoder is {}", type));
  }
}

/// How text is cut: by bytes' own step, or by a pattern and that step after it.
void BytePairCodec::read_cutter(const JsonEntry& step) {
  const auto type = step.at("type").text();
  if (type == "ByteLevel") {
    space_before_ = step.at("add_prefix_space").flag();
    cutting_ = !step.has("use_regex") || step.at("use_regex").flag() ? Cutting::gpt2 : Cutting::none;
    return;
  }
  if (type != "Sequence") refuse(step, fmt::format("its pre_tokenizer is {}", type));
  const auto steps = step.at("pretokenizers").list();
  if (steps.size() == 1) return read_cutter(steps[0]);
  const std::string first = steps.size() == 2 ? steps[0].at("type").text() : "";
  if ((first != "Split" && first != "Digits") || steps[1].at("type").text() != "ByteLevel") {
    refuse(step, "its pre_tokenizer is a row of other steps than Split or Digits and ByteLevel");
  }
  read_cutter(steps[1]);
  if (space_before_) refuse(steps[1], "it puts a space before each word");
  if (first == "Digits") {
    digits_apart_ = steps[0].at("individual_digits").flag();
    if (!digits_apart_) refuse(steps[0], "it keeps digits together");
    return;
  }
  if (cutting_ != Cutting::none) refuse(steps[1], "it cuts twice");
  read_pattern(steps[0]);
}

void BytePairCodec::read_pattern(const JsonEntry& step) {
  const auto pattern = step.at("pattern");
  const std::string rule = pattern.has("Regex") ? pattern.at("Regex").text() : "";
  const std::string behaviour = step.at("behavior").text();
  for (const Cutting known : {Cutting::gpt2, Cutting::gpt4, Cutting::qwen}) {
    if (rule == pattern_of(known)) cutting_ = known;
  }
  if (cutting_ == Cutting::none) refuse(pattern, "it is none of GPT-2's, GPT-4's and Qwen's");
  // All rules match every character: what is done with the rest, and with matches turned into rests, makes no
  // difference, as long as each is a word of its own.
  if (behaviour != "Isolated" && !(behaviour == "Removed" && step.at("invert").flag())) {
    refuse(step, fmt::format("its behavior is {}", behaviour));
  }
}

/// What comes after the tokens are known may put some before them, and may not change them.
void BytePairCodec::read_post_processor(const JsonEntry& step) {
  const auto type = step.at("type").text();
  if (type == "Sequence") {
    for (const JsonEntry& each : step.at("processors").list()) read_post_processor(each);
  } else if (type == "TemplateProcessing") {
    read_template(step);
  } else if (type != "ByteLevel") {
    refuse(step, fmt::format("its post_processor is {}", type));
  }
}

/// A template of the tokens around a text: special ones, and then the text.
void BytePairCodec::read_template(const JsonEntry& step) {
  if (!before_.empty()) refuse(step, "it has two templates");
  if (!step.has("single")) refuse(step, "its post_processor is TemplateProcessing without a template of a single text");
  bool text_was = false;
  for (const JsonEntry& piece : step.at("single").list()) {
    if (text_was) refuse(step, "its post_processor is TemplateProcessing and adds tokens after a text");
    if (piece.has("Sequence")) {
      text_was = true;
      continue;
    }
    const std::string name = piece.at("SpecialToken").at("id").text();
    for (const JsonEntry& number : step.at("special_tokens").at(name).at("ids").list()) {
      before_.push_back(number.whole(0));
    }
  }
  if (!text_was) refuse(step, "its post_processor is TemplateProcessing and has no place for the text");
}

void BytePairCodec::read_vocabulary(const JsonEntry& model) {
  const auto vocabulary = model.at("vocab").table();
  for (const auto& [written, value] : vocabulary) {
    // A few numbers may be left out, but no vocabulary is mostly holes.
    const auto number = value.whole(0, 2 * static_cast<std::int64_t>(vocabulary.size()) + 999);
    if (number >= size()) bytes_.resize(static_cast<std::size_t>(number) + 1);
    bytes_[static_cast<std::size_t>(number)] = to_bytes(written);
    numbers_[written] = number;
  }
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto found = numbers_.find(encode_utf8(letters_by_byte()[byte]));
    byte_tokens_[byte] = found == numbers_.end() ? -1 : found->second;
  }
  if (says(model, "unk_token")) {
    const auto found = numbers_.find(model.at("unk_token").text());
    if (found != numbers_.end()) unknown_ = found->second;
  }
}

void BytePairCodec::read_merges(const JsonEntry& list) {
  std::int32_t rank = 0;
  for (const JsonEntry& entry : list.list()) {
    // Older files write a pair as one text with a space, newer ones as a list of two.
    std::string left, right;
    if (entry.is_text()) {
      const auto text = entry.text();
      const auto space = text.find(' ');
      left = text.substr(0, space);
      right = space == std::string::npos ? "" : text.substr(space + 1);
    } else {
      const auto both = entry.list();
      if (both.size() != 2) entry.refuse("a pair of tokens");
      left = both[0].text();
      right = both[1].text();
    }
    const auto known_left = numbers_.find(left), known_right = numbers_.find(right),
               result = numbers_.find(left + right);
    if (known_left == numbers_.end() || known_right == numbers_.end() || result == numbers_.end()) {
      throw UsageError(
          fmt::format("{}: its merge {} speaks of tokens that are not in its vocabulary", entry.place(), rank + 1));
    }
    merges_[pair_key(known_left->second, known_right->second)] = {rank, static_cast<std::int32_t>(result->second)};
    ++rank;
  }
}

void BytePairCodec::read_added_tokens(const JsonEntry& list) {
  const auto vocabulary = static_cast<std::int64_t>(numbers_.size());
  std::int64_t last_added = -1;
  for (const JsonEntry& entry : list.list()) {
    const auto content = entry.at("content").text();
    const auto number = entry.at("id").whole();
    for (const char* manner : {"single_word", "lstrip", "rstrip"}) {
      if (says(entry, manner)) refuse(entry, fmt::format("its token {} asks for {}", content, manner));
    }
    if (content.empty() || number < 0) {
      throw UsageError(fmt::format("{}: its added token \"{}\" has the number {}, which is out of range", entry.place(),
                                   content, number));
    }
    const auto known = numbers_.find(content);
    if (known != numbers_.end() && known->second != number) {
      throw UsageError(
          fmt::format("{}: its token {} has two numbers, {} and {}", entry.place(), content, known->second, number));
    }
    // `tokenizers` gives a token that is not in the vocabulary the next number, whatever the file says.
    if (known == numbers_.end()) {
      const std::int64_t next = last_added < vocabulary ? vocabulary : last_added + 1;
      if (number != next) {
        throw UsageError(
            fmt::format("{}: its added token {} has the number {}, where {} is the next; with a gap before "
                        "it, it is not supported",
                        entry.place(), content, number, next));
      }
    }
    last_added = std::max(last_added, number);
    if (number >= size()) bytes_.resize(static_cast<std::size_t>(number) + 1);
    bytes_[static_cast<std::size_t>(number)] = to_bytes(content);
    if (content.size() > kLongestAddedToken) {
      throw UsageError(fmt::format("{}: an added token has {} bytes, and may have {}", entry.place(), content.size(),
                                   kLongestAddedToken));
    }
    const bool normalized = says(entry, "normalized");
    added_[normalized ? 1 : 0].add(normalized && composes_ ? composed(content) : content, number);
  }
}

}  // namespace verse
