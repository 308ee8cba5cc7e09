#pragma once

#include <torch/torch.h>

namespace verse {

/// A tensor in memory of large pages, side by side with the last one, where the system has such pages; else in ordinary
/// memory. For what is read from end to end again and again: a processor has to look up where each page lies, and one
/// of 2 MiB is looked up once where 512 of 4 KiB are.
/// @return on the CPU, its numbers not set
torch::Tensor empty_in_large_pages(torch::IntArrayRef sizes, torch::ScalarType type);

}  // namespace verse
