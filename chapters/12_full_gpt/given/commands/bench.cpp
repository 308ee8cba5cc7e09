#include "12_full_gpt/given/commands/bench.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "05_training/training.h"
#include "11_modern/given/modern_gpt.h"
#include "12_full_gpt/full_gpt.h"
#include "12_full_gpt/given/cpu/own_texts.h"
#include "12_full_gpt/given/cpu/small_rows.h"
#include "12_full_gpt/given/cpu/together.h"
#include "12_full_gpt/given/gpu/settings.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/training/recipes.h"
#include "12_full_gpt/given/training/training_step.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/shown.h"
#include "common/base/system.h"
#include "common/base/text.h"
#include "common/device.h"
#include "common/large_pages.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kProductSize = 2048;
constexpr std::int64_t kGpuProductSize = 8192;  ///< a smaller one ends before a GPU is busy
constexpr int kProducts = 5;
constexpr std::int64_t kTokens = 100'000;
constexpr std::int64_t kWarmUpSteps = 5;
constexpr int kPasses = 3;
constexpr std::int64_t kReadAtATime = 1024;  ///< numbers of a row
constexpr int kReadPasses = 20;

void wait_for(torch::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize();
}

/// How long something takes: on the clock on the wall, or, on one thread of a CPU, by the processor's time, which does
/// not grow when the machine has other things to do.
double seconds_of(torch::Device device, const std::function<void()>& work) {
  const auto processor_seconds = [] { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; };
  const auto wall_seconds = [] { return std::chrono::duration<double>(Clock::now().time_since_epoch()).count(); };
  const bool alone = device.is_cpu() && torch::get_num_threads() == 1;
  wait_for(device);
  const double start = alone ? processor_seconds() : wall_seconds();
  work();
  wait_for(device);
  return (alone ? processor_seconds() : wall_seconds()) - start;
}

std::int64_t product_size(torch::Device device) {
  return device.is_cuda() ? kGpuProductSize : kProductSize;
}

/// What the machine does at best: a product of two large matrices. @return operations a second, the best of several
double measured_peak(torch::Device device, bool bfloat16) {
  const torch::NoGradGuard no_gradients;
  const auto numbers = torch::dtype(bfloat16 ? torch::kBFloat16 : torch::kFloat32).device(device);
  const auto a = torch::randn({product_size(device), product_size(device)}, numbers), b = torch::randn_like(a);
  auto c = torch::matmul(a, b);
  double best = 0;
  for (int i = 0; i < kProducts; ++i) {
    const double seconds = seconds_of(device, [&] { torch::matmul_out(c, a, b); });
    const auto size = static_cast<double>(product_size(device));
    best = std::max(best, 2 * size * size * size / seconds);
  }
  return best;
}

/// One way to take the same step.
struct Rung {
  std::string name;
  std::function<void()> step;
  std::vector<double> seconds;  ///< of each step
  double new_pages = 0;         ///< pages of memory that a step asks the system for
  bool keeps_memory = true;
  std::shared_ptr<void> holds;  ///< what the step needs
};

/// The parts of a step that a rung chooses.
struct Form {
  bool fused_model = true;
  bool fast_model = true;  ///< FastGPT
  bool fused_loss = true;
  bool fused_adamw = true;
  bool keeps_memory = true;  ///< what a step frees stays with the process
  bool own_texts = false;    ///< each thread works on texts of its own
  bool bfloat16 = false;
  bool recorded = false;
  bool by_hand = false;
};

/// Everything that one rung's steps go through.
struct Trainee {
  LanguageModel model{nullptr};
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<TrainingStep> fast;
  Random random{1};
  std::int64_t taken = 0;
};

