#include "12_full_gpt/given/sampling/llama_reader.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "12_full_gpt/given/sampling/generation.h"
#include "common/eight_at_once.h"

namespace verse {

namespace {

/// e^x for x from -87 to 87, to within two of float32's last digits: a power of 2, and a polynomial for the rest.
__attribute__((always_inline)) inline float power_of_e(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: beside it, a float32 has no digits after the point
  const float scaled = x * 1.44269504F;  // e^x = 2^scaled
  const float whole = (scaled + kRound) - kRound;
  const float f = (scaled - whole) * 0.693147181F;  // from -0.35 to 0.35
  const float rest = 1 + f * (1 + f * (0.5F + f * (1.0F / 6 + f * (1.0F / 24 + f * (1.0F / 120 + f * (1.0F / 720))))));
  return std::bit_cast<float>(std::bit_cast<std::int32_t>(rest) + (static_cast<std::int32_t>(whole) << 23));
}

// Loops that a processor can do eight at a time, each in two forms of the same code.

#ifdef __x86_64__
#define VERSE_IN_EIGHTS __attribute__((target("avx2,fma")))
#else
#define VERSE_IN_EIGHTS
#endif

__attribute__((always_inline)) inline void gate_each(float* gate, const float* up, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    gate[i] = gate[i] / (1 + power_of_e(std::clamp(-gate[i], -80.0F, 80.0F))) * up[i];
  }
}
VERSE_IN_EIGHTS void gate_eight(float* gate, const float* up, std::int64_t count) {
  gate_each(gate, up, count);
}

__attribute__((always_inline)) inline void weigh_each(float* scores, float scale, float largest, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    scores[i] = power_of_e(std::max((scores[i] - largest) * scale, -80.0F));
  }
}
VERSE_IN_EIGHTS void weigh_eight(float* scores, float scale, float largest, std::int64_t count) {
  weigh_each(scores, scale, largest, count);
}

__attribute__((always_inline)) inline void mix_each(float* to, const float* weights, const float* rows,
                                                    std::int64_t count, std::int64_t width) {
  for (std::int64_t row = 0; row < count; ++row) {
    const float weight = weights[row];
    for (std::int64_t i = 0; i < width; ++i) to[i] += weight * rows[row * width + i];
  }
}
VERSE_IN_EIGHTS void mix_eight(float* to, const float* weights, const float* rows, std::int64_t count,
                               std::int64_t width) {
  mix_each(to, weights, rows, count, width);
}

const float* numbers_of(const torch::Tensor& tensor) {
  return tensor.const_data_ptr<float>();
}

bool is_row_of_floats(const torch::Tensor& tensor) {
  return !tensor.defined() || (tensor.is_cpu() && tensor.scalar_type() == torch::kFloat32 && tensor.is_contiguous());
}

}  // namespace

bool LlamaReader::reads(LlamaGPTImpl& model) {
  const auto is_for_rows = [](const ModelMatrix& matrix) {
    return matrix.small != nullptr || is_row_of_floats(matrix.full);
  };
  bool all =
      is_row_of_floats(model.token_embedding) && is_row_of_floats(model.final_norm()) && is_for_rows(model.head());
  for (const auto& layer : model.layers()) {
    for (const auto* matrix :
         {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down}) {
      all = all && is_for_rows(*matrix);
    }
    for (const auto* row : {&layer.input_norm, &layer.mlp_norm, &layer.query_norm, &layer.key_norm, &layer.query_bias,
                            &layer.key_bias, &layer.value_bias, &layer.output_bias}) {
      all = all && is_row_of_floats(*row);
    }
  }
  return all;
}

LlamaReader::LlamaReader(LlamaGPTImpl& model, std::int64_t batch)
    : model_(model),
      batch_(batch),
      heads_(model.options.num_attention_heads),
      key_heads_(model.options.num_key_value_heads),
      head_dim_(model.options.head_dim),
      head_(model.head()) {
  for (const auto& layer : model.layers()) {
    matrices_.push_back({RowMatrix(layer.query), RowMatrix(layer.key), RowMatrix(layer.value), RowMatrix(layer.output),
                         RowMatrix(layer.gate), RowMatrix(layer.up), RowMatrix(layer.down)});
  }
  const auto room = [batch](std::int64_t features) {
    return std::vector<float>(static_cast<std::size_t>(batch * features));
  };
  x_ = room(model.options.hidden_size);
  query_ = mixed_ = room(heads_ * head_dim_);
  key_ = value_ = room(key_heads_ * head_dim_);
  gate_ = up_ = room(model.options.intermediate_size);
  cosines_.resize(static_cast<std::size_t>(head_dim_ / 2));
  sines_ = cosines_;
  logits_ = torch::zeros({batch, model.options.vocab_size});
}

