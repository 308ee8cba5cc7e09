#pragma once

#include <cstdint>

namespace verse {

/// Both ends of an interval.
struct Interval {
  double low = 0;
  double high = 0;
};

/// The shares that `hits` of `trials` do not contradict at 95 %: Wilson's interval (Wilson 1927), which stays inside
/// [0, 1] and is no point at its ends. Without trials it is everything.
Interval wilson_interval(std::int64_t hits, std::int64_t trials);

}  // namespace verse
