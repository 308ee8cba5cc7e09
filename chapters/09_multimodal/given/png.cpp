#include "09_multimodal/given/png.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "common/base/error.h"
#include "common/base/files.h"

namespace verse {

namespace {

constexpr std::int64_t kLongestSide = 8192;

[[noreturn]] void damaged() {
  throw UsageError("is a damaged PNG file: its picture cannot be unpacked");
}

/// Bits, the lowest of each byte first.
class Bits {
 public:
  explicit Bits(std::string_view bytes) : bytes_(bytes) {}

  unsigned take(int count) {
    unsigned value = 0;
    for (int i = 0; i < count; ++i) value |= next() << i;
    return value;
  }

  unsigned next() {
    if (place_ / 8 >= bytes_.size()) damaged();
    const unsigned bit = (static_cast<unsigned char>(bytes_[place_ / 8]) >> (place_ % 8)) & 1U;
    ++place_;
    return bit;
  }

  void to_next_byte() { place_ = (place_ + 7) / 8 * 8; }

 private:
  std::string_view bytes_;
  std::size_t place_ = 0;
};

/// A Huffman code by the lengths of its words (RFC 1951, section 3.2.2).
class HuffmanCode {
 public:
  explicit HuffmanCode(const std::vector<int>& lengths) {
    for (const int length : lengths) ++count_[static_cast<std::size_t>(length)];
    count_[0] = 0;
    for (int length = 1; length < 16; ++length) {
      for (std::size_t symbol = 0; symbol < lengths.size(); ++symbol) {
        if (lengths[symbol] == length) symbols_.push_back(static_cast<int>(symbol));
      }
    }
  }

  int read(Bits& bits) const {
    // Words of one length are numbers that follow one another, and come after all shorter ones.
    int word = 0, first = 0, before = 0;
    for (std::size_t length = 1; length < count_.size(); ++length) {
      word |= static_cast<int>(bits.next());
      const int count = count_[length];
      if (word - first < count) return symbols_[static_cast<std::size_t>(before + word - first)];
      before += count;
      first = (first + count) * 2;
      word *= 2;
    }
    damaged();
  }

