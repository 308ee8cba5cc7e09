#include "common/base/error.h"

namespace verse {

namespace {

/// The compiler gives the path it was called with; a reader wants it from the repository's root.
std::string relative_to_repository(const std::string& path) {
  const auto chapters = path.rfind("chapters/");
  return chapters == std::string::npos ? path : path.substr(chapters);
}

}  // namespace

NotImplemented::NotImplemented(const char* exercise, const char* file, int line)
    : exercise_(exercise), file_(relative_to_repository(file)), line_(line) {
  message_ = "exercise " + exercise_ + " is not written yet (" + file_ + ":" + std::to_string(line_) + ")";
}

}  // namespace verse
