#pragma once

#include <exception>
#include <stdexcept>
#include <string>

namespace verse {

/// A mistake in how a program is used: a flag, a file, a number out of range. Programs print what() as one line and
/// exit with status 2, so the message says what was expected and what came.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user pressed Ctrl-C and what was to be saved has been saved. Programs exit with status 130.
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thrown by the stub of an exercise that is not written yet. Programs say which exercise and where, and exit with 1.
class NotImplemented : public std::exception {
 public:
  /// @param exercise its number, such as "3.2"; file and line fill themselves in with the place of the throw.
  explicit NotImplemented(const char* exercise, const char* file = __builtin_FILE(), int line = __builtin_LINE());

  const char* what() const noexcept override { return message_.c_str(); }
  const std::string& exercise() const { return exercise_; }
  const std::string& file() const { return file_; }  ///< relative to the repository
  int line() const { return line_; }

 private:
  std::string exercise_;
  std::string file_;
  int line_;
  std::string message_;
};

}  // namespace verse
