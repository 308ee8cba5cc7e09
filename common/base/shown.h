#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace verse {

/// Bytes from elsewhere, in a form that a terminal shows and does not obey: control characters (line ends and tabs
/// aside), marks that turn the direction of writing, and bytes that are no UTF-8 are written as `\x1b`, `\u202e`,
/// `\xff`. Everything else stays as it is.
std::string harmless(std::string_view text);

/// The same for standard output: only where that is a terminal; a file or a pipe gets the bytes themselves.
std::string for_standard_output(std::string_view text);

/// The same on one line of at most so many characters, for a message; " ..." stands for what was left out.
std::string one_line(std::string_view text, std::size_t most);

/// A word of a command that can be pasted into bash: in quotation marks where it needs any.
std::string shell_quoted(std::string_view word);

/// Text within HTML or SVG. What no such page may hold (control characters, bytes that are no UTF-8) becomes U+FFFD.
std::string escape_markup(std::string_view text);

/// A size for a message: "812 bytes", "1.5 MB", "12 GB", by powers of 1,000.
std::string show_bytes(double bytes);

}  // namespace verse