 private:
  std::array<int, 16> count_{};
  std::vector<int> symbols_;
};

/// Both codes of a block, for bytes with lengths, and for distances.
struct Codes {
  HuffmanCode letters, distances;
};

Codes fixed_codes() {
  std::vector<int> lengths(288, 8);
  std::fill(lengths.begin() + 144, lengths.begin() + 256, 9);
  std::fill(lengths.begin() + 256, lengths.begin() + 280, 7);
  return {HuffmanCode(lengths), HuffmanCode(std::vector<int>(30, 5))};
}

Codes read_codes(Bits& bits) {
  constexpr std::array<std::size_t, 19> kOrder = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  const std::size_t letters = bits.take(5) + 257, distances = bits.take(5) + 1, described = bits.take(4) + 4;
  std::vector<int> how(19, 0);
  for (std::size_t i = 0; i < described; ++i) how[kOrder[i]] = static_cast<int>(bits.take(3));
  const HuffmanCode code(how);
  std::vector<int> lengths;
  while (lengths.size() < letters + distances) {
    const int symbol = code.read(bits);
    if (symbol < 16) {
      lengths.push_back(symbol);
      continue;
    }
    if (symbol == 16 && lengths.empty()) damaged();
    const int repeated = symbol == 16 ? lengths.back() : 0;
    const unsigned times = symbol == 16 ? 3 + bits.take(2) : symbol == 17 ? 3 + bits.take(3) : 11 + bits.take(7);
    lengths.insert(lengths.end(), times, repeated);
  }
  if (lengths.size() != letters + distances) damaged();
  const auto middle = lengths.begin() + static_cast<std::ptrdiff_t>(letters);
  return {HuffmanCode({lengths.begin(), middle}), HuffmanCode({middle, lengths.end()})};
}

void read_block(Bits& bits, const Codes& codes, std::string& out, std::size_t most) {
  // A length or a distance is a base and some further bits (RFC 1951, section 3.2.5).
  constexpr std::array<unsigned, 29> kLengths = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                                 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
  constexpr std::array<int, 29> kLengthBits = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                               2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
  constexpr std::array<unsigned, 30> kDistances = {1,    2,    3,    4,    5,    7,    9,    13,    17,    25,
                                                   33,   49,   65,   97,   129,  193,  257,  385,   513,   769,
                                                   1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
  for (;;) {
    const int symbol = codes.letters.read(bits);
    if (symbol == 256) return;
    if (out.size() >= most) damaged();
    if (symbol < 256) {
      out += static_cast<char>(symbol);
      continue;
    }
    const auto which = static_cast<std::size_t>(symbol - 257);
    if (which >= kLengths.size()) damaged();
    const std::size_t length = kLengths[which] + bits.take(kLengthBits[which]);
    const auto far = static_cast<std::size_t>(codes.distances.read(bits));
    if (far >= kDistances.size()) damaged();
    const std::size_t distance = kDistances[far] + bits.take(far < 2 ? 0 : static_cast<int>(far / 2) - 1);
    if (distance > out.size() || out.size() + length > most) damaged();
    for (std::size_t i = 0; i < length; ++i) out += out[out.size() - distance];
  }
}

std::uint32_t big_number(std::string_view bytes, std::size_t place) {
  std::uint32_t number = 0;
  for (std::size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<unsigned char>(bytes[place + i]);
  return number;
}

/// What a row's filter took away is added again (PNG specification, section 9).
void undo_filter(int filter, std::string& row, const std::string& above, std::size_t pixel) {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int left = i >= pixel ? static_cast<unsigned char>(row[i - pixel]) : 0;
    const int up = static_cast<unsigned char>(above[i]);
    const int corner = i >= pixel ? static_cast<unsigned char>(above[i - pixel]) : 0;
    int guess = 0;
    if (filter == 1) guess = left;
    if (filter == 2) guess = up;
    if (filter == 3) guess = (left + up) / 2;
    if (filter == 4) {
      const int sum = left + up - corner;
      const int by_left = std::abs(sum - left), by_up = std::abs(sum - up), by_corner = std::abs(sum - corner);
      guess = by_left <= by_up && by_left <= by_corner ? left : by_up <= by_corner ? up : corner;
    }
    row[i] = static_cast<char>(static_cast<unsigned char>(row[i]) + guess);
  }
}

torch::Tensor decode(std::string_view all) {
  if (all.substr(0, 8) != "\x89PNG\r\n\x1a\n" || all.size() < 33) throw UsageError("is no PNG file");
  const auto width = static_cast<std::int64_t>(big_number(all, 16)),
             height = static_cast<std::int64_t>(big_number(all, 20));
  const int depth = all[24], kind = all[25], interlaced = all[28];
  if (width < 1 || height < 1 || width > kLongestSide || height > kLongestSide)
    throw UsageError(fmt::format("has {} x {} pixels; up to {} a side are read", width, height, kLongestSide));
  const std::array<int, 7> channels_of = {1, 0, 3, 1, 2, 0, 4};
  if (depth != 8 || interlaced != 0 || kind < 0 || kind > 6 || channels_of[static_cast<std::size_t>(kind)] == 0)
    throw UsageError(fmt::format("has {} bits a channel{}; a PNG of 8 bits that is not interlaced is read", depth,
                                 interlaced != 0 ? " and is interlaced" : ""));
  std::string packed, palette;
  for (std::size_t place = 8; place + 12 <= all.size();) {
    const std::size_t length = big_number(all, place);
    if (length > all.size() - place - 12) throw UsageError("is cut short");
    const auto name = all.substr(place + 4, 4);
    if (name == "IDAT") packed += all.substr(place + 8, length);
    if (name == "PLTE") palette = all.substr(place + 8, length);
    place += 12 + length;
  }
  const auto channels = static_cast<std::size_t>(channels_of[static_cast<std::size_t>(kind)]);
  const std::size_t stride = static_cast<std::size_t>(width) * channels;
  const std::string rows = inflate(packed, (stride + 1) * static_cast<std::size_t>(height));
  if (rows.size() != (stride + 1) * static_cast<std::size_t>(height)) damaged();

  auto picture = torch::empty({3, height, width});
  auto pixel = picture.accessor<float, 3>();
  std::string above(stride, '\0');
  for (std::int64_t y = 0; y < height; ++y) {
    const std::size_t start = static_cast<std::size_t>(y) * (stride + 1);
    std::string row = rows.substr(start + 1, stride);
    undo_filter(rows[start], row, above, channels);
    for (std::int64_t x = 0; x < width; ++x) {
      const auto at = [&](std::size_t channel) {
        return static_cast<float>(static_cast<unsigned char>(row[static_cast<std::size_t>(x) * channels + channel])) /
               255;
      };
      const float cover = kind == 4 ? at(1) : kind == 6 ? at(3) : 1;
      for (std::size_t channel = 0; channel < 3; ++channel) {
        float value = 0;
        if (kind == 3) {
          const std::size_t place = 3 * static_cast<unsigned char>(row[static_cast<std::size_t>(x)]) + channel;
          if (place >= palette.size()) damaged();
          value = static_cast<float>(static_cast<unsigned char>(palette[place])) / 255;
        } else {
          value = at(channels < 3 ? 0 : channel);
        }
        pixel[static_cast<std::int64_t>(channel)][y][x] = value * cover;
      }
    }
    above = std::move(row);
  }
  return picture;
}

}  // namespace

std::string inflate(std::string_view stream, std::size_t most) {
  if (stream.size() < 2 || (stream[0] & 0x0f) != 8) damaged();
  Bits bits(stream.substr(2));
  std::string out;
  for (bool last = false; !last;) {
    last = bits.next() != 0;
    const unsigned kind = bits.take(2);
    if (kind == 1) {
      read_block(bits, fixed_codes(), out, most);
    } else if (kind == 2) {
      read_block(bits, read_codes(bits), out, most);
    } else if (kind == 0) {
      bits.to_next_byte();
      const unsigned length = bits.take(16);
      bits.take(16);
      if (out.size() + length > most) damaged();
      for (unsigned i = 0; i < length; ++i) out += static_cast<char>(bits.take(8));
    } else {
      damaged();
    }
  }
  return out;
}

torch::Tensor read_png(const std::filesystem::path& path) {
  return parse_png(read_file(path), path.string());
}

torch::Tensor parse_png(std::string_view bytes, const std::string& place) {
  try {
    return decode(bytes);
  } catch (const UsageError& error) {
    throw UsageError(fmt::format("{}: {}", place, error.what()));
  }
}

}  // namespace verse
