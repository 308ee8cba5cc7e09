#include "common/corpus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/base/error.h"
#include "common/base/files.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

TEST(Corpus, SplitsByCharactersNotBytes) {
  // Eleven characters of two bytes each: nine train (nine tenths of eleven, rounded down), two validate.
  std::string text;
  for (int i = 0; i < 11; ++i) text += "é";
  const Corpus corpus = make_corpus("name", text);
  EXPECT_EQ(corpus.characters, 11U);
  EXPECT_EQ(corpus.train.size(), 18U);
  EXPECT_EQ(corpus.validation.size(), 4U);
  EXPECT_EQ(corpus.train + corpus.validation, text);
  EXPECT_FALSE(corpus.floor.has_value());
}

TEST(Corpus, ReadsAFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "text.txt", "0123456789");
  const Corpus corpus = load_corpus(folder / "text.txt");
  EXPECT_EQ(corpus.name, "text.txt");
  EXPECT_EQ(corpus.train, "012345678");
  EXPECT_EQ(corpus.validation, "9");
}

TEST(Corpus, SaysWhatIsWrongWithAFile) {
  const TemporaryFolder folder;
  const auto message = [](const std::filesystem::path& path) {
    return message_of<UsageError>([&] { load_corpus(path); });
  };
  write_file_atomically(folder / "empty.txt", "");
  write_file_atomically(folder / "latin1.txt", "caf\xe9 au lait");
  EXPECT_NE(message(folder / "empty.txt").find("is empty"), std::string::npos);
  EXPECT_NE(message(folder / "latin1.txt").find("byte 4 of 12"), std::string::npos) << message(folder / "latin1.txt");
  EXPECT_NE(message(folder / "missing.txt").find("there is no file"), std::string::npos);
  EXPECT_NE(message(folder.path()).find("is a folder"), std::string::npos);
}

TEST(Corpus, WritesThePlayWhereNoFileIsGiven) {
  // As long as tiny Shakespeare, over as many characters, with the same split.
  const Corpus corpus = load_corpus(std::nullopt);
  EXPECT_EQ(corpus.characters, 1'115'394U);
  EXPECT_EQ(corpus.train.size(), 1'003'854U);
  EXPECT_EQ(std::set<char>(corpus.text.begin(), corpus.text.end()).size(), 65U);
  ASSERT_TRUE(corpus.floor.has_value());
  EXPECT_GT(*corpus.floor, 0.3);
  EXPECT_LT(*corpus.floor, std::log(65.0));
}

}  // namespace
}  // namespace verse
