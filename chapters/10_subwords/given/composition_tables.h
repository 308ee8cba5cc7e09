#pragma once

namespace verse {

/// Unicode's tables for composed(), as words: "300:" begins a run at a code point, and what follows are the entries of
/// it and those after it. All numbers are hexadecimal.
extern const char* const kSingles;  ///< characters that stand for another one

/// Characters of two: the first, then + where both together become the character again, and - where they do not, then
/// the second.
extern const char* const kPairs;

extern const char* const kAccentClasses;  ///< by which accents on one letter are ordered; others have 0

}  // namespace verse
