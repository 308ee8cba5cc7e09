#include "common/base/interrupt.h"

#include <atomic>
#include <csignal>
#include <initializer_list>

namespace verse {

namespace {

// A signal handler may touch no more than this.
std::atomic<bool> came = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void remember(int signal) {
  if (came.exchange(true)) {
    std::signal(signal, SIG_DFL);
    std::raise(signal);
  }
}

}  // namespace

void catch_interrupts() {
  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    action.sa_handler = remember;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
}

bool interrupted() {
  return came;
}

}  // namespace verse
