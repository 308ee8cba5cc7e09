#include "12_full_gpt/given/gpu/card_writer.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <typeinfo>

#include "12_full_gpt/given/gpu/kernels/kernels.h"
#include "12_full_gpt/given/model/fast_gpt.h"
#include "12_full_gpt/given/sampling/generation.h"
#include "common/projection.h"

namespace verse {

namespace {

constexpr std::int64_t kTogether = 32;  // tokens of a recording
constexpr std::size_t kAhead = 2;       // recordings that the card may be asked for before the first of them is heard
constexpr unsigned kWriterThreads = 256, kRowWarps = 8, kSlices = 8, kChoosers = 1024;

const LinearProjection& linear(const std::shared_ptr<Projection>& projection) {
  return dynamic_cast<const LinearProjection&>(*projection);
}

BlockImpl& block_at(GPTImpl& model, std::int64_t layer) {
  return model.blocks->at<BlockImpl>(static_cast<std::size_t>(layer));
}

}  // namespace

std::string CardWriter::obstacle(GPTImpl& model) {
  const GPTOptions& options = model.options;
  if (typeid(model) != typeid(GPTImpl) && typeid(model) != typeid(FastGPTImpl)) return "the model is another one";
  for (std::int64_t layer = 0; layer < options.layers; ++layer) {
    auto& block = block_at(model, layer);
    for (const auto& projection :
         {block.attention->query_key_value, block.attention->output, block.mlp->expand, block.mlp->contract}) {
      const auto* plain = dynamic_cast<const LinearProjection*>(projection.get());
      if (plain == nullptr || !plain->bias.defined()) return "a projection is wrapped";
    }
  }
  const std::int64_t head = options.width / options.heads;
  if (options.width % 128 != 0 || options.width > 1024) return "the width is not one of 128, 256, ... 1024";
  if (head != 32 && head != 64 && head != 128) return "a head's width is not 32, 64 or 128";
  if (options.vocabulary_size > 1024) return "the vocabulary is too large";
  if (options.context < 16 || options.context > 4096) return "the context is too short or too long";
  if (options.exact_gelu) return "the GELU is the exact one";
  const auto type = model.token_embedding.scalar_type();
  if (type != torch::kFloat32 && type != torch::kBFloat16) return "the weights are of another kind";
  return "";
}

std::unique_ptr<Launcher> CardWriter::compile(GPT& model, std::string& problem) {
  if (!model->token_embedding.is_cuda()) problem = "the model is not on a GPU";
  if (problem.empty()) problem = obstacle(*model);
  if (!problem.empty()) return nullptr;
  const GPTOptions& options = model->options;
  std::vector<std::string> sizes{fmt::format("-DWIDTH={}", options.width), fmt::format("-DHEADS={}", options.heads),
                                 fmt::format("-DCONTEXT={}", options.context),
                                 fmt::format("-DVOCABULARY={}", options.vocabulary_size)};
  if (model->token_embedding.scalar_type() == torch::kFloat32) sizes.emplace_back("-DNUMBERS_ARE_FLOAT");
  return compile_kernels(std::string(kNumbersSource) + kGenerationSource, sizes, problem);
}

std::unique_ptr<CardWriter> CardWriter::make(GPT model, std::string& problem) {
  auto launcher = compile(model, problem);
  return launcher == nullptr ? nullptr : std::make_unique<CardWriter>(std::move(model), std::move(launcher));
}

CardWriter* CardWriter::of(const LanguageModel& model) {
  // It is never given back: at a program's end the card may be gone before it.
  static auto& writer = *new std::unique_ptr<CardWriter>();
  static const GPTImpl* refused = nullptr;
  const auto gpt = std::dynamic_pointer_cast<GPTImpl>(model.ptr());
  if (gpt == nullptr) return nullptr;
  if (writer != nullptr && writer->model_.ptr() == gpt && writer->still_there()) return writer.get();
  if (!gpt->token_embedding.is_cuda() || refused == gpt.get()) return nullptr;
  std::string problem;
  writer = make(GPT(gpt), problem);
  if (writer == nullptr) refused = gpt.get();
  return writer.get();
}

CardWriter::CardWriter(GPT model, std::unique_ptr<Launcher> launcher, bool early)
    : model_(std::move(model)), launcher_(std::move(launcher)), early_(early) {
  const c10::InferenceMode no_gradients;
  const GPTOptions& options = model_->options;
  const auto numbers = torch::dtype(torch::kFloat32).device(model_->token_embedding.device());
  for (const auto& parameter : model_->parameters()) parameters_.push_back(parameter.detach());
  for (auto& layer : make_block_cache(*model_, 1)) cache_.push_back(std::move(layer));
  stream_ = torch::zeros({options.width}, numbers);
  after_ = torch::zeros({options.width}, numbers);
  queries_ = torch::zeros({options.width}, numbers);
  outcomes_ = torch::zeros({options.heads, options.width}, numbers);
  hidden_ = torch::zeros({4 * options.width}, numbers);
  logits_ = torch::zeros({options.vocabulary_size}, numbers);
  uniforms_ = torch::zeros({options.context + 1}, numbers.dtype(torch::kFloat64));
  text_ = torch::zeros({options.context + 1}, numbers.dtype(torch::kInt64));
  heard_ = torch::zeros({options.context + 1}, torch::dtype(torch::kInt64).pinned_memory(text_.is_cuda()));
  writing_ = torch::zeros({2}, numbers.dtype(torch::kInt32));
}

/// Whether the parameters lie where they lay.
bool CardWriter::still_there() const {
  const auto now = model_->parameters();
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (now[i].data_ptr() != parameters_[i].data_ptr()) return false;
  }
  return now.size() == parameters_.size();
}

