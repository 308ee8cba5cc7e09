// Answers to the exercises of chapter 3: wrong ones that people give, and right ones written otherwise.

//! [3.1] wrong no_scaling: not scaled
return query.matmul(key.mT());

//! [3.1] wrong one_over_d: 1 / d
return query.matmul(key.mT()) / query.size(-1);

//! [3.1] wrong root_of_keys: the root of the number of keys
return query.matmul(key.mT()) / std::sqrt(static_cast<double>(key.size(-2)));

//! [3.1] wrong: a head width of 8 taken for granted
return query.matmul(key.mT()) / std::sqrt(8.0);

//! [3.1] wrong whole_number_root: the root in whole numbers
return query.matmul(key.mT()) / static_cast<std::int64_t>(std::sqrt(query.size(-1)));

//! [3.1] wrong: the divisor in float32
return query.matmul(key.mT()) / std::sqrt(static_cast<float>(query.size(-1)));

//! [3.1] wrong computed_in_float: cast to float32
return query.to(torch::kFloat32).matmul(key.to(torch::kFloat32).mT()) / std::sqrt(static_cast<double>(query.size(-1)));

//! [3.1] wrong keys_by_queries: keys by queries
return key.matmul(query.mT()) / std::sqrt(static_cast<double>(query.size(-1)));

//! [3.1] wrong times_the_root: multiplied by the root
return query.matmul(key.mT()) * std::sqrt(static_cast<double>(query.size(-1)));

//! [3.1] wrong gradient_cut: the key detached and the query too
return query.detach().matmul(key.detach().mT()) / std::sqrt(static_cast<double>(query.size(-1)));

//! [3.1] wrong: only the key's gradient
return query.detach().matmul(key.mT()) / std::sqrt(static_cast<double>(query.size(-1)));

//! [3.1] right: einsum
return torch::einsum("...qd,...kd->...qk", {query, key}) * std::pow(query.size(-1), -0.5);

//! [3.1] right: both sides scaled
const double scale = std::pow(static_cast<double>(query.size(-1)), -0.25);
return torch::matmul(query * scale, (key * scale).transpose(-1, -2));

//! [3.1] right: multiplied and summed
return (query.unsqueeze(-2) * key.unsqueeze(-3)).sum(-1) / std::sqrt(static_cast<double>(key.size(-1)));

//! [3.2] wrong no_mask: everything
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device));

//! [3.2] wrong queries_at_the_start: kept keys forgotten
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).tril();

//! [3.2] wrong one_too_far: one too far
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).tril(keys - time + 1);

//! [3.2] wrong upside_down: the future
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).triu(keys - time);

//! [3.2] wrong not_itself: not itself
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).tril(keys - time - 1);

//! [3.2] wrong forbidden_for_allowed: true where forbidden
return torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)).triu(keys - time + 1);

//! [3.2] wrong numbers_for_truth: numbers
return torch::ones({time, keys}, torch::device(device)).tril(keys - time);

//! [3.2] wrong always_on_the_cpu: always on the CPU
return torch::ones({time, keys}, torch::kBool).tril(keys - time);

//! [3.2] wrong always_on_the_cpu: always on the CPU, by comparing
return torch::arange(keys) <= torch::arange(keys - time, keys).unsqueeze(1);

//! [3.2] right: positions compared
const auto options = torch::dtype(torch::kInt64).device(device);
return torch::arange(keys, options).unsqueeze(0) <= torch::arange(keys - time, keys, options).unsqueeze(1);

//! [3.2] right: the last rows of the square one
return torch::ones({keys, keys}, torch::device(device)).tril().narrow(0, keys - time, time).to(torch::kBool);

//! [3.2] right: not the future
return torch::triu(torch::ones({time, keys}, torch::dtype(torch::kBool).device(device)), keys - time + 1).logical_not();

//! [3.3] wrong no_mask: no mask
return softmax(scores);

//! [3.3] wrong forbidden_for_allowed: the mask the wrong way round
return softmax(scores.masked_fill(mask, -std::numeric_limits<float>::infinity()));

//! [3.3] wrong masked_scores_zero: zero for minus infinity
return softmax(scores.masked_fill(mask.logical_not(), 0.0));

