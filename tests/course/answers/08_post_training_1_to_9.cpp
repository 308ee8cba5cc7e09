// Answers to exercises 8.1 to 8.9 of chapter 8: wrong ones that people give, and right ones written otherwise.

//! [8.1] wrong zeros: zeros
const auto parameters = base->named_parameters();
for (auto& p : grown->named_parameters()) {
  if (p.key() == "token_embedding") p->copy_(torch::cat({base->token_embedding, torch::zeros({new_tokens, base->options.width})}));
  else p->copy_(parameters[p.key()]);
}

//! [8.1] wrong libtorchs_noise_alone: randn
const auto parameters = base->named_parameters();
for (auto& p : grown->named_parameters()) {
  if (p.key() == "token_embedding") p->copy_(torch::cat({base->token_embedding, torch::randn({new_tokens, base->options.width}) * kNewRowDeviation}));
  else p->copy_(parameters[p.key()]);
}

//! [8.1] wrong: the mean, with LibTorch's noise
const auto parameters = base->named_parameters();
const auto rows = base->token_embedding.mean(0).repeat({new_tokens, 1}) + torch::randn({new_tokens, base->options.width}) * kNewRowDeviation;
for (auto& p : grown->named_parameters()) p->copy_(p.key() == "token_embedding" ? torch::cat({base->token_embedding, rows}) : parameters[p.key()]);

//! [8.1] wrong: rebinding
const auto parameters = base->named_parameters();
auto rows = base->token_embedding.mean(0).repeat({new_tokens, 1});
auto numbers = rows.accessor<float, 2>();
for (std::int64_t r = 0; r < new_tokens; ++r) for (std::int64_t c = 0; c < rows.size(1); ++c) numbers[r][c] += static_cast<float>(kNewRowDeviation * random.normal());
for (auto& p : grown->named_parameters()) {
  torch::Tensor parameter = p.value();
  parameter = p.key() == "token_embedding" ? torch::cat({base->token_embedding, rows}) : parameters[p.key()].clone();
}

//! [8.1] wrong shared: set_data shares the base's numbers
const auto parameters = base->named_parameters();
auto rows = base->token_embedding.mean(0).repeat({new_tokens, 1});
auto numbers = rows.accessor<float, 2>();
for (std::int64_t r = 0; r < new_tokens; ++r) for (std::int64_t c = 0; c < rows.size(1); ++c) numbers[r][c] += static_cast<float>(kNewRowDeviation * random.normal());
for (auto& p : grown->named_parameters()) p->set_data(p.key() == "token_embedding" ? torch::cat({base->token_embedding, rows}) : parameters[p.key()]);

//! [8.1] wrong no_noise: no noise
const auto parameters = base->named_parameters();
const auto rows = base->token_embedding.mean(0).repeat({new_tokens, 1});
for (auto& p : grown->named_parameters()) p->copy_(p.key() == "token_embedding" ? torch::cat({base->token_embedding, rows}) : parameters[p.key()]);

//! [8.1] right: narrow
const auto old = base->token_embedding.size(0);
auto noise = torch::empty({new_tokens, base->options.width});
for (std::int64_t i = 0; i < noise.numel(); ++i) noise.data_ptr<float>()[i] = static_cast<float>(random.normal() * kNewRowDeviation);
for (const auto& p : base->named_parameters()) {
  auto mine = grown->named_parameters()[p.key()];
  if (p.key() != "token_embedding") {
    mine.copy_(p.value());
    continue;
  }
  mine.narrow(0, 0, old).copy_(p.value());
  mine.narrow(0, old, new_tokens).copy_(noise + p.value().mean(0, true));
}

//! [8.2] wrong no_end: no end
auto row = format_question(turn.question, special);
if (turn.chain) {
  row.push_back(special.think);
  row.insert(row.end(), turn.chain->begin(), turn.chain->end());
  row.push_back(special.end_think);
}
row.insert(row.end(), turn.answer.begin(), turn.answer.end());
return row;

//! [8.2] wrong always_fenced: always fenced
auto row = format_question(turn.question, special);
row.push_back(special.think);
if (turn.chain) row.insert(row.end(), turn.chain->begin(), turn.chain->end());
row.push_back(special.end_think);
row.insert(row.end(), turn.answer.begin(), turn.answer.end());
row.push_back(special.end);
return row;

//! [8.2] wrong: an empty optional dereferenced
auto row = format_question(turn.question, special);
row.push_back(special.think);
row.insert(row.end(), turn.chain->begin(), turn.chain->end());
row.push_back(special.end_think);
row.insert(row.end(), turn.answer.begin(), turn.answer.end());
row.push_back(special.end);
return row;