CardWriter::Choosing CardWriter::choosing_of(const SamplingOptions& options) {
  Choosing result;
  result.temperature = options.temperature;
  result.top_k = static_cast<int>(std::min<std::int64_t>(options.top_k.value_or(0), 1 << 20));
  result.top_p = options.top_p.value_or(0);
  result.greedy = options.greedy ? 1 : 0;
  return result;
}

template <typename... Arguments>
void CardWriter::launch(const char* kernel, Grid grid, Grid block, Arguments... arguments) {
  void* list[] = {&arguments...};
  launcher_->launch(kernel, grid, block, /*shared=*/0, list, early_);
}

/// Reads tokens by the model itself, through an emptied cache.
void CardWriter::read(const std::vector<std::int64_t>& tokens) {
  for (auto& layer : cache_) static_cast<BlockCache&>(*layer).clear();
  ForwardExtras extras;
  extras.cache = &cache_;
  const auto input = torch::tensor(tokens, torch::kInt64).to(text_.device()).unsqueeze(0);
  logits_.copy_(model_->forward(input, extras)[0][-1]);
  writing_.select(0, 0).fill_(static_cast<std::int64_t>(tokens.size()) - 1);
  writing_.select(0, 1).fill_(0);
}

void CardWriter::choose(bool from_logits) {
  const auto& norm = *model_->final_norm;
  launch("choose", {1, 1, 1}, {kChoosers, 1, 1}, stream_.data_ptr(), norm.weight.data_ptr(), norm.bias.data_ptr(),
         model_->token_embedding.data_ptr(), model_->position_embedding.data_ptr(),
         from_logits ? logits_.data_ptr() : nullptr, choosing_, uniforms_.data_ptr(), text_.data_ptr(),
         stream_.data_ptr(), writing_.data_ptr());
}

//! [write-one]
/// Reads the token that was chosen last, and chooses the next.
void CardWriter::write_one() {
  const GPTOptions& options = model_->options;
  const auto width = static_cast<unsigned>(options.width), heads = static_cast<unsigned>(options.heads);
  for (std::int64_t i = 0; i < options.layers; ++i) {
    auto& block = block_at(*model_, i);
    auto& kept = static_cast<BlockCache&>(*cache_[static_cast<std::size_t>(i)]);
    const auto &parts = linear(block.attention->query_key_value), &output = linear(block.attention->output),
               &expand = linear(block.mlp->expand), &contract = linear(block.mlp->contract);
    launch("ask", {3 * width / kRowWarps, 1, 1}, {kWriterThreads, 1, 1}, stream_.data_ptr(),
           block.attention_norm->weight.data_ptr(), block.attention_norm->bias.data_ptr(), parts.weight.data_ptr(),
           parts.bias.data_ptr(), queries_.data_ptr(), kept.keys().data_ptr(), kept.values().data_ptr(),
           writing_.data_ptr());
    launch("look_back", {heads, kSlices, 1}, {kWriterThreads, 1, 1}, queries_.data_ptr(), kept.keys().data_ptr(),
           kept.values().data_ptr(), output.weight.data_ptr(), outcomes_.data_ptr(), writing_.data_ptr());
    launch("expand", {4 * width / kRowWarps, 1, 1}, {kWriterThreads, 1, 1}, stream_.data_ptr(), outcomes_.data_ptr(),
           output.bias.data_ptr(), block.mlp_norm->weight.data_ptr(), block.mlp_norm->bias.data_ptr(),
           expand.weight.data_ptr(), expand.bias.data_ptr(), after_.data_ptr(), hidden_.data_ptr());
    launch("contract", {width / 4, 1, 1}, {4 * 32, 1, 1}, hidden_.data_ptr(), contract.weight.data_ptr(),
           contract.bias.data_ptr(), after_.data_ptr(), stream_.data_ptr());
  }
  choose(/*from_logits=*/false);
}
//! [write-one]

