// Answers to exercises 10.8 to 10.10 of chapter 10: wrong ones that people give, and right ones written otherwise.

//! [10.8] wrong all_shown: a char is signed, so no byte is beyond ASCII
std::size_t begin = bytes.size();
while (begin > 0 && (bytes[begin - 1] & 0xC0) == 0x80) --begin;
if (begin == 0) return bytes.size();
const char first = bytes[begin - 1];
const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
return begin - 1 + length <= bytes.size() ? bytes.size() : begin - 1;

//! [10.8] wrong last_character_held: up to where the last one begins
for (std::size_t i = bytes.size(); i-- > 0;)
  if ((bytes[i] & 0xC0) != 0x80) return i;
return 0;

//! [10.8] wrong ascii_only: up to the first byte with its high bit set
std::size_t shown = 0;
while (shown < bytes.size() && (bytes[shown] & 0x80) == 0) ++shown;
return shown;

//! [10.8] wrong two_bytes: a first byte is followed by one more
if (bytes.empty()) return 0;
std::size_t begin = bytes.size() - 1;
while (begin > 0 && (bytes[begin] & 0xC0) == 0x80) --begin;
const bool ascii = (bytes[begin] & 0x80) == 0;
return ascii || bytes.size() - begin >= 2 ? bytes.size() : begin;

//! [10.8] wrong three_bytes_at_most: three bytes at most
if (bytes.empty()) return 0;
std::size_t begin = bytes.size() - 1;
while (begin > 0 && (bytes[begin] & 0xC0) == 0x80) --begin;
const auto first = static_cast<unsigned char>(bytes[begin]);
const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : 3;
return begin + length <= bytes.size() ? bytes.size() : begin;

//! [10.8] wrong: no bytes at all are one less than none
std::size_t begin = bytes.size() - 1;
while ((bytes[begin] & 0xC0) == 0x80) --begin;
const auto first = static_cast<unsigned char>(bytes[begin]);
const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
return begin + length <= bytes.size() ? begin + length : begin;

//! [10.8] wrong two_bytes: only a first byte at the very end is held back
if (bytes.empty()) return 0;
const auto last = static_cast<unsigned char>(bytes.back());
return last >= 0xC0 ? bytes.size() - 1 : bytes.size();

//! [10.8] right: from the front, a character at a time
std::size_t whole = 0;
while (whole < bytes.size()) {
  const auto first = static_cast<unsigned char>(bytes[whole]);
  std::size_t length = 1;
  if (first >= 0xC0) ++length;
  if (first >= 0xE0) ++length;
  if (first >= 0xF0) ++length;
  if (whole + length > bytes.size()) break;
  whole += length;
}
return whole;

//! [10.8] right: the last three bytes, by how many would have to follow
for (std::size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
  const unsigned byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
  const std::size_t wants = byte >> 3 == 0x1E ? 4 : byte >> 4 == 0xE ? 3 : byte >> 5 == 0x6 ? 2 : 1;
  if (wants > back) return bytes.size() - back;
  if (byte >> 6 != 2) break;
}
return bytes.size();

//! [10.8] right: a count of what is still to come
std::size_t end = 0;
int missing = 0;
for (std::size_t i = 0; i < bytes.size(); ++i) {
  const int byte = static_cast<unsigned char>(bytes[i]);
  if (missing > 0) --missing;
  else if (byte & 0x80) for (int bit = 0x40; byte & bit; bit >>= 1) ++missing;
  if (missing == 0) end = i + 1;
}
return end;

//! [10.9] wrong shorter_first: a match as short as possible
while (!text.empty()) {
  std::size_t at = text.size();
  std::string found;
  for (const auto& token : special) {
    const auto place = text.find(token);
    if (place == std::string_view::npos || place > at) continue;
    if (place < at || token.size() < found.size()) at = place, found = token;
  }
  if (at > 0) pieces.push_back({std::string(text.substr(0, at)), false});
  if (!found.empty()) pieces.push_back({found, true});
  text.remove_prefix(at + found.size());
}

//! [10.9] wrong by_list: each token of the list in turn
std::vector<TextPiece> done;
pieces.push_back({std::string(text), false});
for (const auto& token : special) {
  done.clear();
  for (const auto& piece : pieces) {
    if (piece.special) {
      done.push_back(piece);
      continue;
    }
    std::string rest = piece.text;
    for (auto at = rest.find(token); at != std::string::npos; at = rest.find(token)) {
      if (at > 0) done.push_back({rest.substr(0, at), false});
      done.push_back({token, true});
      rest.erase(0, at + token.size());
    }
    if (!rest.empty()) done.push_back({rest, false});
  }
  pieces = done;
}
if (text.empty()) pieces.clear();

//! [10.9] wrong empty_pieces: what lies between, even where it is nothing
for (;;) {
  std::size_t at = std::string_view::npos, length = 0;
  for (const auto& token : special) {
    const auto place = text.find(token);
    if (place < at || (place == at && at != std::string_view::npos && token.size() > length)) at = place, length = token.size();
  }
  pieces.push_back({std::string(text.substr(0, at)), false});
  if (at == std::string_view::npos) break;
  pieces.push_back({std::string(text.substr(at, length)), true});
  text.remove_prefix(at + length);
}

