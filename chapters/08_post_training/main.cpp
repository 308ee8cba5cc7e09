/// @file
/// Chapter 8's program: one base, taught to answer in two ways and by rewards, and measured on problems that it has not
/// seen.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "01_tokenizer/given/prompt.h"
#include "05_training/given/checkpoint.h"
#include "05_training/training.h"
#include "07_sampling/sampling.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/experiments.h"
#include "08_post_training/given/fine_tune.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/reward.h"
#include "08_post_training/given/study.h"
#include "common/base/error.h"
#include "common/base/interrupt.h"
#include "common/base/text.h"
#include "common/corpus.h"
#include "common/plot.h"
#include "common/program.h"
#include "common/results.h"

namespace verse {
namespace {

/// How much of the validation part says well enough what the models still know of the text.
constexpr std::int64_t kTextToMeasure = 20000;

/// Part 1: what enters the vocabulary, and what that does to the base.
void show_growing(Workshop& workshop, const torch::Tensor& validation) {
  const auto& names = workshop.vocabulary().added_names();
  fmt::print("The base knows {} characters; {} tokens are added: {}\n", workshop.vocabulary().base().size(),
             names.size(), fmt::join(names, " "));
  auto grown = workshop.start();
  auto empty = workshop.start();
  {
    const torch::NoGradGuard no_gradients;
    empty->token_embedding.narrow(0, workshop.base()->options.vocabulary_size, workshop.vocabulary().added()).zero_();
  }
  fmt::print("{} parameters become {}; each old one keeps its name, its value and, but for the table, its shape\n",
             with_commas(workshop.base()->parameter_count()), with_commas(grown->parameter_count()));
  const double before = evaluate(workshop.base(), validation, 16), around_mean = evaluate(grown, validation, 16),
               zeros = evaluate(empty, validation, 16);
  fmt::print("Its loss on the text it was trained for, in nats a character\n");
  fmt::print("  {:.3f}  before\n  {:.3f}  with the new rows around the mean of the old\n  {:.3f}  with new rows of 0\n",
             before, around_mean, zeros);
  results().scalar("base_parameters", workshop.base()->parameter_count(), "parameters");
  results().scalar("grown_parameters", grown->parameter_count(), "parameters");
  results().scalar("added_tokens", workshop.vocabulary().added(), "tokens");
  results().scalar("loss_before", before, "nats");
  results().scalar("loss_around_mean", around_mean, "nats");
  results().scalar("loss_zeros", zeros, "nats");
}

/// Part 2: a problem in every form, and what is learned of it.
void show_forms(Workshop& workshop) {
  Random random(workshop.recipe().seed);
  const auto problem = draw_problem(workshop.recipe().task, Split::train, random);
  const auto bad = spoil(problem, workshop.recipe().task, Damage::slip, random);
  fmt::print("\nOne problem in two forms, and with a slip; below, which tokens the loss looks at\n");
  for (const auto& [shown, form] :
       std::vector<std::pair<Problem, Form>>{{problem, Form::answer}, {problem, Form::chain}, {bad, Form::chain}}) {
    const auto tokens = format_problem(shown, form, workshop.vocabulary());
    if (shown.right) results().scalar(form == Form::answer ? "row_answer" : "row_chain", std::ssize(tokens), "tokens");
    const auto learned = response_mask(torch::tensor(tokens).unsqueeze(0), workshop.vocabulary().special())[0];
    std::string marks;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto width = workshop.vocabulary().decode({tokens[i]}).size();
      marks += std::string(width, learned[static_cast<std::int64_t>(i)].item<bool>() ? '^' : ' ');
    }
    fmt::print("  {}\n  {}\n", workshop.vocabulary().decode(tokens), marks);
  }
}

/// Part 3: the table, and what the last model writes where the base wrote a play.
/// @param out where the last model is written to, if anywhere
void show_table(Workshop& workshop, const Reinforcing& reinforcing, const torch::Tensor& validation,
                const SharedOptions& shared, const Plots& plots, const std::optional<std::filesystem::path>& out) {
  const auto& recipe = workshop.recipe();
  auto answering = recipe;
  answering.form = Form::answer;
  struct Line {
    std::string name;
    GPT model;
  };
  std::vector<Line> lines = {{"base", workshop.start()}};
  fmt::print(stderr, "fine-tuning on answers alone\n");
  lines.push_back({"answer alone", workshop.tuned(answering)});
  fmt::print(stderr, "fine-tuning on chains of thought\n");
  lines.push_back({"chain of thought", workshop.tuned(recipe)});
  fmt::print(stderr, "rewarding right answers\n");
  lines.push_back({"chain of thought, GRPO", workshop.tuned(recipe)});
  const auto rewards = reinforce(lines.back().model, workshop.vocabulary(), reinforcing);
  if (out) save_model(*out, *lines.back().model, tokenizer_text(workshop.vocabulary()));

  fmt::print("\n{} sums that none of them has seen, right in % with 95 % intervals; tokens said; loss on the text\n",
             workshop.problems(recipe.task).size());
  fmt::print("  {:<24}{:<24}{:<24}{:>8}{:>10}\n", "", "most probable token", "drawn at temperature 1", "tokens",
             "loss");
  auto& table = table_of_shares("models", {"name", "tokens", "text_loss"}, {"greedy", "drawn"});
  for (auto& line : lines) {
    expect_same_architecture(workshop.base(), line.model);
    const auto best = workshop.measured(line.model, recipe.task), drawn = workshop.measured(line.model, recipe.task, 1);
    const double text_loss = evaluate(line.model, validation, 16);
    fmt::print("  {:<24}{:<24}{:<24}{:>8.1f}{:>10.2f}\n", line.name, best.text(), drawn.text(), best.tokens, text_loss);
    std::fflush(stdout);
    add_shares(table, {line.name, best.tokens, text_loss}, {best, drawn});
  }

  // One round is 128 samples, which scatter; ten of them together say more.
  constexpr std::size_t kRounds = 10;
  fmt::print("\nWhile GRPO learned, over {} rounds each: the share of right samples, and of groups of two minds\n",
             kRounds);
  auto& rounds_table = results().table("rounds", {"step", "right", "split_groups"});
  Series curve{"right samples", {}}, split{"groups of two minds", {}};
  for (std::size_t first = 0; first < rewards.size(); first += kRounds) {
    const std::size_t last = std::min(rewards.size(), first + kRounds);
    const auto rounds = static_cast<double>(last - first);
    double right = 0, of_two_minds = 0;
    for (std::size_t i = first; i < last; ++i) {
      right += 100 * rewards[i].reward / rounds;
      of_two_minds += 100 * rewards[i].split_groups / rounds;
    }
    const auto step = rewards[last - 1].step;
    curve.points.emplace_back(static_cast<double>(step), right);
    split.points.emplace_back(static_cast<double>(step), of_two_minds);
    fmt::print("  to step {:>4}  {:>5.1f} %  {:>5.1f} %\n", step, right, of_two_minds);
    rounds_table.row({step, right / 100, of_two_minds / 100});
  }
  if (plots)
    plot_lines(*plots / "ch08-grpo.svg", {"Sums of two three-digit numbers", "step", "%", false, false},
               {curve, split});

  const auto& problem = workshop.problems(recipe.task).front();
  fmt::print("\nAsked {}:\n", problem.question);
  Random random(shared.seed);
  for (auto& line : lines) {
    const auto row = format_question(workshop.vocabulary().encode(problem.question), workshop.vocabulary().special());
    const auto response = respond(line.model, {row}, workshop.vocabulary().special(), {}, random).front();
    auto text = workshop.vocabulary().decode(response);
    std::replace(text.begin(), text.end(), '\n', ' ');
    fmt::print("  {:<24}{}\n", line.name, text);
  }
  for (auto* line : {&lines.front(), &lines.back()}) {
    SamplingOptions options;
    const auto made = generate(line->model, {starting_token(workshop.vocabulary().base())}, 150, options, random);
    fmt::print("\n-- {}, from the start of a line\n{}\n", line->name, workshop.vocabulary().decode(made));
  }
}

std::string study_names() {
  std::vector<std::string> names;
  for (const auto& study : all_studies()) names.push_back(study.name);
  return one_of(names);
}

/// What the program is asked for.
struct Request {
  std::optional<std::filesystem::path> run, save, out, plots;
  std::optional<std::int64_t> base_steps, steps, rewarded_steps, problems;
  std::optional<double> learning_rate;
  std::optional<std::string> experiment, part;
  std::optional<std::filesystem::path> kept;
  std::int64_t seeds = 3;
  bool only_report = false;
  bool quick = false;
};

TrainedModel base_for(const Request& request, const Corpus& corpus, const SharedOptions& shared) {
  if (request.run) {
    auto trained = load_model(*request.run);
    if (trained.model->options.context < 64)
      throw UsageError(
          fmt::format("the chapter's problems need a context of 64, the run has {}", trained.model->options.context));
    trained.model->to(shared.device.device);
    return trained;
  }
  BaseOptions options;
  options.seed = shared.seed;
  options.steps = request.base_steps.value_or(request.quick ? 20 : options.steps);
  if (request.quick) options.layers = 2, options.width = 32, options.heads = 2;
  fmt::print(stderr, "no --run given: training a base on {} for {} steps\n", corpus.name, options.steps);
  auto trained = train_base(corpus, options, shared.device.device);
  if (request.save) save_model(*request.save, *trained.model, trained.tokenizer);
  return trained;
}

int run(int argc, char** argv) {
  prepare_cuda();
  std::vector<std::string> names = {"all"};
  for (const auto& experiment : all_experiments()) names.push_back(experiment.name);
  for (const auto& study : all_studies()) names.push_back(study.name);
  constexpr std::int64_t kMostSteps = 1'000'000'000;
  Request request;
  CommandLine line("Teaches a base model to answer, and measures what each way of teaching is worth.");
  line.option("run", request.run, "a folder with a trained base; without it a small one is trained", "RUN");
  line.folder("save", request.save, "a folder to keep the base in that is trained here");
  line.folder("out", request.out, "a folder for the last model, the one that was rewarded: `gpt chat` asks it");
  line.option("base-steps", request.base_steps, {1, kMostSteps}, "training steps of that base");
  line.option("steps", request.steps, {1, kMostSteps}, "steps of each fine-tuning");
  line.option("learning-rate", request.learning_rate, {0, 1}, "of each fine-tuning, at its peak");
  line.option("rewarded-steps", request.rewarded_steps, {1, kMostSteps}, "steps of GRPO");
  line.option("problems", request.problems, {1, 100'000}, "unseen problems to measure with");
  line.choice("experiment", request.experiment, names, "instead of the table: " + one_of(names));
  line.group("The experiments over several trainings: " + study_names());
  line.option("seeds", request.seeds, {1, 100}, "trainings of each kind, with the seeds from --seed on");
  line.folder("kept", request.kept, "a folder where each finished training is kept, and looked for");
  line.option("part", request.part, "trains only what has this in its name, and shows what is kept of the rest",
              "WORDS");
  line.flag("only-report", request.only_report, "trains nothing, and shows what is kept");
  line.group("In all");
  line.folder("plots", request.plots, "a folder to draw into");
  line.flag("quick", request.quick, "everything small: shows that it runs, not how good it is");
  const auto shared = line.parse(argc, argv);
  const bool quick = request.quick;

  FineTuning recipe;
  recipe.seed = shared.seed;
  if (quick) recipe.task.digits = 2;
  recipe.steps = request.steps.value_or(quick ? 30 : recipe.steps);
  recipe.learning_rate = request.learning_rate.value_or(recipe.learning_rate);
  Reinforcing reinforcing;
  reinforcing.task = recipe.task;
  reinforcing.seed = shared.seed;
  reinforcing.steps = request.rewarded_steps.value_or(quick ? 4 : reinforcing.steps);
  const std::int64_t problems = request.problems.value_or(quick ? 8 : 1000);
  const Plots& plots = request.plots;
  catch_interrupts();

  // Whether there are so many problems is known before anything is trained.
  try {
    Random random(shared.seed);
    draw_distinct(recipe.task, Split::test, problems, random);
  } catch (const std::invalid_argument& error) {
    throw UsageError(fmt::format("--problems {}: {}", problems, error.what()));
  }

  const auto corpus = load_corpus(shared.data);
  // Whether the model can be written, too.
  if (request.out && request.experiment) throw UsageError("--out keeps a model of the table, not of an --experiment");
  if (request.out && !request.run) tokenizer_text(ChatVocabulary(Tokenizer::from_text(corpus.text)));
  for (const auto& kind : all_studies()) {
    if (!request.experiment || (*request.experiment != "all" && *request.experiment != kind.name)) continue;
    StudyOptions options{shared.seed, request.seeds,        500,  request.kept, request.part, request.only_report,
                         quick,       shared.device.device, plots};
    options.problems = request.problems.value_or(quick ? 8 : options.problems);
    if (quick) options.seeds = std::min<std::int64_t>(options.seeds, 2);
    Study study(kind.name, corpus, options);
    kind.run(study);
    if (*request.experiment == kind.name) return 0;
  }
  auto base = base_for(request, corpus, shared);
  const auto text = base.tokenizer.encode_tensor(corpus.validation);
  const auto validation = text.narrow(0, 0, std::min(text.size(0), kTextToMeasure)).to(shared.device.device);
  recipe.row_length = std::min(recipe.row_length, base.model->options.context);
  Workshop workshop(std::move(base), recipe, problems, shared.seed);
  if (request.out) tokenizer_text(workshop.vocabulary());
  if (request.experiment) {
    for (const auto& experiment : all_experiments())
      if (*request.experiment == "all" || *request.experiment == experiment.name) experiment.run(workshop, plots);
    return 0;
  }
  show_growing(workshop, validation);
  show_forms(workshop);
  show_table(workshop, reinforcing, validation, shared, plots, request.out);
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
