#include "10_subwords/given/byte_pair.h"

#include <algorithm>
#include <limits>
#include <queue>
#include <utility>

#include "10_subwords/given/byte_letters.h"
#include "10_subwords/given/composition.h"
#include "common/base/text.h"

namespace verse {

namespace {

/// Words of more tokens are joined by a heap.
constexpr std::size_t kShortWord = 32;

/// Words of more bytes are not kept: they hardly come again. Nor are more words than this.
constexpr std::size_t kKeptBytes = 128, kKeptWords = 1'000'000;

}  // namespace

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
  std::string composed_text;
  if (stage == 1 && composes_) text = composed_text = composed(text);
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
  std::size_t piece = digits_apart_ ? 0 : text.size();  // where the piece ends within which words are cut
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    if (begin == piece) piece = end_of_digit_or_rest(text, begin);
    end = end_of_word(text.substr(0, piece), begin, cutting_);
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
