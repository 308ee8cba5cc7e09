// Answers to the exercises of chapter 9: wrong ones that people give, and right ones written otherwise.

//! [9.1] wrong channels_last: channels last
const auto tiles = pictures.view({batch, channels, height / size, size, width / size, size});
return tiles.permute({0, 2, 4, 3, 5, 1}).reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong nothing_moved: only reshaped
return pictures.reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong columns_first: column by column
const auto tiles = pictures.view({batch, channels, height / size, size, width / size, size});
return tiles.permute({0, 4, 2, 1, 3, 5}).reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong: square pictures taken for granted
const auto tiles = pictures.view({batch, channels, height / size, size, height / size, size});
return tiles.permute({0, 2, 4, 1, 3, 5}).reshape({batch, (height / size) * (height / size), channels * size * size});

//! [9.1] right: unfold twice
return pictures.unfold(2, size, size).unfold(3, size, size).permute({0, 2, 3, 1, 4, 5}).flatten(3).flatten(1, 2);

//! [9.1] right: im2col
return at::im2col(pictures, {size, size}, {1, 1}, {0, 0}, {size, size}).transpose(1, 2);

//! [9.2] wrong channels_last: channels last
const auto tiles = patches.view({batch, height / size, width / size, size, size, channels});
return tiles.permute({0, 5, 1, 3, 2, 4}).reshape({batch, channels, height, width});

//! [9.2] wrong nothing_moved: only reshaped
return patches.reshape({batch, channels, height, width});

//! [9.2] wrong patch_turned: rows and columns exchanged
const auto tiles = patches.view({batch, height / size, width / size, channels, size, size});
return tiles.permute({0, 3, 1, 5, 2, 4}).reshape({batch, channels, height, width});

//! [9.2] right: fold
return at::col2im(patches.transpose(1, 2), {height, width}, {size, size}, {1, 1}, {0, 0}, {size, size});

//! [9.3] wrong exact_gelu: exact GELU
const auto seen = contract->forward(torch::gelu(expand->forward(input)));
return (seen + places + times.unsqueeze(1)).flatten(1, 2);

//! [9.3] wrong no_times: times beside the patches
const auto seen = contract->forward(gelu_tanh(expand->forward(input)));
return (seen + places).flatten(1, 2);

//! [9.3] wrong patch_after_patch: patch after patch
const auto seen = contract->forward(gelu_tanh(expand->forward(input)));
return (seen + places + times.unsqueeze(1)).transpose(1, 2).flatten(1, 2);

//! [9.3] right: repeated
const auto batch = input.size(0);
const auto seen = contract->forward(gelu_tanh(expand->forward(input.flatten(0, 2))));
const auto where = places.unsqueeze(0).expand({options.frames, -1, -1}) + times.unsqueeze(1);
return seen.view({batch, -1, options.width}) + where.reshape({1, -1, options.width});

//! [9.4] wrong mask_flipped: the mask flipped
const auto open = (tokens != placeholder).unsqueeze(-1).expand_as(text);
return text.masked_scatter(open, vectors);

//! [9.4] wrong input_changed: in place
const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);
torch::NoGradGuard guard;
auto placed = text;
return placed.masked_scatter_(open, vectors);

//! [9.4] wrong vectors_cut_off: the vectors are cut off
const auto open = (tokens == placeholder).unsqueeze(-1).expand_as(text);
return text.masked_scatter(open, vectors.detach());

//! [9.4] wrong first_places: always in front
return torch::cat({vectors, text.slice(1, vectors.size(1))}, 1);

//! [9.4] right: index_put
return text.index_put({tokens == placeholder}, vectors.flatten(0, 1));

//! [9.4] right: row by row
std::vector<torch::Tensor> rows;
for (std::int64_t row = 0; row < tokens.size(0); ++row) {
  std::vector<torch::Tensor> line;
  std::int64_t next = 0;
  for (std::int64_t t = 0; t < tokens.size(1); ++t)
    line.push_back(tokens[row][t].item<std::int64_t>() == placeholder ? vectors[row][next++] : text[row][t]);
  rows.push_back(torch::stack(line));
}
return torch::stack(rows);

//! [9.5] wrong not_normalised: lengths left as they are
const auto scores = scale * torch::matmul(pictures, captions.t());
const auto own = torch::arange(pictures.size(0));
return 0.5 * (cross_entropy(scores, own) + cross_entropy(scores.t(), own));

//! [9.5] wrong scale_forgotten: the scale unused
const auto a = pictures / pictures.norm(2, 1, true), b = captions / captions.norm(2, 1, true);
const auto scores = torch::matmul(a, b.t());
const auto own = torch::arange(pictures.size(0));
return 0.5 * (cross_entropy(scores, own) + cross_entropy(scores.t(), own));

