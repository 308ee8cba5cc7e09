/// @file
/// The checks of chapter 9's core exercises, 9.1 to 9.5, and the mistakes that they know.

#include "09_multimodal/images.h"

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "02_embeddings/embeddings.h"
#include "tests/04_blocks/small_model.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using Order = std::vector<std::int64_t>;

/// Pictures whose numbers are all different, so that each can be followed to where it goes.
Tensor counted_pictures(const Order& shape) {
  std::int64_t count = 1;
  for (const auto side : shape) count *= side;
  return torch::arange(count, torch::kFloat).view(shape);
}

// 9.1
// ------------------------------------------------------------------------------------------------------------------

using Cut = std::function<Tensor(const Tensor&, std::int64_t)>;

/// Cuts as one should, but puts the six sides of the tiles in another order.
Cut cut_in_order(const Order& order) {
  return [order](const Tensor& pictures, std::int64_t size) {
    const auto batch = pictures.size(0), channels = pictures.size(1), rows = pictures.size(2) / size,
               columns = pictures.size(3) / size;
    return pictures.view({batch, channels, rows, size, columns, size})
        .permute(order)
        .reshape({batch, rows * columns, channels * size * size});
  };
}

[[maybe_unused]] const auto& exercise_9_1 =
    exercise<Cut>("9.1", cut_patches)
        .check("numbered_pixels",
               [](const Cut& cut, Answers& answers) {
                 answers.add("patches of 2 x 2 of two pictures of 3 x 4 x 6, numbered",
                             cut(counted_pictures({2, 3, 4, 6}), 2), exact);
               })
        .check("taller_than_wide",
               [](const Cut& cut, Answers& answers) {
                 answers.add("patches of 3 x 3 of a grey picture of 9 x 6, numbered",
                             cut(counted_pictures({1, 1, 9, 6}), 3), exact);
               })
        .check("one_patch",
               [](const Cut& cut, Answers& answers) {
                 answers.add("the one patch of a picture of 2 x 4 x 4", cut(counted_pictures({1, 2, 4, 4}), 4), exact);
               })
        .mistake("nothing_moved", cut_in_order({0, 1, 2, 3, 4, 5}))
        .mistake("columns_first", cut_in_order({0, 4, 2, 1, 3, 5}))
        .mistake("channels_last", cut_in_order({0, 2, 4, 3, 5, 1}))
        .mistake("patch_turned", cut_in_order({0, 2, 4, 1, 5, 3}))
        .mistake("rows_of_pixels_first", cut_in_order({0, 2, 3, 1, 4, 5}))
        .mistake("square_pictures_only",
                 [](const Tensor& pictures, std::int64_t size) {
                   const std::int64_t down = pictures.size(2) / size;
                   return pictures.view({pictures.size(0), pictures.size(1), down, size, down, size})
                       .permute({0, 2, 4, 1, 3, 5})
                       .flatten(3)
                       .flatten(1, 2);
                 })
        .mistake("left_as_squares", [](const Tensor& pictures, std::int64_t size) {
          return cut_in_order({0, 2, 4, 1, 3, 5})(pictures, size)
              .view({pictures.size(0), -1, pictures.size(1), size, size});
        });

// 9.2
// ------------------------------------------------------------------------------------------------------------------

using Join = std::function<Tensor(const Tensor&, std::int64_t, std::int64_t, std::int64_t)>;

/// Joins as one should, but takes the patches' sides for something else.
Join join_in_order(const Order& order) {
  return [order](const Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width) {
    const auto batch = patches.size(0), channels = patches.size(2) / (size * size);
    return patches.view({batch, height / size, width / size, channels, size, size})
        .permute(order)
        .reshape({batch, channels, height, width});
  };
}

[[maybe_unused]] const auto& exercise_9_2 =
    exercise<Join>("9.2", join_patches)
        .check("numbered_pixels",
               [](const Join& join, Answers& answers) {
                 answers.add("two pictures of 3 x 4 x 6 from numbered patches of 2 x 2",
                             join(counted_pictures({2, 6, 12}), 2, 4, 6), exact);
               })
        .check("taller_than_wide",
               [](const Join& join, Answers& answers) {
                 answers.add("a grey picture of 9 x 6 from numbered patches of 3 x 3",
                             join(counted_pictures({1, 6, 9}), 3, 9, 6), exact);
               })
        .mistake("nothing_moved", join_in_order({0, 1, 2, 3, 4, 5}))
        .mistake("the_order_of_cutting", join_in_order({0, 2, 4, 1, 3, 5}))
        .mistake("patch_turned", join_in_order({0, 3, 1, 5, 2, 4}))
        .mistake("pixels_before_patches", join_in_order({0, 3, 4, 1, 5, 2}))
        .mistake("columns_first",
                 [](const Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width) {
                   return patches.view({patches.size(0), width / size, height / size, -1, size, size})
                       .permute({0, 3, 2, 4, 1, 5})
                       .reshape({patches.size(0), -1, height, width});
                 })
        .mistake("channels_last",
                 [](const Tensor& patches, std::int64_t size, std::int64_t height, std::int64_t width) {
                   return patches.view({patches.size(0), height / size, width / size, size, size, -1})
                       .permute({0, 5, 1, 3, 2, 4})
                       .reshape({patches.size(0), -1, height, width});
                 });

