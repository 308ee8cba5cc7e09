#include "08_post_training/given/experiments.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "common/plot.h"
#include "common/results.h"

namespace verse {

namespace {

/// Everything that a fine-tuning depends on, as a key.
std::string key_of(const TaskOptions& task) {
  return fmt::format("{}/{}/{}/{}/{}", static_cast<int>(task.kind), task.numbers, task.digits, task.letters,
                     task.units_first);
}

std::string key_of(const FineTuning& options) {
  return fmt::format("{} {} {} {} {} {} {} {} {} {}", key_of(options.task), static_cast<int>(options.form),
                     options.bad_share, static_cast<int>(options.damage), options.hides_chain, options.steps,
                     options.rows, options.row_length, options.learning_rate, options.seed);
}

void row(const std::string& name, const std::vector<std::string>& cells) {
  fmt::print("  {:<38}", name);
  for (const auto& cell : cells) fmt::print("  {:<24}", cell);
  fmt::print("\n");
  std::fflush(stdout);
}

void head(const std::string& title, const std::vector<std::string>& cells) {
  fmt::print("\n{}\n", title);
  row("", cells);
}

FineTuning with_form(const Workshop& workshop, Form form) {
  auto options = workshop.recipe();
  options.form = form;
  return options;
}

/// Accuracy against tokens read, of answers alone and of chains; then against tokens said.
void compare_tokens(Workshop& workshop, const Plots& plots) {
  head("At equal tokens read", {"greedy", "problems read"});
  std::vector<Series> curves;
  std::map<std::int64_t, std::vector<Accuracy>> by_tokens;
  std::map<Form, GPT> last;
  for (const auto form : {Form::answer, Form::chain}) {
    auto options = with_form(workshop, form);
    const std::string name = form == Form::answer ? "answer alone" : "chain of thought";
    auto model = workshop.start();
    Series curve{name, {{0, 0}}};
    const auto look = [&](std::int64_t done) {
      const auto share = workshop.measured(model, options.task);
      const auto tokens = done * options.rows * options.row_length;
      curve.points.emplace_back(static_cast<double>(tokens) / 1000, 100 * share.value());
      row(fmt::format("{}, {} tokens", name, tokens), {share.text()});
      by_tokens[tokens].push_back(share);
    };
    const auto problems = fine_tune(model, workshop.vocabulary(), options, {}, options.steps / 6, look);
    row(name, {"", fmt::format("{}", problems)});
    results().scalar(form == Form::answer ? "problems_answer" : "problems_chain", problems, "problems");
    curves.push_back(curve);
    last.emplace(form, model);
  }
  auto& table = table_of_shares("tokens", {"tokens"}, {"answer", "chain"});
  for (const auto& [tokens, shares] : by_tokens) add_shares(table, {tokens}, shares);
  if (plots)
    plot_lines(*plots / "ch08-tokens.svg",
               {"Sums of two three-digit numbers", "thousands of tokens read", "right, %", false, false}, curves);

  head("At equal tokens said", {"right", "tokens a problem"});
  const auto& problems = workshop.problems(workshop.recipe().task);
  Random random(workshop.recipe().seed);
  RespondOptions drawn;
  drawn.temperature = 1;
  const auto thought = measure(last.at(Form::chain), workshop.vocabulary(), problems, {}, random);
  const auto alone = measure(last.at(Form::answer), workshop.vocabulary(), problems, {}, random);
  const auto votes = static_cast<std::int64_t>(thought.tokens / alone.tokens + 0.5);
  const auto voted = measure_votes(last.at(Form::answer), workshop.vocabulary(), problems, votes, drawn, random);
  row("answer alone, once", {alone.text(), fmt::format("{:.1f}", alone.tokens)});
  row(fmt::format("answer alone, the most frequent of {}", votes), {voted.text(), fmt::format("{:.1f}", voted.tokens)});
  row("chain of thought, once", {thought.text(), fmt::format("{:.1f}", thought.tokens)});
  auto& said = table_of_shares("said", {"way", "tokens"}, {"right"});
  add_shares(said, {"answer alone, once", alone.tokens}, {alone});
  add_shares(said, {"answer alone, most frequent", voted.tokens}, {voted});
  add_shares(said, {"chain of thought, once", thought.tokens}, {thought});
  results().scalar("votes", votes, "answers");
}

/// Does the answer follow the chain? One digit of each generated chain is altered; then the model goes on.
void alter_chains(Workshop& workshop, const Plots&) {
  const auto chain = workshop.recipe();
  auto model = workshop.tuned(chain);
  const auto& special = workshop.vocabulary().special();
  std::vector<std::vector<std::int64_t>> rows;
  std::vector<std::string> right, altered;
  Random random(chain.seed);
  const auto& problems = workshop.problems(chain.task);
  std::vector<std::vector<std::int64_t>> questions;
  for (const auto& problem : problems)
    questions.push_back(format_question(workshop.vocabulary().encode(problem.question), special));
  const auto responses = respond(model, questions, special, {}, random);
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto reading = read_response(responses[i], workshop.vocabulary());
    if (!reading.finished || reading.answer != problems[i].answer || reading.chain != problems[i].chain) continue;
    std::string follows;
    const auto changed = alter_step(problems[i], chain.task, random, follows);
    auto tokens = questions[i];
    tokens.push_back(special.think);
    const auto thought = workshop.vocabulary().encode(changed);
    tokens.insert(tokens.end(), thought.begin(), thought.end());
    tokens.push_back(special.end_think);
    rows.push_back(tokens);
    right.push_back(problems[i].answer);
    altered.push_back(follows);
  }
  Accuracy follows, stays;
  const auto ends = respond(model, rows, special, {}, random);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    const auto answer = read_response(ends[i], workshop.vocabulary()).answer;
    follows.hits += answer == altered[i] ? 1 : 0;
    stays.hits += answer == right[i] ? 1 : 0;
    ++follows.of, ++stays.of;
  }
  head("One digit of a right chain is altered before the answer is given", {""});
  row("the answer follows the altered chain", {follows.text()});
  row("the answer stays right", {stays.text()});
  auto& table = table_of_shares("altered", {"answer"}, {"share"});
  add_shares(table, {"follows"}, {follows});
  add_shares(table, {"stays right"}, {stays});
  results().scalar("altered_chains", follows.of, "chains");
}