//! [3.3] wrong mask_after_softmax: masked after the softmax
return softmax(scores) * mask;

//! [3.3] wrong minus_a_billion: -1e9
return softmax(scores.masked_fill(mask.logical_not(), -1e9));

//! [3.3] wrong wrong_axis: over the queries
return torch::softmax(scores.masked_fill(mask.logical_not(), -std::numeric_limits<float>::infinity()), -2);

//! [3.3] wrong masked_scores_zero: scores times the mask
return softmax(scores * mask);

//! [3.3] wrong minus_a_billion: -1e9 added
return softmax(scores + mask.logical_not().to(scores.dtype()) * -1e9);

//! [3.3] wrong gradient_cut: the scores changed in place
auto changed = scores.detach();
changed.masked_fill_(mask.logical_not(), -std::numeric_limits<float>::infinity());
return softmax(changed);

//! [3.3] wrong softmax_that_overflows: exp without care
const auto weights = scores.exp() * mask;
return weights / weights.sum(-1, true);

//! [3.3] right: where
return torch::softmax(torch::where(mask, scores, -INFINITY), -1);

//! [3.3] right: the exponentials masked, after the largest allowed score is off
const auto largest = scores.masked_fill(~mask, -INFINITY).amax(-1, true).detach();
const auto weights = torch::where(mask, (scores - largest).masked_fill(~mask, 0).exp(), 0.0);
return weights / weights.sum(-1, true);

//! [3.3] right: minus infinity added
const auto bias = torch::zeros(mask.sizes(), scores.options().requires_grad(false)).masked_fill(~mask, -INFINITY);
return softmax(scores + bias);

//! [3.4] wrong keys_for_values+weights_not_given: keys for values
return attention_weights(attention_scores(query, key), mask).matmul(key);

//! [3.4] wrong no_dropout+weights_not_given: weights not handed out
return attention_weights(attention_scores(query, key), mask).matmul(value);

//! [3.4] wrong dropout_on_the_result: dropout outside
const auto weights = attention_weights(attention_scores(query, key), mask);
if (weights_out) *weights_out = weights;
return torch::dropout(weights.matmul(value), dropout, true);

//! [3.4] wrong dropped_weights_given: dropped weights handed out
const auto weights = torch::dropout(attention_weights(attention_scores(query, key), mask), dropout, true);
if (weights_out) *weights_out = weights;
return weights.matmul(value);

//! [3.4] wrong: weights_out is believed to be there
const auto weights = attention_weights(attention_scores(query, key), mask);
*weights_out = weights;
return torch::dropout(weights, dropout, true).matmul(value);

//! [3.4] wrong always_one_half: dropout of one half, always
const auto weights = attention_weights(attention_scores(query, key), mask);
if (weights_out) *weights_out = weights;
return torch::dropout(weights, 0.5, dropout > 0).matmul(value);

//! [3.4] wrong scaled_twice: scaled twice
const auto weights = attention_weights(attention_scores(query, key) / std::sqrt(static_cast<double>(query.size(-1))), mask);
if (weights_out) *weights_out = weights;
return torch::dropout(weights, dropout, dropout > 0).matmul(value);

//! [3.4] wrong squeezed: a squeeze for a batch of one
const auto weights = attention_weights(attention_scores(query, key), mask);
if (weights_out) *weights_out = weights;
return torch::dropout(weights, dropout, dropout > 0).matmul(value).squeeze();

//! [3.4] wrong no_mask: the mask not passed on
const auto scores = attention_scores(query, key);
const auto weights = attention_weights(scores, torch::ones_like(scores, torch::kBool));
if (weights_out) *weights_out = weights;
return torch::dropout(weights, dropout, dropout > 0).matmul(value);

//! [3.4] right: all by hand
auto scores = torch::matmul(query, key.transpose(-2, -1)) / std::sqrt(static_cast<double>(query.size(-1)));
auto weights = torch::softmax(scores.masked_fill(~mask, -INFINITY), -1);
if (weights_out) *weights_out = weights;
if (dropout > 0) weights = torch::nn::functional::dropout(weights, torch::nn::functional::DropoutFuncOptions().p(dropout));
return torch::einsum("...qk,...kd->...qd", {weights, value});

