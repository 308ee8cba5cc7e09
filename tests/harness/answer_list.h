#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Lists of answers to exercises, as `verse try` reads them.
///
///     //! [3.1] wrong no_scaling: forgot the root
///     return query.matmul(key.transpose(-2, -1));
///
///     //! [3.1] right: einsum
///     return torch::einsum("...qd,...kd->...qk", {query, key}) / std::sqrt(query.size(-1));
///
/// What follows a heading, up to the next one, is what stands between the exercise's marks. A wrong answer may say
/// which known mistake it has to be recognised as, or which two, with a + between them; words behind a colon are for
/// whoever reads the list.
namespace verse {

struct ListedAnswer {
  std::string exercise;  ///< "3.1"
  bool right = false;    ///< whether it has to be accepted
  std::string mistake;   ///< of a wrong one: the id that it has to be recognised as; empty: any verdict will do
  std::string note;      ///< the words behind the colon
  std::string file;      ///< the list
  std::size_t line = 0;  ///< the heading's
  std::string body;
};

/// Every answer of a list, in its order. @param file how errors name it
/// @throws UsageError for a heading that cannot be read, an answer without a body, and text before the first heading
/// that is no comment.
std::vector<ListedAnswer> read_answers(std::string_view text, const std::string& file);

}  // namespace verse
