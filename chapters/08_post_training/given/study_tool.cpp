/// @file
/// Chapter 8's study of a tool: questions in words, answered alone or by asking a calculator.

#include <fmt/format.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/study.h"
#include "08_post_training/given/tool.h"
#include "08_post_training/post_training.h"

namespace verse {

namespace {

/// A calculator that is always wrong, in its last digit.
std::string miscalculate(std::string_view call) {
  auto result = calculate(call);
  if (result != "error") result.back() = result.back() == '9' ? '0' : static_cast<char>(result.back() + 1);
  return result;
}

/// What becomes of the word problems of the test split with a calculator, a broken one or none.
struct ToolTest {
  double right = 0, calls_right = 0, taken_over = 0;  ///< shares of all problems
  double plus = 0, minus = 0, times = 0;              ///< shares of each kind of problem that are right
};

ToolTest test_with(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                   const Calculator& calculator) {
  std::vector<std::vector<std::int64_t>> rows;
  for (const auto& problem : problems)
    rows.push_back(format_question(vocabulary.encode(problem.question), vocabulary.special()));
  Random random(2000);
  const auto responses = respond_with_tool(model, rows, vocabulary, calculator, random);
  ToolTest test;
  std::map<char, std::pair<double, double>> kinds;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto reading = read_tool_response(responses[i], vocabulary);
    const bool right = reading.finished && reading.answer == problems[i].answer;
    auto& [hits, of] = kinds[problems[i].chain[3]];
    hits += right ? 1 : 0;
    ++of;
    test.right += right ? 1 : 0;
    test.calls_right += reading.call == problems[i].chain ? 1 : 0;
    test.taken_over +=
        reading.finished && !reading.call.empty() && reading.answer == miscalculate(reading.call) ? 1 : 0;
  }
  const auto count = static_cast<double>(problems.size());
  for (double* share : {&test.right, &test.calls_right, &test.taken_over}) *share /= count;
  const auto share_of = [&](char sign) { return kinds[sign].second > 0 ? kinds[sign].first / kinds[sign].second : 0; };
  test.plus = share_of('+');
  test.minus = share_of('-');
  test.times = share_of('x');
  return test;
}

}  // namespace

void study_tool(Study& study) {
  const bool quick = study.options().quick;
  struct Way {
    std::string name;
    bool asks, results_learned;
  };
  const std::vector<Way> ways = {
      {"answer alone", false, false},
      {"asks a calculator", true, false},
      {"asks and learns results", true, true},
  };
  std::vector<Problem> problems;
  Random drawing(1000);
  for (std::int64_t i = 0; i < (quick ? 9 : 600); ++i) problems.push_back(draw_word_problem(Split::test, drawing));
  for (const auto seed : study.seeds())
    for (const auto& way : ways)
      study.look_at(
          {way.name, "", fmt::format("{} steps, rate {:g}", quick ? 3 : 400, FineTuning().learning_rate)}, seed, [&] {
            auto& start = study.beginning(seed);
            const auto vocabulary = tool_vocabulary(start.base.tokenizer);
            Random random(seed);
            auto model = grow_vocabulary(start.grown, vocabulary.added() - start.vocabulary.added(), random);
            FineTuning options;
            options.steps = quick ? 3 : 400;
            options.rows = quick ? 2 : 8;
            options.seed = seed;
            options.draw = [&](Random& from) {
              return format_word_problem(draw_word_problem(Split::train, from), way.asks, vocabulary);
            };
            if (!way.results_learned)
              options.learned = [&](const torch::Tensor& tokens) { return own_words_mask(tokens, vocabulary); };
            fine_tune(model, vocabulary, options);

            const auto usual = test_with(model, vocabulary, problems, way.asks ? calculate : Calculator());
            Findings found = {
                {"right", usual.right}, {"plus", usual.plus}, {"minus", usual.minus}, {"times", usual.times}};
            if (way.asks) {
              found["calls right"] = usual.calls_right;
              found["without calculator"] = test_with(model, vocabulary, problems, {}).right;
              found["wrong result taken over"] = test_with(model, vocabulary, problems, miscalculate).taken_over;
            }
            return found;
          });
  study.report("Questions in words, with and without a calculator: right, most probable token", "", "answer alone",
               {"right", "plus", "minus", "times", "calls right", "without calculator", "wrong result taken over"});
}

}  // namespace verse
