#include "10_subwords/given/byte_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <queue>
#include <utility>

#include "10_subwords/given/byte_letters.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// Words of more tokens are joined by a heap.
constexpr std::size_t kShortWord = 32;

/// Words of more bytes are not kept: they hardly come again. Nor are more words than this.
constexpr std::size_t kKeptBytes = 128, kKeptWords = 1'000'000;

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

/// A template of the tokens around a text that adds none.
bool adds_nothing(const JsonEntry& step) {
  if (!step.has("single")) return false;
  const auto pieces = step.at("single").list();
  return pieces.size() == 1 && pieces[0].has("Sequence");
}

/// What comes after the tokens are known may not change them.
void check_post_processor(const JsonEntry& step) {
  const auto type = step.at("type").text();
  if (type == "Sequence") {
    for (const JsonEntry& each : step.at("processors").list()) check_post_processor(each);
  } else if (type != "ByteLevel" && !(type == "TemplateProcessing" && adds_nothing(step))) {
    refuse(step,
           fmt::format("its post_processor is {}{}", type, type == "TemplateProcessing" ? " and adds tokens" : ""));
  }
}

}  // namespace

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
}

void BytePairCodec::read_steps(const JsonEntry& file) {
  if (says(file, "normalizer")) {
    // A row of no steps changes nothing.
    const auto step = file.at("normalizer");
    if (!step.is_table() || !step.has("normalizers") || step.at("normalizers").size() > 0) {
      refuse(file, "it has a normalizer");
    }
  }
  if (!file.has("pre_tokenizer")) refuse(file, "it has no pre_tokenizer");
  read_cutter(file.at("pre_tokenizer"));
  if (file.has("post_processor")) check_post_processor(file.at("post_processor"));
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
  if (steps.size() != 2 || steps[0].at("type").text() != "Split" || steps[1].at("type").text() != "ByteLevel") {
    refuse(step, "its pre_tokenizer is a row of other steps than Split and ByteLevel");
  }
  read_cutter(steps[1]);
  if (space_before_) refuse(steps[1], "it puts a space before each word");
  if (cutting_ != Cutting::none) refuse(steps[1], "it cuts twice");
  const auto pattern = steps[0].at("pattern");
  const std::string rule = pattern.has("Regex") ? pattern.at("Regex").text() : "";
  const std::string behaviour = steps[0].at("behavior").text();
  for (const Cutting known : {Cutting::gpt2, Cutting::gpt4}) {
    if (rule == pattern_of(known)) cutting_ = known;
  }
  if (cutting_ == Cutting::none) refuse(pattern, "it is neither GPT-2's nor GPT-4's");
  // Both rules match every character: what is done with the rest, and with matches turned into rests, makes no
  // difference, as long as each is a word of its own.
  if (behaviour != "Isolated" && !(behaviour == "Removed" && steps[0].at("invert").flag())) {
    refuse(steps[0], fmt::format("its behavior is {}", behaviour));
  }
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
    added_[says(entry, "normalized") ? 1 : 0].add(content, number);
  }
}

std::vector<std::int64_t> BytePairCodec::encode(std::string_view text) const {
  if (length_of_utf8(text) < text.size()) decode_utf8(text);  // says where
  std::vector<std::int64_t> tokens;
  tokens.reserve(text.size() / 3);
  Known known;
  encode_around(text, 0, known, tokens);
  return tokens;
}

/// Cuts out the added tokens that are looked for at this stage, and hands the rest to the next.
void BytePairCodec::encode_around(std::string_view text, std::size_t stage, Known& known,
                                  std::vector<std::int64_t>& tokens) const {
  if (stage == added_.size()) return encode_plain(text, known, tokens);
  if (added_[stage].empty()) return encode_around(text, stage + 1, known, tokens);

  std::size_t begin = 0;
  for (std::size_t place = 0; place < text.size();) {
    const auto found = added_[stage].at_beginning(text.substr(place));
    if (!found) {
      ++place;
      continue;
    }
    encode_around(text.substr(begin, place - begin), stage + 1, known, tokens);
    tokens.push_back(found->number);
    begin = place = place + found->length;
  }
  encode_around(text.substr(begin), stage + 1, known, tokens);
}

void BytePairCodec::encode_plain(std::string_view text, Known& known, std::vector<std::int64_t>& tokens) const {
  if (text.empty()) return;
  std::string with_space;
  if (space_before_ && text[0] != ' ') {
    with_space = " " + std::string(text);
    text = with_space;
  }
  std::vector<std::int32_t> rare;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = end_of_word(text, begin, cutting_);
    const std::string_view word = text.substr(begin, end - begin);
    if (word.size() > kKeptBytes || known.words.size() > kKeptWords) {
      rare.clear();
      encode_word(word, rare);
      tokens.insert(tokens.end(), rare.begin(), rare.end());
      continue;
    }
    const auto [entry, is_new] = known.words.at(word);
    Range& range = entry->value;
    if (is_new) {
      range.begin = static_cast<std::uint32_t>(known.tokens.size());
      encode_word(word, known.tokens);
      range.length = static_cast<std::uint32_t>(known.tokens.size()) - range.begin;
    }
    const std::int32_t* first = known.tokens.data() + range.begin;
    tokens.insert(tokens.end(), first, first + range.length);
  }
}

