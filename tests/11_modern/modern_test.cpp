#include "11_modern/modern.h"

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using torch::indexing::None;
using torch::indexing::Slice;

// 11.1
// -----------------------------------------------------------------------------------------------------------------

using Rotate = std::function<Tensor(const Tensor&, const Tensor&, double)>;

/// What a mistake changes about the turn.
struct Turn {
  bool halves = false;             ///< pairs are feature i and feature i + half
  bool backwards = false;          ///< by minus the angle
  bool stretched = false;          ///< both coordinates get the sum
  bool torn = false;               ///< the turned halves stay apart instead of side by side
  bool one_speed = false;          ///< every pair turns alike
  bool of_the_turned_one = false;  ///< the second coordinate is made of the first one that was turned already
};

Rotate turned_wrongly(const Turn& turn) {
  return [turn](const Tensor& x, const Tensor& positions, double base) {
    const std::int64_t width = x.size(-1);
    const auto feature = torch::arange(0, width, 2, torch::kFloat32);
    const auto speed =
        turn.one_speed ? torch::ones_like(feature) : torch::pow(base, -feature / static_cast<double>(width));
    auto angles = positions.unsqueeze(-1) * speed;
    if (turn.backwards) angles = -angles;
    const auto a = turn.halves ? x.slice(-1, 0, width / 2) : x.index({"...", Slice(0, None, 2)});
    const auto b = turn.halves ? x.slice(-1, width / 2) : x.index({"...", Slice(1, None, 2)});
    const auto across = a * angles.cos() + (turn.stretched ? 1 : -1) * b * angles.sin();
    const auto up = (turn.of_the_turned_one ? across : a) * angles.sin() + b * angles.cos();
    return turn.torn || turn.halves ? torch::cat({across, up}, -1) : torch::stack({across, up}, -1).flatten(-2);
  };
}

[[maybe_unused]] const auto& exercise_10_6 =
    exercise<Rotate>("11.1", rotate)
        .check("points_and_gradients",
               [](const Rotate& turn, Answers& answers) {
                 const auto x = normal_input({2, 3, 5, 8}, 51).requires_grad_();
                 const auto positions = torch::tensor({0, 1, 2, 7, 40});
                 const auto turned = turn(x, positions, 100.0);
                 answers.add("the turned vectors", turned);
                 answers.add_gradients(turned, {{"the vectors", x}});
               })
        .check("of_any_rank",
               [](const Rotate& turn, Answers& answers) {
                 answers.add("turned vectors [time, features]",
                             turn(normal_input({4, 6}, 52), torch::tensor({3, 4, 5, 6}), 10000.0));
                 answers.add("turned vectors [batch, time, features]",
                             turn(normal_input({2, 1, 4}, 53), torch::tensor({9}), 500.0));
               })
        .mistake("halves", turned_wrongly, {.halves = true})
        .mistake("backwards", turned_wrongly, {.backwards = true})
        .mistake("no_minus", turned_wrongly, {.stretched = true})
        .mistake("not_side_by_side", turned_wrongly, {.torn = true})
        .mistake("of_the_turned_one", turned_wrongly, {.of_the_turned_one = true})
        .mistake("one_speed", turned_wrongly, {.one_speed = true});

// 11.2
// -----------------------------------------------------------------------------------------------------------------

using Orthogonalise = std::function<Tensor(const Tensor&, int)>;

struct Rounds {
  bool not_scaled = false;
  bool whole_stack = false;  ///< one norm for all matrices together
  bool stays_down = false;   ///< a tall matrix is not put up again
  bool even = false;         ///< the last term has the square of the square left out
  int fewer = 0;
};

Orthogonalise orthogonal_wrongly(const Rounds& rounds) {
  return [rounds](const Tensor& matrices, int steps) {
    constexpr double polynomials[3][3] = {
        {7.7110, -22.1138, 16.2487}, {3.2153, -2.4112, 0.5013}, {2.2183, -1.5940, 0.4107}};
    const bool tall = matrices.size(-2) > matrices.size(-1);
    auto x = tall ? matrices.transpose(-2, -1) : matrices;
    if (rounds.whole_stack) {
      x = x / (1.01 * x.norm() + 1e-7);
    } else if (rounds.not_scaled) {
      x = x / 4;
    } else {
      x = x / (1.01 * x.norm(2, {-2, -1}, true) + 1e-7);
    }
    for (int step = 0; step < steps - rounds.fewer; ++step) {
      const auto* p = polynomials[step];
      const auto square = torch::matmul(x, x.transpose(-2, -1));
      x = p[0] * x + torch::matmul(p[1] * square + p[2] * (rounds.even ? square : torch::matmul(square, square)), x);
    }
    return tall && !rounds.stays_down ? x.transpose(-2, -1) : x;
  };
}

[[maybe_unused]] const auto& exercise_10_7 =
    exercise<Orthogonalise>("11.2", orthogonalise)
        .check("wide_and_tall",
               [](const Orthogonalise& make, Answers& answers) {
                 // Three rounds raise the smallest singular values a hundredfold, and rounding with them.
                 constexpr Tolerance raised{1e-4, 1e-3, "three rounds raise what was rounded a hundredfold"};
                 answers.add("of wide matrices", make(normal_input({2, 3, 5}, 61), 3), raised);
                 answers.add("of a tall matrix", make(normal_input({6, 4}, 62, 0.01), 3), raised);
                 answers.add("after one round", make(normal_input({4, 4}, 63), 1), raised);
               })
        .check("a_zero_matrix",
               [](const Orthogonalise& make, Answers& answers) {
                 answers.add("of a matrix of zeros", make(watched(torch::zeros({2, 3})), 2));
               })
        .mistake("the_callers_matrix_changed",
                 [](const Tensor& matrices, int steps) {
                   const auto made = orthogonal_wrongly({})(matrices, steps);
                   Tensor(matrices).div_(1.01 * matrices.norm(2, {-2, -1}, true) + 1e-7);
                   return made;
                 })
        .mistake("always_three_rounds", [](const Tensor& matrices, int) { return orthogonal_wrongly({})(matrices, 3); })
        .mistake("zero_by_zero",
                 [](const Tensor& matrices, int steps) {
                   const auto made = orthogonal_wrongly({})(matrices, steps);
                   return torch::where(matrices.norm(2, {-2, -1}, true) == 0, torch::full_like(made, NAN), made);
                 })
        .mistake("not_scaled", orthogonal_wrongly, {.not_scaled = true})
        .mistake("one_norm_for_all", orthogonal_wrongly, {.whole_stack = true})
        .mistake("still_lying", orthogonal_wrongly, {.stays_down = true})
        .mistake("not_squared_twice", orthogonal_wrongly, {.even = true})
        .mistake("one_round_short", orthogonal_wrongly, {.fewer = 1});

}  // namespace
}  // namespace verse
