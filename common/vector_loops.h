#pragma once

/// @file
/// Loops over float32 that the compiler turns into a processor's vector instructions, which work on several numbers at
/// once. Which instructions is settled when the course is compiled:
///
/// | compiled for | a loop becomes |
/// | :--- | :--- |
/// | x86-64 | AVX2 with FMA, eight at once; such a loop may only be called where vector_loops() says so |
/// | aarch64 | NEON, four at once, which every such processor has |
/// | anything else, or with VERSE_PLAIN_LOOPS | what the compiler makes for that machine by itself |

/// Stands before a function with such a loop.
#if defined(__x86_64__) && !defined(VERSE_PLAIN_LOOPS)
#define VERSE_VECTOR_LOOP __attribute__((target("avx2,fma")))
#else
#define VERSE_VECTOR_LOOP
#endif

namespace verse {

/// Whether this processor can run the loops as they were compiled. They ask first: elsewhere they would end the
/// program.
inline bool vector_loops() {
#if defined(__x86_64__) && !defined(VERSE_PLAIN_LOOPS)
  static const bool known = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return known;
#else
  return true;
#endif
}

}  // namespace verse
