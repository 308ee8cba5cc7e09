#include "tests/harness/manifest.h"

#include "tests/harness/course.h"

#include "common/base/error.h"
#include "tests/harness_test/temporary_course.h"

namespace verse {
namespace {

TEST(Manifest, IsReadAsItIsWritten) {
  const TemporaryCourse files;
  const Chapter chapter = Course(files.path()).chapter(3);
  EXPECT_EQ(chapter.number, 3);
  EXPECT_EQ(chapter.folder, "03_attention");
  EXPECT_EQ(chapter.title, "Attention");
  ASSERT_EQ(chapter.exercises.size(), 3u);
  const Exercise& mask = chapter.exercises[1];
  EXPECT_EQ(mask.id, "3.2");
  EXPECT_EQ(mask.title, "Causal mask");
  EXPECT_EQ(mask.file, "mask.cpp");
  EXPECT_EQ(mask.section, "ch03-mask");
  EXPECT_EQ(mask.minutes, 10);
  EXPECT_TRUE(mask.core);
  EXPECT_EQ(mask.hints[2], "answer 3.2");
  ASSERT_NE(mask.find_mistake("one_over_d"), nullptr);
  EXPECT_EQ(mask.find_mistake("one_over_d")->says, "They are divided by d.");
  EXPECT_EQ(mask.find_mistake("unknown"), nullptr);
  EXPECT_FALSE(chapter.exercises[2].core);
  ASSERT_EQ(chapter.predictions.size(), 2u);
  EXPECT_EQ(chapter.predictions[0].answer, 32896);
  EXPECT_EQ(chapter.predictions[0].tolerance, 0.5);
  EXPECT_EQ(chapter.predictions[1].accept, (std::vector<std::string>{"vanish", "it vanishes"}));
}

TEST(Manifest, NamesTheCallsThatAreNewAndWhatTheReferenceDoesDifferently) {
  const TemporaryCourse files;
  std::string text = files.manifest;
  text.replace(text.find("core = true\n"), 12,
               "core = true\nreference = \"It divides before it multiplies.\"\n"
               "calls = [{ call = \"x.topk(k, dim)\", does = \"the k largest values\" }]\n");
  files.write("chapters/03_attention/exercises.toml", text);
  const Chapter chapter = Course(files.path()).chapter(3);
  ASSERT_EQ(chapter.exercises[0].calls.size(), 1u);
  EXPECT_EQ(chapter.exercises[0].calls[0].call, "x.topk(k, dim)");
  EXPECT_EQ(chapter.exercises[0].calls[0].does, "the k largest values");
  EXPECT_EQ(chapter.exercises[0].reference, "It divides before it multiplies.");
  EXPECT_TRUE(chapter.exercises[1].calls.empty());
}

TEST(Manifest, CharactersBeyondAsciiStandInStringsAndComments) {
  const auto told = [](const std::string& text) {
    try {
      parse_manifest(text, "chapters/03_attention", "m.toml");
      return std::string();
    } catch (const ManifestError& error) {
      return std::string(error.what());
    }
  };
  for (const std::string text :
       {R"(x = "é")", R"(x="é")", R"(x = 'é')", R"(x = ["é", 'é' , {y = "é"}])", "x = 1 # é", "# \"é", R"("é" = 1)",
        R"(x = "\"é")", "x = \"\"\"\né \"é\" é\"\"\"", "x = '''é'é'''", "x = [ # é\n\"é\" ]", R"(x.y = "é")"}) {
    EXPECT_EQ(told(text).find("beyond ASCII"), std::string::npos) << text << ": " << told(text);
  }
  // In the middle of a number or a word, a quotation mark opens nothing.
  for (const std::string text : {"é = 1", "x = é", R"(x = 1"é")", "x = n'é'", R"(x = 1="é")", R"(x = [1="é"])",
                                 R"(x = [1["é"])", "x = [\n1=\"é\"]", R"(x = 1{"é"})", R"(x = "a"é)", R"(x = "a""é")",
                                 R"(x = "a" é)", R"(x = "\é")", "x = \"\"\"a \\\n é\"\"\""}) {
    EXPECT_NE(told(text).find("m.toml:"), std::string::npos) << text;
    EXPECT_NE(told(text).find("beyond ASCII"), std::string::npos) << text << ": " << told(text);
  }
}

// A manifest with one fault, made by replacing the first occurrence of a text, and what must be said of it.
struct Fault {
  std::string name;
  std::string from;
  std::string to;
  std::string line;  // "5", or empty where the number is of no interest
  std::string says;
};

class FaultyManifest : public testing::TestWithParam<Fault> {};

TEST_P(FaultyManifest, IsRefusedInOneLineThatNamesThePlace) {
  const TemporaryCourse files;
  std::string text = files.manifest;
  const std::size_t place = text.find(GetParam().from);
  ASSERT_NE(place, std::string::npos);
  text.replace(place, GetParam().from.size(), GetParam().to);
  files.write("chapters/03_attention/exercises.toml", text);
  try {
    Course(files.path()).chapter(3);
    FAIL() << "was not refused";
  } catch (const ManifestError& error) {
    const std::string what = error.what();
    EXPECT_TRUE(what.starts_with("chapters/03_attention/exercises.toml:" + GetParam().line)) << what;
    EXPECT_NE(what.find(GetParam().says), std::string::npos) << what;
    EXPECT_EQ(what.find('\n'), std::string::npos) << what;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, FaultyManifest,
    testing::Values(
        Fault{"Syntax", "chapter = 3", "chapter = = 3", "1: ", ""},
        Fault{"MissingKey", "minutes = 10\n", "", "5: ", "`minutes` is missing"},
        Fault{"MissingTitle", "title = \"Attention\"\n", "", "", "`title` is missing"},
        Fault{"UnknownKey", "minutes = 10\n", "minutes = 10\nminuets = 10\n", "11: ", "`minuets` means nothing"},
        Fault{"TwoHints", "\"shape 3.1\", ", "", "12: ", "2 hints, where three are wanted"},
        Fault{"FourHints", "\"shape 3.1\", ", "\"shape 3.1\", \"more\", ", "12: ", "4 hints, where three are wanted"},
        Fault{"SameHints", "shape 3.1", "nudge 3.1", "12: ", "two hints are the same"},
        Fault{"EmptyHint", "shape 3.1", " ", "12: ", "`hints` holds"},
        Fault{"OutOfOrder", "id = \"3.2\"", "id = \"3.4\"", "", "`3.4` is out of order: `3.2` comes next"},
        Fault{"OtherChapter", "chapter = 3", "chapter = 4", "1: ", "`chapter` is 4"},
        Fault{"OtherFolder", "folder = \"03_attention\"", "folder = \"03_other\"", "2: ", "`folder` is"},
        Fault{"MinutesAsText", "minutes = 10", "minutes = \"ten\"", "10: ", "`minutes` is not a whole number"},
        Fault{"NoMinutes", "minutes = 10", "minutes = 0", "10: ", "`minutes` is 0"},
        Fault{"CoreAsText", "core = true", "core = \"yes\"", "11: ", "`core` is neither true nor false"},
        Fault{"CallWithoutWords", "core = true", "core = true\ncalls = [{ call = \"x.topk(k)\" }]",
              "12: ", "`does` is"},
        Fault{"CallWithMore", "core = true", "core = true\ncalls = [{ call = \"f()\", does = \"it\", by = 1 }]",
              "12: ", "`by` means nothing"},
        Fault{"CallsAsText", "core = true", "core = true\ncalls = \"x.topk(k)\"", "12: ", "`calls` is not a list"},
        Fault{"CallTooWide", "core = true",
              "core = true\ncalls = [{ call = \"f()\", does = \"" + std::string(101, 'x') + "\" }]",
              "12: ", "more than a line"},
        Fault{"FileElsewhere", "file = \"attention.cpp\"", "file = \"../attention.cpp\"", "8: ", "`file` is not"},
        Fault{"MistakeTwice", "id = \"one_over_d\"", "id = \"no_scaling\"", "", "`no_scaling` occurs twice"},
        Fault{"MistakeId", "id = \"one_over_d\"", "id = \"One over d\"", "", "a-z, 0-9 and _"},
        Fault{"MistakeIsMute", "says = \"They are divided by d.\"\n", "", "", "`says` is missing"},
        Fault{"BothAnswers", "answer = 32896", "answer = 32896\naccept = [\"many\"]", "", "either `answer`"},
        Fault{"NoAnswer", "answer = 32896\ntolerance = 0.5\n", "", "", "either `answer`"},
        Fault{"AnswerAsText", "answer = 32896", "answer = \"32896\"", "", "`answer` is not a number"},
        Fault{"Tolerance", "tolerance = 0.5", "tolerance = -1", "", "`tolerance` is negative"},
        Fault{"PredictionOrder", "id = \"P3.2\"", "id = \"P3.3\"", "", "`P3.3` is out of order: `P3.2` comes next"}),
    [](const auto& one) { return one.param.name; });

TEST(Course, SaysWhatThereIsNot) {
  const TemporaryCourse files;
  const Course course(files.path());
  EXPECT_THROW(course.chapter(4), UsageError);
  EXPECT_THROW(course.exercise("3.9"), UsageError);
  EXPECT_THROW(course.prediction("P3.3"), UsageError);
  for (const std::string id : {"", "3", "3.", ".1", "3.x", "3.1.2", "3.0", "-3.1", "x3.1"}) {
    EXPECT_THROW(chapter_of(id), UsageError) << id;
  }
  EXPECT_THROW(Course(files.path() / "chapters"), UsageError);
}

TEST(Course, AFaultInOneChapterDoesNotHideAnother) {
  const TemporaryCourse files;
  files.write("chapters/04_blocks/exercises.toml", "not toml at all");
  const Course course(files.path());
  EXPECT_EQ(course.numbers(), (std::vector<int>{3, 4}));
  EXPECT_EQ(course.exercise("3.1").title, "Scaled scores");
  EXPECT_THROW(course.chapter(4), ManifestError);
}

TEST(Course, FindsItsRootFromBelow) {
  const TemporaryCourse files;
  EXPECT_EQ(Course::find_root(files.path() / "chapters" / "03_attention"), files.path());
  EXPECT_EQ(Course::find_root("/"), std::nullopt);
}

TEST(Course, KnowsTheBooksSectionsAndPages) {
  const TemporaryCourse files;
  const Course course(files.path());
  const Chapter& chapter = course.chapter(3);
  EXPECT_EQ(course.section_title(chapter, "ch03-mask"), "Hiding the future");
  EXPECT_EQ(course.section_title(chapter, "ch03-mas"), std::nullopt);
  EXPECT_EQ(course.book_page(files.path() / "build", "ch03-mask"), std::nullopt);
  files.write("build/book/html/chapter-03.html", "<a class=\"anchor\" id=\"ch03-mask\"></a>");
  files.write("build/book/html/a.html", "<a href=\"chapter-03.html#ch03-mask\">");
  EXPECT_EQ(course.book_page(files.path() / "build", "ch03-mask"), "build/book/html/chapter-03.html#ch03-mask");
}

}  // namespace
}  // namespace verse
