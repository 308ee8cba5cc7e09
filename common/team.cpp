#include "common/team.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "common/base/error.h"
#include "common/team_engine.h"

namespace verse {

namespace {

using Clock = std::chrono::steady_clock;

/// How often who waits for the engine asks whether the team has come to an end meanwhile.
constexpr Milliseconds kLookUp{250};
/// Rank 0 decides when time is up; the others give it this much more to say so.
constexpr Milliseconds kGrace{2000};
/// How long others may take to read what rank 0 has left in the store.
constexpr Milliseconds kReadWithin{500};
/// Who does not say goodbye in this time is not waited for.
constexpr Milliseconds kPartWithin{5000};

Milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<Milliseconds>(Clock::now() - start);
}

std::string rank_key(const std::string& what, int rank) {
  return what + "/" + std::to_string(rank);
}

/// Each rank says something, rank 0 hears all of it and makes one answer of that, which everybody gets.
/// @param answer gets what each rank said; nothing of those that were not heard in time
/// @return nothing where rank 0 was not heard
std::optional<std::string> hear_all(
    c10d::Store& store, const Place& place, const std::string& what, const std::string& said, Milliseconds patience,
    const Watch* watch, Waiting waiting,
    const std::function<std::string(const std::vector<std::optional<std::string>>&)>& answer) {
  const auto until = Clock::now() + patience;
  const std::string answer_key = what + "/answer";
  store.set(rank_key(what, place.rank), said);
  if (place.rank != 0) return wait_for_key(store, answer_key, until + kGrace, watch, waiting);
  std::vector<std::optional<std::string>> heard;
  for (int rank = 0; rank < place.size; ++rank) {
    heard.push_back(wait_for_key(store, rank_key(what, rank), until, watch, waiting));
  }
  const std::string result = answer(heard);
  store.set(answer_key, result);
  return result;
}

/// Calls the roll. @throws TeamError that names who is missing
void call_roll(c10d::Store& store, const Place& place, Milliseconds patience) {
  const std::string where = place.address + ":" + std::to_string(place.port);
  if (store.add(rank_key("present", place.rank), 1) != 1) {
    throw UsageError("there is a rank " + std::to_string(place.rank) + " at " + where +
                     " already: two jobs share that address; give each a MASTER_PORT of its own");
  }
  const std::string in_time =
      " did not come to " + where + " within " + std::to_string((patience.count() + 500) / 1000) + " s";
  const auto missing =
      hear_all(store, place, "roll", "here", patience, nullptr, Waiting::until_interrupted,
               [&](const auto& heard) -> std::string {
                 std::vector<int> absent;
                 for (std::size_t rank = 0; rank < heard.size(); ++rank) {
                   if (!heard[rank]) absent.push_back(static_cast<int>(rank));
                 }
                 return absent.empty() ? "" : name_ranks(absent) + " of " + std::to_string(place.size) + in_time;
               });
  if (!missing) throw TeamError("rank 0 of " + std::to_string(place.size) + in_time);
  if (missing->empty()) return;
  if (place.rank == 0) std::this_thread::sleep_for(kReadWithin);  // the store is ours, and others read in it
  throw TeamError(*missing);
}

class WorkPending : public Team::Pending {
 public:
  WorkPending(Team::Engine& engine, c10::intrusive_ptr<c10d::Work> work, bool in_steps)
      : engine_(engine), work_(std::move(work)), in_steps_(in_steps) {}
  void wait() override { engine_.wait(work_, in_steps_); }

 private:
  Team::Engine& engine_;
  c10::intrusive_ptr<c10d::Work> work_;
  bool in_steps_;
};

/// What there is to wait for in a team of one.
class NothingPending : public Team::Pending {
 public:
  void wait() override {}
};

}  // namespace

void Team::Engine::fail(const std::string& engine_says, Milliseconds waited) {
  broken = true;
  throw TeamError(watch->find_culprit(engine_says, waited));
}

c10::intrusive_ptr<c10d::Work> Team::Engine::begin(const std::function<c10::intrusive_ptr<c10d::Work>()>& ask) {
  watch->begin_call();
  try {
    return ask();
  } catch (const std::exception& error) {
    fail(engine_message(error), Milliseconds(0));
  }
}

