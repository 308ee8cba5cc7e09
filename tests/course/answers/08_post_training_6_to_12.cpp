// Answers to exercises 8.6 to 8.12 of chapter 8: wrong ones that people give, and right ones written otherwise.

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

//! [8.6] right: loops
const std::int64_t rows = owners.size(0), time = owners.size(1);
auto mask = torch::zeros({rows, 1, time, time}, torch::kBool);
const auto owner = owners.accessor<std::int64_t, 2>();
auto allowed = mask.accessor<bool, 4>();
for (std::int64_t r = 0; r < rows; ++r)
  for (std::int64_t query = 0; query < time; ++query)
    for (std::int64_t key = 0; key <= query; ++key) allowed[r][0][query][key] = owner[r][query] == owner[r][key];
return mask;

//! [8.6] right: what differs is forbidden
const auto apart = (owners.unsqueeze(-1) - owners.unsqueeze(-2)).ne(0);
const auto places = torch::arange(owners.size(1), owners.options());
const auto later = places.view({1, -1}) > places.view({-1, 1});
return torch::logical_or(apart, later).logical_not().view({owners.size(0), 1, owners.size(1), owners.size(1)});

//! [8.7] wrong not_shifted: no shift
return torch::log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1).slice(1, 0, -1);

//! [8.7] wrong first_cut: no shift, the first one cut
return torch::log_softmax(logits, -1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1).slice(1, 1);

//! [8.7] wrong underflow: the logarithm of a softmax
return torch::softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze(-1).log();

//! [8.7] wrong losses: losses
return -torch::log_softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze(-1);

//! [8.7] wrong squeezed: a squeeze too many
return torch::log_softmax(logits.slice(1, 0, -1), -1).gather(-1, tokens.slice(1, 1).unsqueeze(-1)).squeeze();

//! [8.7] right: the score less the normaliser
const auto before = logits.slice(1, 0, -1);
return before.gather(2, tokens.slice(1, 1).unsqueeze(2)).squeeze(2) - before.logsumexp(2);

//! [8.7] right: by the loss
const auto losses = torch::nn::functional::cross_entropy(logits.slice(1, 0, -1).transpose(1, 2), tokens.slice(1, 1), torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone));
return losses.neg();

//! [8.7] right: one-hot rows
const auto logarithms = torch::log_softmax(logits, 2).slice(1, 0, -1);
const auto said = torch::one_hot(tokens.slice(1, 1), logits.size(2)).to(torch::kBool);
return logarithms.masked_select(said).view({tokens.size(0), tokens.size(1) - 1});

//! [8.8] wrong reference_learns: the reference learns
const auto margin = (policy.chosen - reference.chosen) - (policy.rejected - reference.rejected);
return -torch::log_sigmoid(beta * margin).mean();

//! [8.8] wrong rejected_not_detached: only the chosen reference is detached
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

//! [8.8] right: a loss of two classes
const auto gain = [](const torch::Tensor& now, const torch::Tensor& before) { return now - before.detach(); };
const auto scores = beta * torch::stack({gain(policy.chosen, reference.chosen), gain(policy.rejected, reference.rejected)}, 1);
return torch::nn::functional::cross_entropy(scores, torch::zeros({scores.size(0)}, torch::kInt64));

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

//! [8.9] right: the square of the mean taken off the mean of the squares, in float64
const auto wide = rewards.to(torch::kFloat64);
const auto mean = wide.mean(1).unsqueeze(1);
const auto variance = (wide * wide).mean(1).unsqueeze(1) - mean * mean;
return ((wide - mean) / (variance.clamp_min(0).sqrt() + 1e-6)).to(rewards.dtype());

