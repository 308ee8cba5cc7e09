#include "11_modern/modern.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "common/base/error.h"

namespace verse {

namespace {

/// The polynomials a, b, c of the three rounds: the best for singular values from 0.02 to 1 (held against the
/// definition in modern_reference_test.cpp).
constexpr std::array<std::array<double, 3>, 3> kPolynomials{{
    {7.7110, -22.1138, 16.2487},
    {3.2153, -2.4112, 0.5013},
    {2.2183, -1.5940, 0.4107},
}};

/// The angles of a head's pairs: [..., time, head_width / 2].
torch::Tensor angles_at(const torch::Tensor& positions, std::int64_t head_width, double base) {
  // The first pair turns by 1 a position, each later one more slowly, the last hardly at all.
  const auto feature = torch::arange(0, head_width, 2, torch::dtype(torch::kFloat32).device(positions.device()));
  const auto speed = torch::pow(base, -feature / static_cast<double>(head_width));  // [head_width / 2]
  return positions.unsqueeze(-1) * speed;
}

}  // namespace

torch::Tensor rotate(const torch::Tensor& x, const torch::Tensor& positions, double base) {
  if (x.size(-1) % 2 != 0) throw UsageError(fmt::format("a head of {} features has no pairs", x.size(-1)));
  const auto angles = angles_at(positions, x.size(-1), base);  // [time, head_width / 2]
  //! [11.1]
  // Exercise 11.1. Read "Positions as turns" in README.md, then replace the next line; make hint-11.1 helps.
  throw NotImplemented("11.1");
  //! [11.1]
}

torch::Tensor turns_at(const torch::Tensor& positions, std::int64_t head_width, double base) {
  const auto angles = angles_at(positions, head_width, base);
  return torch::polar(torch::ones_like(angles), angles);
}

//! [rotate-by]
torch::Tensor rotate_by(const torch::Tensor& x, const torch::Tensor& turns) {
  const auto points = torch::view_as_complex(x.to(torch::kFloat32).unflatten(-1, {x.size(-1) / 2, 2}));
  return torch::view_as_real(points * turns).flatten(-2).to(x.scalar_type());
}
//! [rotate-by]

torch::Tensor orthogonalise(const torch::Tensor& matrices, int steps) {
  if (steps < 1 || steps > static_cast<int>(kPolynomials.size())) {
    throw UsageError(fmt::format("orthogonalise() takes 1 to {} steps, not {}", kPolynomials.size(), steps));
  }
  //! [11.2]
  // Exercise 11.2. Read "Muon" in README.md, then replace the next line; make hint-11.2 helps.
  throw NotImplemented("11.2");
  //! [11.2]
}

Muon::Muon(std::vector<torch::Tensor> matrices, const MuonOptions& options)
    : matrices_(std::move(matrices)), options_(options) {
  for (const auto& matrix : matrices_) {
    if (matrix.dim() < 2) throw UsageError("Muon is for matrices");
    momenta_.push_back(torch::zeros_like(matrix).detach());
  }
}

void Muon::step(double learning_rate) {
  step_by(torch::full({}, learning_rate, matrices_.at(0).options().requires_grad(false)));
}

//! [muon-step]
void Muon::step_by(const torch::Tensor& learning_rate) {
  const torch::NoGradGuard no_gradients;
  // Matrices of one shape, lying down, are made orthogonal together.
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<std::pair<std::size_t, torch::Tensor>>> by_shape;
  for (std::size_t i = 0; i < matrices_.size(); ++i) {
    const auto& gradient = matrices_[i].grad();
    if (!gradient.defined()) continue;

    // The momentum moves towards the gradient, and the step looks one move further ahead (Nesterov).
    momenta_[i].lerp_(gradient, 1 - options_.momentum);
    auto ahead = torch::lerp(gradient, momenta_[i], options_.momentum);
    if (ahead.size(-2) > ahead.size(-1)) ahead = ahead.transpose(-2, -1);
    by_shape[{ahead.size(-2), ahead.size(-1)}].emplace_back(i, ahead.reshape({-1, ahead.size(-2), ahead.size(-1)}));
  }

  for (const auto& [shape, entries] : by_shape) {
    std::vector<torch::Tensor> stack;
    for (const auto& [i, ahead] : entries) stack.push_back(ahead);
    const auto directions = orthogonalise(torch::cat(stack), options_.orthogonal_steps);

    // A tall matrix's outputs outnumber its inputs, and its step is longer for it.
    std::int64_t first = 0;
    for (const auto& [i, ahead] : entries) {
      auto direction = directions.narrow(0, first, ahead.size(0));
      first += ahead.size(0);
      const auto rows = static_cast<double>(matrices_[i].size(-2)),
                 columns = static_cast<double>(matrices_[i].size(-1));
      if (rows > columns) direction = direction.transpose(-2, -1);
      const double longer = std::sqrt(std::max(1.0, rows / columns));
      matrices_[i].addcmul_(direction.view_as(matrices_[i]), learning_rate, -longer);
    }
  }
}
//! [muon-step]

std::vector<std::pair<std::string, torch::Tensor>> Muon::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (std::size_t i = 0; i < momenta_.size(); ++i) {
    state.emplace_back(fmt::format("momentum.{}", i), momenta_[i].clone());
  }
  return state;
}

void Muon::set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) {
  // Everything is compared before anything is taken.
  const auto mine = this->state();
  if (state.size() != mine.size()) {
    throw UsageError(fmt::format("an optimizer's state of {} tensors, expected {}", state.size(), mine.size()));
  }
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (state[i].first != mine[i].first || !state[i].second.sizes().equals(mine[i].second.sizes())) {
      throw UsageError(fmt::format("the optimizer's state has {} where {} belongs, or another shape of it",
                                   state[i].first, mine[i].first));
    }
  }
  const torch::NoGradGuard no_gradients;
  for (std::size_t i = 0; i < momenta_.size(); ++i) momenta_[i].copy_(state[i].second);
}

GroupedOptimizer::GroupedOptimizer(std::vector<Group> groups) : groups_(std::move(groups)) {
  for (const Group& group : groups_) {
    const auto& parameters = group.optimizer->parameters();
    parameters_.insert(parameters_.end(), parameters.begin(), parameters.end());
  }
}

void GroupedOptimizer::step(double learning_rate) {
  for (Group& group : groups_) group.optimizer->step(learning_rate * group.share);
}

void GroupedOptimizer::step_by(const torch::Tensor& learning_rate) {
  for (Group& group : groups_) {
    dynamic_cast<RecordableOptimizer&>(*group.optimizer).step_by(learning_rate * group.share);
  }
}

std::vector<std::pair<std::string, torch::Tensor>> GroupedOptimizer::state() const {
  std::vector<std::pair<std::string, torch::Tensor>> state;
  for (const Group& group : groups_) {
    for (const auto& [name, tensor] : group.optimizer->state()) state.emplace_back(group.name + "." + name, tensor);
  }
  return state;
}

void GroupedOptimizer::set_state(const std::vector<std::pair<std::string, torch::Tensor>>& state) {
  // Each gets back what it gave, under the names that it gave it.
  std::size_t taken = 0;
  for (Group& group : groups_) {
    std::vector<std::pair<std::string, torch::Tensor>> own;
    for (const auto& [name, tensor] : state) {
      if (name.rfind(group.name + ".", 0) == 0) own.emplace_back(name.substr(group.name.size() + 1), tensor);
    }
    group.optimizer->set_state(own);
    taken += own.size();
  }
  if (taken != state.size()) throw UsageError("an optimizer's state has more than belongs there");
}

}  // namespace verse
