#include "08_post_training/given/schooling.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "01_tokenizer/tokenizer.h"
#include "05_training/given/train_small.h"
#include "05_training/training.h"
#include "08_post_training/post_training.h"

namespace verse {

namespace {

/// Packed rows of lines, each line with positions of its own.
class LineSource {
 public:
  LineSource(const Schooling& options, const Tokenizer& tokenizer)
      : options_(options), tokenizer_(tokenizer), random_(options.shape.seed + 1) {}

  Packed next() {
    std::vector<std::vector<std::int64_t>> lines;
    std::int64_t row = 0, place = 0;
    for (;;) {
      auto task = options_.task;
      task.kind = random_.below(2) == 0 ? Kind::sum : Kind::difference;
      auto line = tokenizer_.encode(line_of(draw_problem(task, Split::train, random_)) + "\n");
      const auto size = static_cast<std::int64_t>(line.size());
      if (place + size > options_.shape.context) ++row, place = 0;
      if (row == options_.rows) break;
      place += size;
      lines.push_back(std::move(line));
    }
    return pack(lines, options_.shape.context, 0);
  }

 private:
  const Schooling& options_;
  const Tokenizer& tokenizer_;
  Random random_;
};

}  // namespace

std::string line_of(const Problem& problem) {
  return fmt::format("{}: {}: {}", problem.question, problem.chain, problem.answer);
}

TrainedModel train_schooled_base(const Corpus& corpus, const Schooling& options, torch::Device device) {
  auto tokenizer = Tokenizer::from_text(corpus.text + "0123456789+-=,: ");
  const auto text = tokenizer.encode_tensor(corpus.train).to(device);
  GPTOptions shape;
  shape.vocabulary_size = tokenizer.size();
  shape.context = options.shape.context;
  shape.layers = options.shape.layers;
  shape.heads = options.shape.heads;
  shape.width = options.shape.width;
  shape.fused = true;
  torch::manual_seed(options.shape.seed);
  GPT model(shape);
  model->to(device);

  SmallTraining plan;
  plan.schedule = {options.shape.learning_rate, options.shape.learning_rate / 10,
                   std::min<std::int64_t>(100, options.shape.steps / 10 + 1), options.shape.steps};
  Random random(options.shape.seed);
  LineSource lines(options, tokenizer);
  //! [schooled]
  const auto next_loss = [&] {
    const auto windows = draw_batch(text, options.shape.batch_size, options.shape.context, random);
    const auto rows = to_device(lines.next(), device);
    // Of a line everything is learned but its first character, which nothing comes before.
    const auto loss = masked_loss(packed_logits(model, rows, packed_mask(rows.owners)), rows.tokens,
                                  torch::logical_and(rows.owners >= 0, rows.positions > 0));
    return (batch_loss(model, windows) + loss) / 2;
  };
  //! [schooled]
  model->train();
  train_small(model->parameters(), (options.shape.batch_size + options.rows) * options.shape.context, next_loss, plan);
  model->eval();
  return {model, std::move(tokenizer)};
}

}  // namespace verse
