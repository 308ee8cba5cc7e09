#include "common/team_reducer.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <utility>

#include "common/team_engine.h"

namespace verse {

namespace {

using Works = std::vector<c10::intrusive_ptr<c10d::Work>>;

/// How a bucket's sum begins, and what becomes of it: the reducer would do it too, but without our engine's books, and
/// with 16 bits of another kind.
class MeanOfBucket : public c10d::CommHookInterface {
 public:
  MeanOfBucket(Team& team, SumPrecision precision, Works& works) : team_(team), precision_(precision), works_(works) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    const torch::NoGradGuard no_gradients;
    auto mean = bucket.getBufferRef().div_(team_.size());
    type_ = mean.scalar_type();
    if (precision_ == SumPrecision::bfloat16) mean = mean.to(torch::kBFloat16);
    std::vector<torch::Tensor> tensors{mean};
    auto& engine = team_.engine();
    works_.push_back(engine.begin([&] { return engine.backend_for(mean)->allreduce(tensors); }));
    return works_.back()->getFuture();
  }

  torch::Tensor parseHookResult(const c10::IValue& result) override {
    return c10d::detail::parseCppCommHookResult(result).to(type_);
  }

 private:
  Team& team_;
  SumPrecision precision_;
  Works& works_;
  torch::ScalarType type_ = torch::kFloat32;
};

/// The team's engine as the reducer wants to have it.
c10::intrusive_ptr<c10d::ProcessGroup> group_of(Team& team, bool on_gpu) {
  using Kind = c10d::ProcessGroup::BackendType;
  auto& engine = team.engine();
  auto group = c10::make_intrusive<c10d::ProcessGroup>(engine.store, team.rank(), team.size());
  group->setBackend(c10::DeviceType::CPU, Kind::GLOO, engine.gloo);
  if (on_gpu) group->setBackend(c10::DeviceType::CUDA, Kind::NCCL, engine.nccl);
  group->setDefaultBackend(on_gpu ? Kind::NCCL : Kind::GLOO);
  return group;
}

}  // namespace

struct TeamReducer::Parts {
  Team& team;
  Works works;              ///< the sums of the pass that goes on
  bool rebuilding = false;  ///< the ranks are agreeing on their buckets, which is the engine's work too
  std::unique_ptr<c10d::Reducer> reducer;
};

TeamReducer::TeamReducer(Team& team, std::vector<torch::Tensor> parameters, std::int64_t bucket_bytes,
                         SumPrecision precision)
    : parts_(std::make_unique<Parts>(Parts{team, {}, false, nullptr})) {
  if (team.alone()) return;
  // The order in which the gradients come is not known yet: one bucket for all, until the first pass has shown it.
  const std::vector<bool> dense(parameters.size(), false);
  const auto whole = std::get<0>(
      c10d::compute_bucket_assignment_by_size(parameters, {std::numeric_limits<std::int64_t>::max()}, dense));
  const bool on_gpu = parameters.at(0).is_cuda();
  parts_->reducer = std::make_unique<c10d::Reducer>(
      std::move(parameters), whole, group_of(team, on_gpu), dense, bucket_bytes, /*find_unused_parameters=*/false,
      /*gradient_as_bucket_view=*/false, /*param_names=*/std::unordered_map<std::size_t, std::string>{},
      /*first_bucket_bytes_cap=*/bucket_bytes, /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      /*bucket_bytes_cap_list=*/std::vector<std::int64_t>{});
  parts_->reducer->register_comm_hook(std::make_unique<MeanOfBucket>(team, precision, parts_->works));
}

TeamReducer::~TeamReducer() = default;

void TeamReducer::expect_backward() {
  if (!parts_->reducer) return;
  parts_->reducer->prepare_for_forward();
  parts_->rebuilding = true;
  if (parts_->reducer->should_rebuild_buckets()) parts_->reducer->rebuild_buckets();
  parts_->rebuilding = false;
  parts_->reducer->prepare_for_backward({});
}

void TeamReducer::watch(const std::function<void()>& backward) {
  const auto began = std::chrono::steady_clock::now();
  parts_->works.clear();
  parts_->rebuilding = false;
  try {
    backward();
  } catch (const TeamError&) {
    throw;
  } catch (const std::exception& error) {
    const bool engines =
        parts_->rebuilding || std::any_of(parts_->works.begin(), parts_->works.end(),
                                          [](const auto& work) { return work->isCompleted() && !work->isSuccess(); });
    if (!engines) throw;
    const auto waited = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - began);
    parts_->team.engine().fail(engine_message(error), waited);
  }
}

}  // namespace verse
