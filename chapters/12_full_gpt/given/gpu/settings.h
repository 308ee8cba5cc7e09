#pragma once

/// @file
/// What LibTorch may use on a GPU while a model is trained.

namespace verse {

/// Whether cuDNN's attention drops weights with the probability that it is told. Some of its kernels know probabilities
/// in sixteenths alone, and 0.2 becomes another number there.
bool cudnn_drops_exactly(double dropout);

/// Settles which kernels are taken on a GPU. To be called before the first matrix product there.
/// @param deterministic only those that give the same bits each time; where an operation has none, it throws c10::Error
void settle_gpu(double dropout, bool deterministic);

}  // namespace verse
