#pragma once

/// @file
/// From a GPT-2 as Hugging Face keeps it to a run folder.

#include <filesystem>
#include <string>
#include <vector>

#include "04_blocks/blocks.h"
#include "common/base/json.h"

namespace verse {

/// Makes a run folder of a folder that Hugging Face's `GPT2LMHeadModel.save_pretrained` wrote, or that was fetched from
/// its hub: config.json, tokenizer.json, and the tensors in one model.safetensors or in several with their index, in
/// float32, float16 or bfloat16.
/// @throws UsageError for what is missing or damaged, and for a GPT-2 that computes in some other way than ours.
void import_gpt2(const std::filesystem::path& folder, const std::filesystem::path& out);

/// Reads Hugging Face's GPT2Config, whose entries may be left out; four of them have a second name each, which other
/// models' configurations use.
/// @param left_out receives the sizes that are given under no name, so that GPT-2's are meant
/// @throws UsageError for what chapter 4's GPT does not compute
GPTOptions read_gpt2_config(const JsonEntry& config, std::vector<std::string>& left_out);

}  // namespace verse
