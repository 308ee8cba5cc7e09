#pragma once

/// @file
/// Chapter 9: a world of coloured shapes, and the captions that are true of it. Given, not an exercise.

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "common/base/random.h"

namespace verse {

/// The words of the world: what a thing can be, how two can stand, and where one can go.
inline constexpr std::array<const char*, 4> kColours = {"red", "green", "blue", "yellow"};
inline constexpr std::array<const char*, 4> kShapes = {"ring", "square", "triangle", "cross"};
inline constexpr std::array<const char*, 3> kRelations = {"above", "left of", "inside"};
inline constexpr std::array<const char*, 4> kDirections = {"up", "down", "left", "right"};

inline constexpr std::int64_t kPictureSide = 32;  ///< pixels of a still picture
inline constexpr std::int64_t kClipSide = 16;     ///< pixels of a frame
inline constexpr std::int64_t kClipFrames = 8;
inline constexpr std::int64_t kPatchSide = 8;  ///< pixels of a patch, in both
inline constexpr std::int64_t kPicturePatches = (kPictureSide / kPatchSide) * (kPictureSide / kPatchSide);
inline constexpr std::int64_t kLongestCaption =
    40;  ///< characters: "yellow triangle left of yellow triangle" and a line end

/// A colour and a shape, by their places in the tables above.
struct Thing {
  int colour = 0;
  int shape = 0;
};

/// Two things and how the first stands to the second. Their colours differ.
struct Scene {
  Thing first;
  int relation = 0;
  Thing second;
};

/// A thing and where it goes.
struct Motion {
  Thing thing;
  int direction = 0;
};

/// All 576 scenes and all 64 motions, in a fixed order.
std::vector<Scene> all_scenes();
std::vector<Motion> all_motions();

/// What is said of it, such as "red cross left of blue ring" or "green square moves up". There is one caption to a
/// picture: of two things the upper one, the left one or the inner one comes first.
std::string caption_of(const Scene& scene);
std::string caption_of(const Motion& motion);

/// Draws a scene: places, sizes, background and grain are chance, what the caption says is not.
/// @return [3, side, side], red, green and blue in [0, 1]
torch::Tensor draw_picture(const Scene& scene, Random& random);

/// A thing that crosses the picture in eight steps, from one side of the middle to the other.
///
/// Both ways along an axis visit the same places, so that only the order of the frames tells one from the other.
/// @return [frames, 3, side, side]
torch::Tensor draw_clip(const Motion& motion, Random& random);

/// A list in two parts: what training may see, and what it never sees.
template <typename Item>
struct SeenAndUnseen {
  std::vector<Item> seen, unseen;
};

/// Parts a list by chance. @param share of those that training never sees
template <typename Item>
SeenAndUnseen<Item> split_by_chance(const std::vector<Item>& items, double share, Random& random) {
  SeenAndUnseen<Item> split;
  auto left = items;
  const auto wanted = static_cast<std::size_t>(share * static_cast<double>(items.size()));
  while (!left.empty()) {
    const auto pick = random.below(static_cast<std::int64_t>(left.size()));
    auto& side = split.unseen.size() < wanted ? split.unseen : split.seen;
    side.push_back(left[static_cast<std::size_t>(pick)]);
    left.erase(left.begin() + pick);
  }
  return split;
}

}  // namespace verse
