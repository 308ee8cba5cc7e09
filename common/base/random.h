#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace verse {

/// Random numbers that are the same on every machine and with every compiler.
///
/// The generator is xoshiro256** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021), seeded
/// through SplitMix64. The distributions are written out here because those of the standard library differ from one
/// implementation to the next, and a course that says "run this with seed 7" has to mean one text.
class Random {
 public:
  /// Everything the generator remembers; saved with a training run so that it can go on exactly.
  using State = std::array<std::uint64_t, 4>;

  explicit Random(std::uint64_t seed);

  /// The next 64 random bits.
  std::uint64_t next();

  /// A number in [0, 1), a multiple of 2^-53.
  double uniform();

  /// A whole number in [0, bound), each equally likely. @throws std::invalid_argument when bound is not positive.
  std::int64_t below(std::int64_t bound);

  /// A number from 0 to chances.size() - 1, each with the probability that stands at its place. One uniform() is taken:
  /// the first place whose running total exceeds it is drawn. The last one that is possible takes what rounding leaves.
  /// @param chances none below 0, together 1 within rounding @throws std::invalid_argument where there are none
  std::int64_t draw(std::span<const double> chances);

  /// A number from the normal distribution with mean 0 and standard deviation 1 (Marsaglia's polar method).
  double normal();

  State state() const { return state_; }
  void set_state(const State& state) { state_ = state; }

 private:
  State state_;
};

}  // namespace verse
