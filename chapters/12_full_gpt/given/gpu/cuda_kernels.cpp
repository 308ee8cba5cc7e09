#include "12_full_gpt/given/gpu/cuda_kernels.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "03_attention/attention.h"
#include "12_full_gpt/given/gpu/kernels/kernels.h"

namespace verse {

namespace {

constexpr unsigned kLanes = 32, kWarps = 8, kThreads = kLanes * kWarps;
constexpr std::int64_t kHeadBytes = 2 * 64;  // of a position's 64 numbers
constexpr std::int64_t kStripColumns = 256;  // that a block of the kernels that sum over rows has
constexpr int kAsidesBehind = 3;             // products that may still run aside when the next is asked for
/// That 32 bits can count.
constexpr std::int64_t kPlaces = std::int64_t{1} << 32;

unsigned blocks_for(std::int64_t things, std::int64_t a_block) {
  return static_cast<unsigned>((things + a_block - 1) / a_block);
}

void* address(const torch::Tensor& tensor) {
  return tensor.defined() ? tensor.data_ptr() : nullptr;
}

int as_int(std::int64_t number) {
  return static_cast<int>(number);
}

/// Dropout as the kernels take it: how many of 2^24 fates are dropped, and the scale of what is kept.
int fates(const Dropping& dropping) {
  return static_cast<int>(dropping.share * (1 << 24));
}
float kept_scale(const Dropping& dropping) {
  return static_cast<float>(1 / (1 - dropping.share));
}

}  // namespace

bool CudaKernels::attends(const GPTOptions& model, const KernelChoices& choices) {
  constexpr std::int64_t kHead = 64, kKeysAtATime = 32, kLongest = 256;
  return choices.own_attention && choices.numbers == torch::kBFloat16 && model.width == kHead * model.heads &&
         model.context % kKeysAtATime == 0 && model.context <= kLongest;
}

bool CudaKernels::many_places(const GPTOptions& model, std::int64_t batch_size) {
  return batch_size * model.context * std::max(model.width, model.heads * model.context) > kPlaces;
}

std::unique_ptr<CudaKernels> CudaKernels::make(const GPTOptions& model, const KernelChoices& choices,
                                               std::string& problem) {
  std::vector<std::string> options{fmt::format("-DWIDTH={}", model.width)};
  if (choices.numbers == torch::kFloat32) options.emplace_back("-DNUMBERS_ARE_FLOAT");
  if (choices.stream == torch::kFloat32) options.emplace_back("-DSTREAM_IS_FLOAT");
  if (choices.many_places) options.emplace_back("-DMANY_PLACES");
  KernelChoices chosen = choices;
  chosen.own_attention = attends(model, choices);
  std::string source = std::string(kNumbersSource) + kTrainingSource + kUpdatingSource;
  if (chosen.own_attention) {
    source += kAttentionSource;
    options.push_back(fmt::format("-DHEADS={}", model.heads));
    options.push_back(fmt::format("-DCONTEXT={}", model.context));
  }
  auto launcher = compile_kernels(source, options, problem);
  return launcher == nullptr ? nullptr : std::make_unique<CudaKernels>(std::move(launcher), model.width, chosen);
}

CudaKernels::CudaKernels(std::unique_ptr<Launcher> launcher, std::int64_t width, const KernelChoices& choices)
    : launcher_(std::move(launcher)), width_(width), choices_(choices) {}

template <typename... Arguments>
void CudaKernels::launch(const char* kernel, Grid grid, Grid block, Arguments... arguments) {
  launch_with(0, kernel, grid, block, arguments...);
}

template <typename... Arguments>
void CudaKernels::launch_with(unsigned shared, const char* kernel, Grid grid, Grid block, Arguments... arguments) {
  void* list[] = {&arguments...};
  launcher_->launch(kernel, grid, block, shared, list, /*early=*/false);
}

/// Numbers beyond what was said when the kernels were compiled would be dropped as others are.
void CudaKernels::check_places(std::int64_t numbers, const Dropping& dropping) const {
  TORCH_CHECK(choices_.many_places || dropping.share == 0 || numbers <= kPlaces,
              "kernels for at most 2^32 numbers were given ", numbers);
}

/// Blocks over rows for the kernels that sum up columns: enough for every processor, and few sums to be added up.
unsigned CudaKernels::row_blocks(std::int64_t columns) const {
  constexpr int kBlocksAProcessor = 8;
  return std::max(
      1U, static_cast<unsigned>(launcher_->processors() * kBlocksAProcessor) / blocks_for(columns, kStripColumns));
}

/// Room for the sums that blocks leave, [blocks, kinds, columns]; the same each time.
torch::Tensor CudaKernels::partial_sums(const torch::Tensor& to, std::int64_t blocks, std::int64_t columns,
                                        std::int64_t kinds) {
  auto& room = partial_[to.data_ptr()];
  if (!room.defined() || room.size(0) != blocks) {
    room = torch::zeros({blocks, kinds, columns}, to.options().dtype(torch::kFloat32));
  }
  return room;
}

/// Remembers that such sums are to be added up at the step's end.
void CudaKernels::add_job(const torch::Tensor& partial, std::int64_t kind, const torch::Tensor& to) {
  const std::int64_t columns = partial.size(2), apart = partial.size(1) * columns;
  const auto* from = partial.const_data_ptr<float>() + kind * columns;
  const std::vector<std::int64_t> job{reinterpret_cast<std::int64_t>(from),
                                      reinterpret_cast<std::int64_t>(to.data_ptr()), partial.size(0), columns, apart};
  auto& mine = jobs_[to.data_ptr()];
  jobs_are_new_ = jobs_are_new_ || mine != job;
  mine = job;
}

void CudaKernels::embed_norm(const Windows& windows, const torch::Tensor& token_table,
                             const torch::Tensor& position_table, const Norm& norm, const Dropping& dropping,
                             torch::Tensor x, torch::Tensor y, torch::Tensor one_hot) {
  check_places(x.numel(), dropping);
  launch("embed_norm", {blocks_for(windows.rows(), kWarps), 1, 1}, {kThreads, 1, 1}, address(windows.tokens),
         address(windows.starts), address(token_table), address(position_table), address(norm.gain), address(norm.bias),
         address(dropping.seed), fates(dropping), kept_scale(dropping), address(x), address(y), address(norm.means),
         address(norm.scales), address(one_hot), as_int(one_hot.size(1)), as_int(windows.context),
         as_int(windows.rows()));
}

void CudaKernels::add_norm(const torch::Tensor& x, const torch::Tensor& branch, const torch::Tensor& branch_bias,
                           const Norm& norm, const Dropping& dropping, std::int64_t site, torch::Tensor sum,
                           torch::Tensor y) {
  check_places(x.numel(), dropping);
  launch("add_norm", {blocks_for(x.size(0), kWarps), 1, 1}, {kThreads, 1, 1}, address(x), address(branch),
         address(branch_bias), address(norm.gain), address(norm.bias), address(dropping.seed), as_int(site),
         fates(dropping), kept_scale(dropping), address(sum), address(y), address(norm.means), address(norm.scales),
         as_int(x.size(0)));
}

void CudaKernels::norm_backward(const torch::Tensor& to_y, const torch::Tensor& x, const Norm& norm,
                                const torch::Tensor& along, const Dropping& dropping, std::int64_t site,
                                torch::Tensor to_x, torch::Tensor to_branch, torch::Tensor to_gain,
                                torch::Tensor to_bias, torch::Tensor to_branch_bias) {
  check_places(x.numel(), dropping);
  const unsigned blocks = std::min(2U * static_cast<unsigned>(launcher_->processors()), blocks_for(x.size(0), kWarps));
  const auto sums = partial_sums(to_gain, blocks, width_, 3);
  launch("norm_backward", {blocks, 1, 1}, {kThreads, 1, 1}, address(to_y), address(x), address(norm.means),
         address(norm.scales), address(norm.gain), address(along), address(dropping.seed), as_int(site),
         fates(dropping), kept_scale(dropping), address(to_x), address(to_branch), address(sums), as_int(x.size(0)));
  add_job(sums, 0, to_gain);
  add_job(sums, 1, to_bias);
  add_job(sums, 2, to_branch_bias);
}

void CudaKernels::gelu(const torch::Tensor& x, torch::Tensor y) {
  launch("gelu", {blocks_for(x.numel(), 8 * kThreads), 1, 1}, {kThreads, 1, 1}, address(x), address(y),
         static_cast<long long>(x.numel()));
}

void CudaKernels::gelu_backward(const torch::Tensor& to_y, const torch::Tensor& x, torch::Tensor to_x,
                                const torch::Tensor& to_bias) {
  const unsigned blocks = row_blocks(x.size(1));
  const auto sums = partial_sums(to_bias, blocks, x.size(1), 1);
  launch("gelu_backward", {blocks, blocks_for(x.size(1), kStripColumns), 1}, {kThreads, 1, 1}, address(to_y),
         address(x), address(to_x), address(sums), as_int(x.size(0)), as_int(x.size(1)));
  add_job(sums, 0, to_bias);
}

bool CudaKernels::multiply_by_library(const Product& product, Finish finish, const torch::Tensor& bias_gradient) {
  verse_cuda_product p{};
  const auto &a = product.a, &b = product.b, &out = product.out;
  const auto rows_lie = [](const torch::Tensor& matrix) { return matrix.dim() == 2 && matrix.stride(1) == 1; };
  if (!rows_lie(a) || !rows_lie(b) || !rows_lie(out) || a.dtype() != b.dtype()) return false;
  p.out = address(out);
  p.a = address(a);
  p.b = address(b);
  p.rows = out.size(0);
  p.columns = out.size(1);
  p.inner = product.a_turned ? a.size(0) : a.size(1);
  p.out_stride = out.stride(0);
  p.a_stride = a.stride(0);
  p.b_stride = b.stride(0);
  p.a_turned = product.a_turned ? 1 : 0;
  p.b_turned = product.b_turned ? 1 : 0;
  p.numbers_are_float = a.dtype() == torch::kFloat32 ? 1 : 0;
  p.out_is_float = out.dtype() == torch::kFloat32 ? 1 : 0;
  p.finish = static_cast<int>(finish);
  if (finish == Finish::bias || finish == Finish::bias_and_gelu) p.bias = address(product.bias);
  if (finish == Finish::gelu_backward) p.bias = address(bias_gradient);
  if (finish == Finish::bias_and_gelu || finish == Finish::gelu_backward) p.kept = address(product.kept);
  std::string problem;
  if (launcher_->multiply(p, problem)) return true;
  fallen_back_.insert(
      fmt::format("[{}, {}] x [{}, {}], finish {}: {}", p.rows, p.inner, p.inner, p.columns, p.finish, problem));
  return false;
}

void CudaKernels::multiply_here(const Product& product) {
  switch (product.finish) {
    case Finish::nothing:
    case Finish::add:
    case Finish::bias:
      if (!multiply_by_library(product, product.finish)) PlainKernels::multiply(product);
      return;
    case Finish::bias_and_gelu: {
      if (choices_.gelu_with_product && multiply_by_library(product, Finish::bias_and_gelu)) return;
      Product bare = product;
      bare.out = product.kept;
      bare.finish = Finish::bias;
      if (!multiply_by_library(bare, Finish::bias)) PlainKernels::multiply(bare);
      gelu(product.kept, product.out);
      return;
    }
    case Finish::gelu_backward: {
      if (choices_.slope_with_product) {
        auto& sums = sixteen_bits_[address(product.to_bias)];
        if (!sums.defined()) sums = torch::zeros_like(product.to_bias, product.out.dtype());
        if (multiply_by_library(product, Finish::gelu_backward, sums)) {
          auto to_bias = product.to_bias;
          to_bias.copy_(sums);
          return;
        }
      }
      Product bare = product;
      bare.finish = Finish::nothing;
      if (!multiply_by_library(bare, Finish::nothing)) PlainKernels::multiply(bare);
      gelu_backward(product.out, product.kept, product.out, product.to_bias);
      return;
    }
  }
}

void CudaKernels::multiply(const Product& product) {
  if (!product.aside || !choices_.aside) return multiply_here(product);
  launcher_->begin_aside();
  multiply_here(product);
  launcher_->end_aside(asides_);
  // What a product aside reads is written anew some products later: by then it has to be done.
  if (asides_ >= kAsidesBehind) launcher_->wait_for_aside(asides_ - kAsidesBehind);
  ++asides_;
}

torch::Tensor CudaKernels::attend(std::int64_t layer, const torch::Tensor& parts, std::int64_t batch,
                                  std::int64_t heads, const Dropping& dropping, std::int64_t site) {
  Attended& mine = attended_[layer];
  if (choices_.own_attention) {
    const std::int64_t rows = parts.size(0);
    check_places(rows * heads * (rows / batch), dropping);
    if (!mine.mixed.defined() || mine.mixed.size(0) != rows) {
      mine.mixed = torch::empty({rows, width_}, parts.options());
      mine.sums = torch::empty({batch * heads, rows / batch}, parts.options().dtype(torch::kFloat32));
    }
    const auto shared = static_cast<unsigned>(2 * rows / batch * kHeadBytes);
    launch_with(shared, "attend", {static_cast<unsigned>(batch * heads), 1, 1}, {kThreads, 1, 1}, address(parts),
                address(dropping.seed), as_int(site), fates(dropping), kept_scale(dropping), address(mine.mixed),
                address(mine.sums));
    return mine.mixed;
  }
  if (!parts.is_cuda()) return PlainKernels::attend(layer, parts, batch, heads, dropping, site);
  const auto apart = parts.view({batch, -1, 3, heads, width_ / heads}).permute({2, 0, 3, 1, 4});
  mine.queries = apart[0];  // [batch, heads, time, head_width]
  mine.keys = apart[1];
  mine.values = apart[2];
  const auto outcome = at::_scaled_dot_product_flash_attention(mine.queries, mine.keys, mine.values, dropping.share,
                                                               /*is_causal=*/true, /*return_debug_mask=*/false);
  mine.mixed = std::get<0>(outcome);
  mine.sums = std::get<1>(outcome);
  mine.ends_of_queries = std::get<2>(outcome);  // undefined: all texts are of one length
  mine.ends_of_keys = std::get<3>(outcome);
  mine.seed = std::get<6>(outcome);
  mine.offset = std::get<7>(outcome);
  return merge_heads(mine.mixed).view({parts.size(0), -1});
}

void CudaKernels::attend_backward(std::int64_t layer, const torch::Tensor& to_mixed, const torch::Tensor& parts,
                                  const torch::Tensor& mixed, std::int64_t batch, std::int64_t heads,
                                  const Dropping& dropping, std::int64_t site, torch::Tensor to_parts,
                                  torch::Tensor to_bias) {
  const std::int64_t rows = parts.size(0);
  if (choices_.own_attention) {
    // Queries, keys, values and their gradients' own; two squares' strips of 32 keys; two numbers a position.
    const auto shared = static_cast<unsigned>(rows / batch * (4 * kHeadBytes + 2 * 32 * 2 + 2 * 4));
    const auto sums = partial_sums(to_bias, batch, 3 * width_, 1);
    launch_with(shared, "attend_backward", {static_cast<unsigned>(batch * heads), 1, 1}, {kThreads, 1, 1},
                address(to_mixed), address(parts), address(mixed), address(attended_.at(layer).sums),
                address(dropping.seed), as_int(site), fates(dropping), kept_scale(dropping), address(to_parts),
                address(sums));
    add_job(sums, 0, to_bias);
    return;
  }
  const unsigned blocks = row_blocks(3 * width_);
  const unsigned strips = blocks_for(3 * width_, kStripColumns);
  const auto sums = partial_sums(to_bias, blocks, 3 * width_, 1);
  add_job(sums, 0, to_bias);
  if (!parts.is_cuda()) {
    PlainKernels::attend_backward(layer, to_mixed, parts, mixed, batch, heads, dropping, site, to_parts, to_bias);
    launch("column_sums", {blocks, strips, 1}, {kThreads, 1, 1}, address(to_parts), address(sums), as_int(rows),
           as_int(3 * width_));
    return;
  }
  const Attended& mine = attended_.at(layer);
  const std::int64_t time = rows / batch;
  const auto arriving = to_mixed.view({batch, time, heads, width_ / heads}).transpose(1, 2);
  const auto [queries, keys, values] = at::_scaled_dot_product_flash_attention_backward(
      arriving, mine.queries, mine.keys, mine.values, mine.mixed, mine.sums, mine.ends_of_queries, mine.ends_of_keys,
      time, time, dropping.share,
      /*is_causal=*/true, mine.seed, mine.offset);
  const auto as_rows = [&](const torch::Tensor& x) { return merge_heads(x).view({rows, width_}); };
  const auto q = as_rows(queries), k = as_rows(keys), v = as_rows(values);
  launch("join_parts", {blocks, strips, 1}, {kThreads, 1, 1}, address(q), address(k), address(v), address(to_parts),
         address(sums), as_int(rows));
}

void CudaKernels::cross_entropy(const torch::Tensor& logits, const Windows& windows, std::int64_t vocabulary,
                                torch::Tensor to_logits, torch::Tensor loss) {
  const unsigned blocks =
      std::min(2U * static_cast<unsigned>(launcher_->processors()), blocks_for(windows.rows(), kWarps));
  const auto losses = partial_sums(loss, blocks, 1, 1);
  launch("cross_entropy", {blocks, 1, 1}, {kThreads, 1, 1}, address(logits), address(windows.tokens),
         address(windows.starts), as_int(vocabulary), as_int(logits.size(1)), as_int(windows.context),
         address(to_logits), address(losses), as_int(windows.rows()));
  add_job(losses, 0, loss);
}

void CudaKernels::position_backward(const torch::Tensor& to_x, std::int64_t batch, torch::Tensor to_table) {
  const std::int64_t context = to_x.size(0) / batch;
  launch("position_backward", {static_cast<unsigned>(context), 1, 1}, {static_cast<unsigned>(width_ / 4), 4, 1},
         address(to_x), address(to_table), as_int(batch), as_int(context));
}

void CudaKernels::finish_sums() {
  if (!jobs_.empty() && jobs_are_new_) {
    std::vector<std::int64_t> table;
    std::vector<std::int32_t> strips;
    std::int32_t number = 0;
    for (const auto& [to, job] : jobs_) {
      table.insert(table.end(), job.begin(), job.end());
      for (std::int64_t column = 0; column < job[3]; column += kLanes) {
        strips.push_back(number);
        strips.push_back(static_cast<std::int32_t>(column));
      }
      ++number;
    }
    const auto device = partial_.begin()->second.device();
    job_table_ = torch::tensor(table, torch::kInt64).to(device);
    strips_ = torch::tensor(strips, torch::kInt32).to(device);
    jobs_are_new_ = false;
  }
  if (!jobs_.empty()) {
    launch("add_up", {static_cast<unsigned>(strips_.size(0) / 2), 1, 1}, {kLanes, kWarps, 1}, address(job_table_),
           address(strips_));
  }
  for (int i = std::max(0, asides_ - kAsidesBehind); choices_.aside && i < asides_; ++i) launcher_->wait_for_aside(i);
  asides_ = 0;
}

void CudaKernels::round_all(const torch::Tensor& x, torch::Tensor y) {
  launch("round_all", {blocks_for(x.numel(), 4 * kThreads), 1, 1}, {kThreads, 1, 1}, address(x), address(y),
         static_cast<long long>(x.numel()));
}

void CudaKernels::adamw(const Update& update) {
  const unsigned blocks = 4 * static_cast<unsigned>(launcher_->processors());
  if (!squares_.defined()) squares_ = torch::zeros({blocks}, update.gradients.options());
  const auto count = static_cast<long long>(update.parameters.numel());
  launch("square_sums", {blocks, 1, 1}, {kThreads, 1, 1}, address(update.gradients), count, address(squares_));
  launch("adamw", {blocks_for(count, 4 * kThreads), 1, 1}, {kThreads, 1, 1}, address(update.parameters),
         address(update.gradients), address(update.first), address(update.second), address(update.copies), count,
         static_cast<long long>(update.decaying), address(squares_), static_cast<int>(blocks),
         static_cast<float>(update.limit), address(update.norm), address(update.learning_rate),
         address(update.step_number), static_cast<float>(update.beta1), static_cast<float>(update.beta2),
         static_cast<float>(update.epsilon), static_cast<float>(update.decay));
}

}  // namespace verse
