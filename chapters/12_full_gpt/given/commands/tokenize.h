#pragma once

/// @file
/// `tokenize`: a tokenizer of byte pairs by itself, without a model.

namespace verse {

/// `tokenize`: trains a tokenizer on texts; or shows the tokens of a text, the text of tokens, how many there are.
/// @return the exit status
int tokenize_command(int argc, char** argv);

}  // namespace verse
