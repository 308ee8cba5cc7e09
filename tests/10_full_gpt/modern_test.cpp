#include "10_full_gpt/modern.h"

#include "10_full_gpt/autocast.h"
#include "10_full_gpt/full_gpt.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using torch::indexing::None;
using torch::indexing::Slice;

// 10.6
// -----------------------------------------------------------------------------------------------------------------

using Rotate = std::function<Tensor(const Tensor&, const Tensor&, double)>;

/// What a mistake changes about the turn.
struct Turn {
  bool halves = false;     ///< pairs are feature i and feature i + half
  bool backwards = false;  ///< by minus the angle
  bool stretched = false;  ///< both coordinates get the sum
  bool torn = false;       ///< the turned halves stay apart instead of side by side
  bool one_speed = false;  ///< every pair turns alike
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
    const auto up = a * angles.sin() + b * angles.cos();
    return turn.torn || turn.halves ? torch::cat({across, up}, -1) : torch::stack({across, up}, -1).flatten(-2);
  };
}

[[maybe_unused]] const auto& exercise_10_6 =
    exercise<Rotate>("10.6", rotate)
        .check("points_and_gradients",
               [](const Rotate& turn, Answers& answers) {
                 const auto x = normal_input({2, 3, 5, 8}, 51).requires_grad_();
                 const auto positions = torch::tensor({0, 1, 2, 7, 40});
                 const auto turned = turn(x, positions, 100.0);
                 answers.add("the turned vectors", turned);
                 answers.add_gradients(turned, {{"the vectors", x}});
               })
        .mistake("halves", turned_wrongly({.halves = true}))
        .mistake("backwards", turned_wrongly({.backwards = true}))
        .mistake("no_minus", turned_wrongly({.stretched = true}))
        .mistake("not_side_by_side", turned_wrongly({.torn = true}))
        .mistake("one_speed", turned_wrongly({.one_speed = true}));

// 10.7
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
    exercise<Orthogonalise>("10.7", orthogonalise)
        .check("wide_and_tall",
               [](const Orthogonalise& make, Answers& answers) {
                 // Three rounds raise the smallest singular values a hundredfold, and rounding with them.
                 constexpr Tolerance raised{1e-4, 1e-3, "three rounds raise what was rounded a hundredfold"};
                 answers.add("of wide matrices", make(normal_input({2, 3, 5}, 61), 3), raised);
                 answers.add("of a tall matrix", make(normal_input({6, 4}, 62, 0.01), 3), raised);
                 answers.add("after one round", make(normal_input({4, 4}, 63), 1), raised);
               })
        .mistake("not_scaled", orthogonal_wrongly({.not_scaled = true}))
        .mistake("one_norm_for_all", orthogonal_wrongly({.whole_stack = true}))
        .mistake("still_lying", orthogonal_wrongly({.stays_down = true}))
        .mistake("not_squared_twice", orthogonal_wrongly({.even = true}))
        .mistake("one_round_short", orthogonal_wrongly({.fewer = 1}));

// 10.8
// -----------------------------------------------------------------------------------------------------------------

using Accumulate =
    std::function<Tensor(const std::vector<Batch>&, const std::function<Tensor(const Batch&)>&, torch::Device, bool)>;

struct Adding {
  bool no_shares = false;
  bool equal_shares = false;
  bool clears = false;
  bool guard_stays = false;
  bool no_guard = false;
};

/// The right way, with what a mistake makes of it.
Accumulate adding_wrongly(const Adding& adding) {
  return [adding](const std::vector<Batch>& batches, const std::function<Tensor(const Batch&)>& loss_of,
                  torch::Device device, bool bfloat16) {
    double predictions = 0;
    for (const Batch& batch : batches) predictions += static_cast<double>(batch.targets.numel());
    auto mean = torch::zeros({});
    if (adding.guard_stays && bfloat16) {
      at::autocast::set_autocast_dtype(device.type(), torch::kBFloat16);
      at::autocast::set_autocast_enabled(device.type(), true);
    }
    for (const Batch& batch : batches) {
      double share = static_cast<double>(batch.targets.numel()) / predictions;
      if (adding.no_shares) share = 1;
      if (adding.equal_shares) share = 1.0 / static_cast<double>(batches.size());
      Tensor loss;
      {
        const Autocast autocast(device, bfloat16 && !adding.guard_stays && !adding.no_guard);
        loss = loss_of(batch) * share;
      }
      // A mistake that keeps the last batch's gradient alone sends none back for the others.
      if (!adding.clears || &batch == &batches.back()) loss.backward();
      mean += loss.detach();
    }
    return mean;
  };
}

[[maybe_unused]] const auto& exercise_10_8 =
    exercise<Accumulate>("10.8", accumulate_gradients)
        .check("uneven_batches",
               [](const Accumulate& accumulate, Answers& answers) {
                 // Products of bfloat16 keep three digits, and are rounded alike wherever they are taken.
                 constexpr Tolerance sixteen{1e-5, 1e-3, "a product in bfloat16 may be summed in another order"};
                 for (const bool bfloat16 : {false, true}) {
                   auto table = normal_input({7, 16}, 71).requires_grad_();
                   auto matrix = normal_input({7, 16}, 72).requires_grad_();
                   const auto loss_of = [&](const Batch& batch) {
                     const auto logits = torch::matmul(torch::embedding(table, batch.inputs.flatten()), matrix.t());
                     return torch::nn::functional::cross_entropy(logits, batch.targets.flatten());
                   };
                   const std::vector<Batch> batches{{token_input({5, 4}, 7, 73), token_input({5, 4}, 7, 74)},
                                                    {token_input({1, 4}, 7, 75), token_input({1, 4}, 7, 76)}};
                   const std::string how = bfloat16 ? " in bfloat16" : "";
                   answers.add("the mean loss" + how, accumulate(batches, loss_of, torch::kCPU, bfloat16), sixteen);
                   answers.add("the gradient" + how, matrix.grad(), sixteen);
                   const bool still_on = at::autocast::is_autocast_enabled(torch::kCPU);
                   at::autocast::set_autocast_enabled(torch::kCPU, false);
                   at::autocast::clear_cache();
                   answers.add("whether products stay in bfloat16 afterwards" + how, still_on ? "yes" : "no");
                 }
               })
        .mistake("no_shares", adding_wrongly({.no_shares = true}))
        .mistake("equal_shares", adding_wrongly({.equal_shares = true}))
        .mistake("last_alone", adding_wrongly({.clears = true}))
        .mistake("guard_stays", adding_wrongly({.guard_stays = true}))
        .mistake("no_guard", adding_wrongly({.no_guard = true}));

}  // namespace
}  // namespace verse
