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
}

TEST(Predictions, WhatIsNoNumberIsNone) {
  for (const std::string text : {"", " ", "many", "4,17", "4,1700", ",123", "1,23,456", "1.2.3", "nan", "inf", "0x10",
                                 "12 13", "1e999", "-", "."}) {
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
