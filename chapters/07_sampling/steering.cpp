#include "07_sampling/steering.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "common/base/error.h"

namespace verse {

torch::Tensor keep_min_p(const torch::Tensor& probabilities, double share) {
  if (!(share > 0 && share <= 1)) throw UsageError(fmt::format("min-p must be above 0 and at most 1, not {}", share));
  //! [7.10]
  // Exercise 7.10: Min-p. Read "Min-p" in README.md, then replace the next line; make hint-7.10 helps.
  throw NotImplemented("7.10");
  //! [7.10]
}

torch::Tensor penalise(const torch::Tensor& logits, const std::vector<std::int64_t>& text, double repetition,
                       double presence) {
  if (!(repetition > 0)) throw UsageError(fmt::format("a repetition penalty must be above 0, not {}", repetition));
  //! [7.11]
  // Exercise 7.11: Penalties. Read "Penalties" in README.md, then replace the next line; make hint-7.11 helps.
  throw NotImplemented("7.11");
  //! [7.11]
}

Showable showable(std::string_view text, const std::vector<std::string>& stops) {
  Showable result;
  //! [7.12]
  // Exercise 7.12: Stop strings. Read "Stop strings" in README.md, then replace the next line; make hint-7.12 helps.
  throw NotImplemented("7.12");
  //! [7.12]
  return result;
}

torch::Tensor constrain(const torch::Tensor& logits, const GrammarState& state, const std::vector<std::string>& tokens,
                        std::int64_t room) {
  //! [7.13]
  // Exercise 7.13. Read "Only what a grammar allows" in README.md, then replace the next line; make hint-7.13 helps.
  throw NotImplemented("7.13");
  //! [7.13]
}

}  // namespace verse
