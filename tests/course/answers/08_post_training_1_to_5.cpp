// Answers to exercises 8.1 to 8.5 of chapter 8: wrong ones that people give, and right ones written otherwise.

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

//! [8.1] right: row after row into the grown table
const std::int64_t old = base->token_embedding.size(0), width = base->options.width;
const auto mean = base->token_embedding.to(torch::kFloat64).sum(0) / static_cast<double>(old);
const auto from = base->named_parameters();
for (auto& mine : grown->named_parameters()) {
  if (mine.value().sizes() == from[mine.key()].sizes() && mine.key() != "token_embedding") {
    mine.value().copy_(from[mine.key()]);
    continue;
  }
  mine.value().slice(0, 0, old) = from[mine.key()];
  for (std::int64_t row = 0; row < new_tokens; ++row) {
    std::vector<double> noise(static_cast<std::size_t>(width));
    for (double& each : noise) each = kNewRowDeviation * random.normal();
    mine.value()[old + row].copy_(torch::tensor(noise, torch::kFloat64) + mean);
  }
}

//! [8.1] right: a table of the mean alone, which noise is added to
auto theirs = base->parameters();
auto mine = grown->parameters();
for (std::size_t i = 0; i < mine.size(); ++i) {
  if (mine[i].data_ptr() != grown->token_embedding.data_ptr()) mine[i].copy_(theirs[i]);
}
const auto& table = base->token_embedding;
const auto stretched = table.mean(0, /*keepdim=*/true).expand({new_tokens, table.size(1)});
grown->token_embedding.copy_(torch::vstack({table, stretched}));
for (std::int64_t i = 0; i < new_tokens * table.size(1); ++i) {
  const std::int64_t row = table.size(0) + i / table.size(1), column = i % table.size(1);
  grown->token_embedding[row][column] += kNewRowDeviation * random.normal();
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

//! [8.2] wrong empty_optional: an empty optional dereferenced
auto row = format_question(turn.question, special);
row.push_back(special.think);
row.insert(row.end(), turn.chain->begin(), turn.chain->end());
row.push_back(special.end_think);
row.insert(row.end(), turn.answer.begin(), turn.answer.end());
row.push_back(special.end);
return row;

//! [8.2] wrong empty_chain_is_none: an empty chain is none
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

//! [8.2] right: pieces, joined in a loop
const std::vector<std::int64_t> nothing;
const bool thinks = turn.chain.has_value();
std::vector<std::vector<std::int64_t>> pieces = {{special.user}, turn.question, {special.assistant}};
if (thinks) pieces.insert(pieces.end(), {{special.think}, *turn.chain, {special.end_think}});
pieces.push_back(turn.answer);
pieces.push_back({special.end});
std::vector<std::int64_t> row;
for (const auto& piece : pieces) std::copy(piece.begin(), piece.end(), std::back_inserter(row));
return row;

//! [8.2] right: from the end to the beginning
std::vector<std::int64_t> row = turn.answer;
row.push_back(special.end);
if (turn.chain) {
  row.insert(row.begin(), special.end_think);
  row.insert(row.begin(), turn.chain->begin(), turn.chain->end());
  row.insert(row.begin(), special.think);
}
const auto question = format_question(turn.question, special);
row.insert(row.begin(), question.begin(), question.end());
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

//! [8.3] wrong goes_on_in_the_next_row: the state goes on into the next row
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

//! [8.3] right: from one <assistant> to the next <end>
for (std::int64_t row = 0; row < rows; ++row) {
  std::int64_t place = 0;
  while (place < time) {
    while (place < time && token[row][place] != special.assistant) ++place;
    for (++place; place < time; ++place) {
      learned[row][place] = true;
      if (token[row][place] == special.end) break;
    }
    ++place;
  }
}

//! [8.3] right: the last of the two marks before each place
const auto places = torch::arange(time).expand({rows, time});
const auto last_of = [&](std::int64_t mark) { return std::get<0>(torch::where(tokens == mark, places, -1).cummax(1)); };
const auto opened = last_of(special.assistant), closed = last_of(special.end);
mask.narrow(1, 1, time - 1).copy_((opened > closed).narrow(1, 0, time - 1));

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

//! [8.4] right: place by place, in a list
std::vector<torch::Tensor> losses;
const auto logarithms = logits.log_softmax(-1);
for (std::int64_t row = 0; row < tokens.size(0); ++row) {
  for (std::int64_t place = 1; place < tokens.size(1); ++place) {
    if (!learned[row][place].item<bool>()) continue;
    losses.push_back(logarithms[row][place - 1][tokens[row][place].item<std::int64_t>()].neg());
  }
}
if (losses.empty()) return cross_entropy(logits.slice(0, 0, 0).flatten(0, 1), tokens.slice(0, 0, 0).flatten());
return torch::stack(losses).mean();

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

//! [8.5] right: numbers of a flat table
std::vector<std::int64_t> begins;
std::int64_t next = 0;
for (const auto& example : examples) {
  const auto size = static_cast<std::int64_t>(example.size());
  if (next % length + size > length && next % length > 0) next += length - next % length;
  begins.push_back(next);
  next += size;
}
const std::int64_t rows = (next + length - 1) / length;
auto tokens = torch::full({rows * length}, filler, torch::kInt64), positions = torch::zeros({rows * length}, torch::kInt64), owners = torch::full({rows * length}, -1, torch::kInt64);
std::map<std::int64_t, std::int64_t> in_row;
for (std::size_t i = 0; i < examples.size(); ++i) {
  const std::int64_t owner = in_row[begins[i] / length]++;
  for (std::size_t k = 0; k < examples[i].size(); ++k) {
    const auto at = begins[i] + static_cast<std::int64_t>(k);
    tokens[at] = examples[i][k];
    positions[at] = static_cast<std::int64_t>(k);
    owners[at] = owner;
  }
}
return {tokens.view({rows, length}), positions.view({rows, length}), owners.view({rows, length})};

//! [8.5] right: row by row, padded and stacked
struct Row {
  std::vector<torch::Tensor> tokens, positions, owners;
  std::int64_t used = 0;
};
std::vector<Row> filled;
for (const auto& example : examples) {
  const auto size = static_cast<std::int64_t>(example.size());
  if (filled.empty() || filled.back().used + size > length) filled.push_back({});
  Row& row = filled.back();
  row.owners.push_back(torch::full({size}, static_cast<std::int64_t>(row.tokens.size()), torch::kInt64));
  row.tokens.push_back(torch::tensor(example, torch::kInt64));
  row.positions.push_back(torch::arange(size, torch::kInt64));
  row.used += size;
}
const auto whole = [&](std::vector<torch::Tensor> Row::*part, std::int64_t filling) {
  std::vector<torch::Tensor> rows;
  for (const Row& row : filled) rows.push_back(torch::constant_pad_nd(torch::cat(row.*part), {0, length - row.used}, filling));
  return rows.empty() ? torch::empty({0, length}, torch::kInt64) : torch::stack(rows);
};
return {whole(&Row::tokens, filler), whole(&Row::positions, 0), whole(&Row::owners, -1)};
