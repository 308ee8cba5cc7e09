#include "common/program.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "tests/common/temporary_folder.h"

namespace verse {
namespace {

/// A command line with one option of each kind.
class Program {
 public:
  Program() : line_("A test.") {
    line_.option("steps", steps_, {1, 1000}, "");
    line_.option("rate", rate_, {0, 1}, "");
    line_.option("size", size_, {1}, "");
    line_.option("name", name_, "", "TEXT");
    line_.option("folder", folder_, "", "FOLDER");
    line_.positional("folder");
    line_.choice("kind", kind_, {"one", "two", "three"}, "");
    line_.flag("fast", fast_, "");
    line_.declare("late", WholeRange{0, 9}, "");
  }

  SharedOptions parse(std::vector<std::string> words) {
    words.insert(words.begin(), "program");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    return line_.parse(static_cast<int>(arguments.size()), arguments.data());
  }

  /// What is wrong with a command line; empty where nothing is.
  std::string complaint(const std::vector<std::string>& words) {
    return message_of<UsageError>([&] { parse(words); });
  }

  std::int64_t steps_ = 20;
  double rate_ = 0.5;
  std::optional<std::int64_t> size_;
  std::optional<std::string> name_;
  std::optional<std::filesystem::path> folder_;
  std::string kind_ = "two";
  bool fast_ = false;
  CommandLine line_;
};

TEST(Program, ReadsOptions) {
  Program program;
  const SharedOptions shared =
      program.parse({"--steps", "7", "--rate=0.25", "--name", "a b", "--fast", "--seed", "9", "--data", "x.txt",
                     "--device", "cpu", "--threads", "1", "--kind", "three", "--late", "3"});
  EXPECT_EQ(program.steps_, 7);
  EXPECT_EQ(program.rate_, 0.25);
  EXPECT_EQ(program.name_, "a b");
  EXPECT_EQ(program.kind_, "three");
  EXPECT_TRUE(program.fast_);
  EXPECT_TRUE(program.line_.given("name"));
  EXPECT_FALSE(program.line_.given("size"));
  EXPECT_FALSE(program.size_.has_value());
  std::int64_t late = 5;
  EXPECT_TRUE(program.line_.take("late", late));
  EXPECT_EQ(late, 3);
  EXPECT_FALSE(program.line_.take("size", late));
  EXPECT_EQ(late, 3);
  EXPECT_EQ(shared.seed, 9U);
  EXPECT_EQ(shared.data, std::filesystem::path("x.txt"));
  EXPECT_TRUE(shared.device.device.is_cpu());
  EXPECT_EQ(torch::get_num_threads(), 1);
}

TEST(Program, KeepsDefaults) {
  Program program;
  const SharedOptions shared = program.parse({});
  EXPECT_EQ(program.steps_, 20);
  EXPECT_EQ(program.rate_, 0.5);
  EXPECT_EQ(program.kind_, "two");
  EXPECT_FALSE(program.fast_);
  EXPECT_FALSE(shared.data.has_value());
  EXPECT_EQ(shared.seed, 1U);
}

TEST(Program, TakesItsWordAnywhereOnTheLine) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"DIR", "--threads", "1", "--name", "x"},
                                             {"--threads", "1", "DIR", "--name", "x"},
                                             {"--name=x", "DIR"},
                                             {"--name", "x", "DIR"},
                                             {"--fast", "DIR", "--name=x"},
                                             {"--folder", "DIR", "--name=x"}}) {
    Program program;
    program.parse(words);
    EXPECT_EQ(program.folder_, std::filesystem::path("DIR")) << words.front();
    EXPECT_EQ(program.name_, "x") << words.front();
  }
  EXPECT_EQ(Program().complaint({"DIR", "other"}), "\"other\" is no option; --help lists them");
}

TEST(Program, SetsNothingWhereAnythingIsWrong) {
  Program program;
  EXPECT_NE(program.complaint({"--steps", "7", "--late", "10"}), "");
  EXPECT_EQ(program.steps_, 20);
}

TEST(Program, SeedsLibTorch) {
  Program program;
  program.parse({"--seed", "5"});
  const torch::Tensor first = torch::rand({3});
  program.parse({"--seed", "5"});
  EXPECT_TRUE(torch::equal(first, torch::rand({3})));
}