/// Longer numbers, more numbers, another kind.
void vary_tasks(Workshop& workshop, const Plots&) {
  const auto recipe = workshop.recipe();
  head("Longer numbers than any in training", {"answer alone", "chain of thought"});
  auto& table = table_of_shares("tasks", {"task"}, {"answer", "chain"});
  auto alone = workshop.tuned(with_form(workshop, Form::answer)), chain = workshop.tuned(recipe);
  for (const int digits : {recipe.task.digits, recipe.task.digits + 1}) {
    auto task = recipe.task;
    task.digits = digits;
    const auto name = fmt::format("two numbers of {} digits", digits);
    const auto answers = workshop.measured(alone, task), chains = workshop.measured(chain, task);
    row(name, {answers.text(), chains.text()});
    add_shares(table, {name}, {answers, chains});
  }
  head("Other tasks, each with a fine-tuning of its own", {"answer alone", "chain of thought"});
  auto three = recipe.task, count = recipe.task;
  three.numbers = 3;
  count.kind = Kind::count;
  for (const auto& [name, task] : std::vector<std::pair<std::string, TaskOptions>>{{"three numbers of 3 digits", three},
                                                                                   {"count a letter", count}}) {
    std::vector<std::string> cells;
    std::vector<Accuracy> shares;
    for (const auto form : {Form::answer, Form::chain}) {
      auto options = with_form(workshop, form);
      options.task = task;
      auto model = workshop.tuned(options);
      shares.push_back(workshop.measured(model, task));
      cells.push_back(shares.back().text());
    }
    row(name, cells);
    add_shares(table, {name}, shares);
  }
}

}  // namespace

RecordedTable& table_of_shares(const std::string& name, std::vector<std::string> columns,
                               const std::vector<std::string>& shares) {
  for (const auto& share : shares)
    for (const char* end : {"", "_low", "_high"}) columns.push_back(share + end);
  return results().table(name, std::move(columns));
}

void add_shares(RecordedTable& table, std::vector<Recorded> cells, const std::vector<Accuracy>& shares) {
  for (const auto& share : shares)
    for (const double value : {share.value(), share.low(), share.high()}) cells.emplace_back(value);
  table.row(std::move(cells));
}

Workshop::Workshop(TrainedModel base, FineTuning recipe, std::int64_t problems, std::uint64_t seed)
    : vocabulary_(std::move(base.tokenizer)),
      base_(std::move(base.model)),
      recipe_(std::move(recipe)),
      problem_count_(problems),
      seed_(seed) {}

GPT Workshop::start() {
  if (grown_.is_empty()) {
    Random random(seed_);
    grown_ = grow_vocabulary(base_, vocabulary_.added(), random);
    expect_same_architecture(base_, grown_);
  }
  return copy_of(grown_);
}

GPT Workshop::tuned(const FineTuning& options) {
  const auto key = key_of(options);
  auto found = tuned_.find(key);
  if (found == tuned_.end()) {
    auto model = start();
    fine_tune(model, vocabulary_, options);
    expect_same_architecture(base_, model);
    found = tuned_.emplace(key, model).first;
  }
  return copy_of(found->second);
}

const std::vector<Problem>& Workshop::problems(const TaskOptions& task) {
  auto& problems = problems_[key_of(task)];
  Random random(seed_ + 1000);
  if (problems.empty()) problems = draw_distinct(task, Split::test, problem_count_, random);
  return problems;
}

Accuracy Workshop::measured(GPT& model, const TaskOptions& task, double temperature, bool hides_chain) {
  RespondOptions options;
  options.temperature = temperature;
  options.hides_chain = hides_chain;
  Random random(seed_ + 2000);
  return measure(model, vocabulary_, problems(task), options, random);
}

const std::vector<Experiment>& all_experiments() {
  static const std::vector<Experiment> experiments = {
      {"tokens", "chain against answer at equal tokens read, and at equal tokens said", compare_tokens},
      {"altered", "whether the answer follows a chain in which a digit was altered", alter_chains},
      {"tasks", "longer numbers, three numbers, counting letters", vary_tasks},
  };
  return experiments;
}

}  // namespace verse
