#include "12_full_gpt/given/training/team_gradients.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <functional>
#include <utility>

namespace verse {

namespace {

/// Large enough that a sum is not all waiting, small enough that the first begins early.
constexpr std::int64_t kBucketBytes = 4 << 20;

/// Calls a function when autograd has added to a parameter's gradient.
class AfterAdding : public torch::autograd::FunctionPostHook {
 public:
  explicit AfterAdding(std::function<void()> call) : call_(std::move(call)) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    call_();
    return outputs;
  }

 private:
  std::function<void()> call_;
};

}  // namespace

void TeamRing::start_sending(const torch::Tensor& x) {
  if (x.numel() > 0) pending_ = team_.start_sending(x, (team_.rank() + 1) % team_.size());
}

void TeamRing::finish_sending() {
  if (pending_) std::exchange(pending_, nullptr)->wait();
}

void TeamRing::receive(torch::Tensor x) {
  if (x.numel() > 0) team_.receive(std::move(x), (team_.rank() + team_.size() - 1) % team_.size());
}

GradientAverage::GradientAverage(Team& team, std::vector<torch::Tensor> parameters, const TeamOptions& options)
    : team_(team), parameters_(std::move(parameters)), options_(options) {
  if (options_.sync == "reducer") {
    reducer_ = std::make_unique<TeamReducer>(team_, parameters_, kBucketBytes, options_.sums);
    return;
  }
  make_buckets();
  if (options_.sync == "overlapped") {
    for (std::size_t i = 0; i < parameters_.size(); ++i) watch(i);
  }
}

GradientAverage::~GradientAverage() {
  for (const auto& [node, key] : hooks_) node->del_post_hook(key);
}

/// From the last parameter to the first, as backward comes to them; numbers of two types share no bucket.
void GradientAverage::make_buckets() {
  bucket_of_.resize(parameters_.size());
  std::int64_t bytes = 0;
  for (std::size_t i = parameters_.size(); i-- > 0;) {
    const bool other_type =
        !buckets_.empty() && parameters_[buckets_.back().members[0]].scalar_type() != parameters_[i].scalar_type();
    if (buckets_.empty() || bytes >= kBucketBytes || other_type) {
      buckets_.emplace_back();
      bytes = 0;
    }
    buckets_.back().members.push_back(i);
    bucket_of_[i] = buckets_.size() - 1;
    bytes += static_cast<std::int64_t>(parameters_[i].nbytes());
  }
}

//! [buckets]
/// Asks autograd to say when a parameter's gradient has been added to.
void GradientAverage::watch(std::size_t parameter) {
  auto node = torch::autograd::impl::grad_accumulator(parameters_[parameter]);
  const auto key = node->add_post_hook(std::make_unique<AfterAdding>([this, parameter] { ready(parameter); }));
  hooks_.emplace_back(std::move(node), key);
}

void GradientAverage::begin(std::int64_t passes) {
  passes_expected_ = passes;
  passes_left_.assign(parameters_.size(), passes);
  for (Bucket& bucket : buckets_) bucket.missing = bucket.members.size();
  started_ = 0;
  open_ = true;
}

/// A gradient is there. Buckets begin in one order, so that the sums of all ranks find each other.
void GradientAverage::ready(std::size_t parameter) {
  if (!open_ || --passes_left_[parameter] > 0) return;
  --buckets_[bucket_of_[parameter]].missing;
  while (started_ < buckets_.size() && buckets_[started_].missing == 0) start(buckets_[started_++]);
}

void GradientAverage::finish() {
  open_ = false;
  while (started_ < buckets_.size()) start(buckets_[started_++]);
  for (Bucket& bucket : buckets_) take_back(bucket);
}
//! [buckets]

/// c10d's reducer does nothing in a pass that it does not expect; so it gets to know the last one alone.
void GradientAverage::expect_backward() {
  if (--passes_expected_ == 0 && reducer_) reducer_->expect_backward();
}

void GradientAverage::run(const std::function<void()>& passes) {
  reducer_ ? reducer_->watch(passes) : passes();
}

/// Lays a bucket's gradients side by side, each already divided, and begins to sum them.
void GradientAverage::start(Bucket& bucket) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> rows;
  for (const std::size_t i : bucket.members) {
    if (parameters_[i].grad().defined()) rows.push_back(parameters_[i].grad().reshape({-1}));
  }
  if (rows.empty()) return;
  bucket.sum = torch::cat(rows);
  if (options_.sync == "ring") {
    TeamRing ring(team_);
    average_around(ring, bucket.sum);
    return;
  }
  bucket.sum.div_(team_.size());
  if (options_.sums == SumPrecision::bfloat16) bucket.sum = bucket.sum.to(torch::kBFloat16);
  bucket.pending = team_.start_sum(bucket.sum);
}

void GradientAverage::take_back(Bucket& bucket) {
  const torch::NoGradGuard no_gradients;
  if (bucket.pending) std::exchange(bucket.pending, nullptr)->wait();
  if (!bucket.sum.defined()) return;
  std::int64_t first = 0;
  for (const std::size_t i : bucket.members) {
    auto gradient = parameters_[i].mutable_grad();
    if (!gradient.defined()) continue;
    gradient.copy_(bucket.sum.narrow(0, first, gradient.numel()).view_as(gradient));
    first += gradient.numel();
  }
  bucket.sum.reset();
}

}  // namespace verse
