#include "common/base/metrics.h"

#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(Metrics, WritesWhatItReads) {
  Metrics first;
  first.validation_loss = 4.1875;
  Metrics second;
  second.step = 10;
  second.tokens = 7680;
  second.seconds = 0.625;
  second.learning_rate = 1e-4;
  second.train_loss = 3.5;
  second.gradient_norm = 1.25;
  second.tokens_per_second = 12288;
  const std::string text = kMetricsHeader + format_metrics(first) + format_metrics(second);
  EXPECT_EQ(text,
            "step,tokens,seconds,learning_rate,train_loss,val_loss,grad_norm,tokens_per_second\n"
            "0,0,0.000,,,4.187500,,\n"
            "10,7680,0.625,0.0001,3.500000,,1.25,12288\n");

  const auto rows = parse_metrics(text);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].validation_loss, 4.1875);
  EXPECT_FALSE(rows[0].train_loss.has_value());
  EXPECT_EQ(rows[1].step, 10);
  EXPECT_EQ(rows[1].tokens, 7680);
  EXPECT_EQ(rows[1].learning_rate, 1e-4);
  EXPECT_EQ(rows[1].train_loss, 3.5);
  EXPECT_FALSE(rows[1].validation_loss.has_value());
  EXPECT_EQ(rows[1].tokens_per_second, 12288);
}

TEST(Metrics, NamesTheLineThatIsWrong) {
  const std::string header = kMetricsHeader;
  const auto message = [](const std::string& text) { return message_of<UsageError>([&] { parse_metrics(text); }); };
  EXPECT_EQ(message(header), "");
  EXPECT_EQ(message("").rfind("metrics.csv:1: the header was expected", 0), 0U);
  EXPECT_EQ(message("a,b\n1,2\n").rfind("metrics.csv:1: ", 0), 0U);
  EXPECT_EQ(message(header + "0,0,0,,,,,\n1,2\n"), "metrics.csv:3: 8 fields were expected, not 2");
  EXPECT_EQ(message(header + "0,0,0,,x,,,\n"), "metrics.csv:2: train_loss should be a number or empty, not \"x\"");
  EXPECT_EQ(message(header + "-1,0,0,,,,,\n"), "metrics.csv:2: step should be a whole number of 0 or more, not \"-1\"");
  EXPECT_NE(message(header + "99999999999999999999,0,0,,,,,\n"), "");
  EXPECT_EQ(message(header + "5,0,0,,,,,\n5,0,0,,,,,\n"), "metrics.csv:3: its step does not go up");
  EXPECT_EQ(message(header + "0,0,0,,,,,"), "metrics.csv:2: it is cut short");
}

TEST(Metrics, NamesTheFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "metrics.csv", "something else\n");
  for (const char* name : {"metrics.csv", "missing.csv"}) {
    const std::string message = message_of<UsageError>([&] { load_metrics(folder / name); });
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

TEST(Metrics, ReadsWhatASpreadsheetHasSaved) {
  const std::string text = std::string(kMetricsHeader) + "10,960,0.500,0.001,4.2,4.1,1.5,1900\n20,1920,1.000,,,,,\n";
  std::string windows = "\xEF\xBB\xBF";
  for (const char letter : text) windows += letter == '\n' ? "\r\n" : std::string(1, letter);
  const auto rows = parse_metrics(windows);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].tokens_per_second, 1900);
  EXPECT_EQ(rows[1].tokens_per_second, std::nullopt);
  EXPECT_NE(
      message_of<UsageError>([&] { parse_metrics(windows.substr(0, windows.size() - 1)); }).find(":3: it is cut short"),
      std::string::npos);
}

}  // namespace
}  // namespace verse
