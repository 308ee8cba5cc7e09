#pragma once

/// @file
/// Chapter 8: conversations in templates of any kind, and of several turns. Given, not an exercise.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "04_blocks/blocks.h"
#include "08_post_training/given/chat.h"
#include "08_post_training/given/respond.h"
#include "08_post_training/given/tasks.h"
#include "common/base/random.h"

namespace verse {

/// Tokens of a text in which the special tokens are written out: "<user>478+365<assistant>" is one token, seven
/// characters' and one. For templates; what a user types goes through ChatVocabulary::encode(), which gives characters.
/// @throws UsageError that names a character that is not in the vocabulary
std::vector<std::int64_t> encode_marked(const ChatVocabulary& vocabulary, std::string_view text);

/// A template with something at the place of its {}: "<user>{}<assistant>" becomes "<user>478+365<assistant>".
/// @throws std::invalid_argument for a template without {}
std::string fill_in(std::string_view form, std::string_view content);

/// How many of the problems are answered rightly, each asked by a row of its own.
/// @param rows as many as problems
Accuracy measure_rows(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                      const std::vector<std::vector<std::int64_t>>& rows, Random& random);

/// Conversations of several turns, as many as there are problems: of each turn, how many answers are right. Each
/// conversation asks another problem at each turn, and the model reads what it said itself at the turns before.
/// @param opening what stands before the first question, such as a system turn, its special tokens written out
/// @param form of each question, as fill_in() has it
std::vector<Accuracy> measure_turns(GPT& model, const ChatVocabulary& vocabulary, const std::vector<Problem>& problems,
                                    std::int64_t turns, std::string_view opening, std::string_view form,
                                    Random& random);

}  // namespace verse
