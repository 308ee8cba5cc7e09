#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace verse {

/// Progress on standard error: a bar that redraws itself on a terminal, a line now and then elsewhere.
class Progress {
 public:
  /// @param total steps, @param tokens_per_step for the rate @param first where a resumed run goes on
  Progress(std::int64_t total, std::int64_t tokens_per_step, std::int64_t first = 0);
  ~Progress();

  /// @param done steps finished, the loss in nats
  void update(std::int64_t done, double loss);

  /// A line of its own above the bar.
  void note(const std::string& line);

  /// Clears the bar.
  void finish();

  /// Tokens a second since the start, pauses left out.
  double tokens_per_second() const;

  /// Time that is no training (an evaluation) does not count towards the rate.
  void pause();
  void go_on();

 private:
  std::int64_t total_, tokens_per_step_, first_, done_ = 0;
  bool terminal_ = false;
  std::chrono::steady_clock::time_point start_, paused_at_, last_shown_;
  std::chrono::steady_clock::duration paused_{};
};

}  // namespace verse
