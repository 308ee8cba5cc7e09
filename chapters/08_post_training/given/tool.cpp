#include "08_post_training/given/tool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "08_post_training/given/conversation.h"
#include "08_post_training/post_training.h"

namespace verse {

namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 &&
         std::all_of(text.begin(), text.end(), [](unsigned char character) { return std::isdigit(character) != 0; });
}

}  // namespace

ChatVocabulary tool_vocabulary(const Tokenizer& base) {
  return ChatVocabulary(base, {"<tool>", "<result>", "</tool>"});
}

std::string calculate(std::string_view call) {
  const auto sign = call.find_first_of("+-x");
  if (sign == std::string_view::npos || !is_number(call.substr(0, sign)) || !is_number(call.substr(sign + 1)))
    return "error";
  const std::int64_t left = std::stoll(std::string(call.substr(0, sign))),
                     right = std::stoll(std::string(call.substr(sign + 1)));
  const char operation = call[sign];
  return std::to_string(operation == '+' ? left + right : operation == '-' ? left - right : left * right);
}

Problem draw_word_problem(Split split, Random& random) {
  const auto sum = draw_problem({}, split, random).question;
  auto left = sum.substr(0, 3), right = sum.substr(4);
  Problem problem;
  switch (random.below(3)) {
    case 0:
      problem.question = fmt::format("{} plus {}", left, right);
      problem.chain = fmt::format("{}+{}", left, right);
      break;
    case 1:
      if (left < right) std::swap(left, right);
      problem.question = fmt::format("take {} from {}", right, left);
      problem.chain = fmt::format("{}-{}", left, right);
      break;
    default:
      problem.question = fmt::format("{} times {}", left, right);
      problem.chain = fmt::format("{}x{}", left, right);
  }
  problem.answer = calculate(problem.chain);
  return problem;
}

std::vector<std::int64_t> format_word_problem(const Problem& problem, bool asks, const ChatVocabulary& vocabulary) {
  const auto call = asks ? fmt::format("<tool>{}<result>{}</tool>", problem.chain, problem.answer) : "";
  return encode_marked(vocabulary, fmt::format("<user>{}<assistant>{}{}<end>", problem.question, call, problem.answer));
}

//! [own_words]
torch::Tensor own_words_mask(const torch::Tensor& tokens, const ChatVocabulary& vocabulary) {
  auto mask = response_mask(tokens, vocabulary.special());
  const auto result = vocabulary.token("<result>"), end_tool = vocabulary.token("</tool>");
  const auto token_at = tokens.accessor<std::int64_t, 2>();
  auto learned = mask.accessor<bool, 2>();
  for (std::int64_t row = 0; row < tokens.size(0); ++row) {
    bool program_writes = false;
    for (std::int64_t place = 0; place < tokens.size(1); ++place) {
      const auto token = token_at[row][place];
      if (token == vocabulary.special().end) program_writes = false;
      if (program_writes) learned[row][place] = false;
      if (token == result) program_writes = true;
      if (token == end_tool) program_writes = false;
    }
  }
  return mask;
}
//! [own_words]

//! [respond_with_tool]
std::vector<std::vector<std::int64_t>> respond_with_tool(GPT& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                         const ChatVocabulary& vocabulary, const Calculator& calculator,
                                                         Random& random) {
  const auto& special = vocabulary.special();
  if (!calculator) return respond(model, rows, special, {}, random);

  // Up to <result> the model speaks; it may also be done before it asks anything.
  auto until_result = special;
  until_result.end = vocabulary.token("<result>");
  auto responses = respond(model, rows, until_result, {}, random);
  std::vector<std::vector<std::int64_t>> asking;
  std::vector<std::size_t> who;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto& response = responses[i];
    const auto end = std::find(response.begin(), response.end(), special.end);
    if (end != response.end()) response.erase(end + 1, response.end());
    if (response.empty() || response.back() != until_result.end) continue;

    // The program writes the result, and everything so far is read again.
    const auto told = encode_marked(vocabulary, calculator(read_tool_response(response, vocabulary).call) + "</tool>");
    response.insert(response.end(), told.begin(), told.end());
    asking.push_back(rows[i]);
    asking.back().insert(asking.back().end(), response.begin(), response.end());
    who.push_back(i);
  }
  const auto rest = respond(model, asking, special, {}, random);
  for (std::size_t i = 0; i < who.size(); ++i)
    responses[who[i]].insert(responses[who[i]].end(), rest[i].begin(), rest[i].end());
  return responses;
}
//! [respond_with_tool]

ToolReading read_tool_response(const std::vector<std::int64_t>& response, const ChatVocabulary& vocabulary) {
  ToolReading reading;
  auto first = response.begin();
  const auto last = std::find(first, response.end(), vocabulary.special().end);
  reading.finished = last != response.end();
  if (first != last && *first == vocabulary.token("<tool>")) {
    const auto asked = std::find(first, last, vocabulary.token("<result>"));
    reading.call = vocabulary.decode({first + 1, asked});
    const auto told = std::find(asked, last, vocabulary.token("</tool>"));
    reading.finished = reading.finished && told != last;
    first = told == last ? last : told + 1;
  }
  reading.answer = vocabulary.decode({first, last});
  return reading;
}

}  // namespace verse