void CardWriter::prepare(const SamplingOptions& options) {
  const Choosing asked = choosing_of(options);
  if (prepared_ && asked == choosing_) return;
  const c10::InferenceMode no_gradients;
  choosing_ = asked;
  one_.reset();
  many_.reset();
  prepared_ = true;
  if (!text_.is_cuda()) return;
  const std::int64_t half = std::max<std::int64_t>(model_->options.context / 2, 1);
  for (const std::int64_t length : {half, std::int64_t{1}}) {
    read(std::vector<std::int64_t>(static_cast<std::size_t>(length), 0));
    choose(true);
    write_one();
  }
  std::string problem;  // a text that is written a little slower needs no explanation
  one_ = Recording::make([this] { write_one(); }, problem);
  many_ = Recording::make(
      [this] {
        for (std::int64_t i = 0; i < kTogether; ++i) write_one();
      },
      problem);
  if (many_ != nullptr && one_ != nullptr) {
    read({0});
    choose(true);
    one_->play();
    many_->play();
    torch::cuda::synchronize();
  }
}

/// Chooses the first of `count` tokens from what was read, and writes the others. `after` hears of each stretch that
/// the card was asked for.
void CardWriter::write_many(std::int64_t count, const std::function<void(std::int64_t, std::int64_t)>& after) {
  choose(/*from_logits=*/true);
  after(0, 1);
  for (std::int64_t done = 1; done < count;) {
    const std::int64_t stretch = std::min(kTogether, count - done);
    if (stretch == kTogether && many_ != nullptr) {
      many_->play();
    } else {
      for (std::int64_t i = 0; i < stretch; ++i) {
        if (one_ != nullptr) {
          one_->play();
        } else {
          write_one();
        }
      }
    }
    after(done, stretch);
    done += stretch;
  }
}

std::vector<std::int64_t> CardWriter::write(const std::vector<std::int64_t>& prompt, std::int64_t count,
                                            const SamplingOptions& options, Random& random,
                                            const TokenListener& listener) {
  prepare(options);
  const c10::InferenceMode no_gradients;
  const bool was_training = model_->is_training();
  model_->eval();
  const std::int64_t context = model_->options.context;
  const bool on_card = text_.is_cuda();
  std::vector<std::int64_t> all = prompt, made;
  std::int64_t kept = 0;
  bool goes_on = true;

  /// Tokens that the card was asked for, and how to know that they are there.
  struct Stretch {
    std::int64_t first, count;
    std::unique_ptr<c10::Event> there;
  };
  std::deque<Stretch> asked;
  const auto hear = [&] {
    const Stretch stretch = std::move(asked.front());
    asked.pop_front();
    if (stretch.there != nullptr) stretch.there->synchronize();
    const auto* tokens = heard_.const_data_ptr<std::int64_t>();
    for (std::int64_t i = stretch.first; goes_on && i < stretch.first + stretch.count; ++i) {
      made.push_back(tokens[i]);
      if (!options.greedy) random.uniform();  // this one is used up
      if (listener && !listener(tokens[i])) goes_on = false;
    }
  };

  while (goes_on && static_cast<std::int64_t>(made.size()) < count) {
    // Chapter 7's rule: when the context is full, its last half is read again.
    const bool whole = made.empty() && static_cast<std::int64_t>(prompt.size()) <= context;
    const auto half = static_cast<std::ptrdiff_t>(std::max<std::int64_t>(context / 2, 1));
    const std::vector<std::int64_t> window(whole ? all.begin() : all.end() - half, all.end());
    read(window);
    kept = static_cast<std::int64_t>(window.size());

    const std::int64_t left = count - static_cast<std::int64_t>(made.size());
    const std::int64_t now = std::min(left, 1 + context - kept);
    Random ahead = random;
    const auto uniforms = torch::empty({now}, torch::kFloat64);
    for (std::int64_t i = 0; i < now; ++i) uniforms.data_ptr<double>()[i] = options.greedy ? 0 : ahead.uniform();
    uniforms_.narrow(0, 0, now).copy_(uniforms);
    write_many(now, [&](std::int64_t first, std::int64_t stretch) {
      heard_.narrow(0, first, stretch).copy_(text_.narrow(0, first, stretch), /*non_blocking=*/true);
      std::unique_ptr<c10::Event> there;
      if (on_card) {
        there = std::make_unique<c10::Event>(torch::kCUDA);
        there->record(c10::impl::VirtualGuardImpl(torch::kCUDA).getStream(text_.device()));
      }
      asked.push_back({first, stretch, std::move(there)});
      if (asked.size() > kAhead) hear();
    });
    while (!asked.empty()) hear();
    all = prompt;
    all.insert(all.end(), made.begin(), made.end());
  }
  model_->train(was_training);
  return made;
}

}  // namespace verse
