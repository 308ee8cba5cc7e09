#include "09_multimodal/given/pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace verse {
namespace {

using Colour = std::array<double, 3>;
constexpr std::array<Colour, 4> kPaint = {
    {{0.90, 0.15, 0.15}, {0.15, 0.75, 0.20}, {0.20, 0.30, 0.95}, {0.95, 0.85, 0.15}}};

// How far a pixel may be off, of a still picture and of a clip.
constexpr double kPictureGrain = 0.03, kClipGrain = 0.05;

double between(double least, double most, Random& random) {
  return least + (most - least) * random.uniform();
}

/// Whether a point belongs to a shape around the origin; y points down.
bool covers(int shape, double x, double y, double radius) {
  const double across = std::abs(x), along = std::abs(y);
  switch (shape) {
    case 0:
      return x * x + y * y <= radius * radius && x * x + y * y >= radius * radius / 4;
    case 1:
      return std::max(across, along) <= 0.9 * radius;
    case 2:
      return y <= 0.75 * radius && across <= 0.6 * (y + radius);
    default:
      return std::max(across, along) <= radius && std::min(across, along) <= radius / 3;
  }
}

/// A square picture to draw on.
class Canvas {
 public:
  Canvas(std::int64_t side, double grey) : side_(side), pixels_(torch::full({3, side, side}, grey)) {}

  void draw(const Thing& thing, double centre_x, double centre_y, double radius) {
    auto pixel = pixels_.accessor<float, 3>();
    const auto& paint = kPaint[static_cast<std::size_t>(thing.colour)];
    for (std::int64_t row = 0; row < side_; ++row)
      for (std::int64_t column = 0; column < side_; ++column)
        if (covers(thing.shape, static_cast<double>(column) + 0.5 - centre_x, static_cast<double>(row) + 0.5 - centre_y,
                   radius))
          for (int channel = 0; channel < 3; ++channel)
            pixel[channel][row][column] = static_cast<float>(paint[static_cast<std::size_t>(channel)]);
  }

  /// A little grain, so that no two pictures are alike.
  torch::Tensor finish(double grain, Random& random) {
    auto* pixel = pixels_.data_ptr<float>();
    for (std::int64_t i = 0; i < pixels_.numel(); ++i)
      pixel[i] = std::clamp(pixel[i] + static_cast<float>(between(-grain, grain, random)), 0.0F, 1.0F);
    return pixels_;
  }

 private:
  std::int64_t side_;
  torch::Tensor pixels_;  // [3, side, side]
};

std::string name_of(const Thing& thing) {
  return fmt::format("{} {}", kColours[static_cast<std::size_t>(thing.colour)],
                     kShapes[static_cast<std::size_t>(thing.shape)]);
}

}  // namespace

std::vector<Scene> all_scenes() {
  std::vector<Scene> scenes;
  for (int first = 0; first < 16; ++first)
    for (int relation = 0; relation < 3; ++relation)
      for (int second = 0; second < 16; ++second)
        if (first / 4 != second / 4) scenes.push_back({{first / 4, first % 4}, relation, {second / 4, second % 4}});
  return scenes;
}

std::vector<Motion> all_motions() {
  std::vector<Motion> motions;
  for (int thing = 0; thing < 16; ++thing)
    for (int direction = 0; direction < 4; ++direction) motions.push_back({{thing / 4, thing % 4}, direction});
  return motions;
}

std::string caption_of(const Scene& scene) {
  return fmt::format("{} {} {}", name_of(scene.first), kRelations[static_cast<std::size_t>(scene.relation)],
                     name_of(scene.second));
}

std::string caption_of(const Motion& motion) {
  return fmt::format("{} moves {}", name_of(motion.thing), kDirections[static_cast<std::size_t>(motion.direction)]);
}

torch::Tensor draw_picture(const Scene& scene, Random& random) {
  Canvas canvas(kPictureSide, between(0.0, 0.25, random));
  if (scene.relation == 2) {  // the outer thing first, the inner one over it
    const double x = between(13.5, 18.5, random), y = between(13.5, 18.5, random);
    canvas.draw(scene.second, x, y, between(12.0, 13.5, random));
    canvas.draw(scene.first, x, y + 1, between(4.5, 5.5, random));
    return canvas.finish(kPictureGrain, random);
  }
  // Along the axis of the relation they lie apart; across it they may stand anywhere near the middle.
  const double near = between(7.0, 9.0, random), far = between(23.0, 25.0, random);
  const double near_across = between(12.0, 20.0, random), far_across = between(12.0, 20.0, random);
  const double near_radius = between(5.5, 7.0, random), far_radius = between(5.5, 7.0, random);
  if (scene.relation == 0) {
    canvas.draw(scene.first, near_across, near, near_radius);
    canvas.draw(scene.second, far_across, far, far_radius);
  } else {
    canvas.draw(scene.first, near, near_across, near_radius);
    canvas.draw(scene.second, far, far_across, far_radius);
  }
  return canvas.finish(kPictureGrain, random);
}

torch::Tensor draw_clip(const Motion& motion, Random& random) {
  const double grey = between(0.0, 0.25, random), across = between(6.0, 10.0, random);
  const double radius = between(3.0, 4.0, random), reach = between(3.0, 4.5, random);
  const bool vertical = motion.direction < 2, backwards = motion.direction % 2 == 0;
  std::vector<torch::Tensor> frames;
  for (std::int64_t frame = 0; frame < kClipFrames; ++frame) {
    const double share = static_cast<double>(frame) / static_cast<double>(kClipFrames - 1);  // 0 to 1
    const double along = kClipSide / 2.0 + reach * (backwards ? 1 - 2 * share : 2 * share - 1);
    Canvas canvas(kClipSide, grey);
    canvas.draw(motion.thing, vertical ? across : along, vertical ? along : across, radius);
    frames.push_back(canvas.finish(kClipGrain, random));
  }
  return torch::stack(frames);  // [frames, 3, side, side]
}

}  // namespace verse
