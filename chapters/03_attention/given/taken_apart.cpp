#include "03_attention/given/taken_apart.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdint>
#include <limits>
#include <string>

#include "02_embeddings/embeddings.h"
#include "03_attention/attention.h"
#include "common/base/terminal.h"
#include "common/results.h"

namespace verse {

namespace {

/// Prints a tensor [2, heads, positions, features], the batch's two rows side by side.
void print_by_head(const torch::Tensor& x) {
  for (std::int64_t head = 0; head < x.size(1); ++head) {
    for (std::int64_t position = 0; position < x.size(2); ++position) {
      std::string line = fmt::format("    head {}, position {}:", head, position);
      for (std::int64_t row = 0; row < x.size(0); ++row) {
        line += "  ";
        for (std::int64_t feature = 0; feature < x.size(3); ++feature) {
          line += fmt::format(" {:03}", x[row][head][position][feature].item<std::int64_t>());
        }
      }
      fmt::print("{}\n", line);
    }
  }
}

}  // namespace

/// Part 0: attention begins as an average of the past.
void show_averages() {
  print_heading("Four positions, each with the mean of its own and all earlier values");
  const auto print_rows = [](const std::string& name, const torch::Tensor& table) {
    for (std::int64_t row = 0; row < table.size(0); ++row) {
      std::string line;
      for (std::int64_t column = 0; column < table.size(1); ++column) {
        line += fmt::format(" {:>6.2f}", table[row][column].item<double>());
      }
      fmt::print("  {:<9}{}\n", row == 0 ? name : "", line);
    }
  };
  //! [average]
  const auto values = torch::tensor({{1., 0.}, {3., 2.}, {5., 1.}, {7., 5.}});

  // Each row of the triangle is divided by its sum, so that it adds up to 1.
  const auto triangle = torch::ones({4, 4}).tril();        // [time, time]
  const auto weights = triangle / triangle.sum(-1, true);  // [time, time]
  const auto means = torch::matmul(weights, values);       // [time, width]
  //! [average]
  print_rows("weights", weights);
  print_rows("means", means);

  //! [average-by-softmax]
  constexpr double nothing = -std::numeric_limits<double>::infinity();
  const auto scores = torch::zeros({4, 4});  // no position is preferred
  const auto later = triangle == 0;          // true in the future
  const auto the_same = softmax(scores.masked_fill(later, nothing));
  //! [average-by-softmax]
  fmt::print("  a softmax over masked scores of 0 gives {}\n",
             torch::allclose(the_same, weights) ? "the same weights" : "OTHER weights");
}

/// Part 1: what the square root is for.
void show_scores() {
  print_heading("Scores of random queries and keys, 512 of each, and the weights that a softmax makes of them");
  fmt::print("  {:>10}  {:>16}  {:>16}  {:>24}  {:>24}\n", "head width", "std. dev. of q.k", "of the scores",
             "largest weight, unscaled", "largest weight, scaled");
  auto& table = results().table("scores", {"width", "products", "scores", "largest_unscaled", "largest_scaled"});
  for (const std::int64_t head_width : {4, 16, 64, 256}) {
    const auto query = torch::randn({512, head_width}), key = torch::randn({512, head_width});
    const auto products = torch::matmul(query, key.t()), scores = attention_scores(query, key);
    const auto largest = [](const torch::Tensor& x) { return torch::softmax(x, -1).amax(-1).mean().item<double>(); };
    const double unscaled = largest(products), scaled = largest(scores);
    fmt::print("  {:>10}  {:>16.2f}  {:>16.2f}  {:>24.3f}  {:>24.3f}\n", head_width, products.std().item<double>(),
               scores.std().item<double>(), unscaled, scaled);
    table.row({head_width, products.std().item<double>(), scores.std().item<double>(), unscaled, scaled});
    results().scalar(fmt::format("largest_at_{}", head_width), unscaled);
  }
}

/// Part 2: who may look at whom.
void show_mask() {
  print_heading("The causal mask: 5 queries on 5 keys, and the last 2 of them on the same 5 keys");
  const auto square = causal_mask(5, 5), last_two = causal_mask(2, 5);
  for (std::int64_t row = 0; row < 5; ++row) {
    std::string line = "  ";
    for (std::int64_t column = 0; column < 5; ++column) line += square[row][column].item<bool>() ? " 1" : " .";
    if (row >= 3) line += "    ";
    for (std::int64_t column = 0; row >= 3 && column < 5; ++column) {
      line += last_two[row - 3][column].item<bool>() ? " 1" : " .";
    }
    fmt::print("{}\n", line);
  }
  const auto large = causal_mask(256, 256);
  fmt::print("  256 queries on 256 keys: {} of {} scores are kept\n", large.sum().item<std::int64_t>(), large.numel());
}

/// Part 3: the softmax of large scores, masked.
void show_weights() {
  print_heading("Weights from scores of 10,000 and more, the future masked");
  const auto scores = torch::tensor({{10000.0F, 10005.0F, 10005.0F},  //
                                     {10001.0F, 10000.0F, 10005.0F},
                                     {10001.0F, 10000.0F, 10002.0F}});
  const auto weights = attention_weights(scores, causal_mask(3, 3));
  for (std::int64_t row = 0; row < 3; ++row) {
    fmt::print("  position {} looks back with {:.3f} {:.3f} {:.3f}\n", row, weights[row][0].item<float>(),
               weights[row][1].item<float>(), weights[row][2].item<float>());
  }
  const auto query = torch::tensor({{1.0F, 0.0F}, {0.0F, 1.0F}}), value = torch::tensor({{1.0F, 2.0F}, {3.0F, 4.0F}});
  const auto mixed = attend(query, query, value, causal_mask(2, 2));
  fmt::print("  one head on two positions with values (1, 2) and (3, 4): ({:.2f}, {:.2f}) and ({:.2f}, {:.2f})\n",
             mixed[0][0].item<float>(), mixed[0][1].item<float>(), mixed[1][0].item<float>(),
             mixed[1][1].item<float>());
}

/// Part 4: a small tensor on its way through the heads.
void show_heads() {
  print_heading("A tensor [2, 3, 4] on its way through 2 heads; 012 is batch row 0, position 1, feature 2");
  const auto digit = torch::arange(4);
  const auto x = 100 * digit.slice(0, 0, 2).view({2, 1, 1}) + 10 * digit.slice(0, 0, 3).view({1, 3, 1}) + digit;
  fmt::print("  as it comes, [2, 3, 4]\n");
  print_by_head(x.unsqueeze(1));
  const auto heads = split_heads(x, 2);
  fmt::print("  split, {}\n", c10::str(heads.sizes()));
  print_by_head(heads);
  fmt::print("  merged again, it is {}\n", torch::equal(merge_heads(heads), x) ? "what it was" : "NOT what it was");
  fmt::print("  the tempting x.view({{2, 2, 3, 2}}) has the same shape, and positions that are none\n");
  print_by_head(x.view({2, 2, 3, 2}));
}

}  // namespace verse
