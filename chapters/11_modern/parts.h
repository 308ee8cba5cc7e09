#pragma once

/// @file
/// Chapter 11: the parts in which Llama, Mistral and Qwen differ from GPT-2, and weights of one byte or half of one.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

namespace verse {

/// RMSNorm: each position's features divided by the root of the mean of their squares, times a gain. (Exercise 11.3)
/// Zhang and Sennrich 2019, section 4. Unlike in layer_norm(), no mean is taken away, and there is no bias.
///
/// As in Llama, the mean and the division are computed in float32, whatever the type of x; what comes out is turned
/// into x's type, and then multiplied by the gain.
/// @param x [..., width] @param gain [width] @param epsilon added to the mean of the squares
/// @return [..., width], of x's type
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& gain, double epsilon);

/// How rotary frequencies are changed for texts longer than those that a model was first trained on.
struct RotaryScaling {
  enum class Kind {
    none,
    linear,  ///< every pair turns `factor` times as slowly (Chen et al. 2023)
    llama3   ///< only the slow pairs do, those in between a little (Llama Team 2024)
  };
  Kind kind = Kind::none;
  double factor = 1;                  ///< of linear and llama3; above 0, whatever the kind
  double low_frequency_factor = 1;    ///< llama3: pairs of fewer turns in the original context are slow
  double high_frequency_factor = 4;   ///< llama3: pairs of more turns there are fast; above the low one
  std::int64_t original_context = 0;  ///< llama3: positions that the model was first trained on; at least 1
};

/// By how much each pair of features turns from one position to the next. (Exercise 11.4)
///
/// Pair i turns by base^(-2i / head_width). With linear scaling, all are divided by the factor. With llama3, a pair is
/// judged by its turns in the original context, original_context * frequency / (2 pi): below low_frequency_factor it is
/// divided by the factor, above high_frequency_factor it stays. In between, it is a mixture of both: the share of the
/// one that stays is (turns - low_frequency_factor) / (high_frequency_factor - low_frequency_factor).
/// @return head_width / 2 frequencies, in radians a position
/// @throws UsageError for a head width that is odd or below 2, and for a scaling outside the limits named above
std::vector<double> rotary_frequencies(std::int64_t head_width, double base, const RotaryScaling& scaling);

/// The angles of a head's pairs at each position, in float32 as the models were trained. Given, not an exercise.
/// @param positions [time], int64 @param frequencies from rotary_frequencies() @return [time, head_width / 2]
torch::Tensor rotary_angles(const torch::Tensor& positions, const std::vector<double>& frequencies);

/// Rotary positions with features i and i + head_width / 2 as a pair, as the weights of Llama, Mistral and Qwen have
/// them where they are published for Hugging Face. (Exercise 11.5) rotate() pairs neighbours instead.
///
/// Turned in float32 or in x's type, whichever is more exact.
/// @param x [..., time, head_width] @param angles [time, head_width / 2], float32
/// @return the shape and type of x
torch::Tensor rotate_halves(const torch::Tensor& x, const torch::Tensor& angles);

/// SwiGLU: an MLP with a gate, down(silu(gate(x)) * up(x)), where silu(z) = z sigmoid(z). (Exercise 11.6)
/// Shazeer 2020, equation 6. Weights are [out, in], as in a Linear; no biases.
/// @param x [..., width] @param gate, up [hidden, width] @param down [width, hidden] @return [..., width]
torch::Tensor swiglu(const torch::Tensor& x, const torch::Tensor& gate, const torch::Tensor& up,
                     const torch::Tensor& down);

/// The keys or values of grouped-query attention, one head for each query head: head h of the result is head h / times
/// of x. (Exercise 11.7) Ainslie et al. 2023, section 2.2.
/// @param x [batch, kv_heads, time, head_width] @param times query heads a group, at least 1
/// @return [batch, kv_heads * times, time, head_width]
torch::Tensor repeat_heads(const torch::Tensor& x, std::int64_t times);

/// Who may look at whom in sliding-window attention: a query sees itself and the window - 1 positions before it.
/// (Exercise 11.8) Jiang et al. 2023, "Mistral 7B", section 2.
/// @param query_positions [queries], int64 @param key_positions [keys], int64, on the same device
/// @param window 0 means all positions up to the query's own, as in causal_mask()
/// @return [queries, keys], bool: true where the query may look @throws UsageError for a window below 0
torch::Tensor sliding_mask(const torch::Tensor& query_positions, const torch::Tensor& key_positions,
                           std::int64_t window);

/// A weight matrix in one byte a number: row r is values[r] * scales[r].
struct Int8Rows {
  torch::Tensor values;  ///< [out, in], int8, from -127 to 127
  torch::Tensor scales;  ///< [out], float32
};

/// Absmax quantisation by rows: the largest number of a row, by its size, becomes 127 or -127, and every other one the
/// nearest whole number on that scale. (Exercise 11.9) Dettmers et al. 2022, section 2.
///
/// A number is then off by half its row's scale at most. A row of zeros has scale 0. Computed in float32, without
/// gradients.
/// @param weight [out, in], of any floating-point type
Int8Rows quantise_rows(const torch::Tensor& weight);

/// x times the transposed matrix, which stays in bytes: a row's scale is multiplied into its sum. (Exercise 11.10)
/// Computed in float32.
/// @param x [..., in] @return [..., out], of x's type
torch::Tensor int8_product(const torch::Tensor& x, const Int8Rows& weight);

/// A weight matrix in four bits a number, with a scale for each group of a row: number c of row r is
/// values[r][c] * scales[r][c / group].
struct Int4Groups {
  torch::Tensor values;  ///< [out, in], int8, from -8 to 7: what four bits with a sign can hold
  torch::Tensor scales;  ///< [out, in / group], float32; below 0 where a group's largest number is above 0
};

/// Absmax quantisation by groups of a row, in all sixteen numbers of four bits: the largest number of a group, by its
/// size, becomes -8, and every other one the nearest whole number on that scale; what would be 8 becomes 7.
/// (Exercise 11.11)
///
/// A group of zeros has scale 0. Computed in float32, without gradients.
/// @param weight [out, in], of any floating-point type @param group numbers of a row that share a scale, side by side
/// @throws UsageError for a group that does not divide the row
Int4Groups quantise_groups(const torch::Tensor& weight, std::int64_t group);

}  // namespace verse
