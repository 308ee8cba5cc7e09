#include "10_subwords/given/pair_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <queue>
#include <thread>
#include <unordered_map>

#include "10_subwords/given/byte_letters.h"
#include "10_subwords/given/text_codec.h"
#include "10_subwords/given/tokenizer_file.h"
#include "common/base/error.h"
#include "common/base/files.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr std::size_t kStretch = std::size_t{1} << 20U;  ///< bytes that a thread counts at a time

void count_words(std::string_view text, Cutting cutting, WordTable<std::int64_t>& table) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = end_of_word(text, begin, cutting);
    ++table.at(text.substr(begin, end - begin)).first->value;
    begin = end;
  }
}

/// The words as rows of tokens in one list, with everything that merging needs to know.
class Merger {
 public:
  Merger(const WordCounts& words, const PairTrainingOptions& options) {
    learned_.tokens = options.special;
    learned_.special = options.special.size();
    // A special token that is written as a token would be is that token.
    for (std::size_t i = 0; i < options.special.size(); ++i) {
      if (const auto bytes = bytes_of_letters(options.special[i])) known_[*bytes] = static_cast<std::int32_t>(i);
    }
    std::array<std::int32_t, 256> token_of{};
    for (const unsigned char byte : bytes_by_letter()) {
      token_of[byte] = token_for(std::string(1, static_cast<char>(byte)));
    }
    for (const auto& entry : words.words()) {
      begins_.push_back(tokens_.size());
      lengths_.push_back(static_cast<std::uint32_t>(entry.word.size()));
      weights_.push_back(entry.value);
      for (const char byte : entry.word) tokens_.push_back(token_of[static_cast<unsigned char>(byte)]);
    }
    count_pairs();
  }

  std::int64_t size() const { return static_cast<std::int64_t>(learned_.tokens.size()); }
  LearnedPairs take() { return std::move(learned_); }

  /// Joins the most frequent pair. @return false where none is left
  bool step() {
    while (!ranking_.empty()) {
      Candidate best = ranking_.top();
      ranking_.pop();
      const std::int64_t count = pairs_[best.key].count;
      if (best.count != count) {  // it has been corrected since
        best.count = count;
        ranking_.push(best);
        continue;
      }
      if (count < 1) return false;
      join(best);
      return true;
    }
    return false;
  }

 private:
  struct Pair {
    std::int64_t count = 0;
    std::uint32_t step = 0;   ///< the last merge that made new ones
    std::uint32_t where = 0;  ///< which list has the words of that merge
  };
  struct Candidate {
    std::int64_t count;
    std::uint64_t key;
    std::uint32_t where;
    /// The most frequent is on top; of several, the one whose numbers are smallest.
    bool operator<(const Candidate& other) const {
      return count != other.count ? count < other.count : key > other.key;
    }
  };

  /// The number of the token of these bytes, which may be a new one.
  std::int32_t token_for(const std::string& bytes) {
    const auto [entry, is_new] = known_.try_emplace(bytes, static_cast<std::int32_t>(learned_.tokens.size()));
    if (is_new) learned_.tokens.push_back(bytes);
    return entry->second;
  }

  /// Notes that a word has a pair, once for each merge.
  void note(Pair& pair, std::uint64_t key, std::uint32_t word) {
    if (pair.step != step_) {
      pair.step = step_;
      pair.where = static_cast<std::uint32_t>(places_.size());
      places_.emplace_back();
      fresh_.push_back(key);
    }
    auto& words = places_[pair.where];
    if (words.empty() || words.back() != word) words.push_back(word);
  }

  void rank_fresh() {
    for (const std::uint64_t key : fresh_) {
      const Pair& pair = pairs_[key];
      if (pair.count > 0) ranking_.push({pair.count, key, pair.where});
    }
    fresh_.clear();
  }

  void count_pairs() {
    step_ = 1;
    for (std::uint32_t word = 0; word < lengths_.size(); ++word) {
      const std::int32_t* tokens = tokens_.data() + begins_[word];
      for (std::uint32_t i = 0; i + 1 < lengths_[word]; ++i) {
        const std::uint64_t key = pair_key(tokens[i], tokens[i + 1]);
        Pair& pair = pairs_[key];
        pair.count += weights_[word];
        note(pair, key, word);
      }
    }
    rank_fresh();
  }

  void change(std::int32_t left, std::int32_t right, std::int64_t difference, std::uint32_t word) {
    const std::uint64_t key = pair_key(left, right);
    Pair& pair = pairs_[key];
    pair.count += difference;
    if (difference > 0) note(pair, key, word);
  }

  void join(const Candidate& best) {
    const auto left = static_cast<std::int32_t>(best.key >> 32U), right = static_cast<std::int32_t>(best.key);
    const std::int32_t made =
        token_for(learned_.tokens[static_cast<std::size_t>(left)] + learned_.tokens[static_cast<std::size_t>(right)]);
    learned_.merges.emplace_back(left, right);
    ++step_;
    const std::vector<std::uint32_t> words = std::move(places_[best.where]);
    places_[best.where] = {};
    for (const std::uint32_t word : words) {
      // In place: what is joined moves to the front of what is left. The pair's own count stays as it was: it cannot
      // come again, except where a later merge makes one of its halves anew, and there `tokenizers` does the same.
      std::int32_t* tokens = tokens_.data() + begins_[word];
      const std::uint32_t length = lengths_[word];
      const std::int64_t weight = weights_[word];
      std::uint32_t written = 0;
      for (std::uint32_t i = 0; i < length;) {
        if (tokens[i] != left || i + 1 == length || tokens[i + 1] != right) {
          tokens[written++] = tokens[i++];
          continue;
        }
        if (written > 0) {
          change(tokens[written - 1], left, -weight, word);
          change(tokens[written - 1], made, weight, word);
        }
        if (i + 2 < length) {
          change(right, tokens[i + 2], -weight, word);
          change(made, tokens[i + 2], weight, word);
        }
        tokens[written++] = made;
        i += 2;
      }
      lengths_[word] = written;
    }
    rank_fresh();
  }

