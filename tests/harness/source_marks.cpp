#include "tests/harness/source_marks.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/base/digest.h"
#include "common/base/text.h"

namespace verse {
namespace {

constexpr std::size_t widest_line = 120;
constexpr std::string_view new_call = "// New here: ";
constexpr std::string_view what_it_does = "//   does: ";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "3.2" out of a line `   //! [3.2]`; nothing for any other line.
std::optional<std::string> id_in_mark(std::string_view line) {
  std::string_view text = trimmed(line);
  constexpr std::string_view opening = "//! [";
  if (!text.starts_with(opening) || !text.ends_with(']')) return std::nullopt;
  text.remove_prefix(opening.size());
  text.remove_suffix(1);

  const std::size_t point = text.find('.');
  if (point == 0 || point == std::string_view::npos || point + 1 == text.size()) return std::nullopt;
  if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(point), is_digit)) return std::nullopt;
  if (!std::all_of(text.begin() + static_cast<std::ptrdiff_t>(point) + 1, text.end(), is_digit)) return std::nullopt;
  return std::string(text);
}

// A line that is a mark, and where it lies.
struct MarkLine {
  std::string id;
  std::size_t number;  // of the line, from 1
  std::size_t begin;   // offset of its first byte
  std::size_t end;     // offset behind its line end
  std::string_view text;
};

std::vector<MarkLine> mark_lines(std::string_view source) {
  std::vector<MarkLine> marks;
  std::size_t begin = 0;
  for (std::size_t number = 1; begin < source.size(); ++number) {
    const std::size_t newline = source.find('\n', begin);
    const std::size_t end = newline == std::string_view::npos ? source.size() : newline + 1;
    const std::string_view line = source.substr(begin, end - begin);
    if (auto id = id_in_mark(line)) marks.push_back({*std::move(id), number, begin, end, line});
    begin = end;
  }
  return marks;
}

MarkedPart part_between(const MarkLine& opening, const MarkLine& closing) {
  MarkedPart part;
  part.id = opening.id;
  part.first_line = opening.number;
  part.last_line = closing.number;
  part.begin = opening.end;
  part.end = closing.begin;
  part.indentation = std::string(opening.text.substr(0, opening.text.find("//!")));
  part.line_end = opening.text.ends_with("\r\n") ? "\r\n" : "\n";
  return part;
}

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string throwing_line(std::string_view id) {
  return fmt::format("throw NotImplemented(\"{}\");", id);
}

std::string telling_start(std::string_view id) {
  return fmt::format("// Exercise {}", id);
}

std::string telling_end(std::string_view id) {
  return fmt::format(" in README.md, then replace the next line; make hint-{} helps.", id);
}

}  // namespace

MarkedPart find_mark(std::string_view source, std::string_view id) {
  const std::vector<MarkLine> all = mark_lines(source);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].id == id) places.push_back(i);
  }

  // A pair, no more and no less, with no other exercise's mark inside.
  if (places.empty()) throw MarkError(0, fmt::format("the two lines `//! [{}]` are missing", id));
  const std::size_t first_line = all[places.front()].number;
  if (places.size() == 1) {
    throw MarkError(first_line, fmt::format("the mark `//! [{}]` stands here alone: the other one is missing", id));
  }
  if (places.size() > 2) {
    throw MarkError(all[places[2]].number,
                    fmt::format("the mark `//! [{}]` stands {} times, where a pair is wanted", id, places.size()));
  }
  if (places[1] != places[0] + 1) {
    const MarkLine& stranger = all[places[0] + 1];
    throw MarkError(stranger.number,
                    fmt::format("the mark `//! [{}]` stands between the two of [{}]", stranger.id, id));
  }
  return part_between(all[places[0]], all[places[1]]);
}

std::vector<MarkedPart> find_marks(std::string_view source) {
  std::vector<std::string> seen;
  std::vector<MarkedPart> parts;
  for (const MarkLine& mark : mark_lines(source)) {
    if (std::find(seen.begin(), seen.end(), mark.id) != seen.end()) continue;
    seen.push_back(mark.id);
    parts.push_back(find_mark(source, mark.id));
  }
  return parts;
}

std::string body_of(std::string_view source, const MarkedPart& part) {
  return std::string(source.substr(part.begin, part.end - part.begin));
}

std::string splice(std::string_view source, const MarkedPart& part, std::string_view body) {
  std::string result(source.substr(0, part.begin));
  for (const std::string_view line : lines_of(body)) {
    result += line;
    result += part.line_end;
  }
  result += source.substr(part.end);
  return result;
}

std::string stub_body(const MarkedPart& part, std::string_view title, std::string_view section,
                      const std::vector<NewCall>& new_calls) {
  const std::string start = part.indentation + telling_start(part.id);
  const std::string end = fmt::format(" Read \"{}\"{}", section, telling_end(part.id));
  std::string telling = fmt::format("{}: {}.{}", start, title, end);
  if (columns(telling) > widest_line) telling = start + "." + end;
  std::string body = telling + part.line_end;
  for (const auto& [call, does] : new_calls) {
    body += part.indentation + std::string(new_call) + call + part.line_end;
    body += part.indentation + std::string(what_it_does) + does + part.line_end;
  }
  return body + part.indentation + throwing_line(part.id) + part.line_end;
}

bool is_stub(std::string_view body, std::string_view id) {
  const std::vector<std::string_view> lines = lines_of(body);
  if (lines.size() < 2) return false;
  const std::string_view telling = trimmed(lines[0]);
  const bool calls_between = std::all_of(lines.begin() + 1, lines.end() - 1, [](std::string_view line) {
    return trimmed(line).starts_with(new_call) || trimmed(line).starts_with(what_it_does);
  });
  return telling.starts_with(telling_start(id)) && telling.ends_with(telling_end(id)) && calls_between &&
         trimmed(lines.back()) == throwing_line(id);
}

std::string without_bodies(std::string_view source) {
  std::string rest;
  std::size_t done = 0;
  for (const MarkedPart& part : find_marks(source)) {
    rest += source.substr(done, part.begin - done);
    done = part.end;
  }
  rest += source.substr(done);
  return rest;
}

std::string code_digest(std::string_view code) {
  Digest digest;
  for (const std::string_view line : lines_of(code)) {
    const std::string_view content = trimmed(line);
    if (content.empty()) continue;
    digest.add(content);
    digest.add("\n");
  }
  return digest.text();
}

}  // namespace verse
