#pragma once

/// @file
/// Chapter 3: the pieces of attention, each shown on numbers small enough to follow. Given, not an exercise.

namespace verse {

void show_scores();   ///< part 1: what the square root is for
void show_mask();     ///< part 2: who may look at whom
void show_weights();  ///< part 3: the softmax of large scores, masked
void show_heads();    ///< part 4: a small tensor on its way through the heads

}  // namespace verse
