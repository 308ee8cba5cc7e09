#pragma once

/// @file
/// Two hash tables for what is looked up for every word and every pair: open addressing, nothing is ever taken out.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace verse {

/// Values by a pair of tokens.
template <typename Value>
class PairTable {
 public:
  /// The value of a pair, which begins as Value().
  Value& operator[](std::uint64_t key) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == kNone) {
      slot.key = key;
      ++used_;
    }
    return slot.value;
  }

  /// The value of a pair; null where there is none.
  const Value* find(std::uint64_t key) const {
    if (slots_.empty()) return nullptr;
    const Slot& slot = slots_[place_of(key)];
    return slot.key == kNone ? nullptr : &slot.value;
  }

  std::size_t size() const { return used_; }

  template <typename Take>
  void each(const Take& take) {
    for (Slot& slot : slots_) {
      if (slot.key != kNone) take(slot.key, slot.value);
    }
  }

 private:
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};  ///< no pair: tokens have 32 bits, and none is -1
  struct Slot {
    std::uint64_t key = kNone;
    Value value{};
  };

  std::size_t place_of(std::uint64_t key) const {
    std::uint64_t mixed = key * 0x9E3779B97F4A7C15;
    mixed ^= mixed >> 29U;
    std::size_t place = mixed & (slots_.size() - 1);
    while (slots_[place].key != key && slots_[place].key != kNone) place = (place + 1) & (slots_.size() - 1);
    return place;
  }

  void grow() {
    std::vector<Slot> before = std::move(slots_);
    slots_ = std::vector<Slot>(before.empty() ? 1024 : 2 * before.size());
    for (Slot& slot : before) {
      if (slot.key != kNone) slots_[place_of(slot.key)] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;  ///< a power of two of them
  std::size_t used_ = 0;
};

/// A pair of tokens as a key: the left one in the upper half, so that keys are ordered as pairs are.
inline std::uint64_t pair_key(std::int64_t left, std::int64_t right) {
  return static_cast<std::uint64_t>(left) << 32U | static_cast<std::uint32_t>(right);
}

/// Values by a word, of which the table keeps a copy.
template <typename Value>
class WordTable {
 public:
  struct Entry {
    std::string_view word;
    std::uint64_t hash = 0;
    Value value{};
  };

  /// The entry of a word. @return it, and whether it is new; it stays valid until the next call
  std::pair<Entry*, bool> at(std::string_view word) {
    if (2 * (entries_.size() + 1) > places_.size()) grow();
    const std::uint64_t hash = hash_of(word);
    std::size_t place = hash & (places_.size() - 1);
    while (places_[place] != kNone) {
      Entry& entry = entries_[places_[place]];
      if (entry.hash == hash && entry.word == word) return {&entry, false};
      place = (place + 1) & (places_.size() - 1);
    }
    places_[place] = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({keep(word), hash, {}});
    return {&entries_.back(), true};
  }

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t size() const { return entries_.size(); }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  static constexpr std::size_t kBlock = std::size_t{1} << 16U;

  static std::uint64_t hash_of(std::string_view word) {
    constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
    std::uint64_t hash = word.size() * kOdd;
    const char* next = word.data();
    std::size_t left = word.size();
    for (; left >= sizeof(hash); left -= sizeof(hash), next += sizeof(hash)) {
      std::uint64_t eight = 0;
      std::memcpy(&eight, next, sizeof(eight));
      hash = (hash ^ eight) * kOdd;
      hash ^= hash >> 32U;
    }
    std::uint64_t rest = 0;
    for (std::size_t i = 0; i < left; ++i) rest |= std::uint64_t{static_cast<unsigned char>(next[i])} << (8 * i);
    hash = (hash ^ rest) * kOdd;
    return hash ^ hash >> 32U;
  }

  std::string_view keep(std::string_view word) {
    if (word.size() > left_) {
      left_ = word.size() > kBlock ? word.size() : kBlock;
      blocks_.push_back(std::make_unique<char[]>(left_));
      free_ = blocks_.back().get();
    }
    if (!word.empty()) std::memcpy(free_, word.data(), word.size());
    const std::string_view kept(free_, word.size());
    free_ += word.size();
    left_ -= word.size();
    return kept;
  }

  void grow() {
    places_.assign(places_.empty() ? 1024 : 2 * places_.size(), kNone);
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      std::size_t place = entries_[i].hash & (places_.size() - 1);
      while (places_[place] != kNone) place = (place + 1) & (places_.size() - 1);
      places_[place] = static_cast<std::uint32_t>(i);
    }
  }

  std::vector<Entry> entries_;         ///< in the order in which they came
  std::vector<std::uint32_t> places_;  ///< their numbers, by hash
  std::vector<std::unique_ptr<char[]>> blocks_;
  char* free_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace verse
