#pragma once

/// @file
/// The page's own files, which the build puts into the program (see CMakeLists.txt).

#include <string>
#include <vector>

namespace verse {

extern const std::vector<std::string> kPageModules;  ///< each after those that it imports
extern const std::string kPageFrame;  ///< page.html, with four places marked by an at sign and a word, to be filled in
extern const std::string kPageStyle;  ///< page.css

}  // namespace verse