/// rms_norm() of one vector.
void LlamaReader::normed(const float* x, const torch::Tensor& gain, std::int64_t count, float* to) const {
  constexpr std::int64_t kParts = 16;  // sums that do not wait for one another
  float parts[kParts] = {};
  std::int64_t i = 0;
  for (; i + kParts <= count; i += kParts) {
    for (std::int64_t part = 0; part < kParts; ++part) parts[part] += x[i + part] * x[i + part];
  }
  float squares = 0;
  for (const float part : parts) squares += part;
  for (; i < count; ++i) squares += x[i] * x[i];
  const float mean = squares / static_cast<float>(count);
  const float share = 1 / std::sqrt(mean + static_cast<float>(model_.options.rms_norm_eps));
  const float* const gains = numbers_of(gain);
  for (i = 0; i < count; ++i) to[i] = x[i] * share * gains[i];
}

/// A head's norm, where it has one, and then rotate_halves(), in place.
void LlamaReader::turn(float* head, const torch::Tensor& gain) const {
  if (gain.defined()) normed(head, gain, head_dim_, head);
  const std::int64_t half = head_dim_ / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const float across = head[i], up = head[i + half];
    const float cosine = cosines_[static_cast<std::size_t>(i)], sine = sines_[static_cast<std::size_t>(i)];
    head[i] = across * cosine - up * sine;
    head[i + half] = across * sine + up * cosine;
  }
}

/// Rows of queries, keys and values, as if they were one matrix.
void LlamaReader::project(const Matrices& matrices, const LlamaGPTImpl::Layer& layer, Worker& worker, Own& own) {
  struct Part {
    const RowMatrix& matrix;
    const torch::Tensor& bias;
    std::vector<float>& to;
  };
  const Part parts[] = {{matrices.query, layer.query_bias, query_},
                        {matrices.key, layer.key_bias, key_},
                        {matrices.value, layer.value_bias, value_}};
  const std::int64_t width = model_.options.hidden_size;
  const auto [begin, end] = worker.part_of(matrices.query.outputs + 2 * matrices.key.outputs);
  for (std::int64_t text = 0; text < batch_; ++text) {
    normed(x_.data() + text * width, layer.input_norm, width, own.vector.data());
    own.input.set(own.vector.data(), width, matrices.query.kind);
    std::int64_t before = 0;
    for (const Part& part : parts) {
      const std::int64_t rows = part.matrix.outputs;
      const std::int64_t first = std::clamp<std::int64_t>(begin - before, 0, rows),
                         last = std::clamp<std::int64_t>(end - before, 0, rows);
      float* const to = part.to.data() + text * rows;
      multiply_rows(part.matrix, own.input, to, first, last);
      for (std::int64_t row = first; part.bias.defined() && row < last; ++row) to[row] += numbers_of(part.bias)[row];
      before += rows;
    }
  }
}

/// Turns the new keys and puts them, and the values, into their place in the cache.
void LlamaReader::turn_and_keep(const LlamaGPTImpl::Layer& layer, const Kept& kept, Worker& worker) {
  const auto [first, last] = worker.part_of(batch_ * key_heads_);
  for (std::int64_t each = first; each < last; ++each) {
    const std::int64_t to = each / key_heads_ * kept.text + each % key_heads_ * kept.head + place_ * head_dim_;
    float* const key = key_.data() + each * head_dim_;
    turn(key, layer.key_norm);
    std::copy_n(key, head_dim_, kept.keys + to);
    std::copy_n(value_.data() + each * head_dim_, head_dim_, kept.values + to);
  }
  const auto [first_query, last_query] = worker.part_of(batch_ * heads_);
  for (std::int64_t each = first_query; each < last_query; ++each) {
    turn(query_.data() + each * head_dim_, layer.query_norm);
  }
}

/// Each head looks at the keys of its group, and brings home a mixture of the values.
void LlamaReader::attend(const Kept& kept, std::int64_t window, Worker& worker, Own& own) {
  const std::int64_t keys = place_ + 1, from = window > 0 && keys > window ? keys - window : 0, count = keys - from;
  const float scale = 1 / std::sqrt(static_cast<float>(head_dim_));
  const bool eight = eight_at_once();
  const auto [first, last] = worker.part_of(batch_ * heads_);
  for (std::int64_t each = first; each < last; ++each) {
    const std::int64_t group = each % heads_ / (heads_ / key_heads_);
    const std::int64_t begin = each / heads_ * kept.text + group * kept.head + from * head_dim_;
    own.input.set(query_.data() + each * head_dim_, head_dim_, WeightKind::fp32);
    float* const scores = own.scores.data();
    multiply_rows(RowMatrix(kept.keys + begin, count, head_dim_), own.input, scores, 0, count, eight);
    const float largest = *std::max_element(scores, scores + count);
    eight ? weigh_eight(scores, scale, largest, count) : weigh_each(scores, scale, largest, count);
    float sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += scores[i];
    float* const to = mixed_.data() + each * head_dim_;
    std::fill_n(to, head_dim_, 0.0F);
    (eight ? mix_eight : mix_each)(to, scores, kept.values + begin, count, head_dim_);
    for (std::int64_t i = 0; i < head_dim_; ++i) to[i] /= sum;
  }
}

