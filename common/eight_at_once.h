#pragma once

namespace verse {

/// Whether the processor adds and multiplies eight float32 at once (AVX2 with FMA): what is written out for such
/// processors asks first, because elsewhere it would end the program. (What the compiler makes of a plain loop: see
/// vector_loops.h.)
inline bool eight_at_once() {
#if defined(__x86_64__)
  static const bool known = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return known;
#else
  return false;
#endif
}

}  // namespace verse
