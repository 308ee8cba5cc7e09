#!/usr/bin/env python3
"""Writes chapters/10_subwords/given/unicode_classes.cpp anew: which code points GPT-2's pre-tokenisation takes for letters and numbers.

Hugging Face's `tokenizers` is asked about every code point, since its answer is the one to agree with: its Unicode may be newer or
older than Python's. To be run by the Python that `make test-interop` sets up:

    build/interop/venv/bin/python tests/10_subwords/unicode_classes.py
"""
import os
import sys

from tokenizers import pre_tokenizers

PLACE = os.path.join(os.path.dirname(__file__), "..", "..", "chapters", "10_subwords", "given", "unicode_classes.cpp")

HEADER = """#include "10_subwords/given/unicode_classes.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace verse {

namespace {

/// Code points from first to last.
struct Range {
  char32_t first, last;
};

// Written by tests/10_subwords/unicode_classes.py, from Unicode 16.0.
// clang-format off
"""

FOOTER = """// clang-format on

constexpr std::size_t kCodePoints = 0x110000;

/// The class of each code point, looked up in one step.
std::vector<CharacterClass> every_class() {
  std::vector<CharacterClass> classes(kCodePoints, CharacterClass::other);
  const auto mark = [&classes](const auto& ranges, CharacterClass kind) {
    for (const Range& range : ranges) {
      std::fill(classes.begin() + range.first, classes.begin() + range.last + 1, kind);
    }
  };
  mark(kLetters, CharacterClass::letter);
  mark(kNumbers, CharacterClass::number);
  mark(kSpaces, CharacterClass::space);
  return classes;
}

}  // namespace

CharacterClass class_of(char32_t character) {
  static const std::vector<CharacterClass> classes = every_class();
  return character < kCodePoints ? classes[character] : CharacterClass::other;
}

}  // namespace verse
"""


def ranges(characters):
    found = []
    for code in characters:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def table(name, characters):
    lines, line = [], "   "
    for first, last in ranges(characters):
        entry = f" {{{first:#x}, {last:#x}}},"
        if len(line + entry) > 120:
            lines.append(line)
            line = "   "
        line += entry
    return f"constexpr Range {name}[] = {{\n" + "\n".join(lines + [line]) + "\n};\n"


def main():
    split = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str
    classes = {"kLetters": [], "kNumbers": [], "kSpaces": []}
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        for name, companion in (("kLetters", "a"), ("kNumbers", "1"), (None, "!")):
            if len(split(companion + chr(code))) == 1:  # of one kind: not cut apart
                break
        else:
            name = "kSpaces"
        if name:
            classes[name].append(code)
    with open(PLACE, "w", encoding="utf-8") as file:
        file.write(HEADER + "\n".join(table(*entry) for entry in classes.items()) + FOOTER)


if __name__ == "__main__":
    sys.exit(main())