// 9.3
// ------------------------------------------------------------------------------------------------------------------

using Encode = std::function<Tensor(PatchEncoder&, const Tensor&)>;

PatchEncoderOptions small_encoder() {
  PatchEncoderOptions options;
  options.frames = 3;
  options.patches = 4;
  options.features = 6;
  options.hidden = 7;
  options.width = 5;
  return options;
}

Tensor bend(const Tensor& x) {
  return torch::gelu(x, "tanh");
}

Tensor seen(PatchEncoder& encoder, const Tensor& input) {
  return encoder.contract->forward(bend(encoder.expand->forward(input)));
}

[[maybe_unused]] const auto& exercise_9_3 =
    exercise<Encode>("9.3", [](PatchEncoder& encoder, const Tensor& input) { return encoder.forward(input); })
        .check("a_clip",
               [](const Encode& encode, Answers& answers) {
                 PatchEncoder encoder(small_encoder());
                 fill_with_numbers(encoder, 0.7);
                 answers.load_parameters(encoder);
                 const auto vectors = encode(encoder, normal_input({2, 3, 4, 6}, 1));
                 answers.add("the vectors of two clips of three frames", vectors);
                 const auto parameters = encoder.named_parameters();
                 answers.add_gradients(vectors, {{"expand.weight", parameters["expand.weight"]},
                                                 {"contract.bias", parameters["contract.bias"]},
                                                 {"places", parameters["places"]},
                                                 {"times", parameters["times"]}});
               })
        .check("a_still_picture",
               [](const Encode& encode, Answers& answers) {
                 auto options = small_encoder();
                 options.frames = 1;
                 PatchEncoder encoder(options);
                 fill_with_numbers(encoder, 0.7);
                 answers.load_parameters(encoder);
                 answers.add("the vectors of a picture", encode(encoder, normal_input({1, 1, 4, 6}, 2)));
               })
        .mistake("exact_gelu",
                 [](PatchEncoder& encoder, const Tensor& input) {
                   return (encoder.contract->forward(torch::gelu(encoder.expand->forward(input), "none")) +
                           encoder.places + encoder.times.unsqueeze(1))
                       .flatten(1, 2);
                 })
        .mistake("no_places",
                 [](PatchEncoder& encoder, const Tensor& input) {
                   return (seen(encoder, input) + encoder.times.unsqueeze(1)).flatten(1, 2);
                 })
        .mistake("no_times", [](PatchEncoder& encoder,
                                const Tensor& input) { return (seen(encoder, input) + encoder.places).flatten(1, 2); })
        .mistake("no_bend",
                 [](PatchEncoder& encoder, const Tensor& input) {
                   return (encoder.contract->forward(encoder.expand->forward(input)) + encoder.places +
                           encoder.times.unsqueeze(1))
                       .flatten(1, 2);
                 })
        .mistake(
            "patch_after_patch",
            [](PatchEncoder& encoder, const Tensor& input) {
              return (seen(encoder, input) + encoder.places + encoder.times.unsqueeze(1)).transpose(1, 2).flatten(1, 2);
            })
        .mistake("bend_at_the_end",
                 [](PatchEncoder& encoder, const Tensor& input) {
                   return (bend(seen(encoder, input)) + encoder.places + encoder.times.unsqueeze(1)).flatten(1, 2);
                 })
        .mistake("mean_over_frames", [](PatchEncoder& encoder, const Tensor& input) {
          return (seen(encoder, input) + encoder.places + encoder.times.unsqueeze(1)).mean(1);
        });

// 9.4
// ------------------------------------------------------------------------------------------------------------------

using Place = std::function<Tensor(const Tensor&, const Tensor&, std::int64_t, const Tensor&)>;

