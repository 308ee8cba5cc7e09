#pragma once

namespace verse {

/// The sources beside this file, as they are compiled when the program runs: numbers.cu comes before the others.
extern const char* const kNumbersSource;
extern const char* const kTrainingSource;
extern const char* const kUpdatingSource;
extern const char* const kAttentionSource;
extern const char* const kGenerationSource;

}  // namespace verse