Rung make_rung(const std::string& name, const Recipe& recipe, const Form& form, const torch::Tensor& tokens) {
  const auto trainee = std::make_shared<Trainee>();
  GPTOptions options = recipe.model;
  options.fused = form.fused_model;
  torch::manual_seed(1);
  if (recipe.modern) {
    trainee->model = ModernGPT(options, recipe.without);
  } else {
    trainee->model = form.fast_model ? fast_gpt(options) : GPT(options);
  }
  trainee->model->to(tokens.device());
  trainee->model->train();
  const auto parameters = trainee->model->parameters();
  if (auto* modern = dynamic_cast<ModernGPTImpl*>(trainee->model.get())) {
    trainee->optimizer = modern_optimizer(*modern, recipe.adamw, make_adamw);
  } else if (form.fused_adamw) {
    trainee->optimizer = make_adamw(parameters, recipe.adamw);
  } else {
    trainee->optimizer = std::make_unique<AdamW>(parameters, recipe.adamw);
  }

  StepSettings settings;
  settings.batch_size = recipe.batch_size;
  settings.context = recipe.model.context;
  settings.gradient_clip = recipe.gradient_clip;
  settings.accumulate = recipe.accumulate;
  settings.own_texts = form.own_texts;
  settings.bfloat16 = form.bfloat16;
  settings.recorded = form.recorded;
  settings.by_hand = form.by_hand;
  if (form.fused_loss) {
    trainee->fast =
        std::make_unique<TrainingStep>(trainee->model, *trainee->optimizer, tokens, settings, trainee->random);
  }

  Rung rung;
  rung.name = name;
  rung.keeps_memory = form.keeps_memory;
  rung.holds = trainee;
  rung.step = [trainee = trainee.get(), recipe, tokens] {
    const std::int64_t number = trainee->taken++;
    if (trainee->fast) {
      trainee->fast->take(number, 1e-4);
      return;
    }
    // Chapter 5's own loop, for one step.
    TrainingOptions once;
    once.schedule = {1e-4, 1e-4, 0, 1};
    once.gradient_clip = recipe.gradient_clip;
    train(
        *trainee->optimizer,
        [&] {
          const Batch batch = draw_batch(tokens, recipe.batch_size, recipe.model.context, trainee->random);
          return batch_loss(trainee->model, batch);
        },
        once, [](const StepReport&) { return true; });
  };
  return rung;
}

