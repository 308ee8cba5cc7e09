#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/harness/manifest.h"

namespace verse {

/// A number as people write one: "32896", "32,896", "32_896", "3.2e4", "-1", "57.4%" (57.4), "1/3", "~4.2". Nothing for
/// anything else.
std::optional<double> parse_number(std::string_view text);

/// What an answer to a prediction is worth.
enum class Answer { right, too_low, too_high, wrong_words, not_a_number };

/// Numbers are compared within the tolerance, words without regard to case, blanks and a full stop at the end.
Answer judge_answer(const Prediction& prediction, std::string_view answer);

/// A text without the marks of its formulas ($256 \\cdot 257$), for a terminal.
std::string without_tex(std::string_view text);

/// The right answer, to be shown.
std::string right_answer(const Prediction& prediction);

}  // namespace verse
