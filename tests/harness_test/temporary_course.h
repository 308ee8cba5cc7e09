#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

namespace verse {

/// Where a temporary course has its learner's code.
inline const std::string learner_file = "chapters/03_attention/attention.cpp";

/// A folder that is gone after the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "verse-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file, std::ios::binary) << text;
  }

  std::string read(const std::string& file) const {
    std::ifstream stream(path_ / file, std::ios::binary);
    EXPECT_TRUE(stream.good()) << file;
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  /// Every file below with its text: what must not change when nothing may.
  std::string snapshot(const std::string& folder) const {
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_ / folder)) {
      if (entry.is_regular_file()) files[entry.path().string()] = read(entry.path().lexically_relative(path_).string());
    }
    std::string all;
    for (const auto& [name, text] : files) all += name + "\n" + text + "\n";
    return all;
  }

 private:
  std::filesystem::path path_;
};

/// What a program printed (both streams) and how it ended.
struct ProgramResult {
  std::string output;
  int status = -1;
};

inline ProgramResult run_shell(const std::string& command) {
  ProgramResult result;
  FILE* stream = popen((command + " 2>&1").c_str(), "r");
  if (!stream) return result;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), stream)) {
    result.output.append(buffer.data(), count);
  }
  const int status = pclose(stream);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

inline std::string exercise_entry(const std::string& id, const std::string& title, const std::string& section,
                                  bool core = true, const std::string& file = "attention.cpp") {
  return "\n[[exercise]]\nid = \"" + id + "\"\ntitle = \"" + title + "\"\nfile = \"" + file + "\"\nsection = \"" +
         section + "\"\nminutes = 10\ncore = " + (core ? "true" : "false") + "\nhints = [\"nudge " + id +
         "\", \"shape " + id + "\", \"answer " + id + "\"]\n" +
         "[[exercise.mistake]]\nid = \"no_scaling\"\nsays = \"The scores are not scaled.\"\n" +
         "[[exercise.mistake]]\nid = \"one_over_d\"\nsays = \"They are divided by d.\"\n" +
         "[[exercise.mistake]]\nid = \"wrong_axis\"\nsays = \"The sum runs over the wrong axis.\"\n";
}

/// A small course with a chapter 3 of three exercises in two files, as good as a manifest can be.
class TemporaryCourse : public TemporaryFolder {
 public:
  TemporaryCourse() {
    write("chapters/03_attention/exercises.toml", manifest);
    write("chapters/03_attention/chapter.md", readme);
    write("chapters/03_attention/main.cpp", "int main() {}\n");
    write("chapters/03_attention/attention.h", "#pragma once\n");
    write("solutions/03_attention/attention.cpp", solution);
    write("solutions/03_attention/mask.cpp", mask_solution);
  }

  ProgramResult verse(const std::string& arguments) const {
    return run_shell(std::string(VERSE_PROGRAM) + " --root " + path().string() + " " + arguments);
  }

  /// Puts a test program where `check N` looks for it.
  void use_test_program(const std::string& name, const std::string& program) const {
    std::filesystem::create_directories(path() / "build");
    std::filesystem::remove(path() / "build" / name);
    std::filesystem::create_symlink(program, path() / "build" / name);
  }

  const std::string manifest = "chapter = 3\nfolder = \"03_attention\"\ntitle = \"Attention\"\n" +
                               exercise_entry("3.1", "Scaled scores", "ch03-scores") +
                               exercise_entry("3.2", "Causal mask", "ch03-mask", true, "mask.cpp") +
                               exercise_entry("3.3", "Heads", "ch03-heads", false) +
                               "\n[[prediction]]\nid = \"P3.1\"\nquestion = \"How many?\"\nanswer = 32896\n"
                               "tolerance = 0.5\nwhy = \"Half of them and the diagonal.\"\nsection = \"ch03-mask\"\n"
                               "[[prediction]]\nid = \"P3.2\"\nquestion = \"Which way?\"\naccept = [\"vanish\", \"it "
                               "vanishes\"]\nwhy = \"Each layer shrinks it.\"\nsection = \"ch03-heads\"\n";

  const std::string readme =
      "# Attention {#chapter-03}\n\n## The scores {#ch03-scores}\n\n## Hiding the future {#ch03-mask}\n\n"
      "## Many heads {#ch03-heads}\n";

  const std::string solution =
      "#include \"03_attention/attention.h\"\n"
      "\n"
      "namespace verse {\n"
      "\n"
      "int scores(int query, int key) {\n"
      "  //! [3.1]\n"
      "  // The book's own mark stays where it is.\n"
      "  //! [scaled dot product]\n"
      "  const int product = query * key;\n"
      "  //! [scaled dot product]\n"
      "\n"
      "  return product / 8;\n"
      "  //! [3.1]\n"
      "}\n"
      "\n"
      "int heads(int width) {\n"
      "    //! [3.3]\n"
      "    return width / 4;\n"
      "    //! [3.3]\n"
      "}\n"
      "\n"
      "}  // namespace verse\n";

  const std::string mask_solution =
      "int mask(int row, int column) {\n"
      "  //! [3.2]\n"
      "  return column <= row;\n"
      "  //! [3.2]\n"
      "}\n";
};

}  // namespace verse