void Team::Engine::wait(const c10::intrusive_ptr<c10d::Work>& work, bool in_steps) {
  const auto began = Clock::now();
  if (!in_steps) {
    try {
      work->wait();
    } catch (const std::exception& error) {
      fail(engine_message(error), since(began));
    }
    return;
  }
  while (true) {
    try {
      work->wait(kLookUp);
      return;
    } catch (const std::exception& error) {
      // The engine's own end of the work, or ours of waiting for it.
      if (work->isCompleted() && !work->isSuccess()) fail(engine_message(error), since(began));
      if (const auto verdict = watch->verdict()) fail(*verdict, since(began));
      if (since(began) > patience + kGrace) fail(engine_message(error), since(began));
    }
  }
}

Team::Team() : engine_(std::make_unique<Engine>()) {}

Team::Team(const Place& place, std::chrono::milliseconds patience, torch::Device device)
    : place_(place), engine_(std::make_unique<Engine>()) {
  if (alone()) return;
  // c10d says what it thinks of a lost connection on many lines of standard error; what it throws is enough.
  constexpr int kFatal = 3;
  if (!environment_variable("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = kFatal;

  const auto store = open_store(place, patience);
  call_roll(*store, place, patience);
  engine_->patience = patience;
  engine_->store = store;
  try {
    engine_->watch = std::make_shared<Watch>(place, store->clone(), patience);
  } catch (const std::exception& error) {
    throw std::runtime_error("rank " + std::to_string(place.rank) +
                             ": the team's store does not answer: " + engine_message(error));
  }
  try {
    engine_->gloo = open_gloo(place, store, patience);
    if (device.is_cuda()) engine_->nccl = open_nccl(place, store, patience, device);
  } catch (const UsageError&) {
    throw;
  } catch (const std::exception& error) {
    engine_->fail(engine_message(error), Milliseconds(0));
  }
}

Team::~Team() {
  if (alone() || engine_->watch == nullptr) return;
  engine_->watch->leave();
  if (engine_->broken) {
    // Threads of the engine's may wait for somebody who never comes; they end with the process.
    (void)engine_->gloo.release();
    (void)engine_->nccl.release();
    (void)new std::shared_ptr<Watch>(engine_->watch);
    return;
  }
  engine_->nccl.reset();
  engine_->gloo.reset();  // before the store that it uses
}

void Team::agree_on(const Settings& settings) {
  if (alone()) return;
  // Lengths go before the texts, so that any text can be told from the next.
  std::string said;
  for (const auto& [name, value] : settings) {
    for (const std::string& text : {name, value}) said += std::to_string(text.size()) + ":" + text;
  }
  const auto parse = [](const std::string& text) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t colon = text.find(':', at), length = std::stoul(text.substr(at, colon - at));
      parts.push_back(text.substr(colon + 1, length));
      at = colon + 1 + length;
    }
    return parts;
  };
  const auto complaint = hear_all(
      *engine_->store, place_, "settings/" + std::to_string(++engine_->agreements), said, engine_->patience,
      engine_->watch.get(), Waiting::until_interrupted, [&](const auto& heard) -> std::string {
        const auto first = parse(said);
        for (std::size_t rank = 1; rank < heard.size(); ++rank) {
          if (!heard[rank]) return "-" + name_ranks({static_cast<int>(rank)}) + " did not say what it was started with";
          if (*heard[rank] == said) continue;
          const auto other = parse(*heard[rank]);
          for (std::size_t i = 0; i + 1 < std::min(first.size(), other.size()); i += 2) {
            if (first[i] == other[i] && first[i + 1] == other[i + 1]) continue;
            return name_ranks({static_cast<int>(rank)}) + " has " + other[i] + " " + other[i + 1] +
                   ", and rank 0 has " + first[i] + " " + first[i + 1] + ": all processes of a run are started alike";
          }
          return name_ranks({static_cast<int>(rank)}) + " has other settings than rank 0";
        }
        return "";
      });
  if (!complaint) engine_->fail("rank 0 did not answer", engine_->patience);
  if (complaint->empty()) return;
  if (complaint->front() == '-') throw TeamError(complaint->substr(1));
  throw UsageError(*complaint);
}

