#include "09_multimodal/images.h"

#include <fmt/format.h>

#include "02_embeddings/embeddings.h"
#include "04_blocks/blocks.h"
#include "common/base/error.h"

namespace verse {

torch::Tensor cut_patches(const torch::Tensor& pictures, std::int64_t size) {
  const std::int64_t batch = pictures.size(0), channels = pictures.size(1);
  const std::int64_t height = pictures.size(2), width = pictures.size(3);
  if (size < 1 || height % size != 0 || width % size != 0)
    throw UsageError(fmt::format("patches of {} x {} do not tile a picture of {} x {}", size, size, height, width));
  //! [9.1]
  // Each side is so many patches of so many pixels.
  const auto tiles = pictures.view({batch, channels, height / size, size, width / size, size});

  // A patch is named by its row and column among the patches; what is in it comes last.
  const auto patches = tiles.permute({0, 2, 4, 1, 3, 5});  // [batch, rows, columns, channels, size, size]
  return patches.reshape({batch, (height / size) * (width / size), channels * size * size});
  //! [9.1]
}

torch::Tensor join_patches(const torch::Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width) {
  const std::int64_t batch = patches.size(0), channels = patches.size(2) / (size * size);
  //! [9.2]
  // What was flattened gets its names back ...
  const auto tiles = patches.view({batch, height / size, width / size, channels, size, size});

  // ... and each pixel's row goes beside its patch's row, and its column beside its patch's column.
  return tiles.permute({0, 3, 1, 4, 2, 5}).reshape({batch, channels, height, width});
  //! [9.2]
}

//! [patch-encoder]
PatchEncoder::PatchEncoder(const PatchEncoderOptions& given) : options(given) {
  expand = register_module("expand", std::make_shared<LinearProjection>(options.features, options.hidden));
  contract = register_module("contract", std::make_shared<LinearProjection>(options.hidden, options.width));
  places = register_parameter("places", torch::randn({options.patches, options.width}) * 0.02);
  times = register_parameter("times", torch::randn({options.frames, options.width}) * 0.02);
}
//! [patch-encoder]

torch::Tensor PatchEncoder::forward(const torch::Tensor& input) {
  //! [9.3]
  // What is in a patch: two projections with a GELU between them, for each patch by itself.
  const auto seen = contract->forward(gelu_tanh(expand->forward(input)));  // [batch, frames, patches, width]

  // Where it is and when: a place is the same in all frames, a time the same for all patches.
  const auto placed = seen + places + times.unsqueeze(1);  // times: [frames, 1, width]

  // To the GPT a clip is one row of vectors, frame after frame.
  return placed.flatten(1, 2);  // [batch, frames * patches, width]
  //! [9.3]
}

torch::Tensor place_embeddings(const torch::Tensor& text, const torch::Tensor& tokens, std::int64_t placeholder,
                               const torch::Tensor& vectors) {
  const auto waiting = (tokens == placeholder).sum(-1);  // [batch]
  if (!waiting.eq(vectors.size(1)).all().item<bool>())
    throw UsageError(
        fmt::format("{} vectors for a text with {} placeholders", vectors.size(1), waiting.max().item<std::int64_t>()));
  //! [9.4]
  // True at each number of each placeholder's vector.
  const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);  // [batch, time, width]

  // The open places are filled in the order in which the vectors' numbers lie; no loop, and gradients find their way.
  return text.masked_scatter(open, vectors);
  //! [9.4]
}

torch::Tensor contrastive_loss(const torch::Tensor& pictures, const torch::Tensor& captions,
                               const torch::Tensor& scale) {
  //! [9.5]
  // At length 1 only the direction of a vector counts, and a product is the cosine of the angle between two.
  const auto seen = pictures / pictures.norm(2, -1, /*keepdim=*/true);
  const auto said = captions / captions.norm(2, -1, /*keepdim=*/true);
  const auto scores = scale * seen.matmul(said.t());  // [batch, batch], a row a picture, a column a caption

  // Number i belongs to number i, whichever of them is asked.
  const auto partners = torch::arange(scores.size(0), torch::dtype(torch::kInt64).device(scores.device()));
  return (cross_entropy(scores, partners) + cross_entropy(scores.t(), partners)) / 2;
  //! [9.5]
}

}  // namespace verse
