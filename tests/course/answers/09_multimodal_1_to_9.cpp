// Answers to exercises 9.1 to 9.9 of chapter 9: wrong ones that people give, and right ones written otherwise.

//! [9.1] wrong channels_last: channels last
const auto tiles = pictures.view({batch, channels, height / size, size, width / size, size});
return tiles.permute({0, 2, 4, 3, 5, 1}).reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong nothing_moved: only reshaped
return pictures.reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong columns_first: column by column
const auto tiles = pictures.view({batch, channels, height / size, size, width / size, size});
return tiles.permute({0, 4, 2, 1, 3, 5}).reshape({batch, (height / size) * (width / size), channels * size * size});

//! [9.1] wrong square_pictures_only: square pictures taken for granted
const auto tiles = pictures.view({batch, channels, height / size, size, height / size, size});
return tiles.permute({0, 2, 4, 1, 3, 5}).reshape({batch, (height / size) * (height / size), channels * size * size});

//! [9.1] right: unfold twice
return pictures.unfold(2, size, size).unfold(3, size, size).permute({0, 2, 3, 1, 4, 5}).flatten(3).flatten(1, 2);

//! [9.1] right: im2col
return at::im2col(pictures, {size, size}, {1, 1}, {0, 0}, {size, size}).transpose(1, 2);

//! [9.1] right: slices, stacked
std::vector<torch::Tensor> patches;
for (std::int64_t row = 0; row < height; row += size)
  for (std::int64_t column = 0; column < width; column += size)
    patches.push_back(pictures.narrow(2, row, size).narrow(3, column, size).reshape({batch, channels * size * size}));
return torch::stack(patches, 1);

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

//! [9.2] right: rows of patches joined, then the rows
std::vector<torch::Tensor> bands;
const std::int64_t across = width / size;
for (std::int64_t row = 0; row < height / size; ++row) {
  std::vector<torch::Tensor> band;
  for (std::int64_t column = 0; column < across; ++column) band.push_back(patches.select(1, row * across + column).reshape({batch, channels, size, size}));
  bands.push_back(torch::cat(band, 3));
}
return torch::cat(bands, 2);

//! [9.2] right: by the number of each pixel
const auto numbers = torch::arange(channels * height * width).view({1, channels, height, width});
const auto cut = cut_patches(numbers, size).flatten();
const auto back = torch::empty_like(cut).scatter(0, cut, torch::arange(cut.numel()));
return patches.flatten(1).index_select(1, back).view({batch, channels, height, width});

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

//! [9.3] right: in place of broadcasting, two additions in loops
auto seen = contract->forward(gelu_tanh(expand->forward(input)));
std::vector<torch::Tensor> frames;
for (std::int64_t frame = 0; frame < seen.size(1); ++frame) {
  std::vector<torch::Tensor> row;
  for (std::int64_t patch = 0; patch < seen.size(2); ++patch) row.push_back(seen.select(1, frame).select(1, patch) + places[patch] + times[frame]);
  frames.push_back(torch::stack(row, 1));
}
return torch::cat(frames, 1);

//! [9.3] right: one table for all, added at the end
namespace F = torch::nn::functional;
const auto hidden = torch::gelu(expand->forward(input), "tanh");
const auto row = contract->forward(hidden).reshape({input.size(0), options.frames * options.patches, options.width});
const auto table = torch::repeat_interleave(times, options.patches, 0) + places.repeat({options.frames, 1});
return row.add(table);

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

//! [9.4] right: where, with the vectors spread along the row
const auto open = tokens == placeholder;
const auto number = (open.to(torch::kInt64).cumsum(1) - 1).clamp_min(0);
if (vectors.size(1) == 0) return text.clone();
const auto spread = vectors.gather(1, number.unsqueeze(-1).expand({-1, -1, vectors.size(2)}));
return torch::where(open.unsqueeze(-1), spread, text);

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

//! [9.5] right: normalize, and LibTorch's loss
namespace F = torch::nn::functional;
const auto to_one = F::NormalizeFuncOptions().dim(1);
const auto scores = F::normalize(pictures, to_one).mm(F::normalize(captions, to_one).t()) * scale;
const auto own = torch::arange(pictures.size(0));
return 0.5 * F::cross_entropy(scores, own) + 0.5 * F::cross_entropy(scores.transpose(0, 1), own);

//! [9.5] right: pair by pair
const auto n = pictures.size(0);
std::vector<torch::Tensor> all;
for (std::int64_t i = 0; i < n; ++i)
  for (std::int64_t j = 0; j < n; ++j) all.push_back(pictures[i].dot(captions[j]) / (pictures[i].norm() * captions[j].norm()) * scale.squeeze());
const auto table = torch::stack(all).view({n, n});
const auto own = table.diag();
return ((table.logsumexp(0) - own).mean() + (table.logsumexp(1) - own).mean()) / 2;

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

//! [9.6] right: stft
const auto window = hann_window(options.window, samples.options());
const auto flat = samples.reshape({-1, samples.size(-1)});
const auto padded = torch::cat({torch::zeros({flat.size(0), options.window / 2}, flat.options()), flat, torch::zeros({flat.size(0), options.window / 2}, flat.options())}, 1);
const auto waves = torch::view_as_real(torch::stft(padded, options.window, options.hop, options.window, window, /*normalized=*/false, /*onesided=*/true, /*return_complex=*/true));
const auto power = waves.pow(2).sum(-1).transpose(1, 2);
auto sizes = samples.sizes().vec();
sizes.pop_back();
sizes.push_back(power.size(1));
sizes.push_back(power.size(2));
return power.reshape(sizes);

