#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace verse {

/// A generated play, and what each character of it costs a reader who knows how plays are made.
struct Play {
  std::string text;  ///< speeches as "NAME:\nline\nline\n\n", of the 65 characters of tiny Shakespeare
  /// For each character -ln p in nats, where p is its probability given the grammar and all characters before it.
  std::vector<double> costs;
};

/// As long as tiny Shakespeare.
inline constexpr std::size_t kPlayCharacters = 1'115'394;

/// Writes a play: scene upon scene of a seeded probabilistic grammar, cut off after that many characters. The text
/// depends on the seed alone, on every machine; a shorter play is the beginning of a longer one.
Play generate_play(std::uint64_t seed, std::size_t characters = kPlayCharacters);

/// The natural logarithm of the probability that a play begins with this text, which may end anywhere. It is found by
/// parsing: each text has at most one derivation. Nothing but the text is used.
/// @throws std::invalid_argument, with the line, when no play begins like that.
double play_log_probability(std::string_view text);

/// The floor: mean -ln p, in nats per character, of text[begin, end) given the text before it.
///
/// It is exact also where the stretch begins or ends inside a word. Over all plays the mean loss of whoever predicts
/// the next character from those before it cannot be lower; on one stretch luck may undercut it by a little.
/// @throws std::out_of_range unless begin < end <= the play's length.
double play_floor(const Play& play, std::size_t begin, std::size_t end);

}  // namespace verse
