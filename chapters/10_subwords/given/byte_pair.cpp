#include "10_subwords/given/byte_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <queue>
#include <utility>

#include "10_subwords/given/unicode_classes.h"
#include "common/base/error.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// A text's characters with the place of each, so that pieces can be cut from the bytes.
struct Characters {
  explicit Characters(std::string_view text) {
    const std::u32string decoded = decode_utf8(text);
    places.reserve(decoded.size() + 1);
    classes.reserve(decoded.size());
    std::size_t place = 0;
    for (const char32_t character : decoded) {
      places.push_back(place);
      classes.push_back(class_of(character));
      place += character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    }
    places.push_back(place);
  }

  std::vector<std::size_t> places;  ///< in bytes; one more than there are characters
  std::vector<CharacterClass> classes;
};

/// How many bytes of contraction stand at the beginning of a text: 0 where there is none.
std::size_t contraction(std::string_view text) {
  for (const std::string_view each : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.substr(0, each.size()) == each) return each.size();
  }
  return 0;
}

/// GPT-2 writes each byte as a character that can be seen: those of Latin-1 that can stand for themselves, the others,
/// in their order, for U+0100 and what follows.
std::array<char32_t, 256> byte_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const bool visible = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    characters[byte] = visible ? static_cast<char32_t>(byte) : next++;
  }
  return characters;
}

/// The bytes that a token of the file stands for. One that has characters which stand for no byte stands for itself.
std::string to_bytes(const std::string& written) {
  static const auto bytes_by_character = [] {
    std::unordered_map<char32_t, char> bytes;
    const auto characters = byte_characters();
    for (std::size_t byte = 0; byte < 256; ++byte) bytes[characters[byte]] = static_cast<char>(byte);
    return bytes;
  }();
  std::string bytes;
  for (const char32_t character : decode_utf8(written)) {
    const auto found = bytes_by_character.find(character);
    if (found == bytes_by_character.end()) return written;
    bytes += found->second;
  }
  return bytes;
}

std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint64_t>(right);
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
  throw UsageError(fmt::format("{}: {}, which GPT-2's tokenizer has not; it is not supported", entry.place(), what));
}

/// Steps that may be there must be byte-level ones, as GPT-2's are.
void check_step(const JsonEntry& file, const char* name, bool required) {
  if (!file.has(name)) {
    if (required) refuse(file, fmt::format("it has no {}", name));
    return;
  }
  const auto step = file.at(name);
  const auto type = step.at("type").text();
  if (type != "ByteLevel") refuse(step, fmt::format("its {} is {}", name, type));
}

}  // namespace

std::vector<std::string_view> cut_into_words(std::string_view text) {
  const Characters characters(text);
  const auto& classes = characters.classes;
  const auto& places = characters.places;
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; begin < classes.size();) {
    std::size_t end = begin;
    // A contraction; then something after at most one space; then spaces.
    if (const std::size_t length = contraction(text.substr(places[begin])); length > 0) {
      end = begin + length;
    } else {
      if (text[places[begin]] == ' ' && begin + 1 < classes.size()) ++end;
      if (const auto kind = classes[end]; kind != CharacterClass::space) {
        while (end < classes.size() && classes[end] == kind) ++end;
      } else {
        // The last space of several is left for the word that follows.
        end = begin;
        while (end < classes.size() && classes[end] == CharacterClass::space) ++end;
        if (end < classes.size() && end - begin > 1) --end;
      }
    }
    words.push_back(text.substr(places[begin], places[end] - places[begin]));
    begin = end;
  }
  return words;
}

