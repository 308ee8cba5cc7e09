/// What can only be known on a GPU about chapter 12's fast forms: that each kernel computes what LibTorch's operations
/// do, that a step by hand is autograd's, and how long each part takes. Prints one table after the other; a line that
/// begins with "WRONG" is a defect, and makes the exit code 1.

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/gpu/autocast.h"
#include "12_full_gpt/given/gpu/card_writer.h"
#include "12_full_gpt/given/gpu/cuda_kernels.h"
#include "12_full_gpt/given/gpu/hand_step.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/device.h"

namespace verse {
namespace {

constexpr std::int64_t kWidth = 384, kHeads = 6, kContext = 256, kBatch = 64, kRows = kBatch * kContext;
constexpr std::int64_t kVocabulary = 65, kPadded = 128;
int defects = 0;

using Clock = std::chrono::steady_clock;

/// Microseconds of some work: recorded ten times over, played until the median is steady.
double microseconds(const std::function<void()>& work) {
  constexpr int kTimes = 10, kPlays = 15;
  work();
  work();
  std::string problem;
  const auto recording = Recording::make(
      [&] {
        for (int i = 0; i < kTimes; ++i) work();
      },
      problem);
  if (recording == nullptr) {
    fmt::print("  (not recorded: {})\n", problem);
    return std::nan("");
  }
  std::vector<double> times;
  for (int i = 0; i < kPlays; ++i) {
    torch::cuda::synchronize();
    const auto start = Clock::now();
    recording->play();
    torch::cuda::synchronize();
    times.push_back(1e6 * std::chrono::duration<double>(Clock::now() - start).count() / kTimes);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

double apart(const torch::Tensor& got, const torch::Tensor& expected) {
  const auto exact = expected.to(torch::kFloat64);
  return ((got.to(torch::kFloat64) - exact).norm() / exact.norm().clamp_min(1e-30)).item<double>();
}

void report(const std::string& what, double error, double limit, double time = -1, double bytes = 0,
            double operations = 0) {
  const bool good = error <= limit;
  if (!good) ++defects;
  fmt::print("{} {:<44} error {:.2e} (at most {:.0e})", good ? "ok   " : "WRONG", what, error, limit);
  if (time >= 0) fmt::print("  {:8.1f} us", time);
  if (bytes > 0) fmt::print("  {:5.2f} TB/s", 1e-6 * bytes / time);
  if (operations > 0) fmt::print("  {:5.0f} TFLOP/s", 1e-6 * operations / time);
  fmt::print("\n");
  std::fflush(stdout);
}

torch::Tensor half(torch::IntArrayRef shape, double size = 1) {
  return (size * torch::randn(shape, torch::kCUDA)).to(torch::kBFloat16);
}
torch::Tensor poisoned(const torch::Tensor& like) {
  return torch::full_like(like, std::nan(""));
}

/// What kernels have written to once, they may be told to write to again when sums are finished: it is kept.
std::vector<torch::Tensor>& kept() {
  static std::vector<torch::Tensor> tensors;
  return tensors;
}

/// Runs a part by both; compares what it writes.
void compare(const std::string& what, StepKernels& own, StepKernels& plain, std::vector<torch::Tensor> written,
             const std::function<void(StepKernels&, std::vector<torch::Tensor>&)>& part, double limit, double bytes = 0,
             double operations = 0) {
  std::vector<torch::Tensor> expected;
  for (auto& tensor : written) {
    kept().push_back(tensor);
    tensor.fill_(std::nan(""));
    expected.push_back(poisoned(tensor));
  }
  part(own, written);
  own.finish_sums();
  part(plain, expected);
  double worst = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    const double error = apart(written[i], expected[i]);
    worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    if (!(error <= limit)) fmt::print("      output {}: {:.2e}\n", i, error);
  }
  const double time = microseconds([&] { part(own, written); });
  report(what, worst, limit, time, bytes, operations);
}

GPTOptions shakespeare(double dropout) {
  GPTOptions options;
  options.vocabulary_size = kVocabulary;
  options.context = kContext;
  options.layers = 6;
  options.heads = kHeads;
  options.width = kWidth;
  options.dropout = dropout;
  options.fused = true;
  return options;
}

struct Sizes {
  double row = 2.0 * kRows * kWidth;  ///< bytes of [rows, width] in bfloat16
};

void check_kernels() {
  fmt::print("\n--- kernels, each against LibTorch's operations on the card; time alone, from warm memory\n");
  std::string problem;
  const auto own = CudaKernels::make(shakespeare(0), {}, problem);
  if (own == nullptr) {
    fmt::print("WRONG the kernels are not there: {}\n", problem);
    ++defects;
    return;
  }
  PlainKernels plain;
  const Sizes bytes;
  torch::manual_seed(1);
  const auto floats = torch::dtype(torch::kFloat32).device(torch::kCUDA);
  const Windows windows{torch::randint(kVocabulary, {100'000}, torch::kInt64).to(torch::kCUDA),
                        torch::randint(90'000, {kBatch}, torch::kInt64).to(torch::kCUDA), kContext};
  const Dropping dropping{torch::full({1}, 1234567890123456789L, floats.dtype(torch::kInt64)), 0.2};
  const auto gain = 1 + 0.1 * torch::randn({kWidth}, floats), shift = torch::randn({kWidth}, floats);
  const auto table = torch::randn({kPadded, kWidth}, floats), places = torch::randn({kContext, kWidth}, floats);
  const auto x = half({kRows, kWidth}), branch = half({kRows, kWidth}), to_y = half({kRows, kWidth});
  const auto numbers = [](std::int64_t columns) {
    return torch::empty({kRows, columns}, torch::dtype(torch::kBFloat16).device(torch::kCUDA));
  };
  const auto room = [&](torch::IntArrayRef shape) { return torch::empty(shape, floats); };

  compare(
      "embed_norm", *own, plain, {numbers(kWidth), numbers(kWidth), numbers(kPadded), room({kRows}), room({kRows})},
      [&](StepKernels& k, auto& w) {
        k.embed_norm(windows, table, places, {gain, shift, w[3], w[4]}, dropping, w[0], w[1], w[2]);
      },
      3e-3, 2 * bytes.row + 2.0 * kRows * kPadded);
  compare(
      "add_norm", *own, plain, {numbers(kWidth), numbers(kWidth), room({kRows}), room({kRows})},
      [&](StepKernels& k, auto& w) {
        k.add_norm(x, branch, shift, {gain, shift, w[2], w[3]}, dropping, 3, w[0], w[1]);
      },
      3e-3, 4 * bytes.row);
  const Norm norm{gain, shift, x.to(torch::kFloat32).mean(1), torch::rsqrt(x.to(torch::kFloat32).var(1, false) + 1e-5)};
  compare(
      "norm_backward", *own, plain, {numbers(kWidth), numbers(kWidth), room({kWidth}), room({kWidth}), room({kWidth})},
      [&](StepKernels& k, auto& w) {
        k.norm_backward(to_y, x, norm, branch, dropping, 3, w[0], w[1], w[2], w[3], w[4]);
      },
      3e-3, 5 * bytes.row);
  const auto logits = half({kRows, kPadded}, 3);
  compare(
      "cross_entropy", *own, plain, {numbers(kPadded), room({})},
      [&](StepKernels& k, auto& w) { k.cross_entropy(logits, windows, kVocabulary, w[0], w[1]); }, 3e-3,
      4.0 * kRows * kPadded);
  compare(
      "position_backward", *own, plain, {room({kContext, kWidth})},
      [&](StepKernels& k, auto& w) { k.position_backward(to_y, kBatch, w[0]); }, 1e-5, bytes.row);

  const auto weights = half({4 * kWidth, kWidth}, 0.05), bias = half({4 * kWidth});
  const auto kept = half({kRows, 4 * kWidth}), down = half({kWidth, 4 * kWidth}, 0.05);
  const double work = 2.0 * kRows * kWidth * 4 * kWidth;
  for (const bool together : {false, true}) {
    KernelChoices choices;
    choices.gelu_with_product = choices.slope_with_product = together;
    const auto chosen = CudaKernels::make(shakespeare(0), choices, problem);
    const std::string how = together ? " in cuBLASLt" : " apart";
    compare(
        "product, bias, GELU" + how, *chosen, plain, {numbers(4 * kWidth), numbers(4 * kWidth)},
        [&](StepKernels& k, auto& w) {
          Product p;
          p.out = w[0], p.kept = w[1], p.a = x, p.b = weights, p.b_turned = true, p.bias = bias;
          p.finish = Finish::bias_and_gelu;
          k.multiply(p);
        },
        6e-3, 0, work);
    compare(
        "product, GELU's slope, sums" + how, *chosen, plain, {numbers(4 * kWidth), room({4 * kWidth})},
        [&](StepKernels& k, auto& w) {
          Product p;
          p.out = w[0], p.kept = kept, p.a = to_y, p.b = down, p.to_bias = w[1];
          p.finish = Finish::gelu_backward;
          k.multiply(p);
        },
        6e-3, 0, work);
    for (const auto& line : chosen->fallen_back()) fmt::print("      fell back: {}\n", line);
  }

  fmt::print("\n--- products by cuBLASLt: its first choice, then the fastest of eight\n");
  for (const bool tries : {false, true}) {
    try_algorithms(tries);
    const auto multiplier = CudaKernels::make(shakespeare(0), {}, problem);
    const auto product = [&](const std::string& what, std::int64_t rows, std::int64_t columns, std::int64_t inner,
                             bool a_turned, bool b_turned, bool float_out, Finish finish = Finish::nothing) {
      const auto a = a_turned ? half({inner, rows}) : half({rows, inner});
      const auto b = b_turned ? half({columns, inner}) : half({inner, columns});
      const auto vector = half({columns});
      auto out = torch::zeros({rows, columns}, a.options().dtype(float_out ? torch::kFloat32 : torch::kBFloat16));
      compare(
          what, *multiplier, plain, {out},
          [&](StepKernels& k, auto& w) {
            Product p;
            p.out = w[0], p.a = a, p.b = b, p.a_turned = a_turned, p.b_turned = b_turned, p.finish = finish;
            if (finish == Finish::bias) p.bias = vector;
            k.multiply(p);
          },
          6e-3, 0, 2.0 * double(rows) * double(columns) * double(inner));
    };
    product("queries, keys, values", kRows, 3 * kWidth, kWidth, false, true, false, Finish::bias);
    product("output", kRows, kWidth, kWidth, false, true, false);
    product("contract", kRows, kWidth, 4 * kWidth, false, true, false);
    product("logits", kRows, kPadded, kWidth, false, true, false);
    product("backward of logits", kRows, kWidth, kPadded, false, false, false);
    product("backward of output", kRows, kWidth, kWidth, false, false, false);
    product("backward of expand", kRows, kWidth, 4 * kWidth, false, false, false);
    product("backward of queries, keys, values", kRows, kWidth, 3 * kWidth, false, false, false);
    product("weights of queries, keys, values", 3 * kWidth, kWidth, kRows, true, false, true);
    product("weights of output", kWidth, kWidth, kRows, true, false, true);
    product("weights of expand", 4 * kWidth, kWidth, kRows, true, false, true);
    product("weights of contract", kWidth, 4 * kWidth, kRows, true, false, true);
    product("weights of logits", kPadded, kWidth, kRows, true, false, true);
    for (const auto& line : multiplier->fallen_back()) fmt::print("      fell back: {}\n", line);
  }
  try_algorithms(false);

  StepKernels::Update update;
  const std::int64_t count = 10'770'000 / 128 * 128;
  update.gradients = torch::randn({count}, floats);
  update.decaying = count / 2;
  update.limit = 1;
  update.learning_rate = torch::full({}, 1e-3, floats);
  update.step_number = torch::full({}, 7.0, floats);
  update.beta1 = 0.9, update.beta2 = 0.99, update.epsilon = 1e-8, update.decay = 0.1;
  const auto parameters = torch::randn({count}, floats), first = torch::randn({count}, floats),
             second = torch::rand({count}, floats);
  const auto run = [&](StepKernels& kernels) {
    update.parameters = parameters.clone(), update.first = first.clone(), update.second = second.clone();
    update.copies = torch::empty_like(parameters, torch::kBFloat16), update.norm = torch::zeros({}, floats);
    kernels.adamw(update);
    return std::vector{update.parameters, update.first, update.second, update.norm, update.copies};
  };
  const auto expected = run(plain), got = run(*own);
  double worst = 0;
  for (std::size_t i = 0; i < got.size(); ++i) worst = std::max(worst, apart(got[i], expected[i]));
  report("square_sums and adamw", worst, 1e-3, microseconds([&] { own->adamw(update); }), 34.0 * double(count));
}

void check_attention() {
  std::string problem;
  PlainKernels plain;
  torch::manual_seed(4);
  const auto floats = torch::dtype(torch::kFloat32).device(torch::kCUDA);
  const Dropping dropping{torch::full({1}, 1234567890123456789L, floats.dtype(torch::kInt64)), 0.2};
  const auto to_y = half({kRows, kWidth});
  const auto numbers = [](std::int64_t columns) {
    return torch::empty({kRows, columns}, torch::dtype(torch::kBFloat16).device(torch::kCUDA));
  };
  const auto room = [&](torch::IntArrayRef shape) { return torch::empty(shape, floats); };
  fmt::print("\n--- attention\n");
  const auto parts = half({kRows, 3 * kWidth});
  for (const bool ours : {false, true}) {
    KernelChoices choices;
    choices.own_attention = ours;
    const auto attending = CudaKernels::make(shakespeare(0), choices, problem);
    if (attending == nullptr) {
      fmt::print("WRONG our attention is not there: {}\n", problem);
      ++defects;
      continue;
    }
    for (const double share : {0.0, 0.2}) {
      const Dropping some{dropping.seed, share};
      const std::string how = fmt::format(" ({}, dropout {})", ours ? "ours" : "LibTorch's", share);
      torch::Tensor mixed;
      auto to_parts = numbers(3 * kWidth), to_bias = room({3 * kWidth});
      const double there = microseconds([&] { mixed = attending->attend(0, parts, kBatch, kHeads, some, 1); });
      const double back = microseconds(
          [&] { attending->attend_backward(0, to_y, parts, mixed, kBatch, kHeads, some, 1, to_parts, to_bias); });
      attending->finish_sums();
      if (share > 0 && !ours) {
        fmt::print("      attention{}: there {:.1f} us, back {:.1f} us\n", how, there, back);
        continue;
      }
      auto expected_parts = poisoned(to_parts), expected_bias = poisoned(to_bias);
      const auto expected = plain.attend(0, parts, kBatch, kHeads, some, 1);
      plain.attend_backward(0, to_y, parts, expected, kBatch, kHeads, some, 1, expected_parts, expected_bias);
      report("attention" + how, apart(mixed, expected), 6e-3, there);
      report("its way back" + how, apart(to_parts, expected_parts), 1e-2, back);
      report("its bias's gradient" + how, apart(to_bias, expected_bias), 1e-2);
    }
  }
}

/// A model, its optimizer and its step by hand.
struct Trainee {
  GPT model{nullptr};
  std::unique_ptr<FlatAdamW> optimizer;
  std::unique_ptr<HandStep> step;
  CudaKernels* kernels = nullptr;

  Trainee(double dropout, const torch::Tensor& tokens, const KernelChoices& choices, bool own) {
    torch::manual_seed(1);
    model = fast_gpt(shakespeare(dropout));
    model->to(torch::kCUDA);
    optimizer = std::make_unique<FlatAdamW>(model->parameters(), AdamWOptions{});
    HandSettings settings;
    settings.batch_size = kBatch;
    settings.context = kContext;
    settings.numbers = choices.numbers;
    settings.stream = choices.stream;
    std::string problem;
    std::unique_ptr<StepKernels> form;
    if (own) {
      auto cuda = CudaKernels::make(shakespeare(0), choices, problem);
      if (cuda == nullptr) throw std::runtime_error(problem);
      kernels = cuda.get();
      form = std::move(cuda);
    } else {
      form = std::make_unique<PlainKernels>();
    }
    step = std::make_unique<HandStep>(model, *optimizer, tokens, settings, std::move(form));
  }
};

std::vector<torch::Tensor> gradients_of(GPT& model) {
  std::vector<torch::Tensor> all;
  for (const auto& parameter : model->parameters()) all.push_back(parameter.grad().flatten().to(torch::kFloat64));
  return all;
}

void check_step(const torch::Tensor& tokens, const torch::Tensor& starts, bool ours_too) {
  fmt::print("\n--- a whole step's gradients (dropout 0), relative distance to autograd's in float32\n");
  torch::manual_seed(1);
  GPT exact = fast_gpt(shakespeare(0));
  exact->to(torch::kCUDA);
  const Batch batch = windows_at(tokens, starts, kContext);
  at::globalContext().setAllowTF32CuBLAS(false);
  const auto exact_loss = fast_batch_loss(exact, batch);
  exact_loss.backward();
  at::globalContext().setAllowTF32CuBLAS(true);
  const auto expected = torch::cat(gradients_of(exact));
  exact->zero_grad();
  {
    torch::Tensor loss;
    {
      const Autocast autocast(torch::kCUDA, true);
      loss = fast_batch_loss(exact, batch);
    }
    loss.backward();
    fmt::print("      autograd with autocast: loss apart {:.1e}, gradients {:.2e}\n",
               std::abs((loss - exact_loss).item<double>()), apart(torch::cat(gradients_of(exact)), expected));
  }
  auto loss = torch::zeros({}, torch::kCUDA), norm = torch::zeros({}, torch::kCUDA);
  struct Kind {
    const char* name;
    bool own;
    KernelChoices choices;
    double limit;
  };
  KernelChoices plain, apart_choices, float_stream, ours;
  ours.own_attention = true;
  apart_choices.gelu_with_product = apart_choices.slope_with_product = apart_choices.aside = false;
  float_stream.stream = torch::kFloat32;
  for (const Kind& kind :
       {Kind{"by hand, LibTorch's operations", false, plain, 3e-2},
        Kind{"by hand, own kernels, nothing in one go", true, apart_choices, 3e-2},
        Kind{"by hand, own kernels", true, plain, 3e-2}, Kind{"by hand, own kernels, our attention", true, ours, 3e-2},
        Kind{"by hand, own kernels, stream in float32", true, float_stream, 3e-2}}) {
    if (kind.choices.own_attention != ours_too) continue;
    Trainee trainee(0, tokens, kind.choices, kind.own);
    trainee.step->take_gradients(starts, loss);
    report(kind.name, apart(torch::cat(gradients_of(trainee.model)), expected), kind.limit);
    const auto names = exact->named_parameters();
    fmt::print("      loss apart {:.1e}\n", std::abs((loss - exact_loss).item<double>()));
    if (trainee.kernels != nullptr) {
      for (const auto& line : trainee.kernels->fallen_back()) fmt::print("      fell back: {}\n", line);
    }
  }
}

void time_steps(const torch::Tensor& tokens, const torch::Tensor& starts, bool ours_too) {
  fmt::print("\n--- a whole step, dropout 0.2, recorded: microseconds\n");
  auto loss = torch::zeros({}, torch::kCUDA), norm = torch::zeros({}, torch::kCUDA);
  const auto rate = torch::full({}, 1e-4, torch::kCUDA);
  struct Kind {
    const char* name;
    KernelChoices choices;
    bool tries;
  };
  std::vector<Kind> kinds;
  KernelChoices c;
  c.gelu_with_product = c.slope_with_product = c.aside = false;
  kinds.push_back({"own kernels", c, false});
  c.gelu_with_product = true;
  kinds.push_back({"+ GELU with the product", c, false});
  c.slope_with_product = true;
  kinds.push_back({"+ its slope too", c, false});
  c.aside = true;
  kinds.push_back({"+ weights' gradients aside", c, false});
  kinds.push_back({"+ the fastest of eight algorithms", c, true});
  c.own_attention = true;
  kinds.push_back({"+ our attention", c, true});
  c.aside = false;
  kinds.push_back({"the same, nothing aside", c, true});
  c.stream = torch::kFloat32;
  kinds.push_back({"the same, stream in float32", c, true});
  for (const Kind& kind : kinds) {
    if (kind.choices.own_attention != ours_too) continue;
    try_algorithms(kind.tries);
    Trainee trainee(0.2, tokens, kind.choices, true);
    const double there = microseconds([&] { trainee.step->take_loss(starts, loss); });
    const double gradients = microseconds([&] { trainee.step->take_gradients(starts, loss); });
    const double whole = microseconds([&] {
      trainee.step->take_gradients(starts, loss);
      trainee.step->move(rate, norm);
    });
    fmt::print("      {:<36} forward {:7.0f}  gradients {:7.0f}  whole {:7.0f}  loss then {:.3f}\n", kind.name, there,
               gradients, whole, loss.item<double>());
    std::fflush(stdout);
  }
  try_algorithms(false);
}

void check_writing() {
  fmt::print("\n--- 500 characters, one text\n");
  torch::manual_seed(3);
  GPT model = fast_gpt(shakespeare(0));
  {
    const torch::NoGradGuard no_gradients;
    for (auto& parameter : model->parameters()) parameter.add_(0.03 * torch::randn_like(parameter));
  }
  model->to(torch::kCUDA);
  model->eval();
  SamplingOptions greedy, plain, both;
  greedy.greedy = true;
  both.top_k = 20;
  both.top_p = 0.9;
  constexpr std::int64_t kCount = 500;
  const std::vector<std::int64_t> prompt{1};
  for (const bool early : {false, true}) {
    std::string problem;
    auto launcher = CardWriter::compile(model, problem);
    if (launcher == nullptr) {
      fmt::print("WRONG no kernels: {}\n", problem);
      ++defects;
      return;
    }
    CardWriter writer(model, std::move(launcher), early);
    for (const auto& [name, options] :
         {std::pair{"greedy", greedy}, std::pair{"temperature 0.7", plain}, std::pair{"top-k 20, top-p 0.9", both}}) {
      Random one(5), other(5);
      const auto expected = generate(model, prompt, kCount, options, one);
      std::vector<double> times;
      std::vector<std::int64_t> got;
      const auto begin = Clock::now();
      writer.prepare(options);
      const double ready = std::chrono::duration<double>(Clock::now() - begin).count();
      for (int round = 0; round < 5; ++round) {
        other = Random(5);
        const auto start = Clock::now();
        got = writer.write(prompt, kCount, options, other);
        times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      }
      std::sort(times.begin(), times.end());
      std::size_t same = 0;
      while (same < got.size() && got[same] == expected[same]) ++same;
      if (got.size() != kCount || same < 100) ++defects;
      fmt::print(
          "{} {:<22} early {}: the first {} tokens as chapter 7's; {:.4f} s (of five: {:.4f} to {:.4f}), ready in "
          "{:.3f} s\n",
          same < 100 ? "WRONG" : "ok   ", name, early, same, times[2], times.front(), times.back(), ready);
      std::fflush(stdout);
    }
  }
}

/// @param name of the section; each runs in a process of its own, as an error of one would stop all after it
int run(const std::string& name) {
  prepare_cuda();
  const DeviceChoice choice = choose_device("cuda");
  fmt::print("{}\n", choice.reason);
  torch::manual_seed(2);
  // A text with something to learn: each token hangs on the one before.
  const auto tokens = (torch::arange(100'000).square().remainder(kVocabulary)).to(torch::kInt64).to(torch::kCUDA);
  const auto starts = torch::randint(90'000, {kBatch}, torch::kInt64).to(torch::kCUDA);
  try {
    if (name == "kernels") check_kernels();
    if (name == "attention") check_attention();
    if (name == "step") check_step(tokens, starts, false);
    if (name == "step-ours") check_step(tokens, starts, true);
    if (name == "times") time_steps(tokens, starts, false);
    if (name == "times-ours") time_steps(tokens, starts, true);
    if (name == "writing") check_writing();
    torch::cuda::synchronize();
  } catch (const std::exception& error) {
    const std::string text = error.what();
    fmt::print("WRONG stopped: {}\n", text.substr(0, 600));
    ++defects;
  }
  fmt::print("{}: {} defects\n", name, defects);
  return defects == 0 ? 0 : 1;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return argc == 2 ? verse::run(argv[1]) : 2;
}
