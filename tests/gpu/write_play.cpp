/// @file
/// Writes the generated play to standard output, for programs that read a text from a file.
///
/// usage: write_play [CHARACTERS [PLAYS]]: so many characters of each of so many plays, one after the other

#include <cstdio>
#include <cstdlib>

#include "common/play/play.h"

int main(int argc, char** argv) {
  const std::size_t characters = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : verse::kPlayCharacters;
  const std::uint64_t plays = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  for (std::uint64_t seed = 1; seed <= plays; ++seed) {
    const verse::Play play = verse::generate_play(seed, characters);
    if (std::fwrite(play.text.data(), 1, play.text.size(), stdout) != play.text.size()) return 1;
  }
  return 0;
}
