#include "common/base/random.h"

#include <cmath>
#include <stdexcept>

namespace verse {

namespace {

std::uint64_t rotate_left(std::uint64_t bits, int count) {
  return (bits << count) | (bits >> (64 - count));
}

}  // namespace

Random::Random(std::uint64_t seed) {
  // SplitMix64 spreads a small seed over the whole state: xoshiro must not start from zeros.
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    word = mixed ^ (mixed >> 31);
  }
}

std::uint64_t Random::next() {
  const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

std::int64_t Random::below(std::int64_t bound) {
  if (bound <= 0) throw std::invalid_argument("Random::below needs a positive bound");
  // The topmost incomplete stretch of 64-bit numbers is thrown away: taking the remainder of it would favour small
  // results.
  const auto range = static_cast<std::uint64_t>(bound);
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % range;
  std::uint64_t bits = next();
  while (bits >= limit) bits = next();
  return static_cast<std::int64_t>(bits % range);
}

std::int64_t Random::draw(std::span<const double> chances) {
  if (chances.empty()) throw std::invalid_argument("Random::draw needs something to draw from");
  const double lot = uniform();
  double total = 0;
  std::size_t possible = 0;
  for (std::size_t place = 0; place < chances.size(); ++place) {
    total += chances[place];
    if (lot < total) return static_cast<std::int64_t>(place);
    if (chances[place] > 0) possible = place;
  }
  return static_cast<std::int64_t>(possible);
}

double Random::normal() {
  // One of the two numbers that the polar method gives is dropped, so that the state is the four words and nothing
  // else.
  while (true) {
    const double x = 2 * uniform() - 1;
    const double y = 2 * uniform() - 1;
    const double square = x * x + y * y;
    if (square > 0 && square < 1) return x * std::sqrt(-2 * std::log(square) / square);
  }
}

}  // namespace verse
