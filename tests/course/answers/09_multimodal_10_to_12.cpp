// Answers to exercises 9.10 to 9.12 of chapter 9: wrong ones that people give, and right ones written otherwise.

//! [9.10] wrong input_changed: sorts the caller's tensor
best.squared = (outcomes * chances).sum().item<double>();
auto sorted = outcomes;
const auto order = outcomes.argsort();
sorted.copy_(outcomes.index_select(0, order));
const auto below = chances.index_select(0, order).cumsum(0);
best.absolute = sorted[(below >= 0.5 - 1e-12).nonzero()[0].item<std::int64_t>()].item<double>();

//! [9.10] wrong weights_left_out: not weighted
best.squared = outcomes.mean().item<double>();
best.absolute = outcomes.median().item<double>();

//! [9.10] wrong likeliest: the likeliest for the median
best.squared = (outcomes * chances).sum().item<double>();
best.absolute = outcomes[chances.argmax().item<std::int64_t>()].item<double>();

//! [9.10] wrong not_sorted: not sorted
best.squared = (outcomes * chances).sum().item<double>();
best.absolute = outcomes.index_select(0, (chances.cumsum(0) >= 0.5 - 1e-12).nonzero()[0]).item<double>();

//! [9.10] right: every outcome tried
best.squared = outcomes.dot(chances).item<double>();
double least = INFINITY;
for (std::int64_t i = 0; i < outcomes.size(0); ++i) {
  const double guess = outcomes[i].item<double>();
  const double cost = ((outcomes - guess).abs() * chances).sum().item<double>();
  if (cost < least - 1e-12 || (cost < least + 1e-12 && guess < best.absolute)) {
    least = std::min(least, cost);
    best.absolute = guess;
  }
}

//! [9.10] right: pairs, sorted, added up to a half
std::vector<std::pair<double, double>> all;
for (std::int64_t i = 0; i < outcomes.numel(); ++i) all.emplace_back(outcomes[i].item<double>(), chances[i].item<double>());
std::sort(all.begin(), all.end());
best.squared = std::accumulate(all.begin(), all.end(), 0.0, [](double sum, const auto& each) { return sum + each.first * each.second; });
double reached = 0;
for (const auto& [outcome, chance] : all) {
  reached += chance;
  if (reached < 0.5 - 1e-9) continue;
  best.absolute = outcome;
  break;
}

//! [9.10] right: for each outcome, the chance of no more than it
const auto below = (outcomes.unsqueeze(0) <= outcomes.unsqueeze(1)).to(chances.dtype()).mv(chances);
const auto enough = outcomes.masked_fill(below < 0.5 - 1e-9, INFINITY);
best = {torch::matmul(outcomes, chances).item<double>(), enough.min().item<double>()};

//! [9.11] wrong no_square_of_the_temperature: no square of the temperature
const auto q = torch::log_softmax(student / temperature, -1), p = torch::log_softmax(teacher.detach() / temperature, -1);
return (p.exp() * (p - q)).sum(-1).mean();

//! [9.11] wrong teacher_taught: the teacher learns
const auto q = torch::log_softmax(student / temperature, -1), p = torch::log_softmax(teacher / temperature, -1);
return temperature * temperature * (p.exp() * (p - q)).sum(-1).mean();

//! [9.11] wrong the_other_way_round: the other way round
const auto q = torch::log_softmax(student / temperature, -1), p = torch::log_softmax(teacher.detach() / temperature, -1);
return temperature * temperature * (q.exp() * (q - p)).sum(-1).mean();

//! [9.11] wrong mean_over_the_classes: the mean over everything
const auto q = torch::log_softmax(student / temperature, -1), p = torch::log_softmax(teacher.detach() / temperature, -1);
return temperature * temperature * (p.exp() * (p - q)).mean();

//! [9.11] right: kl_div
const auto q = torch::log_softmax(student / temperature, -1);
const auto p = torch::softmax(teacher.detach() / temperature, -1);
return torch::nn::functional::kl_div(q, p, torch::nn::functional::KLDivFuncOptions(torch::kBatchMean)) * (temperature * temperature);

//! [9.11] right: cross-entropy less entropy
const auto cold = teacher.detach() / temperature, warm = student / temperature;
const auto p = cold.softmax(-1);
const auto cross = -(p * warm.log_softmax(-1)).sum(-1), own = -(p * cold.log_softmax(-1)).sum(-1);
return (cross - own).mean() * std::pow(temperature, 2);

//! [9.11] right: row by row, normalisers by hand
const auto frozen = teacher.detach();
std::vector<torch::Tensor> rows;
for (std::int64_t row = 0; row < student.size(0); ++row) {
  const auto a = frozen[row] / temperature, b = student[row] / temperature;
  const auto p = torch::exp(a - a.logsumexp(0));
  rows.push_back((p * (a - b)).sum() - a.logsumexp(0) + b.logsumexp(0));
}
return torch::stack(rows).sum() / static_cast<double>(rows.size()) * temperature * temperature;

//! [9.12] wrong shares_swapped: shares exchanged
return (1 - share) * distillation_loss(student, teacher, temperature) + share * cross_entropy(student, targets);

//! [9.12] wrong text_in_full: the text at full weight
return share * distillation_loss(student, teacher, temperature) + cross_entropy(student, targets);

//! [9.12] wrong half_and_half: half and half
return 0.5 * distillation_loss(student, teacher, temperature) + 0.5 * cross_entropy(student, targets);

//! [9.12] wrong temperature_of_one: the temperature of 1
return share * distillation_loss(student, teacher, 1.0) + (1 - share) * cross_entropy(student, targets);

//! [9.12] right: lerp
return torch::lerp(cross_entropy(student, targets), distillation_loss(student, teacher, temperature), share);

//! [9.12] right: one's distance from the other
const auto from_text = torch::nn::functional::cross_entropy(student, targets);
const auto more = distillation_loss(student, teacher, temperature) - from_text;
return from_text + more * share;

//! [9.12] right: weights and losses
const auto losses = torch::stack({distillation_loss(student, teacher, temperature), cross_entropy(student, targets)});
return losses.dot(torch::tensor({share, 1 - share}, losses.options().requires_grad(false)));
