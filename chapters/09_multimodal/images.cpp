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
  // Exercise 9.1: Patches. Read "Patches" in README.md, then replace the next line; make hint-9.1 helps.
  // New here: x.permute({0, 2, 1})
  //   does: the same numbers with the dimensions in this order; a view, so `reshape` comes after it
  throw NotImplemented("9.1");
  //! [9.1]
}

torch::Tensor join_patches(const torch::Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width) {
  const std::int64_t batch = patches.size(0), channels = patches.size(2) / (size * size);
  //! [9.2]
  // Exercise 9.2: Patches, back again. Read "Patches" in README.md, then replace the next line; make hint-9.2 helps.
  throw NotImplemented("9.2");
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
  // Exercise 9.3: The projector. Read "The projector" in README.md, then replace the next line; make hint-9.3 helps.
  throw NotImplemented("9.3");
  //! [9.3]
}

torch::Tensor place_embeddings(const torch::Tensor& text, const torch::Tensor& tokens, std::int64_t placeholder,
                               const torch::Tensor& vectors) {
  const auto waiting = (tokens == placeholder).sum(-1);  // [batch]
  if (!waiting.eq(vectors.size(1)).all().item<bool>())
    throw UsageError(
        fmt::format("{} vectors for a text with {} placeholders", vectors.size(1), waiting.max().item<std::int64_t>()));
  //! [9.4]
  // Exercise 9.4. Read "Placeholders" in README.md, then replace the next line; make hint-9.4 helps.
  // New here: mask.expand_as(x)
  //   does: a view with the shape of `x`: dimensions of size 1 are repeated
  // New here: x.masked_scatter(mask, source)
  //   does: a copy of `x` in which the true places of `mask` hold the numbers of `source`, in order
  throw NotImplemented("9.4");
  //! [9.4]
}

torch::Tensor contrastive_loss(const torch::Tensor& pictures, const torch::Tensor& captions,
                               const torch::Tensor& scale) {
  //! [9.5]
  // Exercise 9.5. Read "Pictures and captions in one space" in README.md, then replace the next line; make hint-9.5 helps.
  // New here: x.norm(2, dim, keepdim)
  //   does: the length along `dim`; with `keepdim` that dimension stays, of size 1
  throw NotImplemented("9.5");
  //! [9.5]
}

}  // namespace verse
