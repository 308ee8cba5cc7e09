#include "09_multimodal/given/drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "common/base/files.h"

namespace verse {
namespace {

/// An SVG that grows; lengths are in its own units.
class Drawing {
 public:
  void square(double x, double y, double width, double height, const std::string& fill, double opacity = 1) {
    body_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"", x, y, width,
                         height, fill);
    body_ += opacity < 1 ? fmt::format(" fill-opacity=\"{:.2f}\"/>\n", opacity) : std::string("/>\n");
  }
  void line(double x1, double y1, double x2, double y2) {
    body_ += fmt::format(
        "<path d=\"M{:.1f},{:.1f} L{:.1f},{:.1f}\" stroke=\"#ffffff\" stroke-opacity=\"0.45\" stroke-width=\"0.8\"/>\n",
        x1, y1, x2, y2);
  }
  void text(double x, double y, const std::string& words, double size, const char* anchor = "middle") {
    body_ += fmt::format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.0f}\" text-anchor=\"{}\" fill=\"currentColor\">{}</text>\n", x,
        y, size, anchor, words);
  }
  /// A picture [3, side, side], pixels of one colour in a row drawn together.
  void picture(const torch::Tensor& pixels, double x, double y, double scale) {
    // Seven shades a channel: the grain of a picture is not worth a rectangle each.
    const auto shades = ((pixels * 6).round() * (255.0 / 6)).round().to(torch::kInt64);
    const auto shade = shades.accessor<std::int64_t, 3>();
    const auto colour = [&](std::int64_t row, std::int64_t column) {
      return fmt::format("#{:02x}{:02x}{:02x}", shade[0][row][column], shade[1][row][column], shade[2][row][column]);
    };
    for (std::int64_t row = 0; row < shades.size(1); ++row)
      for (std::int64_t column = 0; column < shades.size(2);) {
        std::int64_t end = column + 1;
        while (end < shades.size(2) && colour(row, end) == colour(row, column)) ++end;
        // A little overlap, or the page shines through between neighbours.
        square(x + static_cast<double>(column) * scale, y + static_cast<double>(row) * scale,
               static_cast<double>(end - column) * scale + 0.2, scale + 0.2, colour(row, column));
        column = end;
      }
  }
  void write(const std::filesystem::path& path, double width, double height, const std::string& title) const {
    write_file_atomically(path,
                          fmt::format("<svg role=\"img\" shape-rendering=\"crispEdges\" viewBox=\"0 0 {:.0f} {:.0f}\" "
                                      "xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\">\n"
                                      "<title>{}</title>\n{}</svg>\n",
                                      width, height, title, body_));
  }

 private:
  std::string body_;
};

}  // namespace

void draw_pictures(const std::filesystem::path& svg, const std::vector<torch::Tensor>& pictures,
                   const std::vector<std::string>& captions, std::int64_t patch) {
  constexpr double kScale = 6, kGap = 24;
  Drawing drawing;
  const auto side = static_cast<double>(pictures.front().size(1)) * kScale;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const double x = static_cast<double>(i) * (side + kGap);
    drawing.picture(pictures[i], x, 0, kScale);
    for (double cut = static_cast<double>(patch) * kScale; cut < side; cut += static_cast<double>(patch) * kScale) {
      drawing.line(x + cut, 0, x + cut, side);
      drawing.line(x, cut, x + side, cut);
    }
    drawing.text(x + side / 2, side + 20, captions[i], 13);
  }
  const auto count = static_cast<double>(pictures.size());
  drawing.write(svg, count * side + (count - 1) * kGap, side + 28,
                "Pictures of the chapter's world with their captions");
}

void draw_attention_strips(const std::filesystem::path& svg, const std::vector<AttentionStrip>& strips) {
  constexpr double kScale = 3.5, kGap = 14, kRow = 38;
  Drawing drawing;
  double widest = 0, y = 0;
  for (const auto& strip : strips) {
    const auto side = static_cast<double>(strip.picture.size(1)) * kScale;
    const std::int64_t across = strip.picture.size(1) / strip.patch;
    const auto cell = static_cast<double>(strip.patch) * kScale;
    drawing.picture(strip.picture, 0, y, kScale);
    double x = side + kGap;
    std::istringstream words(strip.caption);
    std::int64_t at = 0;
    for (std::string word; words >> word;) {
      const auto length = static_cast<std::int64_t>(word.size());
      const auto weights = strip.weights.slice(0, at, at + length).mean(0);  // [patches]
      const double most = weights.max().item<double>();
      drawing.picture(strip.picture, x, y, kScale);
      // What it did not look at is covered.
      for (std::int64_t patch = 0; patch < weights.size(0); ++patch)
        drawing.square(x + static_cast<double>(patch % across) * cell, y + static_cast<double>(patch / across) * cell,
                       cell, cell, "#000000", 0.85 * (1 - weights[patch].item<double>() / most));
      drawing.text(x + side / 2, y + side + 17, word, 14);
      at += length + 1;
      x += side + kGap;
    }
    widest = std::max(widest, x - kGap);
    y += side + kRow;
  }
  drawing.write(svg, widest, y - 10, "Which patches each word of a caption draws from");
}

