#include "09_multimodal/given/sound_encoder.h"

namespace verse {

SoundEncoder::SoundEncoder(const SoundEncoderOptions& given) : options(given) {
  expand =
      register_module("expand", std::make_shared<LinearProjection>(options.mels * options.together, options.hidden));
  contract = register_module("contract", std::make_shared<LinearProjection>(options.hidden, options.width));
  times = register_parameter("times", torch::randn({options.frames / options.together, options.width}) * 0.02);
  blocks = register_module("blocks", torch::nn::ModuleList());
  GPTOptions block;
  block.width = options.width;
  block.heads = 4;
  block.fused = true;
  for (std::int64_t layer = 0; layer < options.layers; ++layer) blocks->push_back(Block(block));
}

//! [sound-encoder]
torch::Tensor SoundEncoder::forward(const torch::Tensor& input) {
  // Logarithms between the quietest and the loudest that counts, brought to about -1 to 1.
  const auto loud = input.clamp(-3, 3) / 3;
  const auto together = loud.reshape({input.size(0), -1, options.mels * options.together});
  const auto seen = contract->forward(torch::gelu(expand->forward(together), "tanh"));  // [batch, vectors, width]
  auto x = seen + times.slice(0, 0, seen.size(1));

  // Everything may look at everything.
  AttentionExtras both_ways;
  both_ways.mask = torch::ones({x.size(1), x.size(1)}, torch::dtype(torch::kBool).device(x.device()));
  for (std::size_t layer = 0; layer < blocks->size(); ++layer) x = blocks->at<BlockImpl>(layer).forward(x, both_ways);
  return x;
}
//! [sound-encoder]

}  // namespace verse
