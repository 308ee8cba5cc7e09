// Answers to exercises 8.10 to 8.12 of chapter 8: wrong ones that people give, and right ones written otherwise.

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

//! [8.10] wrong: the ratio is 1 by detaching current
const auto ratio = (current.detach() - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference.detach() - current;
return (((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum(1) / learned.sum(1)).mean();

//! [8.10] wrong tokens_alike: the mean over all tokens
const auto ratio = (current - sampled.detach()).exp(), a = advantages.unsqueeze(1);
const auto gain = torch::min(ratio * a, ratio.clamp(1 - options.clip, 1 + options.clip) * a);
const auto d = reference.detach() - current;
return ((gain - options.kl_weight * (d.exp() - d - 1)) * learned).sum() / learned.sum();

//! [8.10] wrong: clipped only above
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

//! [8.11] wrong not_scaled: not scaled
return wrapped->forward(x) + x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong correction_alone: the correction alone
return scale * x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong: scaled twice
return wrapped->forward(x) + scale * scale * x.matmul(down.t()).matmul(up.t());

//! [8.11] wrong down_does_not_learn: down is detached
return wrapped->forward(x) + scale * x.matmul(down.detach().t()).matmul(up.t());

//! [8.11] right: one matrix
return wrapped->forward(x) + x.matmul((scale * up.matmul(down)).t());

//! [8.11] right: linear
namespace F = torch::nn::functional;
return F::linear(F::linear(x, down) * scale, up) + wrapped->forward(x);

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
