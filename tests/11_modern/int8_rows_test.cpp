/// @file
/// Exercises 11.9 to 11.11: weights in one byte each, products with them, and weights in four bits.

#include <torch/torch.h>

#include <functional>
#include <string>

#include "11_modern/parts.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// ---------------------------------------------------------------------------------------------------------------------
// 11.9 Rows in bytes.

using Quantise = std::function<Int8Rows(const Tensor&)>;

/// What a mistake changes.
struct QuantiseSlips {
  bool one_for_all = false, by_columns = false, signed_largest = false, narrow = false;
  bool cut_off = false, upward = false, kept_dimension = false, inverted = false, zero_gets_one = false, wide = false;
  double steps = 127;
};

Quantise quantise_wrongly(const QuantiseSlips& slips) {
  return [slips](const Tensor& weight) {
    const auto wide = slips.narrow ? weight : weight.to(torch::kFloat32);
    auto sizes = slips.signed_largest ? wide : wide.abs();
    sizes = slips.one_for_all ? sizes.amax().expand({wide.size(0), 1})
                              : sizes.amax(slips.by_columns ? 0 : 1, /*keepdim=*/true);
    const auto scales = sizes / slips.steps;  // [out, 1] or [1, in]
    const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales);
    auto values = wide / divisors;
    values = slips.cut_off ? values.trunc() : slips.upward ? values.ceil() : values.round();
    // What does not fit into a byte comes out at its other end.
    const auto bytes = values.to(torch::kInt64).to(torch::kInt8);
    auto written = slips.inverted ? torch::where(scales == 0, torch::zeros_like(scales), 1 / divisors) : scales;
    if (slips.zero_gets_one) written = divisors;
    if (!slips.kept_dimension) written = written.flatten();
    return Int8Rows{slips.wide ? values : bytes, written.clone()};
  };
}

void add_rows(Answers& answers, const std::string& of, const Int8Rows& rows) {
  answers.add("scales of " + of, rows.scales, {1e-9, 1e-6, "float32 rounds"});
  answers.add("values of " + of, rows.values, exact);
}

[[maybe_unused]] const auto& exercise_11_9 =
    exercise<Quantise>("11.9", quantise_rows)
        .check("rows_of_their_own",
               [](const Quantise& quantise, Answers& answers) {
                 // Rows of different sizes; the largest number of the first is below 0.
                 const auto sizes = torch::tensor({1.0F, 0.01F, 30.0F}).unsqueeze(-1);
                 auto weight = normal_input({3, 6}, 901) * sizes;
                 weight[0][4] = -4;
                 add_rows(answers, "a matrix [3, 6]", quantise(watched(weight)));
                 add_rows(answers, "a square matrix", quantise(normal_input({4, 4}, 902)));
                 add_rows(answers, "one row", quantise(normal_input({1, 9}, 903)));
               })
        .check("a_row_of_zeros",
               [](const Quantise& quantise, Answers& answers) {
                 add_rows(answers, "a matrix with a row of zeros",
                          quantise(watched(torch::tensor({{0.0F, 0.0F, 0.0F}, {1.0F, -2.0F, 0.5F}}))));
               })
        .check("types",
               [](const Quantise& quantise, Answers& answers) {
                 add_rows(answers, "a bfloat16 matrix", quantise(normal_input({3, 5}, 904).to(torch::kBFloat16)));
                 add_rows(answers, "a float64 matrix", quantise(normal_input({2, 5}, 905).to(torch::kFloat64)));
               })
        .mistake("one_scale_for_all", quantise_wrongly, {.one_for_all = true})
        .mistake("by_columns", quantise_wrongly, {.by_columns = true})
        .mistake("sign_not_taken_off", quantise_wrongly, {.signed_largest = true})
        .mistake("cut_off", quantise_wrongly, {.cut_off = true})
        .mistake("always_upward", quantise_wrongly, {.upward = true})
        .mistake("steps_128", quantise_wrongly, {.steps = 128})
        .mistake("steps_255", quantise_wrongly, {.steps = 255})
        .mistake("scales_inverted", quantise_wrongly, {.inverted = true})
        .mistake("dimension_kept", quantise_wrongly, {.kept_dimension = true})
        .mistake("zeros_get_a_scale", quantise_wrongly, {.zero_gets_one = true})
        .mistake("values_stay_float", quantise_wrongly, {.wide = true})
        .mistake("type_of_the_weight", quantise_wrongly, {.narrow = true});

// ---------------------------------------------------------------------------------------------------------------------
// 11.10 Products with them.