/// A word's tokens before anything is joined: one for each byte. @return false where they are the word's tokens already
bool BytePairCodec::first_tokens(std::string_view word, std::vector<std::int32_t>& tokens) const {
  if (whole_words_) {
    if (const auto found = numbers_.find(letters_of_bytes(word)); found != numbers_.end()) {
      tokens.push_back(static_cast<std::int32_t>(found->second));
      return false;
    }
  }
  bool after_unknown = false;
  for (const char byte : word) {
    const auto token = byte_tokens_[static_cast<unsigned char>(byte)];
    const bool is_unknown = token < 0;
    if (is_unknown && (unknown_ < 0 || (joins_unknown_ && after_unknown))) continue;
    after_unknown = is_unknown;
    tokens.push_back(static_cast<std::int32_t>(is_unknown ? unknown_ : token));
  }
  return true;
}

/// Adds a word's tokens.
void BytePairCodec::encode_word(std::string_view word, std::vector<std::int32_t>& tokens) const {
  const std::size_t begin = tokens.size();
  if (!first_tokens(word, tokens) || tokens.size() - begin < 2) return;
  if (tokens.size() - begin <= kShortWord) {
    join_short(tokens, begin);
  } else {
    join_long(tokens, begin);
  }
}

/// Joins pairs by looking at all of them each time, which is quick while they are few.
void BytePairCodec::join_short(std::vector<std::int32_t>& tokens, std::size_t begin) const {
  constexpr Merge kNever{std::numeric_limits<std::int32_t>::max(), 0};
  std::array<Merge, kShortWord> merges;
  std::int32_t* word = tokens.data() + begin;
  std::size_t size = tokens.size() - begin;
  const auto look_up = [&](std::size_t place) {
    const Merge* found = merges_.find(pair_key(word[place], word[place + 1]));
    merges[place] = found == nullptr ? kNever : *found;
  };
  for (std::size_t place = 0; place + 1 < size; ++place) look_up(place);
  while (size > 1) {
    // The one learned first; of equal ones, the one furthest to the left.
    std::size_t best = 0;
    for (std::size_t place = 1; place + 1 < size; ++place) {
      if (merges[place].rank < merges[best].rank) best = place;
    }
    if (merges[best].rank == kNever.rank) break;
    word[best] = merges[best].result;
    --size;
    for (std::size_t place = best + 1; place < size; ++place) {
      word[place] = word[place + 1];
      merges[place] = merges[place + 1];
    }
    if (best > 0) look_up(best - 1);
    if (best + 1 < size) look_up(best);
  }
  tokens.resize(begin + size);
}

/// Joins pairs by a heap of them: a word of n tokens takes n log n steps.
void BytePairCodec::join_long(std::vector<std::int32_t>& tokens, std::size_t begin) const {
  struct Link {
    std::int32_t token;
    std::ptrdiff_t before, after;  ///< -1 at the ends
  };
  std::vector<Link> chain;
  for (std::size_t place = begin; place < tokens.size(); ++place) {
    const auto here = static_cast<std::ptrdiff_t>(place - begin);
    chain.push_back({tokens[place], here - 1, here + 1});
  }
  chain.back().after = -1;

  // Pairs that may be joined, the one learned first on top; of equal ones, the one furthest to the left.
  struct Candidate {
    std::int32_t rank;
    std::ptrdiff_t left;
    std::int32_t left_token, right_token;
    std::int32_t result;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  std::priority_queue<Candidate> candidates;
  const auto at = [&chain](std::ptrdiff_t place) -> Link& { return chain[static_cast<std::size_t>(place)]; };
  const auto consider = [&](std::ptrdiff_t left) {
    if (left < 0 || at(left).after < 0) return;
    const auto left_token = at(left).token, right_token = at(at(left).after).token;
    if (const Merge* merge = merges_.find(pair_key(left_token, right_token))) {
      candidates.push({merge->rank, left, left_token, right_token, merge->result});
    }
  };
  for (std::ptrdiff_t place = 0; place < static_cast<std::ptrdiff_t>(chain.size()); ++place) consider(place);

  constexpr std::int32_t kGone = -1;
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    // One of the two may have been joined to another neighbour since.
    Link& left = at(best.left);
    if (left.token != best.left_token || left.after < 0 || at(left.after).token != best.right_token) continue;
    Link& right = at(left.after);
    left.token = best.result;
    left.after = right.after;
    right.token = kGone;
    if (left.after >= 0) at(left.after).before = best.left;
    consider(left.before);
    consider(best.left);
  }

  tokens.resize(begin);
  for (std::ptrdiff_t place = 0; place >= 0; place = at(place).after) tokens.push_back(at(place).token);
}

std::string BytePairCodec::bytes_of(std::int64_t token) const {
  if (token < 0 || token >= size()) return {};
  return bytes_[static_cast<std::size_t>(token)];
}

}  // namespace verse
