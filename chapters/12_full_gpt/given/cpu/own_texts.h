#pragma once

/// @file
/// Chapter 12: a step on a processor in which each thread works on texts of its own.

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "04_blocks/blocks.h"

namespace verse {

/// Whether threads may work on a model's texts at the same time: it has to be chapter 4's, chapter 11's or the fast
/// one of this chapter, and draw its random numbers by Drops::drawn(), or none at all. Those that are drawn from a
/// generator which all threads share would come in any order.
bool knows_own_texts(const LanguageModelImpl& model);

/// How many of so many threads work on texts of their own: all of them, or 1, and then they share each operation. All
/// of them where the model knows how, each has at least one text and none more than half as many again as its even
/// share, and the gradients, of which each thread has all, take a gigabyte at most in sum.
/// @param starts of each part of the batch, [texts]
std::int64_t threads_for_own_texts(const LanguageModelImpl& model, const std::vector<torch::Tensor>& starts,
                                   std::int64_t threads);

/// The gradients of a batch's mean loss, and that loss. Each of LibTorch's threads takes some of the texts all the way,
/// from the lookup to the gradients; then the gradients are added up, always in the same order. So the threads wait for
/// one another once, where they would wait after each operation if they shared that.
///
/// What is dropped is what would be dropped if one thread did everything, and LibTorch's generator goes on from where
/// it would be then.
///
/// @param parameters get new gradients @param starts of each part of the batch, [texts]: see StepSettings::accumulate
/// @param threads at most as many as the smallest part has texts: see threads_for_own_texts()
/// @param loss_of the mean loss of the windows that begin there, a scalar; called on several threads at once
/// @return the mean over all parts, a scalar
torch::Tensor gradients_by_threads(const std::vector<torch::Tensor>& parameters,
                                   const std::vector<torch::Tensor>& starts, std::int64_t threads,
                                   const std::function<torch::Tensor(const torch::Tensor& starts)>& loss_of);

/// How many bytes the largest tensor of a step has, in float32, where each thread has so many texts.
double largest_tensor(const GPTOptions& shape, std::int64_t texts);

/// One heap for all threads, where a step has large tensors. Else threads have heaps of their own, and need not wait
/// for one another to get memory; but those have no room for more than 64 MB in one piece, and ask the system for each
/// larger one anew. To be called before threads ask for memory.
/// @param texts that are worked on at the same time, by all threads together
void settle_heaps(const GPTOptions& shape, std::int64_t texts);

}  // namespace verse