using Product = std::function<Tensor(const Tensor&, const Int8Rows&)>;

/// Rows that are not what quantise_rows() makes of anything, so that this exercise does not stand on the other.
Int8Rows some_rows(std::int64_t out, std::int64_t in, std::uint64_t seed) {
  const auto values = torch::clamp(torch::round(normal_input({out, in}, seed, 60)), -127, 127).to(torch::kInt8);
  return {watched(values), watched(0.01 * (1 + torch::arange(out, torch::kFloat32)))};
}

/// What a mistake changes.
struct ProductSlips {
  bool no_scales = false, divided = false, transposed = false, scales_on_inputs = false;
  bool narrow = false, widened = false, inputs_in_bytes = false;
};

Product multiplied_wrongly(const ProductSlips& slips) {
  return [slips](const Tensor& x, const Int8Rows& weight) {
    auto wide = x.to(torch::kFloat32);
    if (slips.inputs_in_bytes) wide = torch::round(wide);
    const bool square = weight.values.size(0) == weight.values.size(1);
    auto matrix = weight.values.to(torch::kFloat32);
    // On the wrong side it fits square matrices only.
    if (slips.scales_on_inputs && square) {
      matrix = matrix * weight.scales;
    } else if (slips.divided) {
      matrix = matrix / weight.scales.unsqueeze(-1);
    } else if (!slips.no_scales && !slips.narrow) {
      matrix = matrix * weight.scales.unsqueeze(-1);
    }
    if (!(slips.transposed && square)) matrix = matrix.t();
    if (slips.narrow) {
      return torch::matmul(wide, matrix).to(x.scalar_type()) * weight.scales.to(x.scalar_type());
    }
    const auto result = torch::matmul(wide, matrix);
    return slips.widened ? result : result.to(x.scalar_type());
  };
}

[[maybe_unused]] const auto& exercise_11_10 =
    exercise<Product>("11.10", int8_product)
        .check("products_and_gradients",
               [](const Product& product, Answers& answers) {
                 const auto x = normal_input({2, 3, 5}, 1001).requires_grad_();
                 const auto result = product(x, some_rows(4, 5, 1002));
                 answers.add("the product", result);
                 answers.add_gradients(result, {{"x", x}});
               })
        .check("shapes",
               [](const Product& product, Answers& answers) {
                 answers.add("one vector by a square matrix", product(normal_input({4}, 1003), some_rows(4, 4, 1004)));
                 answers.add("a batch of one by one row", product(normal_input({1, 6}, 1005), some_rows(1, 6, 1006)));
               })
        .check("types",
               [](const Product& product, Answers& answers) {
                 answers.add("the product of bfloat16 numbers",
                             product(normal_input({2, 5}, 1007).to(torch::kBFloat16), some_rows(3, 5, 1008)),
                             {2e-2, 1.6e-2, "bfloat16 has eight binary digits, and may be rounded to twice"});
                 // 16 times 100 times 127 is above the largest float16, 65,504; times its row's scale it is not.
                 const Int8Rows large{torch::full({2, 16}, 127, torch::kInt8), torch::tensor({0.01F, 0.02F})};
                 answers.add("the product of float16 numbers",
                             product(watched(torch::full({1, 16}, 100, torch::kFloat16)), large),
                             {1, 2e-3, "float16 has eleven binary digits"});
               })
        .mistake("no_scales", multiplied_wrongly, {.no_scales = true})
        .mistake("divided_by_scales", multiplied_wrongly, {.divided = true})
        .mistake("sums_in_sixteen_bits", multiplied_wrongly, {.narrow = true})
        .mistake("result_widened", multiplied_wrongly, {.widened = true})
        .mistake("inputs_rounded", multiplied_wrongly, {.inputs_in_bytes = true})
        .mistake("scales_of_the_inputs", multiplied_wrongly, {.scales_on_inputs = true})
        .mistake("not_transposed", multiplied_wrongly, {.transposed = true});

// ---------------------------------------------------------------------------------------------------------------------
// 11.11 Groups in four bits.

using QuantiseGroups = std::function<Int4Groups(const Tensor&, std::int64_t)>;

/// What a mistake changes.
struct GroupSlips {
  bool whole_rows = false, symmetric = false, size_only = false, plus = false, signed_largest = false,
       unclamped = false;
  bool cut_off = false, inverted = false, kept_dimension = false, zero_gets_one = false, interleaved = false;
  bool narrow = false, wide = false;
};

