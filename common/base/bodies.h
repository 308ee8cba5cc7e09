#pragma once

#include <map>
#include <string>

/// Where one function has several bodies, this says which of them runs.
///
/// `verse` writes them side by side into one file: a learner's body of an exercise beside the reference's, so that an
/// exercise can be judged while every other one is the reference's; and a list of answers beside the reference's body,
/// so that one program holds them all. A program compiled without such a file knows no exercise here.
namespace verse {

/// The exercises that have several bodies, and which of them runs: 0 is the one that stands in the file itself.
inline std::map<std::string, int>& bodies_in_use() {
  static std::map<std::string, int> bodies;
  return bodies;
}

/// The entry of one exercise, such as "3.2"; it stays where it is.
inline int& body_in_use(const std::string& exercise) {
  return bodies_in_use()[exercise];
}

}  // namespace verse
