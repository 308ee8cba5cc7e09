#include "common/base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace verse {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr Seconds kRedraw{0.2};  ///< a terminal's bar
constexpr Seconds kLine{10};     ///< plain lines

std::string show_duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::lround(std::max(seconds, 0.0)));
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::string bar(double fraction) {
  constexpr int width = 24;
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width);
  std::string drawn;
  for (int i = 0; i < width; ++i) drawn += i < filled ? "█" : "·";
  return drawn;
}

}  // namespace

Progress::Progress(std::int64_t total, std::int64_t tokens_per_step, std::int64_t first)
    : total_(total),
      tokens_per_step_(tokens_per_step),
      first_(first),
      done_(first),
      terminal_(::isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      paused_at_{},
      last_shown_(start_) {}

Progress::~Progress() {
  finish();
}

void Progress::update(std::int64_t done, double loss) {
  done_ = done;
  const auto now = std::chrono::steady_clock::now();
  const bool due = now - last_shown_ >= (terminal_ ? kRedraw : kLine);
  if (!due && done < total_) return;
  last_shown_ = now;

  const double rate = tokens_per_second();
  const double left = rate > 0 ? static_cast<double>((total_ - done) * tokens_per_step_) / rate : 0;
  const std::string line = fmt::format("step {}/{}  loss {:.3f}  {:.0f} tokens/s  {} left", done, total_, loss, rate,
                                       rate > 0 ? show_duration(left) : "?");
  if (terminal_) {
    fmt::print(stderr, "\r\033[2K{} {}",
               bar(static_cast<double>(done) / static_cast<double>(std::max<std::int64_t>(total_, 1))), line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

void Progress::note(const std::string& line) {
  fmt::print(stderr, "{}{}\n", terminal_ ? "\r\033[2K" : "", line);
  std::fflush(stderr);
}

void Progress::finish() {
  if (terminal_) fmt::print(stderr, "\r\033[2K");
  std::fflush(stderr);
}

double Progress::tokens_per_second() const {
  const auto until =
      paused_at_ == std::chrono::steady_clock::time_point{} ? std::chrono::steady_clock::now() : paused_at_;
  const double seconds = Seconds(until - start_ - paused_).count();
  return seconds > 0 ? static_cast<double>((done_ - first_) * tokens_per_step_) / seconds : 0;
}

void Progress::pause() {
  if (paused_at_ == std::chrono::steady_clock::time_point{}) paused_at_ = std::chrono::steady_clock::now();
}

void Progress::go_on() {
  if (paused_at_ == std::chrono::steady_clock::time_point{}) return;
  paused_ += std::chrono::steady_clock::now() - paused_at_;
  paused_at_ = {};
}

}  // namespace verse
