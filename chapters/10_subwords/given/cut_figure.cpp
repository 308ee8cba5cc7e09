#include "10_subwords/given/cut_figure.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/files.h"
#include "common/base/shown.h"
#include "common/base/text.h"

namespace verse {

namespace {

constexpr double kCharacter = 8.6;  ///< of a letter of 14 in a font whose letters are equally wide
constexpr double kRow = 34, kBox = 24, kLabel = 64, kGap = 2;

}  // namespace

void draw_cuts(const std::filesystem::path& svg, const std::vector<CutRow>& rows) {
  std::string body;
  double width = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const double top = kRow * static_cast<double>(row) + 4;
    body += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"var(--soft)\">{}</text>\n", kLabel - 10,
                        top + 17, escape_markup(rows[row].label));
    double left = kLabel;
    for (const std::string& piece : rows[row].pieces) {
      const double wide = kCharacter * static_cast<double>(count_characters(piece)) + 4;
      body += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" rx=\"3\" fill=\"none\" stroke=\"currentColor\" "
          "stroke-opacity=\"0.45\"/>\n<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\" "
          "textLength=\"{:.1f}\">{}</text>\n",
          left, top, wide, kBox, left + wide / 2, top + 17, wide - 4, escape_markup(piece));
      left += wide + kGap;
    }
    width = std::max(width, left);
  }
  write_file_atomically(
      svg, fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" fill=\"currentColor\" "
                       "font-size=\"14\">\n{}</svg>\n",
                       width + 4, kRow * static_cast<double>(rows.size()) + 4, body));
}

}  // namespace verse
