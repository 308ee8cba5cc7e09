#pragma once

/// @file
/// The same tests on a GPU.
///
/// `VERSE_DEVICE=cuda build/test_solution_03` runs the tests of the reference with their tensors on the GPU, without a
/// change to the tests. What a test makes (torch::randn, torch::zeros, ...) is made on the CPU, so that its numbers are
/// the same, and then lies on the device; where an operation meets tensors of both kinds, those on the CPU are moved;
/// what chance decides (dropout, first values of parameters) is decided on the CPU. Answers are held against those that
/// the reference gave on the CPU.
///
/// So these tests say whether the course's arithmetic holds on a device. Whether its programs put every tensor where it
/// belongs is for the programs to show: there, nothing is moved for them.

#include <torch/torch.h>

namespace verse {

/// The CPU, or the device that the tests have been moved to.
torch::Device test_device();

/// Moves this thread's tests to a device, from here on; the CPU ends that. Threads that compute gradients follow.
void move_tests_to(torch::Device device);

/// Does so where VERSE_DEVICE asks for it. To be called before anything else asks for LibTorch's generator.
/// @throws UsageError where there is no such device
void move_tests_where_asked();

}  // namespace verse
