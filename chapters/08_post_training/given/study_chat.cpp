/// @file
/// Chapter 8's study of conversations as they are: a system turn, several turns, and templates other than the one that
/// a model was trained with.

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "08_post_training/given/conversation.h"
#include "08_post_training/given/study.h"
#include "08_post_training/post_training.h"

namespace verse {

namespace {

constexpr const char* kSystem = "<system>units first<end>";

/// A problem's whole turn in a template: question, chain, answer.
std::string turn_text(const std::string& form, const Problem& problem) {
  return fmt::format("{}<think>{}</think>{}<end>", fill_in(form, problem.question), problem.chain, problem.answer);
}

/// A question in a template that may not be the model's own.
struct OtherTemplate {
  std::string finding;
  std::string form;
  bool typed = false;  ///< the special tokens come as characters, as when a user types them
};

/// @param before_response what stands between question and response in the model's own template
std::vector<OtherTemplate> other_templates(const std::string& before_response) {
  return {
      {"as trained", "<user>{}" + before_response},
      {"line end", "<user>{}\n<assistant>"},
      {"no line end", "<user>{}<assistant>"},
      {"no user token", "{}" + before_response},
      {"filler for user", "<filler>{}" + before_response},
      {"no assistant token", "<user>{}"},
      {"filler for assistant", "<user>{}<filler>"},
      {"space", "<user> {}" + before_response},
      {"end after question", "<user>{}<end>" + before_response},
      {"role words", "user: {}\nassistant: "},
      {"typed tags", "<user>{}" + before_response, true},
      {"unknown system turn", "<system>be brief<end><user>{}" + before_response},
  };
}

/// A conversation of one to three turns; half of those of one or two begin with a system turn, which asks for answers
/// with the units first.
std::string draw_conversation(const std::string& form, Random& random) {
  TaskOptions task;
  const auto turns = 1 + random.below(3);
  // Three turns and a system turn would be longer than the context.
  task.units_first = turns < 3 && random.below(2) == 0;
  std::string text = task.units_first ? kSystem : "";
  for (std::int64_t turn = 0; turn < turns; ++turn) text += turn_text(form, draw_problem(task, Split::train, random));
  return text;
}

}  // namespace

void study_chat(Study& study) {
  const bool quick = study.options().quick;
  struct Way {
    std::string name, before_response;
    bool conversations;
    std::int64_t steps;
    double rate;
  };
  const std::vector<Way> ways = {
      {"one turn", "<assistant>", false, 400, 1e-3},
      {"line end", "\n<assistant>", false, 400, 1e-3},
      // Questions at more places are harder to learn: with the others' settings a first trial was right on 28 %.
      {"conversations", "<assistant>", true, 1200, 3e-3},
  };
  TaskOptions task, turned;
  turned.units_first = true;
  const auto some = [&](const TaskOptions& of) {
    auto problems = study.problems(of, Split::test);
    problems.resize(std::min<std::size_t>(problems.size(), 200));
    return problems;
  };
  for (const auto seed : study.seeds())
    for (const auto& way : ways)
      study.look_at({way.name, "", fmt::format("{} steps, rate {:g}", quick ? 3 : way.steps, way.rate)}, seed, [&] {
        auto& start = study.beginning(seed);
        const ChatVocabulary vocabulary(start.base.tokenizer, {"<system>"});
        Random random(seed);
        auto model = grow_vocabulary(start.grown, 1, random);
        const std::string form = "<user>{}" + way.before_response;
        FineTuning options;
        options.steps = quick ? 3 : way.steps;
        options.rows = quick ? 2 : 8;
        options.learning_rate = way.rate;
        options.seed = seed;
        options.draw = [&](Random& drawing) {
          return encode_marked(vocabulary, way.conversations
                                               ? draw_conversation(form, drawing)
                                               : turn_text(form, draw_problem(task, Split::train, drawing)));
        };
        fine_tune(model, vocabulary, options);

        Findings found;
        const auto problems = some(task);
        for (const auto& other : other_templates(way.before_response)) {
          std::vector<std::vector<std::int64_t>> rows;
          for (const auto& problem : problems) {
            const auto text = fill_in(other.form, problem.question);
            rows.push_back(other.typed ? vocabulary.encode(text) : encode_marked(vocabulary, text));
          }
          found[other.finding] = measure_rows(model, vocabulary, problems, rows, random).value();
        }
        const auto turns = measure_turns(model, vocabulary, problems, 3, "", form, random);
        const auto obeying = measure_turns(model, vocabulary, some(turned), 2, kSystem, form, random);
        for (std::size_t turn = 0; turn < turns.size(); ++turn)
          found[fmt::format("turn {}", turn + 1)] = turns[turn].value();
        for (std::size_t turn = 0; turn < obeying.size(); ++turn)
          found[fmt::format("obeyed turn {}", turn + 1)] = obeying[turn].value();
        return found;
      });
  std::vector<std::string> shown;
  for (const auto& other : other_templates("")) shown.push_back(other.finding);
  for (const char* turn : {"turn 1", "turn 2", "turn 3", "obeyed turn 1", "obeyed turn 2"}) shown.emplace_back(turn);
  study.report("Asked in the template of the training and in others: right, most probable token", "", "", shown);
}

}  // namespace verse
