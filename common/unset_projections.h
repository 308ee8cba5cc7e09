#pragma once

namespace verse {

/// While one of these lives, projections that this thread makes leave their weights unset: somebody is about to fill
/// them from a file, and first values would be drawn for nothing.
class UnsetProjections {
 public:
  UnsetProjections() : before_(on_) { on_ = true; }
  ~UnsetProjections() { on_ = before_; }
  UnsetProjections(const UnsetProjections&) = delete;
  UnsetProjections& operator=(const UnsetProjections&) = delete;

  static bool on() { return on_; }

 private:
  static inline thread_local bool on_ = false;
  bool before_;
};

}  // namespace verse
