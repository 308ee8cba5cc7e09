/// @file
/// Chapter 10's program: `train` and `generate`, in full.

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "10_full_gpt/generate.h"
#include "10_full_gpt/train.h"
#include "common/device.h"
#include "common/error.h"
#include "common/program.h"

namespace verse {
namespace {

void show_help() {
  const char* program = program_invocation_short_name;
  fmt::print(
      "Trains a GPT on text, and lets it speak.\n\n"
      "  {0} train     from a text to a run folder\n"
      "  {0} generate  from a run folder to text\n\n"
      "For example:\n"
      "  {0} train --preset demo --out runs/demo\n"
      "  {0} generate --run runs/demo --max-new-tokens 300 --seed 7\n\n"
      "Each has its own --help.\n",
      program);
}

int run(int argc, char** argv) {
  prepare_cuda();
  const std::string command = argc > 1 ? argv[1] : "--help";
  if (command == "train") return train_command(argc - 1, argv + 1);
  if (command == "generate") return generate_command(argc - 1, argv + 1);
  if (command != "--help" && command != "-h" && command != "help") {
    throw UsageError(fmt::format("there is no command \"{}\"; there are train and generate", command));
  }
  show_help();
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
