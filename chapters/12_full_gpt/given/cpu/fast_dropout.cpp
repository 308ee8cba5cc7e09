#include "12_full_gpt/given/cpu/fast_dropout.h"

#include <ATen/Parallel.h>
#include <ATen/ops/_softmax_backward_data.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "03_attention/attention.h"
#include "common/share_out.h"
#include "common/vector_loops.h"

namespace verse {

namespace {

//! [drop]
/// Stirs 32 bits so that each bit of the result hangs on all of them (the shifts and factors are Wellons's
/// "lowbias32").
__attribute__((always_inline)) inline std::uint32_t stirred(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

/// No number waits for the one before, so that a processor can do several at once. The first place's upper 32 bits hold
/// for all of them, and make another seed; where they are 0, it stays as it is.
__attribute__((always_inline)) inline void drop_each(const float* x, float* y, std::int64_t count, std::int64_t first,
                                                     const Drops& drops) {
  constexpr double kFates = 1 << 24;  // as many as a float32 can count
  const auto dropped = static_cast<std::int32_t>(drops.share * kFates);
  const auto scale = static_cast<float>(1 / (1 - drops.share));
  const std::uint64_t seed = drops.seed ^ stirred(static_cast<std::uint32_t>(first >> 32));
  const auto low = static_cast<std::uint32_t>(seed), high = static_cast<std::uint32_t>(seed >> 32);
  const std::uint32_t offset = stirred(low + 1), step = stirred(offset ^ high) | 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto place = static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(i);
    const auto fate = static_cast<std::int32_t>(stirred(place * step + offset) >> 8);  // from 0 to 2^24 - 1
    y[i] = fate < dropped ? 0 : x[i] * scale;
  }
}
//! [drop]

VERSE_VECTOR_LOOP void drop_by_vectors(const float* x, float* y, std::int64_t count, std::int64_t first,
                                       const Drops& drops) {
  drop_each(x, y, count, first, drops);
}

void drop_one_by_one(const float* x, float* y, std::int64_t count, std::int64_t first, const Drops& drops) {
  drop_each(x, y, count, first, drops);
}

/// What PartOfBatch says, on this thread: the first row, and how many there are.
thread_local std::pair<std::int64_t, std::int64_t> rows_here{0, 1};
thread_local std::optional<torch::Generator> draws_here;  ///< and where its seeds come from

/// The place of a part's first number in the whole batch. A tensor may be a row a text or a row a position, so what
/// counts is how many numbers a text has.
std::int64_t first_place(const torch::Tensor& part, const Drops& drops) {
  return drops.first_row * (part.numel() / drops.rows);
}

void save_drops(torch::autograd::AutogradContext& context, const Drops& drops) {
  context.saved_data["share"] = drops.share;
  context.saved_data["seed"] = static_cast<std::int64_t>(drops.seed);
  context.saved_data["first_row"] = drops.first_row;
  context.saved_data["rows"] = drops.rows;
}

Drops saved_drops(torch::autograd::AutogradContext& context) {
  return {context.saved_data["share"].toDouble(), static_cast<std::uint64_t>(context.saved_data["seed"].toInt()),
          context.saved_data["first_row"].toInt(), context.saved_data["rows"].toInt()};
}

class FastDropout : public torch::autograd::Function<FastDropout> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x, const Drops& drops) {
    save_drops(*context, drops);
    return drop(x.contiguous(), drops, first_place(x, drops));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const Drops drops = saved_drops(*context);
    return {drop(gradients[0].contiguous(), drops, first_place(gradients[0], drops)), {}};
  }
};

/// What attention works on, for some texts at a time: heads apart, one after the other.
struct Cut {
  std::int64_t texts, time, heads, width;

  Cut(const torch::Tensor& parts, std::int64_t head_count)
      : texts(parts.size(0)), time(parts.size(1)), heads(head_count), width(parts.size(2) / (3 * head_count)) {}

  std::int64_t weights_of_a_text() const { return heads * time * time; }
  bool few() const { return texts * weights_of_a_text() <= kFewWeights; }
  double scale() const { return 1 / std::sqrt(static_cast<double>(width)); }

  /// @param parts [texts, time, 3 heads width] @return queries, keys, values: [3, texts heads, time, width]
  torch::Tensor apart(const torch::Tensor& parts) const {
    return parts.view({-1, time, 3, heads, width}).permute({2, 0, 3, 1, 4}).reshape({3, -1, time, width});
  }

  /// Runs over the texts: all at once where the weights are few, else one by one, shared out among threads. Where there
  /// are fewer texts than threads, these share the products instead.
  void in_turn(const std::function<void(std::int64_t first, std::int64_t count)>& work) const {
    if (few()) return work(0, texts);
    const auto each = [&](std::int64_t begin, std::int64_t end) {
      const torch::NoGradGuard no_gradients;
      for (std::int64_t text = begin; text < end; ++text) work(text, 1);
    };
    if (texts < at::get_num_threads()) return each(0, texts);
    share_out(0, texts, 1, each);
  }

  /// Chapter 3's weights before any is dropped. @param hidden [time, time], 0 or minus infinity
  torch::Tensor weights(const torch::Tensor& queries, const torch::Tensor& keys, const torch::Tensor& hidden) const {
    return torch::softmax(torch::baddbmm(hidden, queries, keys.transpose(1, 2), 1, scale()), -1);
  }
};