//! [3.4] right: a dropout mask of its own
const auto weights = attention_weights(attention_scores(query, key), mask);
if (weights_out != nullptr) *weights_out = weights;
if (dropout == 0) return weights.matmul(value);
const auto kept = (torch::rand_like(weights) >= dropout).to(weights.dtype());
return (weights * kept / (1 - dropout)).matmul(value);

//! [3.4] right: one query after the other
std::vector<torch::Tensor> rows, all_weights;
auto sizes = query.sizes().vec();
sizes.back() = key.size(-2);
const auto allowed = mask.expand(sizes);
for (std::int64_t t = 0; t < query.size(-2); ++t) {
  const auto scores = (query.narrow(-2, t, 1) * key).sum(-1).unsqueeze(-2) / std::sqrt(static_cast<double>(query.size(-1)));
  all_weights.push_back(scores.masked_fill(allowed.narrow(-2, t, 1).logical_not(), -INFINITY).softmax(-1));
}
const auto weights = torch::cat(all_weights, -2);
if (weights_out != nullptr) *weights_out = weights;
const auto used = torch::dropout(weights, dropout, dropout > 0);
for (std::int64_t t = 0; t < query.size(-2); ++t) rows.push_back((used.narrow(-2, t, 1).transpose(-2, -1) * value).sum(-2, true));
return torch::cat(rows, -2);

//! [3.5] wrong wrong_reshape: view without transpose
return x.view({x.size(0), heads, x.size(1), x.size(2) / heads});

//! [3.5] wrong no_transpose: not transposed
return x.view({x.size(0), x.size(1), heads, x.size(2) / heads});

//! [3.5] wrong gradient_cut: detached
return x.detach().view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);

//! [3.5] wrong dealt_out: features dealt out
return x.view({x.size(0), x.size(1), x.size(2) / heads, heads}).permute({0, 3, 1, 2});

//! [3.5] wrong heads_as_batches: heads as batches
return torch::cat(x.chunk(heads, -1), 0);

//! [3.5] wrong computed_in_float: cast to float32
return x.to(torch::kFloat32).view({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);

//! [3.5] wrong: copied through the CPU
return torch::stack(x.cpu().chunk(heads, -1), 1);

//! [3.5] right: chunks stacked
return torch::stack(x.chunk(heads, -1), 1);

//! [3.5] right: unflatten, permute, contiguous
return x.unflatten(2, {heads, -1}).permute({0, 2, 1, 3}).contiguous();

//! [3.5] right: narrow in a loop
std::vector<torch::Tensor> parts;
const auto each = x.size(2) / heads;
for (std::int64_t head = 0; head < heads; ++head) parts.push_back(x.narrow(2, head * each, each).unsqueeze(1));
return torch::cat(parts, 1);

//! [3.6] wrong no_transpose: not transposed
return x.reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});

//! [3.6] wrong view_of_a_transpose: view of a transpose
return x.transpose(1, 2).view({x.size(0), x.size(2), x.size(1) * x.size(3)});

//! [3.6] wrong gradient_cut: detached
return x.transpose(1, 2).detach().reshape({x.size(0), x.size(2), x.size(1) * x.size(3)});

//! [3.6] wrong heads_as_positions: heads one after another in time
return x.flatten(1, 2);

//! [3.6] wrong heads_added: the heads added
return x.sum(1);

//! [3.6] wrong features_taken_in_turn: features in turn
return x.permute({0, 2, 3, 1}).flatten(2);

//! [3.6] right: heads beside one another
return torch::cat(x.unbind(1), -1);

//! [3.6] right: permute, contiguous, view
return x.permute({0, 2, 1, 3}).contiguous().view({x.size(0), x.size(2), -1});

//! [3.6] right: flatten
return x.transpose(1, 2).flatten(2, 3);

//! [3.7] wrong keys_first: keys first
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[1], options.heads);
auto key = split_heads(parts[0], options.heads), value = split_heads(parts[2], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());

//! [3.7] wrong interleaved: heads interleaved: each head's q, k, v side by side
const auto all = split_heads(query_key_value->forward(x), options.heads);
const auto parts = all.chunk(3, -1);
const auto query = parts[0];
auto key = parts[1], value = parts[2];
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());

//! [3.7] wrong values_first: values first
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[2], options.heads);
auto key = split_heads(parts[1], options.heads), value = split_heads(parts[0], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());