/// The forms of a step from the clear one to the fastest, one change a rung, with their names.
std::vector<std::pair<std::string, Form>> ladder_forms(torch::Device device, bool bfloat16) {
  Form form{.fused_model = false,
            .fast_model = false,
            .fused_loss = false,
            .fused_adamw = false,
            .keeps_memory = device.is_cuda()};
  std::vector<std::pair<std::string, Form>> forms;
  forms.emplace_back("as chapters 3 to 5 spell it out", form);
  form.fused_adamw = true;
  forms.emplace_back("+ AdamW in one call", form);
  form.fused_model = true;
  forms.emplace_back("+ fused attention, norm, GELU", form);
  form.fused_loss = true;
  forms.emplace_back("+ lookup and loss in one go", form);
  if (device.is_cpu()) {
    form.keeps_memory = true;
    forms.emplace_back("+ freed memory kept", form);
    form.fast_model = true;
    forms.emplace_back("+ attention, GELU, linear of ours", form);
    if (torch::get_num_threads() > 1) {
      form.own_texts = true;
      forms.emplace_back("+ each thread its own texts", form);
    }
  }
  if (bfloat16) {
    form.bfloat16 = true;
    forms.emplace_back("+ products in bfloat16", form);
  }
  if (device.is_cuda()) {
    form.recorded = true;
    forms.emplace_back("+ recorded and played back", form);
    if (bfloat16) {
      form.by_hand = true;
      forms.emplace_back("+ written out by hand, own kernels", form);
    }
  }
  return forms;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Pages of memory that the system has mapped for this process so far.
std::int64_t pages_mapped() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Takes steps and keeps their times.
void time_rung(Rung& rung, torch::Device device, std::int64_t rounds) {
  if (rung.keeps_memory) keep_freed_memory();
  std::int64_t before = 0;
  for (std::int64_t round = -kWarmUpSteps; round < rounds; ++round) {
    if (round == 0) before = pages_mapped();
    const double seconds = seconds_of(device, rung.step);
    if (round >= 0) rung.seconds.push_back(seconds);
  }
  rung.new_pages = static_cast<double>(pages_mapped() - before) / static_cast<double>(rounds);
}

/// The same in a process of its own, in which no other form has found memory and thread pools before: this program,
/// with the same flags and the number of the form. @throws std::runtime_error where it fails
void time_apart(int argc, char** argv, std::size_t form, Rung& rung) {
  std::string command = shell_quoted(program_file().string()) + " bench";
  for (int i = 1; i < argc; ++i) {
    std::string quoted;
    for (const char* letter = argv[i]; *letter != '\0'; ++letter) {
      quoted += *letter == '\'' ? std::string("'\\''") : std::string(1, *letter);
    }
    command += " '" + quoted + "'";
  }
  command += fmt::format(" --form {} 2>/dev/null", form);
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  double milliseconds = 0;
  if (pipe == nullptr || std::fscanf(pipe.get(), "%lf %lf", &milliseconds, &rung.new_pages) != 2) {
    throw std::runtime_error(fmt::format("a step in form {} could not be timed", form));
  }
  rung.seconds.push_back(1e-3 * milliseconds);
}

/// How fast memory is read where nothing else is done: the sum of so many float32. @return bytes a second, the best of
/// several passes
double measured_reading(std::int64_t bytes) {
  auto numbers = empty_in_large_pages({bytes / 4}, torch::kFloat32);
  numbers.fill_(1);
  const RowMatrix rows(numbers.const_data_ptr<float>(), bytes / 4 / kReadAtATime, kReadAtATime);
  const std::vector<float> ones(kReadAtATime, 1.0F);
  std::vector<float> sums(static_cast<std::size_t>(rows.outputs));
  RowInput input;
  input.set(ones.data(), kReadAtATime, WeightKind::fp32);
  double best = 0;
  for (int pass = 0; pass < kReadPasses; ++pass) {
    const auto start = Clock::now();
    work_together([&](Worker& worker) {
      const auto [first, last] = worker.part_of(rows.outputs);
      multiply_rows(rows, input, sums.data(), first, last);
    });
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::max(best, static_cast<double>(4 * rows.outputs * kReadAtATime) / seconds);
  }
  return best;
}

/// What the command is asked for, beside a recipe.
struct BenchRequest {
  std::optional<std::int64_t> read;
  bool ladder = false;
  std::int64_t rounds = 20, vocabulary = 65;
  std::optional<std::int64_t> form;
  std::optional<std::filesystem::path> plot;
};

}  // namespace

