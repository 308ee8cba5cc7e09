#pragma once

/// @file
/// How long idle threads of LibTorch's pool wait before they sleep.

namespace verse {

/// Starts this program once more with a shorter wait, where it has more than one processor and nobody chose a wait
/// (OMP_WAIT_POLICY, GOMP_SPINCOUNT). To be called first thing in main(), before anything was read or written.
///
/// libgomp's idle threads look again and again for work, for milliseconds, by its default. Where another program
/// wants the same processor, they take its time, and the thread that has work waits for its turn: a training with two
/// threads beside two busy programs then takes many times as long as alone (tests/benchmarks/busy_machine.py). 10,000
/// looks are enough for the pauses between two operations. libgomp reads its settings while the program is loaded,
/// which no code of ours precedes; hence the second start, of some tenths of a second. Where it is not possible, the
/// program goes on as it is.
void wait_shortly();

}  // namespace verse
