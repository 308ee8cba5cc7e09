#pragma once

/// @file
/// Chapter 8: a model that asks a calculator, and the program that answers it. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/tasks.h"
#include "common/base/random.h"

namespace verse {

/// The chapter's vocabulary with `<tool>`, `<result>` and `</tool>`.
ChatVocabulary tool_vocabulary(const Tokenizer& base);

/// What a calculator answers: "478+365" gives "843", "2-5" gives "-3", "12x12" gives "144", and anything but two
/// numbers of at most nine digits with +, - or x between them gives "error".
std::string calculate(std::string_view call);

/// A question in words about two numbers of three digits: "478 plus 365", "take 365 from 478" or "478 times 365". Its
/// chain is what to ask the calculator: "478+365". The numbers are in the split's sums.
Problem draw_word_problem(Split split, Random& random);

/// A word problem as one row of tokens.
/// @param asks whether the calculator is asked: `<user>478 plus 365<assistant><tool>478+365<result>843</tool>843<end>`;
/// the answer alone otherwise
std::vector<std::int64_t> format_word_problem(const Problem& problem, bool asks, const ChatVocabulary& vocabulary);

/// Which tokens the model is to learn to say: the responses' without what the program writes, which is everything
/// behind `<result>` up to and with `</tool>`. @param tokens [rows, time], int64, on the CPU @return [rows, time], bool
torch::Tensor own_words_mask(const torch::Tensor& tokens, const ChatVocabulary& vocabulary);

/// From what the model asks to what it is told.
using Calculator = std::function<std::string(std::string_view call)>;

/// As respond(), but the model is stopped when it says `<result>`: the program then writes what the calculator answers
/// and `</tool>`, and the model goes on behind that. One call a response; a second is not answered.
/// @param calculator none to leave the model alone, which then has to make the result up
std::vector<std::vector<std::int64_t>> respond_with_tool(GPT& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                         const ChatVocabulary& vocabulary, const Calculator& calculator,
                                                         Random& random);

/// What a response with a tool says.
struct ToolReading {
  std::string call;    ///< what was asked; empty where nothing was
  std::string answer;  ///< behind the call, up to `<end>`
  bool finished = false;
};
ToolReading read_tool_response(const std::vector<std::int64_t>& response, const ChatVocabulary& vocabulary);

}  // namespace verse