//! [10.9] wrong dropped: split as a line is at its commas
std::string between;
while (!text.empty()) {
  std::size_t length = 0;
  for (const auto& token : special)
    if (text.substr(0, token.size()) == token) length = std::max(length, token.size());
  if (length == 0) {
    between += text.front();
    text.remove_prefix(1);
  } else {
    if (!between.empty()) pieces.push_back({between, false});
    between.clear();
    text.remove_prefix(length);
  }
}
if (!between.empty()) pieces.push_back({between, false});

//! [10.9] wrong not_marked: none of the pieces is marked
std::size_t begin = 0, place = 0;
while (place < text.size()) {
  std::size_t length = 0;
  for (const auto& token : special)
    if (text.substr(place, token.size()) == token) length = std::max(length, token.size());
  if (length > 0) {
    if (place > begin) pieces.push_back({std::string(text.substr(begin, place - begin))});
    pieces.push_back({std::string(text.substr(place, length))});
    begin = place += length;
  } else {
    ++place;
  }
}
if (begin < text.size()) pieces.push_back({std::string(text.substr(begin))});

//! [10.9] wrong end_lost: what stands behind the last special token is lost
std::size_t begin = 0, place = 0;
while (place < text.size()) {
  std::size_t length = 0;
  for (const auto& token : special)
    if (text.substr(place, token.size()) == token) length = std::max(length, token.size());
  if (length == 0) {
    ++place;
    continue;
  }
  if (place > begin) pieces.push_back({std::string(text.substr(begin, place - begin)), false});
  pieces.push_back({std::string(text.substr(place, length)), true});
  begin = place += length;
}

//! [10.9] wrong first_of_the_list: of several, the first of the list
std::size_t begin = 0, place = 0;
while (place < text.size()) {
  const auto here = std::find_if(special.begin(), special.end(), [&](const std::string& token) { return text.substr(place, token.size()) == token; });
  if (here == special.end()) {
    ++place;
    continue;
  }
  if (place > begin) pieces.push_back({std::string(text.substr(begin, place - begin)), false});
  pieces.push_back({*here, true});
  begin = place += here->size();
}
if (begin < text.size()) pieces.push_back({std::string(text.substr(begin)), false});

//! [10.9] right: letter by letter, added to the last piece
while (!text.empty()) {
  std::string_view longest;
  for (const auto& token : special)
    if (text.substr(0, token.size()) == token && token.size() > longest.size()) longest = token;
  if (!longest.empty()) {
    pieces.push_back({std::string(longest), true});
    text.remove_prefix(longest.size());
    continue;
  }
  if (pieces.empty() || pieces.back().special) pieces.push_back({"", false});
  pieces.back().text += text.front();
  text.remove_prefix(1);
}

//! [10.9] right: find() for each token, the earliest, and of those the longest
while (!text.empty()) {
  std::pair<std::size_t, std::ptrdiff_t> best{text.size(), 0};
  for (const auto& token : special) best = std::min(best, {text.find(token), -std::ssize(token)});
  const auto [at, minus_length] = best;
  if (at > 0) pieces.push_back({std::string(text.substr(0, at)), false});
  const auto length = static_cast<std::size_t>(-minus_length);
  if (length > 0) pieces.push_back({std::string(text.substr(at, length)), true});
  text.remove_prefix(at + length);
}

//! [10.9] right: a table of what begins where, then a walk along it
std::vector<std::size_t> length_at(text.size(), 0);
for (const auto& token : special) {
  for (auto at = text.find(token); at != std::string_view::npos; at = text.find(token, at + 1)) length_at[at] = std::max(length_at[at], token.size());
}
std::string between;
const auto hand_on = [&] {
  if (!between.empty()) pieces.push_back({std::exchange(between, ""), false});
};
std::size_t at = 0;
while (at < text.size()) {
  if (length_at[at] == 0) {
    between += text[at++];
  } else {
    hand_on();
    pieces.push_back({std::string(text.substr(at, length_at[at])), true});
    at += length_at[at];
  }
}
hand_on();

//! [10.10] wrong bits_a_token: not shared out
return nats * std::log2(std::exp(1.0));

//! [10.10] wrong nats_a_byte: the unit left
return nats / (static_cast<double>(bytes) / static_cast<double>(tokens));

//! [10.10] wrong times_ln2: the wrong way
return nats * static_cast<double>(tokens) / static_cast<double>(bytes) / std::log2(std::exp(1.0));

//! [10.10] wrong other_way: bytes a token, and then multiplied
return std::log2(std::exp(nats)) * static_cast<double>(bytes) / static_cast<double>(tokens);

//! [10.10] wrong whole_number_division: whole numbers divided
return nats / std::log(2.0) * static_cast<double>(tokens / bytes);

//! [10.10] wrong logarithm_of_the_loss: the logarithm of the loss
return std::log2(nats) * static_cast<double>(tokens) / static_cast<double>(bytes);

//! [10.10] wrong bits_a_bit: eight bits a byte
return nats * static_cast<double>(tokens) / std::log(2.0) / static_cast<double>(8 * bytes);

//! [10.10] right: the logarithm to base 2 of e
return nats * std::log2(std::exp(1.0)) * (static_cast<double>(tokens) / static_cast<double>(bytes));

//! [10.10] right: tokens a byte first, in long double
const long double a_byte = static_cast<long double>(tokens) / static_cast<long double>(bytes);
return static_cast<double>(a_byte * nats / std::log(2.0L));

//! [10.10] right: the perplexity in bits
const double surprise = static_cast<double>(tokens) * std::log2(std::exp(nats));
return surprise / static_cast<double>(bytes);
