#include "12_full_gpt/roofline.h"

#include <algorithm>

#include "common/base/error.h"

namespace verse {

ProductCost cost_of(const ProductShape& product, const Limits& limits) {
  //! [12.10]
  const auto rows = static_cast<double>(product.rows);
  const auto inner = static_cast<double>(product.inner);
  const auto columns = static_cast<double>(product.columns);

  ProductCost cost;
  cost.operations = 2 * rows * inner * columns;
  cost.bytes = (rows * inner + inner * columns + rows * columns) * static_cast<double>(product.number_bytes);
  cost.intensity = cost.operations / cost.bytes;
  cost.seconds = std::max(cost.operations / limits.operations, cost.bytes / limits.bytes);
  return cost;
  //! [12.10]
}

}  // namespace verse