void draw_listening(const std::filesystem::path& svg, const torch::Tensor& mel, const std::string& text,
                    const torch::Tensor& weights) {
  constexpr double kWide = 760, kLeft = 24, kTall = 4, kRow = 18, kGap = 8;
  Drawing drawing;
  const std::int64_t frames = mel.size(0), mels = mel.size(1), vectors = weights.size(1);
  const auto loud = ((mel - mel.min()) / (mel.max() - mel.min())).to(torch::kFloat64).contiguous();
  const auto value = loud.accessor<double, 2>();
  const double frame_width = kWide / static_cast<double>(frames), height = static_cast<double>(mels) * kTall;
  const auto shade = [&](std::int64_t frame, std::int64_t band) {
    return std::max<std::int64_t>(0, std::lround(12 * (value[frame][band] - 0.4) / 0.6));
  };
  for (std::int64_t band = 0; band < mels; ++band)
    for (std::int64_t frame = 0; frame < frames;) {
      std::int64_t end = frame + 1;
      while (end < frames && shade(end, band) == shade(frame, band)) ++end;
      if (shade(frame, band) > 0)
        drawing.square(kLeft + static_cast<double>(frame) * frame_width, height - static_cast<double>(band + 1) * kTall,
                       static_cast<double>(end - frame) * frame_width + 0.1, kTall + 0.1, "currentColor",
                       std::min(static_cast<double>(shade(frame, band)) / 12, 0.99));
      frame = end;
    }
  const double step = kWide / static_cast<double>(vectors);
  for (std::int64_t row = 0; row < weights.size(0); ++row) {
    const double y = height + kGap + static_cast<double>(row) * kRow;
    drawing.text(kLeft - 8, y + 13, text.substr(static_cast<std::size_t>(row), 1), 14, "end");
    const double most = weights[row].max().item<double>();
    for (std::int64_t vector = 0; vector < vectors; ++vector) {
      const double share = weights[row][vector].item<double>() / most;
      if (share > 0.02)
        drawing.square(kLeft + static_cast<double>(vector) * step, y, step + 0.1, kRow - 3, "var(--red, #c0392b)",
                       std::min(share, 0.99));
    }
  }
  drawing.write(svg, kLeft + kWide, height + kGap + static_cast<double>(weights.size(0)) * kRow,
                "A Morse message as a log-mel spectrogram, and where each letter read from it drew from");
}

void draw_spectrograms(const std::filesystem::path& svg, const std::vector<Panel>& panels, double cell) {
  constexpr double kGap = 30, kTop = 26;
  // The first panel is a true one: what is predicted to be quieter than its silence is drawn as silence.
  const double low = panels.front().values.min().item<double>();
  double high = panels.front().values.max().item<double>();
  for (const auto& panel : panels) high = std::max(high, panel.values.max().item<double>());
  Drawing drawing;
  double x = 0, tallest = 0;
  for (const auto& panel : panels) {
    const auto values = panel.values.to(torch::kFloat64).contiguous();
    const auto value = values.accessor<double, 2>();
    const std::int64_t frames = values.size(0), mels = values.size(1);
    const auto width = static_cast<double>(frames) * cell, height = static_cast<double>(mels) * cell;
    drawing.text(x + width / 2, 16, panel.title, 13);
    // Twelve shades, and one rectangle for as long as a band keeps its shade.
    const auto shade = [&](std::int64_t frame, std::int64_t mel) {
      return std::lround(12 * (value[frame][mel] - low) / (high - low));
    };
    for (std::int64_t mel = 0; mel < mels; ++mel)
      for (std::int64_t frame = 0; frame < frames;) {
        std::int64_t end = frame + 1;
        while (end < frames && shade(end, mel) == shade(frame, mel)) ++end;
        if (shade(frame, mel) > 0)
          drawing.square(x + static_cast<double>(frame) * cell, kTop + height - static_cast<double>(mel + 1) * cell,
                         static_cast<double>(end - frame) * cell + 0.1, cell + 0.1, "currentColor",
                         std::min(static_cast<double>(shade(frame, mel)) / 12, 0.99));
        frame = end;
      }
    drawing.text(x, kTop + height + 16, "time \u2192", 11, "start");
    tallest = std::max(tallest, height);
    x += width + kGap;
  }
  drawing.write(svg, x - kGap, kTop + tallest + 22, "Log-mel spectrograms: time to the right, pitch upwards");
}

}  // namespace verse