//! [9.5] wrong pictures_only: a picture's question alone
const auto a = pictures / pictures.norm(2, 1, true), b = captions / captions.norm(2, 1, true);
return cross_entropy(scale * torch::matmul(a, b.t()), torch::arange(pictures.size(0)));

//! [9.5] wrong captions_only: a caption's question alone
const auto a = pictures / pictures.norm(2, 1, true), b = captions / captions.norm(2, 1, true);
return cross_entropy(scale * torch::matmul(b, a.t()), torch::arange(pictures.size(0)));

//! [9.5] wrong not_halved: the sum
const auto a = pictures / pictures.norm(2, 1, true), b = captions / captions.norm(2, 1, true);
const auto scores = scale * torch::matmul(a, b.t());
const auto own = torch::arange(pictures.size(0));
return cross_entropy(scores, own) + cross_entropy(scores.t(), own);

//! [9.5] right: logarithms on the diagonal
const auto a = pictures * pictures.square().sum(1, true).rsqrt();
const auto b = captions * captions.square().sum(1, true).rsqrt();
const auto scores = scale * torch::einsum("iw,jw->ij", {a, b});
const auto rows = torch::log_softmax(scores, 1).diagonal(), columns = torch::log_softmax(scores, 0).diagonal();
return -(rows.mean() + columns.mean()) / 2;

//! [9.6] wrong reflected: reflected
const auto half = options.window / 2;
auto shape = samples.sizes().vec();
const auto padded = at::reflection_pad1d(samples.reshape({-1, samples.size(-1)}), {half, half});
shape.back() = padded.size(-1);
const auto frames = padded.view(shape).unfold(-1, options.window, options.hop);
return torch::fft_rfft(frames * hann_window(options.window, samples.options())).abs().square();

//! [9.6] wrong not_squared: sizes, not squared
const auto padded = torch::constant_pad_nd(samples, {options.window / 2, options.window / 2});
return torch::fft_rfft(padded.unfold(-1, options.window, options.hop) * hann_window(options.window, samples.options())).abs();

//! [9.6] wrong computed_in_float: in float32
const auto padded = torch::constant_pad_nd(samples.to(torch::kFloat32), {options.window / 2, options.window / 2});
return torch::fft_rfft(padded.unfold(-1, options.window, options.hop) * hann_window(options.window, torch::kFloat32)).abs().square();

//! [9.6] wrong not_faded: no window
const auto padded = torch::constant_pad_nd(samples, {options.window / 2, options.window / 2});
return torch::fft_rfft(padded.unfold(-1, options.window, options.hop)).abs().square();

//! [9.6] right: real and imaginary parts
const auto padded = torch::constant_pad_nd(samples, {options.window / 2, options.window / 2});
const auto waves = torch::view_as_real(torch::fft_rfft(padded.unfold(-1, options.window, options.hop) * hann_window(options.window, samples.options())));
return waves.square().sum(-1);

//! [9.7] wrong divided_by_bands: edges divided by mels
const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
std::vector<double> edges;
for (std::int64_t i = 0; i < options.mels + 2; ++i) edges.push_back(mel_to_hertz(first + (last - first) * static_cast<double>(i) / static_cast<double>(options.mels)));
const auto edge = torch::tensor(edges, real).unsqueeze(1);
const auto hertz = torch::linspace(0, static_cast<double>(options.sample_rate) / 2, options.window / 2 + 1, real);
const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);
return torch::minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak)).clamp_min(0);

//! [9.7] wrong frequencies_of_its_own: bins at 31.25 Hz
const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
std::vector<double> edges;
for (std::int64_t i = 0; i < options.mels + 2; ++i) edges.push_back(mel_to_hertz(first + (last - first) * static_cast<double>(i) / static_cast<double>(options.mels + 1)));
const auto edge = torch::tensor(edges, real).unsqueeze(1);
const auto hertz = 31.25 * torch::arange(options.window / 2 + 1, real);
const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);
return torch::minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak)).clamp_min(0);

//! [9.7] wrong whole_number_steps: the sample rate divided as a whole number by the window
const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
std::vector<double> edges;
for (std::int64_t i = 0; i < options.mels + 2; ++i) edges.push_back(mel_to_hertz(first + (last - first) * static_cast<double>(i) / static_cast<double>(options.mels + 1)));
const auto edge = torch::tensor(edges, real).unsqueeze(1);
const auto hertz = (options.sample_rate / options.window) * torch::arange(options.window / 2 + 1, real);
const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);
return torch::minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak)).clamp_min(0);

//! [9.7] wrong not_cut_off: not cut off
const double first = hertz_to_mel(options.lowest), last = hertz_to_mel(options.highest);
std::vector<double> edges;
for (std::int64_t i = 0; i < options.mels + 2; ++i) edges.push_back(mel_to_hertz(first + (last - first) * static_cast<double>(i) / static_cast<double>(options.mels + 1)));
const auto edge = torch::tensor(edges, real).unsqueeze(1);
const auto hertz = torch::linspace(0, static_cast<double>(options.sample_rate) / 2, options.window / 2 + 1, real);
const auto left = edge.slice(0, 0, -2), peak = edge.slice(0, 1, -1), right = edge.slice(0, 2);
return torch::minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak));