[[maybe_unused]] const auto& exercise_9_4 =
    exercise<Place>("9.4", place_embeddings)
        .check("placeholders_first",
               [](const Place& place, Answers& answers) {
                 const auto tokens = torch::tensor({{9, 9, 9, 1, 2}, {9, 9, 9, 3, 4}});
                 const auto text = normal_input({2, 5, 4}, 1).requires_grad_();
                 const auto vectors = normal_input({2, 3, 4}, 2).requires_grad_();
                 const auto x = place(text, tokens, 9, vectors);
                 answers.add("what the model reads", x);
                 answers.add_gradients(x, {{"text", text}, {"vectors", vectors}});
               })
        .check("placeholders_anywhere",
               [](const Place& place, Answers& answers) {
                 const auto tokens = torch::tensor({{1, 0, 2, 0, 3}, {0, 1, 1, 1, 0}});
                 answers.add("what the model reads, placeholders between the text",
                             place(normal_input({2, 5, 3}, 3), tokens, 0, normal_input({2, 2, 3}, 4)));
               })
        .check("the_text_is_left_alone",
               [](const Place& place, Answers& answers) {
                 const auto text = normal_input({1, 3, 2}, 5);
                 place(text, torch::tensor({{7, 1, 2}}), 7, normal_input({1, 1, 2}, 6));
                 answers.add("the text's own embeddings afterwards", text);
               })
        .mistake("vectors_cut_off",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   return text.masked_scatter((tokens == placeholder).unsqueeze(-1).expand_as(text), vectors.detach());
                 })
        .mistake("mask_flipped",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   return text.masked_scatter((tokens != placeholder).unsqueeze(-1).expand_as(text), vectors);
                 })
        .mistake("put_in_front",
                 [](const Tensor& text, const Tensor&, std::int64_t, const Tensor& vectors) {
                   return torch::cat({vectors, text}, 1);
                 })
        .mistake("first_places",
                 [](const Tensor& text, const Tensor&, std::int64_t, const Tensor& vectors) {
                   return torch::cat({vectors, text.slice(1, vectors.size(1))}, 1);
                 })
        .mistake("added",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);
                   return text + torch::zeros_like(text).masked_scatter(open, vectors);
                 })
        .mistake("the_text_replaced",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   const auto open = (tokens != placeholder).unsqueeze(-1).expand_as(text);
                   return text.masked_scatter(open, torch::cat({vectors, vectors, vectors}, 1));
                 })
        .mistake("the_first_one_everywhere",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   const auto open = (tokens == placeholder).unsqueeze(-1);
                   return torch::where(open, vectors.slice(1, 0, 1), text);
                 })
        .mistake("left_alone", [](const Tensor& text, const Tensor&, std::int64_t, const Tensor&) { return text; })
        .mistake("text_overwritten",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);
                   const auto placed = text.masked_scatter(open, vectors);
                   const torch::NoGradGuard no_gradients;
                   if (!text.requires_grad()) Tensor(text).copy_(placed);
                   return placed;
                 })
        .mistake("no_gradients",
                 [](const Tensor& text, const Tensor& tokens, std::int64_t placeholder, const Tensor& vectors) {
                   const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);
                   return text.masked_scatter(open, vectors.detach()) + 0 * vectors.sum();
                 });

// 9.5
// ------------------------------------------------------------------------------------------------------------------

using Contrast = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>;

/// What of the loss a slip gets wrong.
struct ContrastSlip {
  bool normalises = true, scales = true, divides = false, halves = true;
  enum { both, pictures_only, captions_only, one_softmax, twice } ways = both;
};

Contrast contrasting_with(const ContrastSlip& slip) {
  return [slip](const Tensor& pictures, const Tensor& captions, const Tensor& scale) {
    const auto seen = slip.normalises ? pictures / pictures.norm(2, -1, true) : pictures;
    const auto said = slip.normalises ? captions / captions.norm(2, -1, true) : captions;
    auto scores = seen.matmul(said.t());
    if (slip.scales) scores = slip.divides ? scores / scale : scores * scale;
    const auto partners = torch::arange(scores.size(0));
    const auto by_picture = cross_entropy(scores, partners), by_caption = cross_entropy(scores.t(), partners);
    switch (slip.ways) {
      case ContrastSlip::pictures_only:
        return by_picture;
      case ContrastSlip::captions_only:
        return by_caption;
      case ContrastSlip::one_softmax:
        return -torch::log_softmax(scores.flatten(), 0).view_as(scores).diagonal().mean();
      case ContrastSlip::twice:
        return by_picture + by_picture;
      default:
        return slip.halves ? (by_picture + by_caption) / 2 : by_picture + by_caption;
    }
  };
}

[[maybe_unused]] const auto& exercise_9_5 =
    exercise<Contrast>("9.5", contrastive_loss)
        .check("pictures_and_captions",
               [](const Contrast& contrast, Answers& answers) {
                 const auto pictures = normal_input({4, 6}, 11, 2.0).requires_grad_();
                 const auto captions = normal_input({4, 6}, 12, 0.5).requires_grad_();
                 const auto scale = torch::tensor(5.0F).requires_grad_();
                 const auto result = contrast(pictures, captions, scale);
                 answers.add("the loss", result);
                 answers.add_gradients(result, {{"pictures", pictures}, {"captions", captions}, {"scale", scale}});
               })
        .check("longer_vectors",
               [](const Contrast& contrast, Answers& answers) {
                 const auto pictures = normal_input({3, 5}, 13), captions = normal_input({3, 5}, 14);
                 answers.add("the loss with pictures of any length",
                             contrast(10 * pictures, captions, torch::tensor(3.0F)));
               })
        .mistake("not_normalised", contrasting_with, {.normalises = false})
        .mistake("scale_forgotten", contrasting_with, {.scales = false})
        .mistake("divided_by_the_scale", contrasting_with, {.divides = true})
        .mistake("pictures_only", contrasting_with, {.ways = ContrastSlip::pictures_only})
        .mistake("captions_only", contrasting_with, {.ways = ContrastSlip::captions_only})
        .mistake("one_softmax", contrasting_with, {.ways = ContrastSlip::one_softmax})
        .mistake("not_halved", contrasting_with, {.halves = false});

}  // namespace
}  // namespace verse
