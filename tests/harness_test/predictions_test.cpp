#include "tests/harness/predictions.h"

#include <gtest/gtest.h>

namespace verse {
namespace {

TEST(Predictions, NumbersAreReadAsPeopleWriteThem) {
  EXPECT_EQ(parse_number("32896"), 32896);
  EXPECT_EQ(parse_number(" 32,896 "), 32896);
  EXPECT_EQ(parse_number("10,770,816"), 10770816);
  EXPECT_EQ(parse_number("32_896"), 32896);
  EXPECT_EQ(parse_number("-4.17"), -4.17);
  EXPECT_EQ(parse_number("1,234.5"), 1234.5);
  EXPECT_EQ(parse_number("1e-3"), 1e-3);
  EXPECT_EQ(parse_number("+7"), 7);
  EXPECT_EQ(parse_number("57.4%"), 57.4);
  EXPECT_EQ(parse_number("1/4"), 0.25);
  EXPECT_EQ(parse_number("~ 4.2"), 4.2);
}

TEST(Predictions, WhatIsNoNumberIsNone) {
  for (const std::string text : {"", " ", "many", "4,17", "4,1700", ",123", "1,23,456", "1.2.3", "nan", "inf", "0x10",
                                 "12 13", "1e999", "-", ".", "%", "1/0", "1/2/3", "/2"}) {
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
  }
}

TEST(Predictions, NumbersAreRightWithinTheToleranceAndElseTooLowOrTooHigh) {
  Prediction prediction;
  prediction.answer = 4.17;
  prediction.tolerance = 0.05;
  EXPECT_EQ(judge_answer(prediction, "4.2"), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "4.13"), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "4.23"), Answer::too_high);
  EXPECT_EQ(judge_answer(prediction, "4.1"), Answer::too_low);
  EXPECT_EQ(judge_answer(prediction, "four"), Answer::not_a_number);
  EXPECT_EQ(right_answer(prediction), "4.17 (give or take 0.05)");
  prediction.answer = 10770816;
  prediction.tolerance = 0;
  EXPECT_EQ(judge_answer(prediction, "10,770,816"), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "10770817"), Answer::too_high);
  EXPECT_EQ(right_answer(prediction), "10770816");
}

TEST(Predictions, AShareMayBeGivenInPerCent) {
  Prediction prediction;
  prediction.answer = 0.574;
  prediction.tolerance = 0.01;
  EXPECT_EQ(judge_answer(prediction, "57.4%"), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "0.574"), Answer::right);
  prediction.answer = 57.4;
  prediction.tolerance = 1;
  EXPECT_EQ(judge_answer(prediction, "57.4%"), Answer::right);
}

TEST(Predictions, ATerminalSeesNoFormulas) {
  EXPECT_EQ(without_tex("$256 \\cdot 257 / 2 = 32{,}896$, half"), "256 x 257 / 2 = 32,896, half");
}

TEST(Predictions, WordsAreComparedWithoutCaseBlanksAndFullStop) {
  Prediction prediction;
  prediction.accept = {"vanish", "It vanishes"};
  EXPECT_EQ(judge_answer(prediction, " Vanish. "), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "it   vanishes!"), Answer::right);
  EXPECT_EQ(judge_answer(prediction, "vanishing"), Answer::wrong_words);
  EXPECT_EQ(judge_answer(prediction, ""), Answer::wrong_words);
  EXPECT_EQ(right_answer(prediction), "vanish");
}

}  // namespace
}  // namespace verse