//! [8.10] wrong clip_of_its_own: a clip of 0.2
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(0.8, 1.2) * a);
const auto d = reference.detach() - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong reference_learns: the reference learns
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong sampled_learns: sampled learns
const auto ratio = (current - sampled).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference.detach() - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong divergence_does_not_teach: the divergence is detached
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = (reference - current).detach();
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong ratio_detached: the ratio is 1 by detaching current
const auto ratio = (current.detach() - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference.detach() - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong tokens_alike: the mean over all tokens
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference.detach() - current;
return ((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum() / learned.sum();

//! [8.10] wrong clipped_above_alone: clipped only above
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp_max(1 + options.clip) * a);
const auto d = reference.detach() - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] right: where
const auto ratio = torch::exp(current - sampled.detach());
const auto a = advantages.view({-1, 1}).expand_as(ratio);
const auto held = torch::where(a >= 0, ratio.clamp_max(1 + options.clip), ratio.clamp_min(1 - options.clip));
const auto gap = current - reference.detach();
const auto worth = held * a - options.kl_weight * torch::expm1(-gap).add(gap);
std::vector<torch::Tensor> means;
for (std::int64_t i = 0; i < worth.size(0); ++i) means.push_back(worth[i].masked_select(learned[i]).mean());
return torch::stack(means).mean();

//! [8.10] right: sample by sample
std::vector<torch::Tensor> worths;
for (std::int64_t i = 0; i < current.size(0); ++i) {
  const auto mine = learned[i].to(current.dtype());
  const auto r = torch::exp(current[i] - sampled[i].detach());
  const double a = advantages[i].item<double>();
  const auto plain = r * a, held = torch::clamp(r, 1 - options.clip, 1 + options.clip) * a;
  const auto behind = reference[i].detach() - current[i];
  const auto away = torch::expm1(behind) - behind;
  worths.push_back(((torch::minimum(plain, held) - away * options.kl_weight) * mine).sum() / mine.sum());
}
return torch::stack(worths).mean();

//! [8.10] right: gain and divergence averaged apart
const auto share = learned.to(current.scalar_type()) / learned.sum(1, true);
const auto over_samples = [&](const torch::Tensor& each) { return (each * share).sum() / current.size(0); };
const auto ratio = current.sub(sampled.detach()).exp();
const auto a = advantages.unsqueeze(-1);
const auto low = torch::full_like(ratio, 1 - options.clip), high = torch::full_like(ratio, 1 + options.clip);
const auto gain = torch::stack({ratio * a, torch::max(torch::min(ratio, high), low) * a}).amin(0);
const auto frozen = reference.detach();
return over_samples(gain) - options.kl_weight * over_samples(torch::exp(frozen - current) - (frozen - current) - 1);

//! [8.11] wrong not_scaled: not scaled
return wrapped->forward(x) + x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong correction_alone: the correction alone
return scale * x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong scaled_twice: scaled twice
return wrapped->forward(x) + scale * scale * x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong down_does_not_learn: down is detached
return wrapped->forward(x) + scale * x.matmul(down.detach().t()).matmul(up.t());

//! [8.11] right: one matrix
return wrapped->forward(x) + x.matmul((scale * up.matmul(down)).t());

//! [8.11] right: linear
namespace F = torch::nn::functional;
return F::linear(F::linear(x, down) * scale, up) + wrapped->forward(x);

//! [8.11] right: einsum, the scale on one of the two
const auto few = torch::einsum("...i,ri->...r", {x, down});
return torch::add(wrapped->forward(x), torch::einsum("...r,or->...o", {few, up * scale}));

//! [8.12] wrong not_scaled: not scaled
torch::NoGradGuard guard;
return wrapped->weight + up.matmul(down);

//! [8.12] wrong in_place: in place
torch::NoGradGuard guard;
auto weight = wrapped->weight;
weight += scale * up.matmul(down);
return weight;

//! [8.12] wrong still_learning: still learning
return wrapped->weight + scale * up.matmul(down);

//! [8.12] wrong correction_transposed: transposed
torch::NoGradGuard guard;
return wrapped->weight + scale * down.t().matmul(up.t());

//! [8.12] right: addmm
return torch::addmm(wrapped->weight, up, down, 1, scale).detach();

//! [8.12] right: a copy, added to
auto weight = wrapped->weight.detach().clone();
weight.addmm_(up.detach(), down.detach(), 1, scale);
return weight;

//! [8.12] right: feature by feature of the rank
torch::NoGradGuard guard;
auto merged = wrapped->weight.clone();
for (std::int64_t r = 0; r < down.size(0); ++r) merged += scale * torch::outer(up.select(1, r), down[r]);
return merged;