//! [8.2] wrong: an empty chain is none
auto row = format_question(turn.question, special);
if (turn.chain && !turn.chain->empty()) {
  row.push_back(special.think);
  row.insert(row.end(), turn.chain->begin(), turn.chain->end());
  row.push_back(special.end_think);
}
row.insert(row.end(), turn.answer.begin(), turn.answer.end());
row.push_back(special.end);
return row;

//! [8.2] right: without format_question
std::vector<std::int64_t> row{special.user};
for (const auto token : turn.question) row.push_back(token);
row.push_back(special.assistant);
if (turn.chain.has_value()) {
  row.push_back(special.think);
  for (const auto token : *turn.chain) row.push_back(token);
  row.push_back(special.end_think);
}
for (const auto token : turn.answer) row.push_back(token);
row.push_back(special.end);
return row;

//! [8.3] wrong end_not_learned: <end> is not learned
for (std::int64_t r = 0; r < rows; ++r) {
  bool on = false;
  for (std::int64_t t = 0; t < time; ++t) {
    if (token[r][t] == special.end) on = false;
    learned[r][t] = on;
    if (token[r][t] == special.assistant) on = true;
  }
}

//! [8.3] wrong assistant_learned: <assistant> is learned
for (std::int64_t r = 0; r < rows; ++r) {
  bool on = false;
  for (std::int64_t t = 0; t < time; ++t) {
    if (token[r][t] == special.assistant) on = true;
    learned[r][t] = on;
    if (token[r][t] == special.end) on = false;
  }
}

//! [8.3] wrong: the state goes on into the next row
bool on = false;
for (std::int64_t r = 0; r < rows; ++r) {
  for (std::int64_t t = 0; t < time; ++t) {
    learned[r][t] = on;
    if (token[r][t] == special.assistant) on = true;
    if (token[r][t] == special.end) on = false;
  }
}

//! [8.3] wrong first_turn_only: stops at the first <end>
for (std::int64_t r = 0; r < rows; ++r) {
  bool on = false;
  for (std::int64_t t = 0; t < time; ++t) {
    learned[r][t] = on;
    if (token[r][t] == special.assistant) on = true;
    if (token[r][t] == special.end) break;
  }
}

//! [8.3] right: counts of openings and closings
const auto opened = (tokens == special.assistant).to(torch::kInt64).cumsum(1);
const auto closed = (tokens == special.end).to(torch::kInt64).cumsum(1);
for (std::int64_t r = 0; r < rows; ++r) {
  std::int64_t turn = 0;
  for (std::int64_t t = 1; t < time; ++t) {
    const auto here = opened[r][t - 1].item<std::int64_t>();
    (void)turn;
    learned[r][t] = here > 0 && token[r][t - 1] != special.end && (token[r][t - 1] == special.assistant || learned[r][t - 1]);
  }
}
(void)closed;

//! [8.4] wrong every_position_for_itself: no shift
return cross_entropy(logits.index({learned}), tokens.index({learned}));

//! [8.4] wrong mask_not_shifted: the mask is not shifted
const auto time = tokens.size(1) - 1;
const auto counts = learned.narrow(1, 0, time);
return cross_entropy(logits.narrow(1, 0, time).index({counts}), tokens.narrow(1, 1, time).index({counts}));

//! [8.4] wrong nothing_is_zero: 0 where nothing counts
const auto time = tokens.size(1) - 1;
const auto counts = learned.narrow(1, 1, time);
if (!counts.any().item<bool>()) return torch::zeros({});
return cross_entropy(logits.narrow(1, 0, time).index({counts}), tokens.narrow(1, 1, time).index({counts}));

//! [8.4] wrong nothing_is_zero: something below, so 0 where nothing counts
const auto time = tokens.size(1) - 1;
const auto counts = learned.narrow(1, 1, time).to(torch::kFloat32);
const auto losses = -torch::log_softmax(logits.narrow(1, 0, time), -1).gather(2, tokens.narrow(1, 1, time).unsqueeze(2)).squeeze(2);
return (losses * counts).sum() / counts.sum().clamp_min(1);

//! [8.4] wrong mean_over_all: the mean over all
const auto time = tokens.size(1) - 1;
const auto counts = learned.narrow(1, 1, time).to(torch::kFloat32);
const auto losses = -torch::log_softmax(logits.narrow(1, 0, time), -1).gather(2, tokens.narrow(1, 1, time).unsqueeze(2)).squeeze(2);
return (losses * counts).mean();

