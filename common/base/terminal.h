#pragma once

#include <string>
#include <string_view>

namespace verse {

/// How text for a reader is dressed: in colour and with symbols on a terminal, plain elsewhere.
struct Style {
  bool colour = false;
  bool symbols = false;  ///< the terminal shows UTF-8

  std::string bold(std::string_view text) const { return wrap("1", text); }
  std::string green(std::string_view text) const { return wrap("32", text); }
  std::string red(std::string_view text) const { return wrap("31", text); }
  std::string yellow(std::string_view text) const { return wrap("33", text); }
  std::string faint(std::string_view text) const { return wrap("2", text); }

 private:
  std::string wrap(std::string_view code, std::string_view text) const;
};

/// The style for standard output: colour if it is a terminal and NO_COLOR is unset or empty.
Style style_of_standard_output();

/// Writes a blank line and a heading to standard output.
void print_heading(const std::string& heading);

/// Text broken into lines of at most 100 columns, each indented; line breaks that are in the text stay.
std::string paragraph(std::string_view text, std::size_t indentation);

/// Text with blanks behind it up to a width, counted in characters rather than bytes.
std::string padded(std::string_view text, std::size_t width);

/// "1 hint", "3 hints".
std::string counted(std::size_t number, std::string_view noun);

}  // namespace verse
