/// @file
/// A plugin of another version: the function that records is missing.

extern "C" int verse_cuda_play(void*, char*, int) {
  return 1;
}