int bench_command(int argc, char** argv) {
  BenchRequest request;
  CommandLine line("Times a training step, beside the fastest matrix product on this machine.", "bench");
  line.group("Bench");
  line.flag("ladder", request.ladder, "the same step in several forms, from the clear one to the fastest");
  line.option("rounds", request.rounds, {1, 100'000}, "steps timed of each form; their median counts");
  line.option("vocabulary", request.vocabulary, {2, 1'000'000}, "tokens that the model knows");
  line.option("form", request.form, {0, 100},
              "one of the ladder's forms alone: prints its median in ms, and the new pages of memory a step");
  line.option("read", request.read, {1, 100'000},
              "instead: how fast so many MB are read from memory by --threads threads, in MB a second");
  line.option("plot", request.plot, "draws the ladder as bars", "SVG");
  declare_recipe(line, "small");
  const SharedOptions shared = line.parse(argc, argv);
  if (request.read) {
    const double rate = measured_reading(1'000'000 * *request.read);
    results().scalar("read", rate, "bytes a second");
    fmt::print("{:.0f}\n", 1e-6 * rate);
    return 0;
  }
  Recipe recipe = take_recipe(line, "small");
  recipe.model.vocabulary_size = request.vocabulary;
  const std::int64_t rounds = request.rounds;
  const torch::Device device = shared.device.device;
  const bool bfloat16 = uses_bfloat16(recipe, shared.device);
  if (request.ladder && recipe.modern) throw UsageError("--ladder is for the presets whose model is chapter 4's");

  if (device.is_cuda()) settle_gpu(recipe.model.dropout, recipe.deterministic);
  if (device.is_cpu()) settle_heaps(recipe.model, (recipe.batch_size + recipe.accumulate - 1) / recipe.accumulate);
  const auto tokens = torch::randint(recipe.model.vocabulary_size, {kTokens}, torch::kInt64).to(device);
  const auto forms = ladder_forms(device, bfloat16);
  if (request.form) {
    const auto most = static_cast<std::int64_t>(forms.size()) - 1;
    if (*request.form > most)
      throw UsageError(fmt::format("--form must be between 0 and {}, not {}", most, *request.form));
    const auto& [name, form] = forms[static_cast<std::size_t>(*request.form)];
    Rung rung = make_rung(name, recipe, form, tokens);
    time_rung(rung, device, rounds);
    fmt::print("{:.6f} {:.1f}\n", 1e3 * median(rung.seconds), rung.new_pages);
    return 0;
  }

  fmt::print(stderr, "{}; threads: {}\n", shared.device.reason, torch::get_num_threads());
  const double peak = measured_peak(device, bfloat16);
  fmt::print("a product of {0} x {0}: {1:.1f} GFLOP/s at best\n", with_commas(product_size(device)), 1e-9 * peak);
  std::vector<Rung> rungs;
  if (request.ladder) {
    // In turn, several times over, so that whatever else the machine does falls on all alike.
    for (const auto& [name, form] : forms) rungs.push_back({name, {}, {}, 0, form.keeps_memory, nullptr});
    for (int pass = 0; pass < kPasses; ++pass) {
      for (std::size_t i = 0; i < forms.size(); ++i) time_apart(argc, argv, i, rungs[i]);
    }
  } else {
    Form form;
    form.own_texts = device.is_cpu();
    form.bfloat16 = bfloat16;
    form.recorded = device.is_cuda() && recipe.recorded;
    form.by_hand = form.recorded && bfloat16 && !recipe.deterministic;
    rungs.push_back(make_rung("a step of " + recipe.preset, recipe, form, tokens));
    time_rung(rungs.front(), device, rounds);
  }

  const auto tokens_per_step = static_cast<double>(recipe.batch_size * recipe.model.context);
  const double operations = training_operations_per_token(recipe.model.shape()) * tokens_per_step;
  const double first = median(rungs.front().seconds);
  std::vector<std::pair<std::string, double>> bars;
  auto& table = results().table("ladder", {"form", "ms", "tokens_per_second", "of_product", "speed", "pages"});
  results().scalar("product", peak, "operations a second");
  fmt::print("\n{:<34}{:>12}{:>14}{:>18}{:>10}{:>12}\n", "", "ms a step", "tokens/s", "of that product", "speed",
             "new pages");
  for (const Rung& rung : rungs) {
    const double seconds = median(rung.seconds);
    fmt::print("{:<34}{:>12.1f}{:>14.0f}{:>16.1f} %{:>9.2f}x{:>12.0f}\n", rung.name, 1e3 * seconds,
               tokens_per_step / seconds, 100 * operations / seconds / peak, first / seconds, rung.new_pages);
    bars.emplace_back(rung.name, 1e3 * seconds);
    table.row({rung.name, 1e3 * seconds, tokens_per_step / seconds, operations / seconds / peak, first / seconds,
               rung.new_pages});
    results().scalar(fmt::format("ms_{}", table.rows.size()), 1e3 * seconds, "ms");
    results().scalar(fmt::format("speed_{}", table.rows.size()), first / seconds, "times as fast");
  }
  // On the ladder, every form has a process of its own.
  const auto bytes = request.ladder ? std::nullopt : peak_memory(device);
  if (bytes) fmt::print("\nat most {} MB of memory in use\n", with_commas(*bytes / 1'000'000));
  if (request.plot) {
    plot_bars(*request.plot,
              {fmt::format("A training step of preset {} on {}", recipe.preset,
                           device.is_cuda() ? device_peak(device, bfloat16).name : "a CPU"),
               "ms a step", "", false, false},
              bars);
  }
  return 0;
}

}  // namespace verse
