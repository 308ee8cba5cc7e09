#include "02_embeddings/given/letter_map.h"

#include <fmt/format.h>

#include "common/base/files.h"

namespace verse {

//! [flatten]
Flattened flatten_table(const torch::Tensor& table) {
  // The singular vectors of the centred table are the directions in which its rows differ, the strongest first.
  const auto rows = table.detach().cpu().to(torch::kFloat64);
  const auto centred = rows - rows.mean(0);                                                  // [rows, width]
  const auto [left, strength, right] = torch::linalg_svd(centred, /*full_matrices=*/false);  // right: [.., width]
  auto places = torch::matmul(centred, right.slice(0, 0, 2).t());                            // [rows, 2]

  // A direction and its opposite are equally good: the longest arrow shall point to the right, and upwards.
  const auto longest = places.gather(0, places.abs().argmax(0, /*keepdim=*/true));  // [1, 2]
  places = places * longest.sign();
  const auto variance = strength.square();
  return {places, (variance.slice(0, 0, 2).sum() / variance.sum()).item<double>()};
}
//! [flatten]

void draw_labels(const std::filesystem::path& svg, const std::string& title, const torch::Tensor& places,
                 const std::vector<std::string>& labels, const std::vector<bool>& marked) {
  constexpr double kWidth = 720, kHeight = 420, kMargin = 30;
  const auto at = places.to(torch::kFloat64).contiguous();
  const auto least = at.amin(0), most = at.amax(0);  // [2]
  const auto along = [&](std::int64_t row, std::int64_t axis, double from, double to) {
    const double low = least[axis].item<double>(), high = most[axis].item<double>();
    return from + (to - from) * (at[row][axis].item<double>() - low) / (high > low ? high - low : 1);
  };
  std::string picture = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 {:.0f} {:.0f}\">\n<title>{}</title>\n"
      "<rect x=\"1\" y=\"1\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"6\" fill=\"none\" stroke=\"var(--soft)\"/>\n",
      kWidth, kHeight, title, kWidth - 2, kHeight - 2);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    picture +=
        fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"20\" text-anchor=\"middle\" fill=\"{}\"{}>{}</text>\n",
                    along(row, 0, kMargin, kWidth - kMargin), along(row, 1, kHeight - kMargin, kMargin) + 7,
                    marked[i] ? "var(--red)" : "currentColor", marked[i] ? " font-weight=\"700\"" : "", labels[i]);
  }
  write_file_atomically(svg, picture + "</svg>\n");
}

}  // namespace verse
