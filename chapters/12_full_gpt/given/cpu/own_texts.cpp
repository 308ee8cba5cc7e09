#include "12_full_gpt/given/cpu/own_texts.h"

#include <ATen/CPUGeneratorImpl.h>

#if __has_include(<malloc.h>)
#include <malloc.h>
#endif

#include <algorithm>
#include <cstdint>
#include <utility>

#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/given/cpu/fast_dropout.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "common/share_out.h"

#if defined(__x86_64__)
/// MKL's, which LibTorch brings on x86 without its headers: on how many threads the calling one's products run, 0 for
/// as many as usual. @return what held before
extern "C" int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));
#endif

namespace verse {

namespace {

/// For as long as it lives, the products of this thread are its own. MKL would find out by itself that other threads
/// have work of their own, but only after it has chosen the way of a product that is shared.
class OwnProducts {
 public:
  OwnProducts() : before_(set(1)) {}
  ~OwnProducts() { set(before_); }
  OwnProducts(const OwnProducts&) = delete;
  OwnProducts& operator=(const OwnProducts&) = delete;

 private:
  static int set(int threads) {
#if defined(__x86_64__)
    if (MKL_Set_Num_Threads_Local != nullptr) return MKL_Set_Num_Threads_Local(threads);
#endif
    return threads;
  }
  const int before_;
};

/// Adds to a sum that may not have begun. What is added is left as it is, for others may have the same tensor.
void add_to(torch::Tensor& sum, const torch::Tensor& x) {
  if (x.defined()) sum = sum.defined() ? sum + x : x;
}

/// What a thread has found out about its texts.
struct Found {
  torch::Tensor loss;                    ///< their share of the mean
  std::vector<torch::Tensor> gradients;  ///< one a parameter, undefined where it had no part in the loss

  void add(const torch::Tensor& more_loss, const std::vector<torch::Tensor>& more) {
    add_to(loss, more_loss);
    gradients.resize(more.size());
    for (std::size_t i = 0; i < more.size(); ++i) add_to(gradients[i], more[i]);
  }
};

/// Which texts of a part are a thread's: the first, and how many.
std::pair<std::int64_t, std::int64_t> texts_of(std::int64_t thread, std::int64_t threads, std::int64_t texts) {
  const std::int64_t first = texts * thread / threads;
  return {first, texts * (thread + 1) / threads - first};
}

std::vector<torch::Tensor> gradients_of(const torch::Tensor& loss, const std::vector<torch::Tensor>& parameters) {
  return torch::autograd::grad({loss}, parameters, /*grad_outputs=*/{}, /*retain_graph=*/{}, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

/// The sum of what all threads have found of one parameter, which they forget then.
torch::Tensor take_gradient(std::vector<Found>& found, std::size_t parameter) {
  torch::Tensor sum;
  for (Found& one : found) add_to(sum, std::exchange(one.gradients[parameter], torch::Tensor()));
  return sum.defined() ? sum.contiguous() : sum;
}

}  // namespace

bool knows_own_texts(const LanguageModelImpl& model) {
  if (const auto* const fast = dynamic_cast<const FastGPTImpl*>(&model)) {
    if (fast->draws_by_place() && drops_fast(fast->token_embedding)) return true;
  }
  if (const auto* const gpt = dynamic_cast<const GPTImpl*>(&model)) return gpt->options.dropout == 0;
  const auto* const modern = dynamic_cast<const ModernGPTImpl*>(&model);
  return modern != nullptr && modern->options.dropout == 0;
}

torch::Tensor gradients_by_threads(const std::vector<torch::Tensor>& parameters,
                                   const std::vector<torch::Tensor>& starts, std::int64_t threads,
                                   const std::function<torch::Tensor(const torch::Tensor& starts)>& loss_of) {
  std::int64_t texts = 0;
  for (const auto& part : starts) texts += part.size(0);

  //! [own-texts]
  auto generator = at::detail::getDefaultCPUGenerator();
  std::vector<Found> found(static_cast<std::size_t>(threads));
  std::vector<torch::Generator> draws;
  while (draws.size() < found.size()) draws.push_back(generator.clone());

  const auto work = [&](std::int64_t thread, const torch::Tensor& part) {
    const auto number = static_cast<std::size_t>(thread);
    const auto [first, count] = texts_of(thread, threads, part.size(0));
    const PartOfBatch here(first, count, draws[number]);
    const double share = static_cast<double>(count) / static_cast<double>(texts);
    const auto loss = loss_of(part.narrow(0, first, count)) * share;
    found[number].add(loss.detach(), gradients_of(loss, parameters));
  };
  share_out(0, threads, 1, [&](std::int64_t first, std::int64_t last) {
    const torch::AutoGradMode with_gradients(true);
    const OwnProducts products;
    for (std::int64_t thread = first; thread < last; ++thread) {
      for (const auto& part : starts) work(thread, part);
    }
  });

  generator.set_state(draws[0].get_state());
  const torch::NoGradGuard no_gradients;
  torch::Tensor loss;
  for (const Found& one : found) add_to(loss, one.loss);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    torch::Tensor parameter = parameters[i];
    parameter.mutable_grad() = take_gradient(found, i);
  }
  return loss;
  //! [own-texts]
}

std::int64_t threads_for_own_texts(const LanguageModelImpl& model, const std::vector<torch::Tensor>& starts,
                                   std::int64_t threads) {
  constexpr double kMostGradients = 1e9, kMostUneven = 1.5;
  const auto fits = [&](const torch::Tensor& part) {
    const std::int64_t texts = part.size(0), most = (texts + threads - 1) / threads;
    return texts >= threads && static_cast<double>(most * threads) <= kMostUneven * static_cast<double>(texts);
  };
  std::int64_t bytes = 0;
  for (const auto& parameter : model.parameters()) bytes += 4 * parameter.numel();
  const bool small = static_cast<double>(threads * bytes) <= kMostGradients;
  const bool good = small && std::all_of(starts.begin(), starts.end(), fits) && knows_own_texts(model);
  return good ? threads : 1;
}

double largest_tensor(const GPTOptions& shape, std::int64_t texts) {
  constexpr std::int64_t kTimesWider = 4;  // the MLP's inside
  const std::int64_t numbers = texts * shape.context * std::max(kTimesWider * shape.width, shape.vocabulary_size);
  return 4.0 * static_cast<double>(numbers);
}

void settle_heaps([[maybe_unused]] const GPTOptions& shape, [[maybe_unused]] std::int64_t texts) {
#ifdef M_ARENA_MAX
  constexpr double kSmall = 1 << 24;
  const std::int64_t threads = torch::get_num_threads();
  if (largest_tensor(shape, (texts + threads - 1) / threads) > kSmall) ::mallopt(M_ARENA_MAX, 1);
#endif
}

}  // namespace verse
