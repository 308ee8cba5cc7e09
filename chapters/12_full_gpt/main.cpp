/// @file
/// Chapter 12's program: `train` and `generate` in full, and what goes in from elsewhere.

#include <fmt/format.h>

#include <cerrno>
#include <string>

#include "12_full_gpt/given/commands/bench.h"
#include "12_full_gpt/given/commands/chat.h"
#include "12_full_gpt/given/commands/evaluate.h"
#include "12_full_gpt/given/commands/generate.h"
#include "12_full_gpt/given/commands/import.h"
#include "12_full_gpt/given/commands/page.h"
#include "12_full_gpt/given/commands/scale.h"
#include "12_full_gpt/given/commands/tokenize.h"
#include "12_full_gpt/given/commands/train.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/model/loaded_run.h"
#include "common/base/error.h"
#include "common/base/system.h"
#include "common/device.h"
#include "common/program.h"

namespace verse {
namespace {

void show_help() {
  const std::string program = program_name();
  fmt::print(
      "Trains a GPT on text, and lets it speak.\n\n"
      "  {0} train        from a text to a run folder\n"
      "  {0} generate     from a run folder to text\n"
      "  {0} chat         questions to a model that was taught to answer, and its answers\n"
      "  {0} evaluate     from a run folder and a text to the model's loss on it\n"
      "  {0} page         from a run folder to one file in which a browser lets it speak\n"
      "  {0} import       from a GPT-2, Llama, Mistral or Qwen in Hugging Face's layout to a run folder\n"
      "  {0} import-gpt2  the same of a GPT-2 alone\n"
      "  {0} tokenize     from a text to a tokenizer of byte pairs, and what it makes of a text\n"
      "  {0} tokens       from a text to a run's token numbers, and back\n"
      "  {0} logits       from a text to what a run's model expects after each token\n"
      "  {0} bench        how fast a training step is here, in which form\n"
      "  {0} scale        how long it would take on more processes, on paper\n\n"
      "For example:\n"
      "  {0} train --preset demo --out runs/demo\n"
      "  {0} generate --run runs/demo --max-new-tokens 300 --seed 7\n\n"
      "Each has its own --help.\n",
      program);
}

int run(int argc, char** argv) {
  prepare_cuda();
  const std::string command = argc > 1 ? argv[1] : "--help";
  if (command == "bench") return bench_command(argc - 1, argv + 1);
  if (command == "scale") return scale_command(argc - 1, argv + 1);
  keep_freed_memory();
  if (command == "train") return train_command(argc - 1, argv + 1);
  if (command == "generate") return generate_command(argc - 1, argv + 1);
  if (command == "chat") return chat_command(argc - 1, argv + 1);
  if (command == "evaluate") return evaluate_command(argc - 1, argv + 1);
  if (command == "page") return page_command(argc - 1, argv + 1);
  if (command == "import") return import_command(argc - 1, argv + 1);
  if (command == "import-gpt2") return import_gpt2_command(argc - 1, argv + 1);
  if (command == "tokenize") return tokenize_command(argc - 1, argv + 1);
  if (command == "tokens") return tokens_command(argc - 1, argv + 1);
  if (command == "logits") return logits_command(argc - 1, argv + 1);
  if (command != "--help" && command != "-h" && command != "help") {
    throw UsageError(
        fmt::format("there is no command \"{}\"; there are train, generate, chat, evaluate, page, import, import-gpt2, "
                    "tokenize, tokens, logits, bench and scale",
                    command));
  }
  show_help();
  return 0;
}

}  // namespace
}  // namespace verse

int main(int argc, char** argv) {
  return verse::run_program([&] { return verse::run(argc, argv); });
}
