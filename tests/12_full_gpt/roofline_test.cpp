/// Exercise 12.10: what a product takes at least.

#include "12_full_gpt/roofline.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string>

#include "tests/harness/check.h"

namespace verse {
namespace {

using Cost = std::function<ProductCost(const ProductShape&, const Limits&)>;

struct RooflineSlips {
  double each = 2;
  bool factors_alone = false, numbers_for_bytes = false, adds = false, takes_the_shorter = false;
  bool bytes_an_operation = false, always_four = false, no_inner = false;
};

/// The right way, with what a mistake makes of it.
Cost wrongly(const RooflineSlips& slips) {
  return [slips](const ProductShape& p, const Limits& limits) {
    const auto rows = static_cast<double>(p.rows), inner = static_cast<double>(p.inner);
    const auto columns = static_cast<double>(p.columns);
    ProductCost cost;
    cost.operations = slips.each * rows * columns;
    if (!slips.no_inner) cost.operations *= inner;
    cost.bytes = rows * inner + inner * columns;
    if (!slips.factors_alone) cost.bytes += rows * columns;
    if (!slips.numbers_for_bytes) cost.bytes *= slips.always_four ? 4 : static_cast<double>(p.number_bytes);
    cost.intensity = slips.bytes_an_operation ? cost.bytes / cost.operations : cost.operations / cost.bytes;
    const double computing = cost.operations / limits.operations, moving = cost.bytes / limits.bytes;
    cost.seconds = std::max(computing, moving);
    if (slips.adds) cost.seconds = computing + moving;
    if (slips.takes_the_shorter) cost.seconds = std::min(computing, moving);
    return cost;
  };
}

// A row by a matrix, a square, GPT-2 XL's head on a whole batch (beyond 32 bits), and one number.
constexpr ProductShape kShapes[] = {
    {1, 576, 49'152, 4}, {2048, 2048, 2048, 2}, {65'536, 1600, 50'257, 2}, {1, 1, 1, 8}};

[[maybe_unused]] const auto& exercise_12_10 =
    exercise<Cost>("12.10", cost_of)
        .check("two_machines",
               [](const Cost& cost, Answers& answers) {
                 for (const Limits& limits : {Limits{1e11, 2e10}, Limits{9.89e14, 4.8e12}}) {
                   for (const ProductShape& shape : kShapes) {
                     const ProductCost got = cost(shape, limits);
                     const std::string which = fmt::format(
                         " of [{}, {}] by [{}, {}], {} bytes a number, at {:g} operations and {:g} bytes a second",
                         shape.rows, shape.inner, shape.inner, shape.columns, shape.number_bytes, limits.operations,
                         limits.bytes);
                     answers.add("operations" + which, got.operations, double_rounding);
                     answers.add("bytes" + which, got.bytes, double_rounding);
                     answers.add("operations a byte" + which, got.intensity, double_rounding);
                     answers.add("microseconds" + which, 1e6 * got.seconds, double_rounding);
                   }
                 }
               })
        .mistake("one_operation", wrongly, {.each = 1})
        .mistake("factors_alone", wrongly, {.factors_alone = true})
        .mistake("numbers_for_bytes", wrongly, {.numbers_for_bytes = true})
        .mistake("one_after_the_other", wrongly, {.adds = true})
        .mistake("bytes_an_operation", wrongly, {.bytes_an_operation = true})
        .mistake("always_four_bytes", wrongly, {.always_four = true})
        .mistake("inner_forgotten", wrongly, {.no_inner = true})
        .mistake("thirty_two_bits",
                 [](const ProductShape& p, const Limits& limits) {
                   const auto cut = [](double number) {
                     return static_cast<double>(static_cast<std::uint32_t>(static_cast<std::uint64_t>(number)));
                   };
                   ProductCost cost = wrongly({})(p, limits);
                   cost.operations = cut(cost.operations);
                   cost.bytes = cut(cost.bytes);
                   cost.intensity = cost.operations / cost.bytes;
                   cost.seconds = std::max(cost.operations / limits.operations, cost.bytes / limits.bytes);
                   return cost;
                 })
        .mistake("the_shorter", wrongly, {.takes_the_shorter = true});

}  // namespace
}  // namespace verse