//! [9.7] right: loops
const auto bank = torch::zeros({options.mels, options.window / 2 + 1}, real);
auto number = bank.accessor<double, 2>();
const double first = hertz_to_mel(options.lowest), step = (hertz_to_mel(options.highest) - first) / static_cast<double>(options.mels + 1);
for (std::int64_t m = 0; m < options.mels; ++m) {
  const double left = mel_to_hertz(first + step * m), peak = mel_to_hertz(first + step * (m + 1)), right = mel_to_hertz(first + step * (m + 2));
  for (std::int64_t b = 0; b <= options.window / 2; ++b) {
    const double hertz = static_cast<double>(options.sample_rate) * b / options.window;
    if (hertz > left && hertz <= peak) number[m][b] = (hertz - left) / (peak - left);
    if (hertz > peak && hertz < right) number[m][b] = (right - hertz) / (right - peak);
  }
}
return bank;

//! [9.8] wrong floor_of_its_own: a floor of 1e-10
const auto bank = mel_filter_bank(options).to(samples.options());
return torch::matmul(power_spectrogram(samples, options), bank.t()).clamp_min(1e-10).log10();

//! [9.8] wrong natural_logarithm: the natural logarithm
const auto bank = mel_filter_bank(options).to(samples.options());
return torch::matmul(power_spectrogram(samples, options), bank.t()).clamp_min(options.floor).log();

//! [9.8] wrong floor_added: the floor added
const auto bank = mel_filter_bank(options).to(samples.options());
return (torch::matmul(power_spectrogram(samples, options), bank.t()) + options.floor).log10();

//! [9.8] wrong: always float64
return torch::matmul(power_spectrogram(samples, options).to(torch::kFloat64), mel_filter_bank(options).t()).clamp_min(options.floor).log10();

//! [9.8] right: natural, then divided
const auto energy = torch::einsum("...b,mb->...m", {power_spectrogram(samples, options), mel_filter_bank(options).to(samples.dtype())});
return torch::where(energy > options.floor, energy, options.floor).log() / std::log(10.0);

//! [9.9] wrong root_of_the_mean_square: RMSE
const auto there = (torch::arange(truth.size(1)) < lengths.unsqueeze(1)).unsqueeze(-1);
const auto difference = predicted - truth;
if (distance == FrameDistance::squared) return difference.square().masked_select(there).mean().sqrt();
return difference.abs().masked_select(there).mean();

//! [9.9] wrong padding_counts: padding counts
const auto difference = predicted - truth;
return distance == FrameDistance::squared ? difference.square().mean() : difference.abs().mean();

//! [9.9] wrong mean_of_sounds: each sound counts alike
const auto there = (torch::arange(truth.size(1)) < lengths.unsqueeze(1)).unsqueeze(-1);
const auto difference = predicted - truth;
const auto off = (distance == FrameDistance::squared ? difference.square() : difference.abs()) * there;
return (off.sum({1, 2}) / (lengths * truth.size(2))).mean();

//! [9.9] right: sound by sound
std::vector<torch::Tensor> parts;
for (std::int64_t i = 0; i < predicted.size(0); ++i) {
  const auto count = std::min(lengths[i].item<std::int64_t>(), truth.size(1));
  const auto difference = (predicted[i] - truth[i]).slice(0, 0, count);
  parts.push_back((distance == FrameDistance::squared ? difference * difference : difference.abs()).flatten());
}
return torch::cat(parts).mean();

//! [9.10] wrong input_changed: sorts the caller's tensor
best.squared = (outcomes * chances).sum().item<double>();
auto sorted = outcomes;
const auto order = outcomes.argsort();
sorted.copy_(outcomes.index_select(0, order));
const auto below = chances.index_select(0, order).cumsum(0);
best.absolute = sorted[(below >= 0.5 - 1e-12).nonzero()[0].item<std::int64_t>()].item<double>();

//! [9.10] wrong: not weighted
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

//! [9.12] wrong shares_swapped: shares exchanged
return (1 - share) * distillation_loss(student, teacher, temperature) + share * cross_entropy(student, targets);

//! [9.12] wrong text_in_full: the text at full weight
return share * distillation_loss(student, teacher, temperature) + cross_entropy(student, targets);

//! [9.12] wrong: half and half
return 0.5 * distillation_loss(student, teacher, temperature) + 0.5 * cross_entropy(student, targets);

//! [9.12] wrong: the temperature of 1
return share * distillation_loss(student, teacher, 1.0) + (1 - share) * cross_entropy(student, targets);

//! [9.12] right: lerp
return torch::lerp(cross_entropy(student, targets), distillation_loss(student, teacher, temperature), share);