//! [attend-dropping]
class AttendDropping : public torch::autograd::Function<AttendDropping> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& parts,
                               std::int64_t head_count, const Drops& drops) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;  // which has nothing to note in here
    const Cut cut(parts, head_count);
    const auto hidden =
        torch::zeros({cut.time, cut.time}, parts.options())
            .masked_fill_(causal_mask(cut.time, cut.time).logical_not(), -std::numeric_limits<float>::infinity());
    auto result = torch::empty({cut.texts, cut.time, cut.heads * cut.width}, parts.options());
    torch::Tensor kept_apart, kept_weights;
    cut.in_turn([&](std::int64_t first, std::int64_t count) {
      const auto apart = cut.apart(parts.narrow(0, first, count));
      const auto weights = cut.weights(apart[0], apart[1], hidden);
      const auto mixed =
          torch::bmm(drop(weights, drops, (drops.first_row + first) * cut.weights_of_a_text()), apart[2]);
      result.narrow(0, first, count)
          .view({count, cut.time, cut.heads, cut.width})
          .copy_(mixed.view({count, cut.heads, cut.time, cut.width}).transpose(1, 2));
      if (cut.few()) std::tie(kept_apart, kept_weights) = std::tie(apart, weights);
    });
    context->save_for_backward({parts, hidden, kept_apart, kept_weights});
    context->saved_data["heads"] = head_count;
    save_drops(*context, drops);
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const at::AutoDispatchBelowADInplaceOrView without_autograd;
    const auto saved = context->get_saved_variables();
    const auto &parts = saved[0], &hidden = saved[1], &kept_apart = saved[2], &kept_weights = saved[3];
    const Cut cut(parts, context->saved_data["heads"].toInt());
    const Drops drops = saved_drops(*context);
    const auto gradient = gradients[0].contiguous();
    auto result = torch::empty_like(parts);
    cut.in_turn([&](std::int64_t first, std::int64_t count) {
      const auto apart = kept_apart.defined() ? kept_apart : cut.apart(parts.narrow(0, first, count));
      const auto weights = kept_weights.defined() ? kept_weights : cut.weights(apart[0], apart[1], hidden);
      const std::int64_t place = (drops.first_row + first) * cut.weights_of_a_text();
      const auto to_mixed = gradient.narrow(0, first, count)
                                .view({count, cut.time, cut.heads, cut.width})
                                .transpose(1, 2)
                                .reshape({-1, cut.time, cut.width});
      const auto to_weights = drop(torch::bmm(to_mixed, apart[2].transpose(1, 2)), drops, place);
      const auto to_scores = at::_softmax_backward_data(to_weights, weights, -1, torch::kFloat32).mul_(cut.scale());
      auto to_apart = torch::empty_like(apart);
      auto to_query = to_apart[0], to_key = to_apart[1], to_value = to_apart[2];
      torch::bmm_out(to_query, to_scores, apart[1]);
      torch::bmm_out(to_key, to_scores.transpose(1, 2), apart[0]);
      torch::bmm_out(to_value, drop(weights, drops, place).transpose(1, 2), to_mixed);
      result.narrow(0, first, count)
          .view({count, cut.time, 3, cut.heads, cut.width})
          .copy_(to_apart.view({3, count, cut.heads, cut.time, cut.width}).permute({1, 3, 0, 2, 4}));
    });
    return {result, {}, {}};
  }
};
//! [attend-dropping]

}  // namespace

Drops Drops::drawn(double share) {
  const auto seed =
      torch::randint(std::numeric_limits<std::int64_t>::max(), {1}, draws_here, torch::kInt64).item<std::int64_t>();
  return {share, static_cast<std::uint64_t>(seed), rows_here.first, rows_here.second};
}

PartOfBatch::PartOfBatch(std::int64_t first, std::int64_t count, std::optional<torch::Generator> draws)
    : before_(std::exchange(rows_here, std::pair(first, count))),
      draws_before_(std::exchange(draws_here, std::move(draws))) {}

PartOfBatch::~PartOfBatch() {
  rows_here = before_;
  draws_here = draws_before_;
}

torch::Tensor drop(const torch::Tensor& x, const Drops& drops, std::int64_t first) {
  constexpr std::int64_t kAtATime = 16'384, kPlaces = std::int64_t{1} << 32;  // in 32 bits
  TORCH_CHECK(drops_fast(x) && x.is_contiguous(), "drop() takes float32 on the CPU, in one piece");
  if (drops.share == 0) return x;
  auto y = torch::empty_like(x);
  const float* from = x.const_data_ptr<float>();
  float* to = y.mutable_data_ptr<float>();
  share_out(0, x.numel(), kAtATime, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t place = first + begin, count = std::min(end - begin, kPlaces - place % kPlaces);
      (vector_loops() ? drop_by_vectors : drop_one_by_one)(from + begin, to + begin, count, place, drops);
      begin += count;
    }
  });
  return y;
}

bool drops_fast(const torch::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32;
}

torch::Tensor fast_dropout(const torch::Tensor& x, double share, bool training) {
  if (!training || share == 0) return x;
  return drops_fast(x) ? FastDropout::apply(x, Drops::drawn(share)) : torch::dropout(x, share, training);
}

torch::Tensor attend_dropping(const torch::Tensor& parts, std::int64_t heads, const Drops& drops) {
  return AttendDropping::apply(parts.contiguous(), heads, drops);
}

bool attends_fast(const torch::Tensor& x, std::int64_t time, std::int64_t heads, double share) {
  const std::int64_t weights = x.numel() / x.size(-1) * heads * time;
  return drops_fast(x) && (share > 0 || weights <= kFewWeights);
}

}  // namespace verse