//! [9.6] right: the transform as two matrices of cosines and sines
const std::int64_t n = options.window, half = n / 2;
const auto real = samples.options().dtype(torch::kFloat64);
const auto turns = torch::outer(torch::arange(n, real), torch::arange(half + 1, real)).remainder(static_cast<double>(n)) * (2 * M_PI / static_cast<double>(n));
const auto silence = torch::zeros({half}, real);
auto sizes = samples.sizes().vec();
sizes.back() = half;
const auto padded = torch::cat({silence.expand(sizes), samples.to(torch::kFloat64), silence.expand(sizes)}, -1);
const auto frames = padded.unfold(-1, n, options.hop) * hann_window(n, real);
return (frames.matmul(turns.cos()).square() + frames.matmul(turns.sin()).square()).to(samples.dtype());

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

//! [9.7] right: where, on a row of edges by linspace
const auto mels = torch::linspace(hertz_to_mel(options.lowest), hertz_to_mel(options.highest), options.mels + 2, real);
const auto edge = 700 * (torch::pow(10.0, mels / 2595) - 1);
const auto bins = torch::arange(options.window / 2 + 1, real) * static_cast<double>(options.sample_rate) / static_cast<double>(options.window);
std::vector<torch::Tensor> bands;
for (std::int64_t m = 0; m < options.mels; ++m) {
  const auto left = edge[m], peak = edge[m + 1], right = edge[m + 2];
  const auto up = (bins - left) / (peak - left), down = (right - bins) / (right - peak);
  bands.push_back(torch::relu(torch::where(bins <= peak, up, down)));
}
return torch::stack(bands);

//! [9.7] right: a triangle as one less the distance from its peak
std::vector<double> numbers;
const double low = hertz_to_mel(options.lowest), high = hertz_to_mel(options.highest);
const auto edge = [&](std::int64_t i) { return mel_to_hertz(std::lerp(low, high, static_cast<double>(i) / static_cast<double>(options.mels + 1))); };
for (std::int64_t m = 1; m <= options.mels; ++m) {
  for (std::int64_t bin = 0; bin < options.window / 2 + 1; ++bin) {
    const double off = static_cast<double>(bin * options.sample_rate) / static_cast<double>(options.window) - edge(m);
    const double side = off < 0 ? edge(m) - edge(m - 1) : edge(m + 1) - edge(m);
    numbers.push_back(std::max(0.0, 1 - std::abs(off) / side));
  }
}
return torch::tensor(numbers, real).view({options.mels, options.window / 2 + 1});

//! [9.8] wrong floor_of_its_own: a floor of 1e-10
const auto bank = mel_filter_bank(options).to(samples.options());
return torch::matmul(power_spectrogram(samples, options), bank.t()).clamp_min(1e-10).log10();

//! [9.8] wrong natural_logarithm: the natural logarithm
const auto bank = mel_filter_bank(options).to(samples.options());
return torch::matmul(power_spectrogram(samples, options), bank.t()).clamp_min(options.floor).log();

//! [9.8] wrong floor_added: the floor added
const auto bank = mel_filter_bank(options).to(samples.options());
return (torch::matmul(power_spectrogram(samples, options), bank.t()) + options.floor).log10();

//! [9.8] wrong always_in_double: always float64
return torch::matmul(power_spectrogram(samples, options).to(torch::kFloat64), mel_filter_bank(options).t()).clamp_min(options.floor).log10();

//! [9.8] right: natural, then divided
const auto energy = torch::einsum("...b,mb->...m", {power_spectrogram(samples, options), mel_filter_bank(options).to(samples.dtype())});
return torch::where(energy > options.floor, energy, options.floor).log() / std::log(10.0);

//! [9.8] right: linear, and the logarithm of the floor as a floor
const auto spectrogram = power_spectrogram(samples, options);
const auto energy = torch::linear(spectrogram, mel_filter_bank(options).to(samples.device(), samples.scalar_type()));
return torch::maximum(energy, torch::full({}, options.floor, energy.options())).log2() * std::log10(2.0);

//! [9.8] right: band by band
const auto bank = mel_filter_bank(options).to(samples.options());
const auto power = power_spectrogram(samples, options);
std::vector<torch::Tensor> bands;
for (std::int64_t m = 0; m < bank.size(0); ++m) bands.push_back((power * bank[m]).sum(-1));
return torch::log10(torch::clamp(torch::stack(bands, -1), options.floor));

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

//! [9.9] right: multiplied, added up, and divided by how many
const auto there = (torch::arange(truth.size(1)).unsqueeze(0) < lengths.unsqueeze(1)).to(truth.dtype()).unsqueeze(2).expand_as(truth);
const auto off = (truth - predicted).abs();
const auto each = distance == FrameDistance::squared ? off.pow(2) : off;
return torch::where(there > 0, each, torch::zeros_like(each)).sum() / there.sum();

//! [9.9] right: LibTorch's losses on the frames that are there
namespace F = torch::nn::functional;
const auto places = torch::arange(truth.size(1), lengths.options()).expand({truth.size(0), -1});
const auto there = places.lt(lengths.view({-1, 1}));
const auto said = predicted.index({there}), right = truth.index({there});
return distance == FrameDistance::absolute ? F::l1_loss(said, right) : F::mse_loss(said, right);
