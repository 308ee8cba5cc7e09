#include "12_full_gpt/given/commands/tokenize.h"

#include <torch/torch.h>

#include "10_subwords/given/character_codec.h"
#include "10_subwords/given/tokenize_command.h"
#include "common/program.h"

namespace verse {

int tokenize_command(int argc, char** argv) {
  TokenizeRequest request;
  CommandLine line(kTokenizePurpose, "tokenize");
  declare_tokenize(line, request);
  const SharedOptions shared = line.parse(argc, argv);
  request.data = shared.data;
  request.threads = torch::get_num_threads();
  return tokenize(line, request, read_codec);
}

}  // namespace verse
