#include "09_multimodal/given/parts.h"

#include <fmt/format.h>

#include "09_multimodal/given/reader.h"
#include "common/results.h"

namespace verse {

void print_share(const std::string& what, std::int64_t hits, std::int64_t trials, const std::string& record) {
  const auto share = share_of(hits, trials);
  fmt::print("  {:<52} {:>5.1f} %   ({:.1f} to {:.1f})\n", what, 100 * share.value, 100 * share.low, 100 * share.high);
  results().scalar(record, share.value, "share", (share.high - share.low) / 2);
  results().scalar(record + "_low", share.low, "share");
  results().scalar(record + "_high", share.high, "share");
}

}  // namespace verse
