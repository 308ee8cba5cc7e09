#include "common/base/statistics.h"

#include <algorithm>
#include <cmath>

namespace verse {

//! [wilson]
Interval wilson_interval(std::int64_t hits, std::int64_t trials) {
  constexpr double kZ = 1.959964;  // 2.5 % of a normal distribution lie beyond it on either side
  if (trials <= 0) return {0, 1};
  const auto of = static_cast<double>(trials);
  const double share = static_cast<double>(hits) / of, z2 = kZ * kZ;
  const double centre = (share + z2 / (2 * of)) / (1 + z2 / of);
  const double reach = kZ / (1 + z2 / of) * std::sqrt(share * (1 - share) / of + z2 / (4 * of * of));
  return {std::max(0.0, centre - reach), std::min(1.0, centre + reach)};
}
//! [wilson]

}  // namespace verse
