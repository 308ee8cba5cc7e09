#!/usr/bin/env python3
"""Writes chapters/10_subwords/given/composition_tables.cpp anew: which characters Unicode takes apart, and how accents are ordered.

Hugging Face's `tokenizers` is asked about every character, since its answer is the one to agree with; what it cannot be asked, Python
knows. To be run by the Python that `make test-interop` sets up:

    build/interop/venv/bin/python tests/10_subwords/composition.py
"""
import os
import sys
import unicodedata

from tokenizers import normalizers

PLACE = os.path.join(os.path.dirname(__file__), "..", "..", "chapters", "10_subwords", "given", "composition_tables.cpp")

HEADER = """#include "10_subwords/given/composition_tables.h"

namespace verse {

// Written by tests/10_subwords/composition.py. Code points are hexadecimal.
// clang-format off
"""


def string_of(name, words):
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) + 1 > 112:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line)
    return f"const char* const {name} =\n" + "\n".join(f'    "{line}"' for line in lines) + ";\n"


def runs_of(entries, value):
    """Entries one after another by their code points, each run beginning with its first and a colon."""
    before = None
    for code, content in entries:
        if code - 1 != before:
            yield f"{code:x}:"
        yield value(content)
        before = code


def is_known(character, accent_class, composed):
    """Whether `tokenizers` orders an accent by its class too: its Unicode may be older than Python's."""
    comma, cedilla = "\u0315", "\u0327"  # of class 232 and 202
    if accent_class < 232:
        return composed(comma + character) == character + comma
    return composed(character + cedilla) == cedilla + character


def main():
    composed, apart = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
    singles, pairs, classes = [], [], []
    for code in range(0x110000):
        character = chr(code)
        accent_class = unicodedata.combining(character)
        if accent_class and (apart(character) != character or is_known(character, accent_class, composed)):
            classes.append((code, accent_class))
        parts = unicodedata.decomposition(character).split()
        if 0xD800 <= code < 0xE000 or not parts or parts[0].startswith("<") or apart(character) == character:
            continue
        numbers = [int(part, 16) for part in parts]
        if len(numbers) == 1:
            singles.append((code, numbers[0]))
        else:
            comes_back = composed(character) == character
            pairs.append((code, f"{numbers[0]:x}{'+' if comes_back else '-'}{numbers[1]:x}"))
    with open(PLACE, "w", encoding="utf-8") as file:
        file.write(HEADER)
        file.write(string_of("kSingles", runs_of(singles, lambda number: f"{number:x}")))
        file.write(string_of("kPairs", runs_of(pairs, str)))
        file.write(string_of("kAccentClasses", runs_of(classes, lambda number: f"{number:x}")))
        file.write("// clang-format on\n\n}  // namespace verse\n")


if __name__ == "__main__":
    sys.exit(main())
