#pragma once

/// @file
/// `import-gpt2`: from a GPT-2 as Hugging Face keeps it to a run folder.

#include <filesystem>

namespace verse {

/// Makes a run folder of a folder that Hugging Face's `GPT2LMHeadModel.save_pretrained` wrote, or that was fetched from
/// its hub: config.json, tokenizer.json, and the tensors in one model.safetensors or in several with their index, in
/// float32, float16 or bfloat16.
/// @throws UsageError for what is missing or damaged, and for a GPT-2 that computes in some other way than ours.
void import_gpt2(const std::filesystem::path& folder, const std::filesystem::path& out);

/// The command. @return the exit status
int import_gpt2_command(int argc, char** argv);

}  // namespace verse