BytePairCodec::BytePairCodec(const JsonEntry& file) {
  if (says(file, "normalizer")) refuse(file, "it has a normalizer");
  check_step(file, "pre_tokenizer", /*required=*/true);
  check_step(file, "post_processor", /*required=*/false);
  check_step(file, "decoder", /*required=*/true);
  const auto cutter = file.at("pre_tokenizer");
  space_before_ = cutter.at("add_prefix_space").flag();
  cuts_ = !cutter.has("use_regex") || cutter.at("use_regex").flag();

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

void BytePairCodec::read_vocabulary(const JsonEntry& model) {
  const auto vocabulary = model.at("vocab").table();
  for (const auto& [written, value] : vocabulary) {
    // A few numbers may be left out, but no vocabulary is mostly holes.
    const auto number = value.whole(0, 2 * static_cast<std::int64_t>(vocabulary.size()) + 999);
    if (number >= size()) bytes_.resize(static_cast<std::size_t>(number) + 1);
    bytes_[static_cast<std::size_t>(number)] = to_bytes(written);
    numbers_[written] = number;
  }
  const auto characters = byte_characters();
  for (std::size_t byte = 0; byte < 256; ++byte) {
    const auto found = numbers_.find(encode_utf8(characters[byte]));
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
  for (const JsonEntry& entry : list.list()) {
    const auto content = entry.at("content").text();
    const auto number = entry.at("id").whole();
    for (const char* manner : {"single_word", "lstrip", "rstrip"}) {
      if (says(entry, manner)) refuse(entry, fmt::format("its token {} asks for {}", content, manner));
    }
    if (content.empty() || number < 0 || number > size() + static_cast<std::int64_t>(list.size())) {
      throw UsageError(fmt::format("{}: its added token \"{}\" has the number {}, which is out of range", entry.place(),
                                   content, number));
    }
    const auto known = numbers_.find(content);
    if (known != numbers_.end() && known->second != number) {
      throw UsageError(
          fmt::format("{}: its token {} has two numbers, {} and {}", entry.place(), content, known->second, number));
    }
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
  decode_utf8(text);  // refuses what is no text, with the byte's place in the whole
  std::vector<std::int64_t> tokens;
  Known known;  // words come again and again
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
  for (const auto word : cuts_ ? cut_into_words(text) : std::vector<std::string_view>{text}) {
    const auto [entry, is_new] = known.try_emplace(std::string(word));
    if (is_new) entry->second = encode_word(word);
    tokens.insert(tokens.end(), entry->second.begin(), entry->second.end());
  }
}

std::vector<std::int64_t> BytePairCodec::encode_word(std::string_view word) const {
  if (whole_words_) {
    static const auto characters = byte_characters();
    std::string written;
    for (const char byte : word) written += encode_utf8(characters[static_cast<unsigned char>(byte)]);
    if (const auto found = numbers_.find(written); found != numbers_.end()) return {found->second};
  }

  // The word as a chain of tokens, at first one for each byte.
  struct Link {
    std::int64_t token;
    std::ptrdiff_t before, after;  ///< -1 at the ends
  };
  std::vector<Link> chain;
  bool after_unknown = false;
  for (const char byte : word) {
    const auto token = byte_tokens_[static_cast<unsigned char>(byte)];
    const bool is_unknown = token < 0;
    if (is_unknown && (unknown_ < 0 || (joins_unknown_ && after_unknown))) continue;
    after_unknown = is_unknown;
    const auto place = static_cast<std::ptrdiff_t>(chain.size());
    chain.push_back({is_unknown ? unknown_ : token, place - 1, place + 1});
  }
  if (chain.empty()) return {};
  chain.back().after = -1;

  // Pairs that may be joined, the one learned first on top; of equal ones, the one furthest to the left.
  struct Candidate {
    std::int32_t rank;
    std::ptrdiff_t left;
    std::int64_t left_token, right_token;
    std::int32_t result;
    bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  std::priority_queue<Candidate> candidates;
  const auto at = [&chain](std::ptrdiff_t place) -> Link& { return chain[static_cast<std::size_t>(place)]; };
  const auto consider = [&](std::ptrdiff_t left) {
    if (left < 0 || at(left).after < 0) return;
    const auto left_token = at(left).token, right_token = at(at(left).after).token;
    const auto merge = merges_.find(pair_key(left_token, right_token));
    if (merge != merges_.end()) {
      candidates.push({merge->second.rank, left, left_token, right_token, merge->second.result});
    }
  };
  for (std::ptrdiff_t place = 0; place < static_cast<std::ptrdiff_t>(chain.size()); ++place) consider(place);

  constexpr std::int64_t kGone = -1;
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

  std::vector<std::int64_t> tokens;
  for (std::ptrdiff_t place = 0; place >= 0; place = at(place).after) tokens.push_back(at(place).token);
  return tokens;
}

std::string BytePairCodec::bytes_of(std::int64_t token) const {
  if (token < 0 || token >= size()) return {};
  return bytes_[static_cast<std::size_t>(token)];
}

}  // namespace verse