//! [3.7] wrong fused_not_obeyed: fused is not obeyed, always by hand
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads);
auto key = split_heads(parts[1], options.heads), value = split_heads(parts[2], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
return torch::dropout(output->forward(merge_heads(attend(query, key, value, mask, extras.weights, p))), options.dropout, is_training());

//! [3.7] wrong: always fused, but for the weights
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads);
auto key = split_heads(parts[1], options.heads), value = split_heads(parts[2], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = !extras.weights ? attend_fused(query, key, value, mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());

//! [3.7] wrong cache_not_used: the cache forgotten
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads), key = split_heads(parts[1], options.heads), value = split_heads(parts[2], options.heads);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, is_training());

//! [3.7] wrong no_output_projection: no last projection
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads);
auto key = split_heads(parts[1], options.heads), value = split_heads(parts[2], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const double p = is_training() ? options.dropout : 0.0;
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, p) : attend(query, key, value, mask, extras.weights, p);
return torch::dropout(merge_heads(mixed), options.dropout, is_training());

//! [3.7] wrong dropout_in_evaluation: dropout in evaluation
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads);
auto key = split_heads(parts[1], options.heads), value = split_heads(parts[2], options.heads);
if (extras.cache) std::tie(key, value) = extras.cache->append(key, value);
const auto mask = extras.mask.defined() ? extras.mask : causal_mask(x.size(1), key.size(2), x.device());
const auto mixed = options.fused && !extras.weights ? attend_fused(query, key, value, extras.mask, options.dropout) : attend(query, key, value, mask, extras.weights, options.dropout);
return torch::dropout(output->forward(merge_heads(mixed)), options.dropout, true);

//! [3.7] wrong values_second: query, value, key
const auto parts = query_key_value->forward(x).chunk(3, -1);
const auto query = split_heads(parts[0], options.heads), value = split_heads(parts[1], options.heads), key = split_heads(parts[2], options.heads);
return torch::dropout(output->forward(merge_heads(mix(query, key, value, extras))), options.dropout, is_training());

//! [3.7] right: narrow, and LinearProjection taken apart
const auto all = query_key_value->forward(x);
const auto width = options.width;
const auto query = split_heads(all.narrow(-1, 0, width), options.heads);
auto key = split_heads(all.narrow(-1, width, width), options.heads);
auto value = split_heads(all.narrow(-1, 2 * width, width), options.heads);
if (extras.cache != nullptr) {
  const auto kept = extras.cache->append(key, value);
  key = kept.first;
  value = kept.second;
}
torch::Tensor mask = extras.mask;
if (!mask.defined()) mask = causal_mask(query.size(2), key.size(2), x.device());
const double p = is_training() ? options.dropout : 0;
torch::Tensor mixed;
if (extras.weights || !options.fused) mixed = attend(query, key, value, mask, extras.weights, p);
else mixed = at::scaled_dot_product_attention(query, key, value, mask, p, false);
auto result = output->forward(merge_heads(mixed));
if (is_training()) result = torch::dropout(result, options.dropout, true);
return result;

//! [3.7] right: one head's number of dimensions more, cut in one go
const std::int64_t batch = x.size(0), time = x.size(1), width = options.width, heads = options.heads;
const auto parts = query_key_value->forward(x).view({batch, time, 3, heads, width / heads}).permute({2, 0, 3, 1, 4});
const auto mixed = mix(parts[0], parts[1], parts[2], extras);
auto y = output->forward(mixed.permute({0, 2, 1, 3}).flatten(2));
if (is_training() && options.dropout > 0) y = torch::nn::functional::dropout(y, torch::nn::functional::DropoutFuncOptions().p(options.dropout));
return y;

//! [3.7] right: split by sizes, heads listed and stacked
const auto pieces = query_key_value->forward(x).split(options.width, 2);
const auto by_heads = [&](const torch::Tensor& all) { return torch::stack(all.chunk(options.heads, -1), 1); };
const auto mixed = mix(by_heads(pieces[0]), by_heads(pieces[1]), by_heads(pieces[2]), extras);
const auto together = torch::cat(mixed.unbind(1), -1);
return torch::dropout((*output).forward(together), options.dropout, this->is_training());