QuantiseGroups group_wrongly(const GroupSlips& slips) {
  return [slips](const Tensor& weight, std::int64_t group) {
    const std::int64_t rows = weight.size(0), columns = weight.size(1);
    auto groups = slips.narrow ? weight : weight.to(torch::kFloat32);
    groups = slips.interleaved ? groups.reshape({rows, group, columns / group}).transpose(1, 2)
                               : groups.reshape({rows, columns / group, group});
    const auto choice = slips.whole_rows ? groups.reshape({rows, 1, columns}) : groups;
    auto largest = choice.gather(-1, (slips.signed_largest ? choice : choice.abs()).argmax(-1, /*keepdim=*/true));
    if (slips.symmetric || slips.size_only) largest = largest.abs();
    const auto scales = largest / (slips.symmetric ? 7.0 : slips.size_only || slips.plus ? 8.0 : -8.0);
    const auto divisors = torch::where(scales == 0, torch::ones_like(scales), scales);
    auto values = groups / divisors;
    values = slips.cut_off ? values.trunc() : values.round();
    if (!slips.unclamped) values = values.clamp(-8, 7);
    if (slips.interleaved) values = values.transpose(1, 2);
    values = values.reshape({rows, columns});
    auto written = slips.inverted ? torch::where(scales == 0, torch::zeros_like(scales), 1 / divisors) : scales;
    if (slips.zero_gets_one) written = divisors;
    if (!slips.kept_dimension) written = written.squeeze(-1);
    return Int4Groups{slips.wide ? values : values.to(torch::kInt64).to(torch::kInt8), written.clone()};
  };
}

void add_groups(Answers& answers, const std::string& of, const Int4Groups& groups) {
  answers.add("scales of " + of, groups.scales, {1e-9, 1e-6, "float32 rounds"});
  answers.add("values of " + of, groups.values, exact);
}

[[maybe_unused]] const auto& exercise_11_11 =
    exercise<QuantiseGroups>("11.11", quantise_groups)
        .check("groups_of_their_own",
               [](const QuantiseGroups& quantise, Answers& answers) {
                 // Groups of different sizes. In the first, the largest is above 0, and another one would be 8; in the
                 // second, it is below 0.
                 auto weight = normal_input({3, 12}, 1101) *
                               torch::tensor({1.0F, 0.02F, 20.0F}).repeat_interleave(4).unsqueeze(0);
                 weight[0].slice(0, 0, 8).copy_(
                     torch::tensor({0.3F, 2.0F, -1.97F, 1.1F, 0.011F, -0.04F, 0.0393F, -0.002F}));
                 add_groups(answers, "a matrix [3, 12] in groups of 4", quantise(watched(weight), 4));
                 add_groups(answers, "a square matrix in groups of 2", quantise(normal_input({4, 4}, 1102), 2));
                 add_groups(answers, "rows of one group", quantise(normal_input({2, 9}, 1103), 9));
               })
        .check("a_group_of_zeros",
               [](const QuantiseGroups& quantise, Answers& answers) {
                 add_groups(
                     answers, "a matrix with a group of zeros",
                     quantise(watched(torch::tensor({{0.0F, 0.0F, 1.0F, -2.0F}, {3.0F, 0.5F, 0.0F, 0.25F}})), 2));
               })
        .check("types",
               [](const QuantiseGroups& quantise, Answers& answers) {
                 add_groups(answers, "a bfloat16 matrix", quantise(normal_input({3, 6}, 1104).to(torch::kBFloat16), 3));
                 add_groups(answers, "a float64 matrix", quantise(normal_input({2, 8}, 1105).to(torch::kFloat64), 4));
               })
        .mistake("a_scale_for_the_row", group_wrongly, {.whole_rows = true})
        .mistake("largest_becomes_7", group_wrongly, {.symmetric = true})
        .mistake("sign_lost", group_wrongly, {.size_only = true})
        .mistake("minus_forgotten", group_wrongly, {.plus = true})
        .mistake("sign_not_taken_off", group_wrongly, {.signed_largest = true})
        .mistake("eight_is_left", group_wrongly, {.unclamped = true})
        .mistake("cut_off", group_wrongly, {.cut_off = true})
        .mistake("scales_inverted", group_wrongly, {.inverted = true})
        .mistake("dimension_kept", group_wrongly, {.kept_dimension = true})
        .mistake("zeros_get_a_scale", group_wrongly, {.zero_gets_one = true})
        .mistake("groups_interleaved", group_wrongly, {.interleaved = true})
        .mistake("type_of_the_weight", group_wrongly, {.narrow = true})
        .mistake("values_stay_float", group_wrongly, {.wide = true});

}  // namespace
}  // namespace verse