TEST(Program, NamesWhatIsWrong) {
  const auto complaint = [](const std::vector<std::string>& words) { return Program().complaint(words); };
  EXPECT_EQ(complaint({}), "");
  EXPECT_EQ(complaint({"--stepz", "3"}), "there is no option --stepz; --help lists them");
  EXPECT_EQ(complaint({"-x"}), "there is no option -x; --help lists them");
  EXPECT_EQ(complaint({"--steps", "0"}), "--steps must be between 1 and 1000, not 0");
  EXPECT_EQ(complaint({"--steps", "-3"}), "--steps must be between 1 and 1000, not -3");
  EXPECT_EQ(complaint({"--steps", "99999999999999999999"}),
            "--steps must be between 1 and 1000, not 99999999999999999999");
  EXPECT_EQ(complaint({"--steps", "3x"}), "--steps must be a whole number, not \"3x\"");
  EXPECT_EQ(complaint({"--steps=many"}), "--steps must be a whole number, not \"many\"");
  EXPECT_EQ(complaint({"--steps="}), "--steps must be a whole number, not \"\"");
  EXPECT_EQ(complaint({"--rate", "2"}), "--rate must be between 0 and 1, not 2");
  EXPECT_EQ(complaint({"--rate", "0.5x"}), "--rate must be a number, not \"0.5x\"");
  EXPECT_NE(complaint({"--rate", "nan"}), "");
  EXPECT_EQ(complaint({"--size", "0"}), "--size must be at least 1, not 0");
  EXPECT_EQ(complaint({"--name"}), "--name needs a value");
  EXPECT_EQ(complaint({"--fast=maybe"}), "--fast takes no value, not \"maybe\"");
  EXPECT_EQ(complaint({"--kind", "four"}), "--kind must be one, two or three, not \"four\"");
  EXPECT_EQ(complaint({"--late", "10"}), "--late must be between 0 and 9, not 10");
  EXPECT_EQ(complaint({"--seed", "-1"}), "--seed must be at least 0, not -1");
  EXPECT_EQ(complaint({"--seed", "99999999999999999999"}),
            "--seed must be between 0 and 9223372036854775807, not 99999999999999999999");
  EXPECT_EQ(complaint({"--seed", "x"}), "--seed must be a whole number, not \"x\"");
  EXPECT_EQ(complaint({"--threads", "100000"}), "--threads must be between 0 and 1024, not 100000");
  EXPECT_EQ(complaint({"--device", "tpu"}), "--device must be auto, cpu, cuda, cuda:N or mps, not \"tpu\"");
  EXPECT_EQ(complaint({"--device", "cuda:"}), "--device must be auto, cpu, cuda, cuda:N or mps, not \"cuda:\"");
}

TEST(Program, TurnsErrorsIntoAnExitStatusAndOneLine) {
  const auto outcome = [](const std::function<int()>& body) {
    testing::internal::CaptureStderr();
    const int status = run_program(body);
    const std::string line = testing::internal::GetCapturedStderr();
    EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), line.empty() ? 0 : 1) << line;
    return std::make_pair(status, line);
  };
  EXPECT_EQ(outcome([] { return 0; }), std::make_pair(0, std::string()));
  EXPECT_EQ(outcome([]() -> int { throw UsageError("wrong\nflag"); }).first, 2);
  EXPECT_EQ(outcome([]() -> int { throw Interrupted("stopped"); }).first, 130);
  EXPECT_EQ(outcome([]() -> int { throw std::runtime_error("no space"); }).first, 1);
  EXPECT_EQ(outcome([]() -> int { throw std::bad_alloc(); }).first, 1);

  // What LibTorch 2.11 says of a GPU, of which one line is enough.
  const auto memory = outcome([]() -> int {
    throw c10::OutOfMemoryError(
        {__func__, __FILE__, 1},
        "CUDA out of memory. Tried to allocate 5.49 GiB. GPU 0 has a total capacity of 139.80 GiB of which 987.12 MiB "
        "is free. Including non-PyTorch memory, this process has 138.83 GiB memory in use. If reserved but unallocated "
        "memory is large try setting PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True to avoid fragmentation.");
  });
  EXPECT_EQ(memory.first, 1);
  EXPECT_NE(memory.second.find(": the GPU's memory does not suffice: 5.49 GiB more were needed, and 987.12 MiB of its "
                               "139.80 GiB were free\n"),
            std::string::npos)
      << memory.second;

  const auto stub = outcome([]() -> int { throw NotImplemented("3.1", "/x/chapters/03/a.cpp", 7); });
  EXPECT_EQ(stub.first, 1);
  EXPECT_NE(stub.second.find("exercise 3.1 is not written yet (chapters/03/a.cpp:7)"), std::string::npos);

  // LibTorch's own errors come with a page of addresses.
  const auto torch_error = outcome([]() -> int {
    torch::matmul(torch::zeros({2, 3}), torch::zeros({2, 3}));
    return 0;
  });
  EXPECT_EQ(torch_error.first, 1);
  EXPECT_NE(torch_error.second.find("2x3"), std::string::npos) << torch_error.second;
  EXPECT_EQ(torch_error.second.find("frame #"), std::string::npos);
}

TEST(Program, ARecordThatCannotBeWrittenIsRefusedBeforeAnythingIsDone) {
  std::vector<std::string> words{"program", "--record", "/no/such/folder/record.json"};
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  bool began = false;
  const int status = run_program([&] {
    CommandLine line("Does nothing.");
    line.parse(static_cast<int>(arguments.size()), arguments.data());
    began = true;
    return 0;
  });
  EXPECT_EQ(status, 2);
  EXPECT_FALSE(began);
}

TEST(Device, TakesTheProcessorWhereThereIsNoOther) {
  prepare_cuda();
  EXPECT_TRUE(choose_device("cpu").device.is_cpu());
  const DeviceChoice choice = choose_device("auto");
  EXPECT_FALSE(choice.reason.empty());
  if (choice.device.is_cpu()) {
    EXPECT_NE(message_of<UsageError>([] { choose_device("cuda"); }).find("--device cuda: "), std::string::npos);
  } else {
    EXPECT_TRUE(choose_device("cuda").device.is_cuda());
  }
}

}  // namespace
}  // namespace verse
