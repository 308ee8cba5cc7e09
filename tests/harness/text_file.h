#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// The whole file as bytes. @throws std::runtime_error naming the file when it cannot be read.
std::string read_text(const std::filesystem::path& file);

/// The same, or nothing where there is no such file.
std::optional<std::string> read_text_if_there(const std::filesystem::path& file);

/// Replaces a file as a whole: whoever reads it sees the old text or the new one, never half of either.
///
/// The text goes to a temporary file beside it, which is flushed to the disk and renamed into place. The mode of a file
/// that exists is kept, and a symbolic link stays one. Folders on the way are made.
/// @throws std::runtime_error naming the file.
void write_atomically(const std::filesystem::path& file, std::string_view text);

/// The lines of a text without their line ends; "\r\n" counts as one.
std::vector<std::string_view> lines_of(std::string_view text);

/// Without the blanks, tabs and line ends around it.
std::string_view trimmed(std::string_view text);

/// 16 hexadecimal digits that tell two texts apart (FNV-1a, 64 bits): good against accidents, not against malice.
std::string digest(std::string_view text);

/// The digest of source code, blind to indentation, blank lines and line ends: formatting a file does not change it.
std::string code_digest(std::string_view code);

/// Now, in UTC: "2026-01-31T12:03:04Z".
std::string time_stamp();

}  // namespace verse
