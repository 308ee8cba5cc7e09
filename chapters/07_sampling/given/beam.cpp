#include "07_sampling/given/beam.h"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "common/base/error.h"

namespace verse {

namespace {

/// Natural logarithms of the probabilities after each position. @param rows texts of one length
/// @return [rows, time, vocabulary], float64, on the CPU
torch::Tensor log_probabilities(LanguageModel& model, const std::vector<std::vector<std::int64_t>>& rows) {
  const torch::NoGradGuard no_gradients;
  std::vector<torch::Tensor> inputs;
  for (const auto& row : rows) inputs.push_back(torch::tensor(row, torch::kInt64));
  const auto logits = model->forward(torch::stack(inputs).to(model->token_embedding.device()));
  return torch::log_softmax(logits.to(torch::kCPU, torch::kFloat64), -1);
}

std::vector<std::int64_t> joined(const std::vector<std::int64_t>& prompt, const std::vector<std::int64_t>& tokens) {
  auto all = prompt;
  all.insert(all.end(), tokens.begin(), tokens.end());
  return all;
}

}  // namespace

Beam beam_search(LanguageModel model, const std::vector<std::int64_t>& prompt, std::int64_t count, std::int64_t width) {
  const auto length = static_cast<std::int64_t>(prompt.size()) + count;
  if (prompt.empty() || length > model->context()) {
    throw UsageError(fmt::format("a beam of {} tokens does not fit into a context of {}", length, model->context()));
  }
  const EvaluationMode evaluating(*model);
  std::vector<Beam> kept(1);
  for (std::int64_t step = 0; step < count; ++step) {
    // Every text by every token ...
    std::vector<std::vector<std::int64_t>> rows;
    for (const auto& beam : kept) rows.push_back(joined(prompt, beam.tokens));
    const auto next = log_probabilities(model, rows).select(1, -1);  // [beams, vocabulary]
    const std::int64_t vocabulary = next.size(1);
    std::vector<double> before;
    for (const auto& beam : kept) before.push_back(beam.log_probability);
    const auto all = (next + torch::tensor(before, torch::kFloat64).unsqueeze(1)).flatten();

    // ... and of these the most probable.
    const auto [best, places] = all.topk(std::min(width, all.size(0)));
    std::vector<Beam> after;
    for (std::int64_t i = 0; i < best.size(0); ++i) {
      const auto place = places[i].item<std::int64_t>();
      Beam beam = kept[static_cast<std::size_t>(place / vocabulary)];
      beam.tokens.push_back(place % vocabulary);
      beam.log_probability = best[i].item<double>();
      after.push_back(std::move(beam));
    }
    kept = std::move(after);
  }
  return kept.front();
}

double log_probability(LanguageModel model, const std::vector<std::int64_t>& prompt,
                       const std::vector<std::int64_t>& tokens) {
  const EvaluationMode evaluating(*model);
  const auto all = log_probabilities(model, {joined(prompt, tokens)})[0];  // [time, vocabulary]
  double sum = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    sum += all[static_cast<std::int64_t>(prompt.size() + i) - 1][tokens[i]].item<double>();
  }
  return sum;
}

}  // namespace verse
