#pragma once

/// @file
/// Chapter 9: pictures, spectrograms and attention as SVG, for the book. Given, not an exercise.

#include <torch/torch.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace verse {

/// Pictures side by side, each with its caption, their patches shown by lines.
/// @param pictures each [3, side, side] in [0, 1]
void draw_pictures(const std::filesystem::path& svg, const std::vector<torch::Tensor>& pictures,
                   const std::vector<std::string>& captions, std::int64_t patch);

/// A picture, a caption, and where each word of it looked.
struct AttentionStrip {
  torch::Tensor picture;  ///< [3, side, side]
  std::string caption;
  torch::Tensor weights;   ///< [characters, patches]: a row for each character of the caption, the last for its end
  std::int64_t patch = 8;  ///< pixels of a patch's side
};

/// One strip a row: the picture, then once for each word with the patches shaded by the mean of its letters' weights.
void draw_attention_strips(const std::filesystem::path& svg, const std::vector<AttentionStrip>& strips);

/// A grid of numbers as grey squares, with a title. @param values [frames, mels]: time goes right, pitch goes up
struct Panel {
  std::string title;
  torch::Tensor values;
};

/// Spectrograms side by side, all shaded by one scale. @param cell a square's side
void draw_spectrograms(const std::filesystem::path& svg, const std::vector<Panel>& panels, double cell = 5);

/// A spectrogram, and under it a row for each letter of what was read: the shade says how much it drew from each
/// moment.
/// @param mel [frames, mels] @param weights [letters, vectors]
void draw_listening(const std::filesystem::path& svg, const torch::Tensor& mel, const std::string& text,
                    const torch::Tensor& weights);

}  // namespace verse
