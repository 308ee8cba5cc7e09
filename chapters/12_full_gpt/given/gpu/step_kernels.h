#pragma once

/// @file
/// Chapter 12: the parts that a training step by hand is made of. PlainKernels is the form to read: each part in a few
/// of LibTorch's operations, on any device. CudaKernels (cuda_kernels.h) has a kernel of our own for each.

#include <torch/torch.h>

#include <cstdint>
#include <map>

namespace verse {

/// The batch: where its windows begin in a text. The targets are the tokens one place later.
struct Windows {
  torch::Tensor tokens;  ///< [characters], int64
  torch::Tensor starts;  ///< [batch], int64
  std::int64_t context = 0;

  std::int64_t rows() const { return starts.size(0) * context; }
};

/// Dropout in all its places in a model, its sites: each has drops of its own, which hang on the seed, the site and the
/// number's place. They are the processor's drop() with the seed of seed_of_site().
struct Dropping {
  torch::Tensor seed;  ///< [1], int64, on the device: another one for each step
  double share = 0;    ///< that is dropped
};

/// A site's seed: far from those of other sites. @param seed of the step
std::uint64_t seed_of_site(std::int64_t seed, std::int64_t site);

/// A layer norm: its parameters, and what its way back needs to know of the way there.
struct Norm {
  torch::Tensor gain, bias;     ///< [width], float32
  torch::Tensor means, scales;  ///< [rows], float32: of each row, and one over its deviation
};

/// What is done to a matrix product before it is written.
enum class Finish {
  nothing,
  add,            ///< it is added to what stands there
  bias,           ///< a vector is added to each row
  bias_and_gelu,  ///< the same, which is kept in `kept`; then GELU
  gelu_backward,  ///< each number times GELU's slope at the number in `kept`; their sums over rows go to `to_bias`
};

/// out = a b, either of them turned (transposed) where so said.
struct Product {
  torch::Tensor out, a, b;
  bool a_turned = false, b_turned = false;
  Finish finish = Finish::nothing;
  torch::Tensor bias;     ///< [columns], of the numbers' kind
  torch::Tensor kept;     ///< as out
  torch::Tensor to_bias;  ///< [columns], float32
  bool aside = false;     ///< nothing waits for it until the step's end: it may run beside what comes next
};

/// The parts of a step. What is called a stream's tensor or a number's tensor is [rows, width]; numbers that go through
/// products are bfloat16 on a GPU and float32 elsewhere. Gradients have the name of what they are taken for, after
/// `to_`.
class StepKernels {
 public:
  virtual ~StepKernels() = default;

  /// x = dropout(token vectors + position vectors), site 0; y = norm(x).
  /// @param one_hot [rows, padded vocabulary], receives a 1 in each row where its token is, else 0
  virtual void embed_norm(const Windows& windows, const torch::Tensor& token_table, const torch::Tensor& position_table,
                          const Norm& norm, const Dropping& dropping, torch::Tensor x, torch::Tensor y,
                          torch::Tensor one_hot) = 0;

  /// sum = x + dropout(branch + branch_bias); y = norm(sum).
  virtual void add_norm(const torch::Tensor& x, const torch::Tensor& branch, const torch::Tensor& branch_bias,
                        const Norm& norm, const Dropping& dropping, std::int64_t site, torch::Tensor sum,
                        torch::Tensor y) = 0;

  /// Backward through both: to_x = along + norm's gradient, to_branch = dropout's gradient of that, and the sums.
  /// @param along what comes along the stream; undefined above the last norm
  /// @param to_gain, to_bias, to_branch_bias [width], float32; complete after finish_sums()
  virtual void norm_backward(const torch::Tensor& to_y, const torch::Tensor& x, const Norm& norm,
                             const torch::Tensor& along, const Dropping& dropping, std::int64_t site,
                             torch::Tensor to_x, torch::Tensor to_branch, torch::Tensor to_gain, torch::Tensor to_bias,
                             torch::Tensor to_branch_bias) = 0;

  /// A matrix product and what is done to it.
  virtual void multiply(const Product& product) = 0;

  /// Causal attention. @param parts [rows, 3 width]: queries, keys and values side by side @return mixed, [rows, width]
  virtual torch::Tensor attend(std::int64_t layer, const torch::Tensor& parts, std::int64_t batch, std::int64_t heads,
                               const Dropping& dropping, std::int64_t site) = 0;

  /// Backward through it. @param to_parts [rows, 3 width] @param to_bias [3 width], float32: its sums over rows
  virtual void attend_backward(std::int64_t layer, const torch::Tensor& to_mixed, const torch::Tensor& parts,
                               const torch::Tensor& mixed, std::int64_t batch, std::int64_t heads,
                               const Dropping& dropping, std::int64_t site, torch::Tensor to_parts,
                               torch::Tensor to_bias) = 0;

  /// The mean loss, a scalar, and its gradient. @param logits, to_logits [rows, padded vocabulary]
  virtual void cross_entropy(const torch::Tensor& logits, const Windows& windows, std::int64_t vocabulary,
                             torch::Tensor to_logits, torch::Tensor loss) = 0;

  /// @param to_x [rows, width] @param to_table [context, width], float32
  virtual void position_backward(const torch::Tensor& to_x, std::int64_t batch, torch::Tensor to_table) = 0;

  /// What was left to be summed up is summed up. Kernels may go on writing to every tensor that such a sum has ever
  /// gone to: these have to live, and to stay where they are, as long as the kernels do.
  virtual void finish_sums() {}

  /// y = x, rounded to y's kind.
  virtual void round_all(const torch::Tensor& x, torch::Tensor y) = 0;

  /// What adamw() works on, all of it flat.
  struct Update {
    torch::Tensor parameters, gradients, first, second;  ///< [numbers], float32
    torch::Tensor copies;                                ///< [numbers], of the products' kind
    std::int64_t decaying = 0;                           ///< numbers that decay
    double limit = 0;                                    ///< of the gradients' norm
    torch::Tensor norm, learning_rate, step_number;      ///< scalars, float32
    double beta1 = 0, beta2 = 0, epsilon = 0, decay = 0;
  };

  /// Chapter 5's clipping and AdamW. Writes the norm before clipping.
  virtual void adamw(const Update& update) = 0;
};

/// Each part in LibTorch's own operations, on any device.
class PlainKernels : public StepKernels {
 public:
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
  void round_all(const torch::Tensor& x, torch::Tensor y) override;
  void adamw(const Update& update) override;
};

/// What a tensor of that shape is multiplied by at a site: 0 or 1 / (1 - share), as float32.
/// @param first the place of its first number
torch::Tensor drop_factors(const Dropping& dropping, std::int64_t site, torch::IntArrayRef shape,
                           std::int64_t first = 0);

}  // namespace verse
