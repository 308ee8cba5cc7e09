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
  EXPECT_NE(message("").find("line 1"), std::string::npos);
  EXPECT_NE(message("a,b\n1,2\n").find("line 1"), std::string::npos);
  EXPECT_NE(message(header + "0,0,0,,,,,\n1,2\n").find("line 3"), std::string::npos);
  EXPECT_NE(message(header + "0,0,0,,x,,,\n").find("\"x\" is no number"), std::string::npos);
  EXPECT_NE(message(header + "-1,0,0,,,,,\n").find("line 2"), std::string::npos);
  EXPECT_NE(message(header + "5,0,0,,,,,\n5,0,0,,,,,\n").find("does not go up"), std::string::npos);
  EXPECT_NE(message(header + "0,0,0,,,,,").find("cut short"), std::string::npos);
}

TEST(Metrics, NamesTheFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "metrics.csv", "something else\n");
  for (const char* name : {"metrics.csv", "missing.csv"}) {
    const std::string message = message_of<UsageError>([&] { load_metrics(folder / name); });
    EXPECT_NE(message.find(name), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace verse
