#pragma once

/// @file
/// Chapter 8: problems whose answers can be checked. Given, not an exercise.

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace verse {

/// What is asked.
enum class Kind {
  sum,         ///< "478+365": add numbers of equally many digits
  difference,  ///< "478-365": take the smaller of two from the larger
  count        ///< "c cabbagecab": how often does the letter occur in the word?
};

/// The size of the problems.
struct TaskOptions {
  Kind kind = Kind::sum;
  int numbers = 2;           ///< to add up: 2 to 9
  int digits = 3;            ///< of each number: 1 to 9; the first is not 0
  int letters = 16;          ///< of the word to count in: 4 to 60
  bool units_first = false;  ///< the answer's digits in the order in which one adds: "348" for 843
};

/// A problem with its solution.
struct Problem {
  std::string question;
  std::string chain;   ///< the steps, units first: "8+5+0=13,7+6+1=14,4+3+1=08" with what is carried;
                       ///< of a difference the same with what is borrowed, for a word the count so far
  std::string answer;  ///< "843"
  bool right = true;   ///< whether the answer is; false for what spoil() made
};

/// Which part of all problems one belongs to. It follows from the question alone, and a+b belongs where b+a and a-b do,
/// so that the parts never overlap, whoever draws from them and in whatever order.
enum class Split { train, validation, test };
Split split_of(const std::string& question);

/// A problem of a split; each of the split's numbers, or words, is equally likely.
/// @throws UsageError for numbers, digits or letters out of range.
Problem draw_problem(const TaskOptions& options, Split split, Random& random);

/// Different problems, none equal to another. @throws std::invalid_argument where there are not enough of them.
std::vector<Problem> draw_distinct(const TaskOptions& options, Split split, std::int64_t count, Random& random);

/// How a careless expert goes wrong.
enum class Damage {
  slip,    ///< one step of the chain gives a wrong result, and everything after it follows from that
  carry,   ///< no carry is ever taken over (where there is none to forget, a slip)
  answer,  ///< the chain is right, but one digit of the answer is not
};

/// The same question with a wrong solution. Differences are not spoiled. @throws std::invalid_argument for one
Problem spoil(const Problem& problem, const TaskOptions& options, Damage damage, Random& random);

/// The same problem with the result of one step of its chain replaced, and nothing else: what follows no longer fits.
/// Not for differences, whose answers drop zeros. @throws std::invalid_argument for one
/// @param altered receives what the answer would be if it were read off the chain as it now stands
std::string alter_step(const Problem& problem, const TaskOptions& options, Random& random, std::string& altered);

}  // namespace verse
