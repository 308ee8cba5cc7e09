#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/manifest.h"

namespace verse {

/// One exercise's part of a source file: what stands between two lines `//! [3.2]`.
///
/// The book quotes the part by the same lines (Doxygen's \snippet). They stand inside the function's braces, a pair
/// occurs once in a file, and no pair stands inside another. Snippet marks that are not a chapter, a point and a number
/// (`//! [mask picture]`) are the book's alone and are left in peace.
struct MarkedPart {
  std::string id;              ///< "3.2"
  std::size_t first_line = 0;  ///< line of the opening mark, from 1
  std::size_t last_line = 0;   ///< line of the closing mark
  std::size_t begin = 0;       ///< offset of the body's first byte
  std::size_t end = 0;         ///< offset of the closing mark's line
  std::string indentation;     ///< what stands before the opening mark
  std::string line_end;        ///< "\n" or "\r\n", as the opening mark's line has it
};

/// Marks that are missing, single, doubled or crossed.
class MarkError : public std::runtime_error {
 public:
  MarkError(std::size_t line, const std::string& message) : std::runtime_error(message), line_(line) {}

  /// Where, from 1; 0 where there is no such place.
  std::size_t line() const { return line_; }

 private:
  std::size_t line_;
};

/// Every marked part of a source file, in the file's order. @throws MarkError at the first fault.
std::vector<MarkedPart> find_marks(std::string_view source);

/// One exercise's part; faults in the marks of other exercises do not matter. @throws MarkError
MarkedPart find_mark(std::string_view source, std::string_view id);

/// What stands between the marks.
std::string body_of(std::string_view source, const MarkedPart& part);

/// The source with another body between one pair of marks; the body takes on the line ends of the marks.
std::string splice(std::string_view source, const MarkedPart& part, std::string_view body);

/// What a learner finds in place of a body: a line that says what to do, and a line that throws.
///
/// The first line is at most 120 columns wide: the title is left out where it does not fit. Between the two stand the
/// calls that are new here, each with what it does.
std::string stub_body(const MarkedPart& part, std::string_view title, std::string_view section,
                      const std::vector<NewCall>& new_calls = {});

/// Whether a body is a stub as stub_body writes it, under whatever title and section and with whatever calls: not a
/// byte of a learner's.
bool is_stub(std::string_view body, std::string_view id);

/// The source without any body, marks kept: what a learner is given and need not touch.
std::string without_bodies(std::string_view source);

/// The digest of source code, blind to indentation, blank lines and line ends: formatting a file does not change it.
std::string code_digest(std::string_view code);

}  // namespace verse
