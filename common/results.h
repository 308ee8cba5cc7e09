#pragma once

/// @file
/// What a run found, for the book: `--record FILE` writes it down, and the book's text takes its numbers from there.

#include <cstdint>
#include <deque>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace verse {

struct Picture;

/// A cell of a recorded table, or a recorded value by itself.
using Recorded = std::variant<std::int64_t, double, std::string>;

/// A recorded table; its rows are as long as its columns are many.
struct RecordedTable {
  std::string name;
  std::vector<std::string> columns;  ///< names as in C++: the book's templates ask for cells by them
  std::vector<std::vector<Recorded>> rows;

  /// Adds a row. @throws std::invalid_argument where it has not one cell a column
  void row(std::vector<Recorded> cells);
};

/// The circumstances of a run, which stand in the file beside what it found.
struct Circumstances {
  std::vector<std::string> command;  ///< the program and its arguments
  std::string machine;               ///< processor or GPU, in words
  int threads = 0;
  std::vector<std::uint64_t> seeds;
};

/// Values, tables and curves under names. Programs record as they go, whether or not anybody wants the file.
class Results {
 public:
  Results();
  ~Results();

  /// A number with its unit ("nats", "seconds"; empty for a count). A second value under a name replaces the first.
  /// @param plus_minus half the width of its 95 % interval, where there is one
  void scalar(const std::string& name, Recorded value, const std::string& unit = "", double plus_minus = 0);

  /// A new table, to be filled; it stays valid as long as the results do.
  RecordedTable& table(const std::string& name, std::vector<std::string> columns);

  /// Points of one curve, (x, y).
  void curve(const std::string& name, const std::string& x, const std::string& y,
             std::vector<std::pair<double, double>> points);

  /// A plot, under its file's name; a second one of that name replaces the first. The plot functions record it.
  void picture(const std::string& file, Picture picture);

  /// Everything as JSON, names in the order in which they came. An infinity or NaN is a word there: "inf", "-inf",
  /// "nan".
  std::string json(const Circumstances& circumstances) const;

  /// Writes json() with today's date and the commit of the source, as a whole or not at all. @throws UsageError where
  /// there is no room
  void write(const std::filesystem::path& file, const Circumstances& circumstances) const;

 private:
  struct Scalar {
    std::string name;
    Recorded value;
    std::string unit;
    double plus_minus;
  };
  struct Curve {
    std::string name, x, y;
    std::vector<std::pair<double, double>> points;
  };
  std::vector<Scalar> scalars_;
  std::deque<RecordedTable> tables_;
  std::vector<Curve> curves_;
  std::vector<std::pair<std::string, Picture>> pictures_;
};

/// This program's results. `--record FILE` has them written when the program has ended well.
Results& results();

/// Where this program's results are to be written, and what stands beside them there. @throws UsageError where that
/// file cannot be written: a run of hours is not to end in that
void record_to(const std::filesystem::path& file, Circumstances circumstances);

/// Whether that was asked for, and not taken back since: of several processes that train together, one records.
bool recording();
void record_nothing();

/// Writes them there; nothing, where nobody asked. @throws UsageError as Results::write()
void write_results();

/// The processor by its own name with how many threads it can run at once, or the GPU's name.
std::string machine_in_words(bool cuda);

}  // namespace verse