/// Adds a product to the stream. @param from [batch, inputs]
void LlamaReader::add_product(const RowMatrix& matrix, const torch::Tensor& bias, const std::vector<float>& from,
                              Worker& worker, Own& own) {
  const auto [first, last] = worker.part_of(matrix.outputs);
  for (std::int64_t text = 0; text < batch_; ++text) {
    own.input.set(from.data() + text * matrix.inputs, matrix.inputs, matrix.kind);
    multiply_rows(matrix, own.input, own.vector.data(), first, last);
    float* const x = x_.data() + text * matrix.outputs;
    for (std::int64_t row = first; row < last; ++row) {
      x[row] += own.vector[static_cast<std::size_t>(row)] + (bias.defined() ? numbers_of(bias)[row] : 0);
    }
  }
}

//! [llama-reader]
void LlamaReader::through_layer(std::size_t number, const Kept& kept, Worker& worker, Own& own) {
  const auto& layer = model_.layers()[number];
  const Matrices& matrices = matrices_[number];
  project(matrices, layer, worker, own);
  worker.meet();
  turn_and_keep(layer, kept, worker);
  worker.meet();
  attend(kept, model_.options.window_of(static_cast<std::int64_t>(number)), worker, own);
  worker.meet();
  add_product(matrices.output, layer.output_bias, mixed_, worker, own);
  worker.meet();

  const std::int64_t width = model_.options.hidden_size, inside = model_.options.intermediate_size;
  const auto [first, last] = worker.part_of(inside);
  for (std::int64_t text = 0; text < batch_; ++text) {
    normed(x_.data() + text * width, layer.mlp_norm, width, own.vector.data());
    own.input.set(own.vector.data(), width, matrices.gate.kind);
    float *const gate = gate_.data() + text * inside, *const up = up_.data() + text * inside;
    multiply_rows(matrices.gate, own.input, gate, first, last);
    multiply_rows(matrices.up, own.input, up, first, last);
    (eight_at_once() ? gate_eight : gate_each)(gate + first, up + first, last - first);
  }
  worker.meet();
  add_product(matrices.down, {}, gate_, worker, own);
  worker.meet();
}
//! [llama-reader]

torch::Tensor LlamaReader::read(const torch::Tensor& tokens, const std::vector<std::shared_ptr<BlockCache>>& cache) {
  const std::int64_t width = model_.options.hidden_size, vocabulary = model_.options.vocab_size;
  place_ = cache.front()->length();
  const auto rows = tokens.contiguous();
  for (std::int64_t text = 0; text < batch_; ++text) {
    const std::int64_t token = rows.const_data_ptr<std::int64_t>()[text];
    TORCH_CHECK_INDEX(token >= 0 && token < vocabulary, "there is no token ", token);
    std::copy_n(numbers_of(model_.token_embedding) + token * width, width, x_.data() + text * width);
  }
  // As rotary_angles() has them: in float32.
  for (std::size_t i = 0; i < cosines_.size(); ++i) {
    const float angle = static_cast<float>(place_) * static_cast<float>(model_.frequencies()[i]);
    cosines_[i] = std::cos(angle);
    sines_[i] = std::sin(angle);
  }
  kept_.clear();
  for (const auto& block : cache) {
    const torch::Tensor &keys = block->keys(), &values = block->values();
    kept_.push_back({keys.data_ptr<float>(), values.data_ptr<float>(), keys.stride(0), keys.stride(1)});
  }

  own_.resize(static_cast<std::size_t>(std::max(at::get_num_threads(), 1)));
  for (Own& own : own_) {
    own.vector.resize(static_cast<std::size_t>(width));
    own.scores.resize(static_cast<std::size_t>(cache.front()->keys().size(2)));
  }
  float* const logits = logits_.mutable_data_ptr<float>();
  work_together([&](Worker& worker) {
    Own& own = own_[static_cast<std::size_t>(worker.number())];
    for (std::size_t number = 0; number < matrices_.size(); ++number) {
      through_layer(number, kept_[number], worker, own);
    }
    const auto [first, last] = worker.part_of(vocabulary);
    for (std::int64_t text = 0; text < batch_; ++text) {
      normed(x_.data() + text * width, model_.final_norm(), width, own.vector.data());
      own.input.set(own.vector.data(), width, head_.kind);
      multiply_rows(head_, own.input, logits + text * vocabulary, first, last);
    }
  });
  for (const auto& block : cache) block->one_more();
  return logits_;
}

}  // namespace verse
