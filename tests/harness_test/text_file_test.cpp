#include "tests/harness/text_file.h"

#include <sys/stat.h>

#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

namespace fs = std::filesystem;

TEST(TextFile, WritesBytesAsTheyAre) {
  const TemporaryFolder folder;
  const std::string text("a\r\nb\0c\xff", 7);
  write_atomically(folder.path() / "deep" / "down.txt", text);
  EXPECT_EQ(read_text(folder.path() / "deep" / "down.txt"), text);
}

TEST(TextFile, KeepsTheModeOfTheFileItReplaces) {
  const TemporaryFolder folder;
  folder.write("a.txt", "old");
  chmod((folder.path() / "a.txt").c_str(), 0751);
  write_atomically(folder.path() / "a.txt", "new");
  struct stat status {};
  ASSERT_EQ(stat((folder.path() / "a.txt").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0751u);
  EXPECT_EQ(folder.read("a.txt"), "new");
}

TEST(TextFile, ASymbolicLinkStaysOne) {
  const TemporaryFolder folder;
  folder.write("real.txt", "old");
  fs::create_symlink(folder.path() / "real.txt", folder.path() / "link.txt");
  write_atomically(folder.path() / "link.txt", "new");
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link.txt"));
  EXPECT_EQ(folder.read("real.txt"), "new");
}

TEST(TextFile, LeavesNoTemporaryFileBehind) {
  const TemporaryFolder folder;
  write_atomically(folder.path() / "a.txt", "one");
  fs::create_directory(folder.path() / "taken");
  EXPECT_THROW(write_atomically(folder.path() / "taken", "two"), std::runtime_error);
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder.path())) ++entries;
  EXPECT_EQ(entries, 2u);
}

TEST(TextFile, AMissingFileIsNamed) {
  try {
    read_text("/no/such/file.txt");
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/file.txt"), std::string::npos);
  }
  EXPECT_EQ(read_text_if_there("/no/such/file.txt"), std::nullopt);
}

TEST(TextFile, SplitsLinesAtBothKindsOfLineEnd) {
  EXPECT_EQ(lines_of("a\r\nb\n\nc"), (std::vector<std::string_view>{"a", "b", "", "c"}));
  EXPECT_EQ(lines_of("a\n"), (std::vector<std::string_view>{"a"}));
  EXPECT_TRUE(lines_of("").empty());
}

TEST(Digest, IsThePublishedFnv1a) {
  // Test vectors from the FNV reference (Fowler, Noll, Vo): "", "a", "foobar".
  EXPECT_EQ(digest(""), "cbf29ce484222325");
  EXPECT_EQ(digest("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(digest("foobar"), "85944171f73967e8");
}

TEST(Digest, OfCodeSeesWordsAndNotTheirLayout) {
  EXPECT_EQ(code_digest("  return 1;\n"), code_digest("\treturn 1;  \r\n\n"));
  EXPECT_NE(code_digest("return 1;\n"), code_digest("return 2;\n"));
  EXPECT_NE(code_digest("// a\nb;\n"), code_digest("// a b;\n"));
}

}  // namespace
}  // namespace verse
