#include "12_full_gpt/given/training/sharded_optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "common/base/error.h"

namespace verse {

namespace {

constexpr const char* kMoments[] = {"first", "second"};

std::string name_of(const char* moment, std::size_t parameter) {
  return fmt::format("{}.{}", moment, parameter);
}

}  // namespace

std::vector<int> share_out_parameters(const std::vector<torch::Tensor>& parameters, int size) {
  std::vector<std::size_t> order(parameters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return parameters[a].numel() > parameters[b].numel(); });
  std::vector<std::int64_t> load(static_cast<std::size_t>(size));
  std::vector<int> owner(parameters.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += parameters[i].numel();
    owner[i] = static_cast<int>(least - load.begin());
  }
  return owner;
}

ShardedOptimizer::ShardedOptimizer(Team& team, std::vector<torch::Tensor> parameters, const Make& make)
    : team_(team), parameters_(std::move(parameters)), owner_(share_out_parameters(parameters_, team.size())) {
  std::vector<torch::Tensor> mine;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (owner_[i] == team_.rank()) mine.push_back(parameters_[i]);
  }
  if (!mine.empty()) own_ = make(std::move(mine));
}

//! [sharded-step]
void ShardedOptimizer::step(double learning_rate) {
  if (own_) own_->step(learning_rate);
  const torch::NoGradGuard no_gradients;
  for (int rank = 0; rank < team_.size(); ++rank) {
    std::vector<torch::Tensor> moved, rows;
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (owner_[i] != rank) continue;
      moved.push_back(parameters_[i]);
      rows.push_back(parameters_[i].reshape({-1}));
    }
    if (moved.empty()) continue;
    const auto flat = torch::cat(rows);
    team_.broadcast(flat, rank);
    if (rank == team_.rank()) continue;
    std::int64_t first = 0;
    for (auto& parameter : moved) {
      parameter.copy_(flat.narrow(0, first, parameter.numel()).view_as(parameter));
      first += parameter.numel();
    }
  }
}
//! [sharded-step]

ShardedOptimizer::State ShardedOptimizer::state() const {
  std::map<std::string, torch::Tensor> own;
  if (own_) {
    for (auto& [name, tensor] : own_->state()) own[name] = tensor;
  }
  const auto step = own.find("step");
  State state = {{"step", step == own.end() ? torch::zeros({1}, torch::kInt64) : step->second}};
  std::size_t number = 0;  // among one's own
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const bool mine = owner_[i] == team_.rank();
    for (const char* moment : kMoments) {
      // One 0 stands for all of those that are kept elsewhere.
      const auto elsewhere = torch::zeros({1}, parameters_[i].options().requires_grad(false));
      state.emplace_back(name_of(moment, i), mine ? own.at(name_of(moment, number))
                                                  : elsewhere.expand({parameters_[i].numel()}).view_as(parameters_[i]));
    }
    number += mine ? 1 : 0;
  }
  return state;
}

void ShardedOptimizer::set_state(const State& state) {
  std::map<std::string, torch::Tensor> given(state.begin(), state.end());
  State own;
  std::size_t number = 0;
  const auto find = [&given](const std::string& name) {
    const auto found = given.find(name);
    if (found == given.end()) throw UsageError(fmt::format("the optimizer's state has no {}", name));
    return found->second;
  };
  own.emplace_back("step", find("step"));
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const bool mine = owner_[i] == team_.rank();
    for (const char* moment : kMoments) {
      const auto tensor = find(name_of(moment, i));
      if (!tensor.sizes().equals(parameters_[i].sizes())) {
        throw UsageError(fmt::format("the optimizer's state has another shape of {}", name_of(moment, i)));
      }
      if (mine) own.emplace_back(name_of(moment, number), tensor);
    }
    number += mine ? 1 : 0;
  }
  if (own_) own_->set_state(own);
  if (team_.leads()) given_ = std::move(given);
}

void ShardedOptimizer::gather(State& state, const std::string& prefix) {
  std::map<std::string, torch::Tensor> own;
  for (auto& [name, tensor] : this->state()) own[name] = tensor;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (owner_[i] == 0) continue;
    for (const char* moment : kMoments) {
      const auto tensor = own.at(name_of(moment, i)).contiguous();
      team_.broadcast(tensor, owner_[i]);
      if (!team_.leads()) continue;
      for (auto& [name, place] : state) {
        if (name == prefix + name_of(moment, i)) place = tensor;
      }
    }
  }
}

void ShardedOptimizer::hand_out() {
  if (team_.sum(given_.empty() ? 0.0 : 1.0) == 0) return;
  const auto steps = team_.leads() ? given_.at("step").clone() : torch::zeros({1}, torch::kInt64);
  team_.broadcast(steps);
  State own = {{"step", steps}};
  std::size_t number = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (owner_[i] == 0) continue;  // who gives has its own already
    const bool mine = owner_[i] == team_.rank();
    for (const char* moment : kMoments) {
      const auto tensor = team_.leads() ? given_.at(name_of(moment, i)).to(parameters_[i].device()).contiguous()
                                        : torch::empty_like(parameters_[i], torch::MemoryFormat::Contiguous).detach();
      team_.broadcast(tensor);
      if (mine) own.emplace_back(name_of(moment, number), tensor);
    }
    number += mine ? 1 : 0;
  }
  if (own_ && !team_.leads()) own_->set_state(own);
  given_.clear();
}

std::int64_t ShardedOptimizer::numbers_kept() const {
  std::int64_t numbers = 0;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (owner_[i] == team_.rank()) numbers += 2 * parameters_[i].numel();
  }
  return numbers;
}

}  // namespace verse