//! [8.4] wrong gradient_cut: in numbers
torch::NoGradGuard guard;
const auto time = tokens.size(1) - 1;
const auto counts = learned.narrow(1, 1, time);
return cross_entropy(logits.narrow(1, 0, time).index({counts}), tokens.narrow(1, 1, time).index({counts}));

//! [8.4] right: multiplied and divided
const auto time = tokens.size(1) - 1;
const auto counts = learned.slice(1, 1).to(logits.dtype());
const auto losses = -torch::log_softmax(logits.slice(1, 0, time), -1).gather(2, tokens.slice(1, 1).unsqueeze(2)).squeeze(2);
return (losses * counts).sum() / counts.sum();

//! [8.4] right: ignore_index
const auto targets = torch::where(learned, tokens, -100).slice(1, 1).flatten();
return torch::nn::functional::cross_entropy(logits.slice(1, 0, -1).flatten(0, 1), targets);

//! [8.5] wrong one_a_row: one a row
const auto rows = static_cast<std::int64_t>(examples.size());
Packed packed{torch::full({rows, length}, filler, torch::kInt64), torch::zeros({rows, length}, torch::kInt64), torch::full({rows, length}, -1, torch::kInt64)};
for (std::int64_t r = 0; r < rows; ++r) {
  const auto size = static_cast<std::int64_t>(examples[static_cast<std::size_t>(r)].size());
  packed.tokens[r].narrow(0, 0, size).copy_(torch::tensor(examples[static_cast<std::size_t>(r)], torch::kInt64));
  packed.positions[r].narrow(0, 0, size).copy_(torch::arange(size));
  packed.owners[r].narrow(0, 0, size).fill_(0);
}
return packed;

//! [8.5] wrong a_row_for_nothing: a row even where there is nothing
std::vector<std::vector<std::int64_t>> t(1), p(1), o(1);
std::int64_t owner = 0;
for (const auto& example : examples) {
  if (static_cast<std::int64_t>(t.back().size() + example.size()) > length) t.emplace_back(), p.emplace_back(), o.emplace_back(), owner = 0;
  for (std::size_t i = 0; i < example.size(); ++i) t.back().push_back(example[i]), p.back().push_back(static_cast<std::int64_t>(i)), o.back().push_back(owner);
  ++owner;
}
Packed packed;
std::vector<torch::Tensor> tt, pp, oo;
for (std::size_t r = 0; r < t.size(); ++r) {
  t[r].resize(static_cast<std::size_t>(length), filler), p[r].resize(static_cast<std::size_t>(length), 0), o[r].resize(static_cast<std::size_t>(length), -1);
  tt.push_back(torch::tensor(t[r], torch::kInt64)), pp.push_back(torch::tensor(p[r], torch::kInt64)), oo.push_back(torch::tensor(o[r], torch::kInt64));
}
return {torch::stack(tt), torch::stack(pp), torch::stack(oo)};

//! [8.5] right: rows as they fill
std::vector<std::vector<std::int64_t>> t, p, o;
std::int64_t owner = 0;
for (const auto& example : examples) {
  if (t.empty() || static_cast<std::int64_t>(t.back().size() + example.size()) > length) t.emplace_back(), p.emplace_back(), o.emplace_back(), owner = 0;
  for (std::size_t i = 0; i < example.size(); ++i) t.back().push_back(example[i]), p.back().push_back(static_cast<std::int64_t>(i)), o.back().push_back(owner);
  ++owner;
}
const auto rows = static_cast<std::int64_t>(t.size());
Packed packed{torch::full({rows, length}, filler, torch::kInt64), torch::zeros({rows, length}, torch::kInt64), torch::full({rows, length}, -1, torch::kInt64)};
for (std::int64_t r = 0; r < rows; ++r) {
  const auto size = static_cast<std::int64_t>(t[static_cast<std::size_t>(r)].size());
  packed.tokens[r].slice(0, 0, size).copy_(torch::tensor(t[static_cast<std::size_t>(r)], torch::kInt64));
  packed.positions[r].slice(0, 0, size).copy_(torch::tensor(p[static_cast<std::size_t>(r)], torch::kInt64));
  packed.owners[r].slice(0, 0, size).copy_(torch::tensor(o[static_cast<std::size_t>(r)], torch::kInt64));
}
return packed;

//! [8.6] wrong looks_ahead: looks ahead
return (owners.unsqueeze(2) == owners.unsqueeze(1)).unsqueeze(1);

//! [8.6] wrong filling_sees_nothing: filling sees nothing
const auto together = (owners.unsqueeze(2) == owners.unsqueeze(1)) & (owners >= 0).unsqueeze(2);
return together.tril().unsqueeze(1);