  LearnedPairs learned_;
  std::unordered_map<std::string, std::int32_t> known_;  ///< tokens by their bytes
  std::vector<std::int32_t> tokens_;                     ///< of all words, one after the other
  std::vector<std::size_t> begins_;                      ///< of each word
  std::vector<std::uint32_t> lengths_;
  std::vector<std::int64_t> weights_;
  PairTable<Pair> pairs_;
  std::vector<std::vector<std::uint32_t>> places_;  ///< lists of words, in ascending order
  std::vector<std::uint64_t> fresh_;                ///< pairs that this merge has made
  std::priority_queue<Candidate> ranking_;
  std::uint32_t step_ = 0;
};

}  // namespace

void WordCounts::count(std::string_view text) {
  if (threads_ <= 1 || text.size() < kStretch) return count_words(text, cutting_, table_);
  // Each thread has a stretch, and a table of its own.
  const auto parts = static_cast<std::size_t>(threads_);
  std::vector<std::size_t> cuts = {0};
  for (std::size_t part = 1; part < parts; ++part) {
    cuts.push_back(std::max(cuts.back(), last_sure_cut(text, text.size() * part / parts)));
  }
  cuts.push_back(text.size());
  std::vector<WordTable<std::int64_t>> tables(parts);
  std::vector<std::thread> threads;
  for (std::size_t part = 0; part < parts; ++part) {
    threads.emplace_back(
        [&, part] { count_words(text.substr(cuts[part], cuts[part + 1] - cuts[part]), cutting_, tables[part]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& table : tables) {
    for (const auto& entry : table.entries()) table_.at(entry.word).first->value += entry.value;
  }
}

void WordCounts::add(std::string_view text) {
  if (length_of_utf8(text) < text.size()) decode_utf8(text);  // says where
  count(text);
  bytes_ += static_cast<std::int64_t>(text.size());
}

void WordCounts::add_file(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    const std::string text = read_file(file);  // says what is wrong with it, or reads what has no size, such as a pipe
    if (text.empty()) throw UsageError(fmt::format("{} is empty", file.string()));
    return add(text);
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) read_file(file);
  std::string waiting;
  std::int64_t read = 0;
  while (stream) {
    if (interrupted()) throw Interrupted("nothing was written");
    const std::size_t before = waiting.size();
    waiting.resize(before + kStretch * static_cast<std::size_t>(std::max(1, threads_)));
    stream.read(waiting.data() + before, static_cast<std::streamsize>(waiting.size() - before));
    waiting.resize(before + static_cast<std::size_t>(stream.gcount()));
    read += stream.gcount();
    // A sure cut is followed by a space, and so lies between characters.
    const std::size_t end = stream ? last_sure_cut(waiting, waiting.size()) : waiting.size();
    const std::string_view text(waiting.data(), end);
    if (length_of_utf8(text) < text.size()) {
      try {
        decode_utf8(read_file(file));
      } catch (const UsageError& problem) {
        throw UsageError(fmt::format("{}: {}", file.string(), problem.what()));
      }
    }
    count(text);
    waiting.erase(0, end);
  }
  if (read == 0) throw UsageError(fmt::format("{} is empty", file.string()));
  bytes_ += read;
}

LearnedPairs learn_pairs(const WordCounts& words, const PairTrainingOptions& options,
                         const std::function<void(std::int64_t)>& so_far) {
  const auto least = static_cast<std::int64_t>(256 + options.special.size());
  if (options.vocabulary < least) {
    throw UsageError(
        options.special.empty()
            ? fmt::format("a vocabulary of {} is too small: the 256 bytes alone are tokens", options.vocabulary)
            : fmt::format("a vocabulary of {} is too small: the 256 bytes and {} special tokens are {}",
                          options.vocabulary, options.special.size(), least));
  }
  for (std::size_t i = 0; i < options.special.size(); ++i) {
    const auto& special = options.special;
    if (special[i].empty()) throw UsageError("a special token has no text");
    if (std::find(special.begin(), special.begin() + static_cast<std::ptrdiff_t>(i), special[i]) !=
        special.begin() + static_cast<std::ptrdiff_t>(i)) {
      throw UsageError(fmt::format("the special token {} is there twice", special[i]));
    }
  }
  Merger merger(words, options);
  std::int64_t told = 0;
  while (merger.size() < options.vocabulary) {
    if (interrupted()) throw Interrupted("nothing was written");
    if (!merger.step()) {
      throw UsageError(
          fmt::format("a vocabulary of {} is too large for this text: it allows {} merges, and with them {} "
                      "tokens",
                      with_commas(options.vocabulary), with_commas(merger.size() - least), with_commas(merger.size())));
    }
    if (so_far && merger.size() >= told + 1000) so_far(told = merger.size());
  }
  return merger.take();
}

std::string train_byte_pairs(std::string_view text, const PairTrainingOptions& options) {
  WordCounts words(options.cutting, options.threads);
  words.add(text);
  return tokenizer_text(learn_pairs(words, options), options.cutting);
}

}  // namespace verse
