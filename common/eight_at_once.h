#pragma once

namespace verse {

/// Whether the processor adds and multiplies eight float32 at once (AVX2 with FMA). Loops that are compiled for it ask
/// first: elsewhere they would end the program.
inline bool eight_at_once() {
  static const bool known = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return known;
}

}  // namespace verse