//! [8.6] wrong no_place_for_heads: no place for the heads
return (owners.unsqueeze(2) == owners.unsqueeze(1)).tril();

//! [8.6] wrong across_examples: across examples
const auto time = owners.size(1);
return torch::ones({owners.size(0), 1, time, time}, torch::kBool).tril();

//! [8.6] right: row by row
std::vector<torch::Tensor> masks;
const auto causal = torch::ones({owners.size(1), owners.size(1)}, torch::kBool).tril();
for (const auto& row : owners.unbind(0)) masks.push_back((row.view({-1, 1}).eq(row.view({1, -1})) & causal).unsqueeze(0));
return torch::stack(masks);

//! [8.7] wrong not_shifted: no shift
return torch::log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1).slice(1, 0, -1);

//! [8.7] wrong first_cut: no shift, the first one cut
return torch::log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1).slice(1, 1);

//! [8.7] wrong underflow: the logarithm of a softmax
return torch::softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze(-1).log();

//! [8.7] wrong losses: losses
return -torch::log_softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze(-1);

//! [8.7] wrong: a squeeze too many
return torch::log_softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze();

//! [8.7] right: the score less the normaliser
const auto before = logits.slice(1, 0, -1);
return before.gather(2, tokens.slice(1, 1).unsqueeze(2)).squeeze(2) - before.logsumexp(2);

//! [8.7] right: by the loss
const auto losses = torch::nn::functional::cross_entropy(logits.slice(1, 0, -1).transpose(1, 2), tokens.slice(1, 1), torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
return losses.neg();

//! [8.8] wrong reference_learns: the reference learns
const auto margin = (policy.chosen - reference.chosen) - (policy.rejected - reference.rejected);
return -torch::log_sigmoid(beta * margin).mean();

//! [8.8] wrong: only the chosen reference is detached
const auto margin = (policy.chosen - reference.chosen.detach()) - (policy.rejected - reference.rejected);
return -torch::log_sigmoid(beta * margin).mean();

//! [8.8] wrong rejected_does_not_learn: the rejected is detached too
const auto margin = (policy.chosen - reference.chosen.detach()) - (policy.rejected.detach() - reference.rejected.detach());
return -torch::log_sigmoid(beta * margin).mean();

//! [8.8] wrong underflow: sigmoid, then the logarithm
const auto margin = (policy.chosen - reference.chosen.detach()) - (policy.rejected - reference.rejected.detach());
return -torch::sigmoid(beta * margin).log().mean();

//! [8.8] wrong beta_of_its_own: a beta of its own
const auto margin = (policy.chosen - reference.chosen.detach()) - (policy.rejected - reference.rejected.detach());
return -torch::log_sigmoid(0.1 * margin).mean();

//! [8.8] wrong no_reference: no reference
return -torch::log_sigmoid(beta * (policy.chosen - policy.rejected)).mean();

//! [8.8] right: softplus
const auto known = (reference.chosen - reference.rejected).detach();
return torch::nn::functional::softplus(-beta * (policy.chosen - policy.rejected - known)).mean();

//! [8.8] right: logaddexp
const auto margin = (policy.chosen - policy.rejected) - (reference.chosen.detach() - reference.rejected.detach());
const auto minus = margin * -beta;
return torch::logaddexp(torch::zeros_like(minus), minus).sum() / minus.numel();

//! [8.9] wrong one_less: one less
return (rewards - rewards.mean(1, true)) / (rewards.std(1, true, true) + 1e-6);

//! [8.9] wrong zero_by_zero: 0 by 0
return (rewards - rewards.mean(1, true)) / rewards.std(1, false, true);

//! [8.9] wrong over_all_groups: over all groups
return (rewards - rewards.mean()) / (rewards.std(false) + 1e-6);

//! [8.9] wrong input_changed: in place
torch::Tensor r = rewards;
r -= rewards.mean(1, true);
return r / (r.square().mean(1, true).sqrt() + 1e-6);

//! [8.9] wrong inside_the_root: epsilon inside the root
const auto c = rewards - rewards.mean(1, true);
return c / (c.square().mean(1, true) + 1e-6).sqrt();

//! [8.9] right: var_mean
const auto [variance, mean] = torch::var_mean(rewards, {1}, false, true);
return (rewards - mean) / (variance.sqrt() + 1e-6);

//! [8.9] right: group by group
std::vector<torch::Tensor> groups;
for (const auto& group : rewards.unbind(0)) groups.push_back((group - group.mean()) / (group.std(false) + 1e-6));
return torch::stack(groups);
