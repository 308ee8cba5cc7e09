#pragma once

/// @file
/// Chapter 2: a table of vectors as a map. Given, not an exercise.

#include <torch/torch.h>

#include <filesystem>
#include <string>
#include <vector>

namespace verse {

/// A table seen from where its rows lie furthest apart.
struct Flattened {
  torch::Tensor places;  ///< [rows, 2]: each row's place along the two directions, the rows' mean being 0
  double share = 0;      ///< of the rows' variance that these two directions have, from 0 to 1
};

/// Principal component analysis (Pearson 1901): the two directions in which the rows of a table differ most. Each is
/// turned so that its largest number is positive. @param table [rows, width],
/// finite, rows and width at least 2
Flattened flatten_table(const torch::Tensor& table);

/// Draws labels at their places, as SVG in the book's ink; the marked ones in red.
/// @param places [labels, 2] @throws UsageError where the file cannot be written
void draw_labels(const std::filesystem::path& svg, const std::string& title, const torch::Tensor& places,
                 const std::vector<std::string>& labels, const std::vector<bool>& marked);

}  // namespace verse
