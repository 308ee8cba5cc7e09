#pragma once

/// @file
/// `import` and `import-gpt2`: from a model as Hugging Face keeps it to a run folder.

#include <filesystem>

namespace verse {

/// Makes a run folder of a folder that Hugging Face's `save_pretrained` wrote, or that was fetched from its hub: of a
/// GPT-2, Llama, Mistral, Qwen2 or Qwen3, as its config.json says.
/// @throws UsageError for what is missing or damaged, and for a model that computes in some other way than ours.
void import_model(const std::filesystem::path& folder, const std::filesystem::path& out);

/// The commands. @return the exit status
int import_command(int argc, char** argv);
int import_gpt2_command(int argc, char** argv);

}  // namespace verse