void Team::sum(torch::Tensor x) {
  start_sum(std::move(x))->wait();
}

double Team::sum(double x) {
  const auto tensor = torch::full({1}, x, torch::kFloat64);
  sum(tensor);
  return tensor.item<double>();
}

std::unique_ptr<Team::Pending> Team::start_sum(torch::Tensor x) {
  if (alone()) return std::make_unique<NothingPending>();
  std::vector<torch::Tensor> tensors{std::move(x)};
  return std::make_unique<WorkPending>(
      *engine_, engine_->begin([&] { return engine_->backend_for(tensors[0])->allreduce(tensors); }),
      !tensors[0].is_cuda());
}

std::unique_ptr<Team::Pending> Team::start_sending(torch::Tensor x, int to) {
  std::vector<torch::Tensor> tensors{std::move(x)};
  const int number = static_cast<int>(engine_->sent++);
  return std::make_unique<WorkPending>(
      *engine_, engine_->begin([&] { return engine_->gloo->send(tensors, to, number); }), /*in_steps=*/false);
}

void Team::receive(torch::Tensor x, int from) {
  std::vector<torch::Tensor> tensors{std::move(x)};
  const int number = static_cast<int>(engine_->received++);
  engine_->wait(engine_->begin([&] { return engine_->gloo->recv(tensors, from, number); }), false);
}

void Team::broadcast(torch::Tensor x, int from) {
  if (alone()) return;
  std::vector<torch::Tensor> tensors{std::move(x)};
  c10d::BroadcastOptions options;
  options.rootRank = from;
  engine_->wait(engine_->begin([&] { return engine_->backend_for(tensors[0])->broadcast(tensors, options); }),
                !tensors[0].is_cuda());
}

std::string Team::broadcast(const std::string& text, int from) {
  if (alone()) return text;
  const auto length = torch::full({1}, static_cast<std::int64_t>(text.size()), torch::kInt64);
  broadcast(length, from);
  if (length.item<std::int64_t>() == 0) return {};  // an empty tensor has no memory to copy to
  auto bytes = torch::zeros({length.item<std::int64_t>()}, torch::kUInt8);
  if (rank() == from) std::memcpy(bytes.data_ptr(), text.data(), text.size());
  broadcast(bytes, from);
  return {static_cast<const char*>(bytes.const_data_ptr()), static_cast<std::size_t>(bytes.numel())};
}

void Team::barrier() {
  if (alone()) return;
  engine_->wait(engine_->begin([&] { return engine_->gloo->barrier(); }), true);
}

void Team::average_gradients(const std::vector<torch::Tensor>& parameters, SumPrecision precision) {
  if (alone()) return;
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> gradients, rows;
  for (const auto& parameter : parameters) {
    if (!parameter.grad().defined()) continue;
    gradients.push_back(parameter.grad());
    rows.push_back(parameter.grad().reshape({-1}));
  }
  if (rows.empty()) return;
  auto flat = torch::cat(rows).div_(size());
  if (precision == SumPrecision::bfloat16) flat = flat.to(torch::kBFloat16);
  sum(flat);
  std::int64_t first = 0;
  for (const auto& gradient : gradients) {
    gradient.copy_(flat.narrow(0, first, gradient.numel()).view_as(gradient));
    first += gradient.numel();
  }
}

void Team::part() {
  if (alone()) return;
  hear_all(*engine_->store, place_, "part", "done", std::min(engine_->patience, kPartWithin), engine_->watch.get(),
           Waiting::in_any_case, [](const auto&) { return std::string(); });
}

void Team::give_up(const std::string& reason) noexcept {
  if (alone() || engine_->watch == nullptr || engine_->broken) return;
  engine_->broken = true;
  engine_->watch->leave_verdict("rank " + std::to_string(rank()) + " ended: " + reason);
}

}  // namespace verse
