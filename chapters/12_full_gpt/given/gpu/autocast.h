#pragma once

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

namespace verse {

/// Lets LibTorch take matrix products in 16 bits for as long as it lives; weights and sums stay in float32.
class Autocast {
 public:
  /// @param numbers bfloat16, or float16 for cards that have no other
  Autocast(torch::Device device, bool on, torch::Dtype numbers = torch::kBFloat16) : device_(device.type()), on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_dtype(device_, numbers);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, false);
    // It has kept the weights in 16 bits; after the next step they will be others.
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool on_;
};

}  // namespace verse
