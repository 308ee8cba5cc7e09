#include "08_post_training/given/conversation.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace verse {

std::vector<std::int64_t> encode_marked(const ChatVocabulary& vocabulary, std::string_view text) {
  std::vector<std::int64_t> tokens;
  const auto add_text = [&](std::string_view plain) {
    const auto encoded = vocabulary.encode(plain);
    tokens.insert(tokens.end(), encoded.begin(), encoded.end());
  };
  std::size_t written = 0;
  for (std::size_t place = 0; place < text.size();) {
    const auto& names = vocabulary.added_names();
    const auto name = std::find_if(names.begin(), names.end(), [&](const std::string& each) {
      return each.size() > 1 && text.substr(place).starts_with(each);
    });
    if (name == names.end()) {
      ++place;
      continue;
    }
    add_text(text.substr(written, place - written));
    tokens.push_back(vocabulary.token(*name));
    place += name->size();
    written = place;
  }
  add_text(text.substr(written));
  return tokens;
}

std::string fill_in(std::string_view form, std::string_view content) {
  const auto place = form.find("{}");
  if (place == std::string_view::npos) throw std::invalid_argument(fmt::format("no {{}} in the template \"{}\"", form));
  return fmt::format("{}{}{}", form.substr(0, place), content, form.substr(place + 2));
}

Accuracy measure_rows(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                      const std::vector<std::vector<std::int64_t>>& rows, Random& random) {
  const auto responses = respond(model, rows, vocabulary.special(), {}, random);
  Accuracy share;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    const auto reading = read_response(responses[i], vocabulary);
    share.hits += reading.finished && reading.answer == problems[i].answer ? 1 : 0;
    share.tokens += static_cast<double>(responses[i].size()) / static_cast<double>(problems.size());
    ++share.of;
  }
  return share;
}

std::vector<Accuracy> measure_turns(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                                    std::int64_t turns, std::string_view opening, std::string_view form,
                                    Random& random) {
  std::vector<std::vector<std::int64_t>> rows(problems.size(), encode_marked(vocabulary, opening));
  std::vector<Accuracy> shares(static_cast<std::size_t>(turns));
  for (std::size_t turn = 0; turn < shares.size(); ++turn) {
    // Everything said so far stands before the question; nothing else remembers it.
    const auto problem_of = [&](std::size_t i) { return problems[(i + turn) % problems.size()]; };
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto question = encode_marked(vocabulary, fill_in(form, problem_of(i).question));
      rows[i].insert(rows[i].end(), question.begin(), question.end());
    }
    const auto responses = respond(model, rows, vocabulary.special(), {}, random);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto reading = read_response(responses[i], vocabulary);
      shares[turn].hits += reading.finished && reading.answer == problem_of(i).answer ? 1 : 0;
      ++shares[turn].of;
      rows[i].insert(rows[i].end(), responses[i].begin(), responses[i].end());
    }
  }
  return shares;
}

}  // namespace verse
