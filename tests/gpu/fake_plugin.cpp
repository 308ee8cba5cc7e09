/// @file
/// Stands for libverse_cuda.so in tests on machines without a GPU: its recordings fail, or can be made but not played.

#include <cstddef>
#include <cstdio>

namespace {

bool recordings_succeed = false;
int recordings_alive = 0;

void say(const char* what, char* problem, int size) {
  std::snprintf(problem, static_cast<std::size_t>(size), "%s", what);
}

}  // namespace

extern "C" {

void* verse_cuda_record(void (*)(void*), void*, char* problem, int size) {
  if (recordings_succeed) {
    ++recordings_alive;
    return &recordings_alive;
  }
  say("an operation that cannot be recorded", problem, size);
  return nullptr;
}

int verse_cuda_play(void*, char* problem, int size) {
  say("the GPU has fallen off the bus", problem, size);
  return 1;
}

void verse_cuda_forget(void*) {
  --recordings_alive;
}

/// For the tests.
void fake_plugin_succeeds(bool yes) {
  recordings_succeed = yes;
}
int fake_plugin_recordings() {
  return recordings_alive;
}

}  // extern "C"
