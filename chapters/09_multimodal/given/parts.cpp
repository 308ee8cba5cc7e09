#include "09_multimodal/given/parts.h"

#include <fmt/format.h>

#include "09_multimodal/given/reader.h"

namespace verse {

void print_share(const std::string& what, std::int64_t hits, std::int64_t trials) {
  const auto share = share_of(hits, trials);
  fmt::print("  {:<52} {:>5.1f} %   ({:.1f} to {:.1f})\n", what, 100 * share.value, 100 * share.low, 100 * share.high);
}

}  // namespace verse
