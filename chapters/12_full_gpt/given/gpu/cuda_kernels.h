#pragma once

/// @file
/// Chapter 12: a kernel of our own for each part of a training step (kernels/training.cu, updating.cu).

#include <torch/torch.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "04_blocks/blocks.h"
#include "12_full_gpt/given/gpu/step_kernels.h"
#include "common/gpu_kernels.h"

namespace verse {

/// Which of several ways are taken; each gives the same within rounding.
struct KernelChoices {
  bool gelu_with_product = true;  ///< forward: cuBLASLt applies GELU before it writes
  /// Backward: it multiplies by GELU's slope, and sums up the bias's gradient. Off, since a step takes longer with it
  /// on an H200: 4.9 ms and not 4.1 (tests/gpu_speed/speed_check.cpp, section times).
  bool slope_with_product = false;
  bool own_attention = false;  ///< attention by kernels of our own, where they fit; else by LibTorch's
  bool aside = true;           ///< weights' gradients run beside what comes next
  bool many_places = false;    ///< dropout counts them in 64 bits: see CudaKernels::many_places()
  torch::ScalarType numbers = torch::kBFloat16, stream = torch::kBFloat16;
};

/// The parts of a step by kernels of our own; products by cuBLASLt, attention by LibTorch's flash kernel.
class CudaKernels : public PlainKernels {
 public:
  /// Compiles them for the card in use and the model's sizes. @return null where that cannot be, with the reason
  static std::unique_ptr<CudaKernels> make(const GPTOptions& model, const KernelChoices& choices, std::string& problem);

  /// Whether our attention is for a model of that shape.
  static bool attends(const GPTOptions& model, const KernelChoices& choices);

  /// Whether a tensor that numbers are dropped from has more of them than 32 bits can count.
  static bool many_places(const GPTOptions& model, std::int64_t batch_size);

  /// @param launcher runs kernels that were compiled for that width
  CudaKernels(std::unique_ptr<Launcher> launcher, std::int64_t width, const KernelChoices& choices);

  void embed_norm(const Windows& windows, const torch::Tensor& token_table, const torch::Tensor& position_table,
                  const Norm& norm, const Dropping& dropping, torch::Tensor x, torch::Tensor y,
                  torch::Tensor one_hot) override;
  void add_norm(const torch::Tensor& x, const torch::Tensor& branch, const torch::Tensor& branch_bias, const Norm& norm,
                const Dropping& dropping, std::int64_t site, torch::Tensor sum, torch::Tensor y) override;
  void norm_backward(const torch::Tensor& to_y, const torch::Tensor& x, const Norm& norm, const torch::Tensor& along,
                     const Dropping& dropping, std::int64_t site, torch::Tensor to_x, torch::Tensor to_branch,
                     torch::Tensor to_gain, torch::Tensor to_bias, torch::Tensor to_branch_bias) override;
  void multiply(const Product& product) override;
  torch::Tensor attend(std::int64_t layer, const torch::Tensor& parts, std::int64_t batch, std::int64_t heads,
                       const Dropping& dropping, std::int64_t site) override;
  void attend_backward(std::int64_t layer, const torch::Tensor& to_mixed, const torch::Tensor& parts,
                       const torch::Tensor& mixed, std::int64_t batch, std::int64_t heads, const Dropping& dropping,
                       std::int64_t site, torch::Tensor to_parts, torch::Tensor to_bias) override;
  void cross_entropy(const torch::Tensor& logits, const Windows& windows, std::int64_t vocabulary,
                     torch::Tensor to_logits, torch::Tensor loss) override;
  void position_backward(const torch::Tensor& to_x, std::int64_t batch, torch::Tensor to_table) override;
  void finish_sums() override;
  void round_all(const torch::Tensor& x, torch::Tensor y) override;
  void adamw(const Update& update) override;

  /// What was to be done in one go and had to be done in several: a line each.
  const std::set<std::string>& fallen_back() const { return fallen_back_; }

 private:
  /// Flash attention's own memory of a layer.
  struct Attended {
    torch::Tensor queries, keys, values, mixed, sums, ends_of_queries, ends_of_keys, seed, offset;
  };

  void check_places(std::int64_t numbers, const Dropping& dropping) const;
  template <typename... Arguments>
  void launch(const char* kernel, Grid grid, Grid block, Arguments... arguments);
  template <typename... Arguments>
  void launch_with(unsigned shared, const char* kernel, Grid grid, Grid block, Arguments... arguments);
  torch::Tensor partial_sums(const torch::Tensor& to, std::int64_t blocks, std::int64_t columns, std::int64_t kinds);
  void add_job(const torch::Tensor& partial, std::int64_t kind, const torch::Tensor& to);
  void gelu(const torch::Tensor& x, torch::Tensor y);
  void gelu_backward(const torch::Tensor& to_y, const torch::Tensor& x, torch::Tensor to_x,
                     const torch::Tensor& to_bias);
  void multiply_here(const Product& product);
  bool multiply_by_library(const Product& product, Finish finish, const torch::Tensor& bias_gradient = {});
  unsigned row_blocks(std::int64_t columns) const;

  std::unique_ptr<Launcher> launcher_;
  std::int64_t width_;
  KernelChoices choices_;
  std::map<std::int64_t, Attended> attended_;
  std::map<const void*, torch::Tensor> partial_;           ///< by what they are summed up to
  std::map<const void*, torch::Tensor> sixteen_bits_;      ///< biases' gradients as cuBLASLt gives them
  std::map<const void*, std::vector<std::int64_t>> jobs_;  ///< for add_up(), by where each writes to
  bool jobs_are_new_ = false;
  torch::Tensor job_table_, strips_, squares_;
  std::set<std::string> fallen_back_;
  int asides_ = 0;  ///< since the last finish_sums()
};

}  // namespace verse
