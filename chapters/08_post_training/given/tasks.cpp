#include "08_post_training/given/tasks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "common/base/digest.h"
#include "common/base/error.h"

namespace verse {

namespace {

/// Where a solution is to go wrong.
struct Slip {
  int step = -1;  ///< -1 for nowhere
  int by = 0;     ///< added to the step's result
  bool no_carries = false;
};

std::vector<std::string> numbers_of(const std::string& question) {
  std::vector<std::string> numbers(1);
  for (const char character : question) {
    if (character == '+' || character == '-') {
      numbers.emplace_back();
    } else {
      numbers.back() += character;
    }
  }
  return numbers;
}

/// The answer that the columns' results spell: each one's last digit, the last column's whole result first.
std::string read_off(const std::vector<int>& results) {
  std::string answer = results.back() >= 10 ? std::to_string(results.back() / 10) : "";
  for (auto result = results.rbegin(); result != results.rend(); ++result)
    answer += static_cast<char>('0' + *result % 10);
  return answer;
}

/// Adds column by column, units first, as on paper.
Problem solve_sum(const std::string& question, const Slip& slip) {
  const auto numbers = numbers_of(question);
  std::vector<std::string> steps;
  std::vector<int> results;
  int carry = 0;
  const int digits = static_cast<int>(numbers.front().size());
  for (int column = 0; column < digits; ++column) {
    std::string step;
    int result = carry;
    for (const auto& number : numbers) {
      const char digit = number[static_cast<std::size_t>(digits - 1 - column)];
      result += digit - '0';
      step += fmt::format("{}+", digit);
    }
    if (slip.step == column) result += slip.by;
    steps.push_back(fmt::format("{}{}={:02}", step, carry, result));
    results.push_back(result);
    carry = slip.no_carries ? 0 : result / 10;
  }
  return {question, fmt::format("{}", fmt::join(steps, ",")), read_off(results)};
}

/// Takes away column by column, units first: "5-8-0=17" borrows 1 from the next column and leaves 7.
Problem solve_difference(const std::string& question) {
  const auto numbers = numbers_of(question);
  std::vector<std::string> steps;
  std::string answer;
  int borrowed = 0;
  for (std::size_t column = numbers.front().size(); column-- > 0;) {
    const char above = numbers[0][column], below = numbers[1][column];
    const int left = above - below - borrowed;
    const int borrows = left < 0 ? 1 : 0, digit = left + 10 * borrows;
    steps.push_back(fmt::format("{}-{}-{}={}{}", above, below, borrowed, borrows, digit));
    answer.insert(answer.begin(), static_cast<char>('0' + digit));
    borrowed = borrows;
  }
  answer.erase(0, std::min(answer.find_first_not_of('0'), answer.size() - 1));
  return {question, fmt::format("{}", fmt::join(steps, ",")), answer};
}

/// Walks through the word and says after each letter how many there have been.
Problem solve_count(const std::string& question, const Slip& slip) {
  const char wanted = question.front();
  std::string chain;
  int count = 0;
  for (std::size_t place = 2; place < question.size(); ++place) {
    if (question[place] == wanted) ++count;
    if (static_cast<int>(place) - 2 == slip.step) count += slip.by;
    chain += fmt::format("{}{}", question[place], count);
  }
  return {question, chain, std::to_string(count)};
}

Problem solve(const std::string& question, const TaskOptions& options, const Slip& slip = {}) {
  auto problem = options.kind == Kind::sum          ? solve_sum(question, slip)
                 : options.kind == Kind::difference ? solve_difference(question)
                                                    : solve_count(question, slip);
  if (options.units_first) std::reverse(problem.answer.begin(), problem.answer.end());
  return problem;
}

std::string draw_question(const TaskOptions& options, Random& random) {
  std::string question;
  if (options.kind == Kind::sum) {
    for (int number = 0; number < options.numbers; ++number) {
      if (number > 0) question += '+';
      for (int digit = 0; digit < options.digits; ++digit)
        question += static_cast<char>(digit == 0 ? '1' + random.below(9) : '0' + random.below(10));
    }
    return question;
  }
  if (options.kind == Kind::difference) {
    auto sum = options;
    sum.kind = Kind::sum;
    sum.numbers = 2;
    auto numbers = numbers_of(draw_question(sum, random));
    std::sort(numbers.rbegin(), numbers.rend());
    return numbers[0] + "-" + numbers[1];
  }
  // Few different letters, so that there is something to count; at most nine, so that a count is one digit.
  for (;;) {
    question = std::string(1, static_cast<char>('a' + random.below(4))) + " ";
    for (int letter = 0; letter < options.letters; ++letter) question += static_cast<char>('a' + random.below(4));
    if (std::count(question.begin() + 2, question.end(), question.front()) <= 9) return question;
  }
}

void check(const TaskOptions& options) {
  if (options.numbers < 2 || options.numbers > 9 || options.digits < 1 || options.digits > 9)
    throw UsageError(
        fmt::format("sums of 2 to 9 numbers with 1 to 9 digits, not of {} with {}", options.numbers, options.digits));
  if (options.letters < 4 || options.letters > 60)
    throw UsageError(fmt::format("words to count in have 4 to 60 letters, not {}", options.letters));
}

/// A digit other than the given one.
char another_digit(char digit, Random& random) {
  return static_cast<char>('0' + (digit - '0' + 1 + random.below(9)) % 10);
}

}  // namespace

//! [split]
Split split_of(const std::string& question) {
  // The order of summands does not matter, nor whether they are added.
  auto parts = numbers_of(question);
  std::sort(parts.begin(), parts.end());

  // A hash (the digest, then SplitMix64's last steps) decides: no list of problems has to be kept.
  Digest digest;
  digest.add(fmt::format("{}", fmt::join(parts, "+")));
  std::uint64_t hash = digest.number();
  hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
  hash ^= hash >> 31;
  const auto tenth = hash % 10;
  return tenth == 0 ? Split::test : tenth == 1 ? Split::validation : Split::train;
}
//! [split]

Problem draw_problem(const TaskOptions& options, Split split, Random& random) {
  check(options);
  for (;;) {
    const auto question = draw_question(options, random);
    if (split_of(question) == split) return solve(question, options);
  }
}

std::vector<Problem> draw_distinct(const TaskOptions& options, Split split, std::int64_t count, Random& random) {
  std::vector<Problem> problems;
  std::set<std::string> seen;
  std::int64_t in_vain = 0;
  while (static_cast<std::int64_t>(problems.size()) < count) {
    auto problem = draw_problem(options, split, random);
    if (seen.insert(problem.question).second) {
      problems.push_back(std::move(problem));
      in_vain = 0;
    } else if (++in_vain > 10000) {
      throw std::invalid_argument(fmt::format("there are no {} different problems of this size", count));
    }
  }
  return problems;
}

Problem spoil(const Problem& problem, const TaskOptions& options, Damage damage, Random& random) {
  if (options.kind == Kind::difference) throw std::invalid_argument("differences are not spoiled");
  Problem spoiled;
  if (damage == Damage::answer) {
    spoiled = problem;
    auto& digit =
        spoiled.answer[static_cast<std::size_t>(random.below(static_cast<std::int64_t>(spoiled.answer.size())))];
    digit = another_digit(digit, random);
  } else if (damage == Damage::carry && options.kind == Kind::sum) {
    spoiled = solve(problem.question, options, {-1, 0, true});
  }
  // A result may be off by up to three, as slips are, and stays one that a column can have.
  while (spoiled.answer.empty() || spoiled.answer == problem.answer) {
    const int steps = options.kind == Kind::sum ? options.digits : options.letters;
    const int by = static_cast<int>(1 + random.below(3)) * (random.below(2) == 0 ? 1 : -1);
    const Slip slip{static_cast<int>(random.below(steps)), options.kind == Kind::sum ? by : 1};
    spoiled = solve(problem.question, options, slip);
    if (spoiled.chain.find('-') != std::string::npos) spoiled.answer.clear();  // below 0
    if (options.kind == Kind::count && spoiled.answer.size() > 1) {
      // Nine and one more would be two digits: miscount downwards instead, at a letter that has been counted.
      spoiled = problem;
      spoiled.chain.back() = '8';
      spoiled.answer = "8";
    }
  }
  spoiled.right = false;
  return spoiled;
}

std::string alter_step(const Problem& problem, const TaskOptions& options, Random& random, std::string& altered) {
  if (options.kind == Kind::difference) throw std::invalid_argument("the steps of differences are not altered");
  auto chain = problem.chain;
  if (options.kind == Kind::count) {
    chain.back() = another_digit(chain.back(), random);
    altered = std::string(1, chain.back());
    return chain;
  }
  // The last digit of a column's result is the answer's digit at that place.
  const auto step = random.below(options.digits);
  const std::size_t length = chain.size() / static_cast<std::size_t>(options.digits) + 1;  // a step and its comma
  auto& digit = chain[static_cast<std::size_t>(step) * length + length - 2];
  digit = another_digit(digit, random);
  altered = problem.answer;
  const auto place = static_cast<std::size_t>(step);
  altered[options.units_first ? place : altered.size() - 1 - place] = digit;
  return chain;
}

}  // namespace verse
