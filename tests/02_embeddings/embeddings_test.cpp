#include "02_embeddings/embeddings.h"

#include <cmath>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 2.1
// ------------------------------------------------------------------------------------------------------------------

using EmbedTokens = std::function<Tensor(const Tensor&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_2_1 =
    exercise<EmbedTokens>("2.1", embed_tokens)
        .check("rows_and_gradient",
               [](const EmbedTokens& embed_rows, Answers& answers) {
                 // More tokens than rows, so that one row is asked for twice: its gradients add up.
                 const auto table = normal_input({5, 3}, 1).requires_grad_();
                 const auto tokens = torch::tensor({{4, 0, 2}, {2, 1, 2}}, torch::kInt64);
                 const auto vectors = embed_rows(table, tokens);
                 answers.add("the vectors", vectors);
                 answers.add_gradients(vectors, {{"the table", table}});
               })
        .check("square_table",
               [](const EmbedTokens& embed_rows, Answers& answers) {
                 answers.add("the vectors of one row of tokens",
                             embed_rows(normal_input({4, 4}, 2), torch::tensor({3, 1, 0}, torch::kInt64)));
               })
        .mistake("columns_for_rows",
                 [](const Tensor& table, const Tensor& tokens) { return table.t().contiguous().index({tokens}); })
        .mistake("one_row_off",
                 [](const Tensor& table, const Tensor& tokens) {
                   return table.index({(tokens - 1).remainder(table.size(0))});
                 })
        .mistake("flattened_batch",
                 [](const Tensor& table, const Tensor& tokens) { return table.index({tokens.flatten()}); })
        .mistake("cut_from_the_table",
                 [](const Tensor& table, const Tensor& tokens) { return table.detach().index({tokens}); });

// 2.2
// ------------------------------------------------------------------------------------------------------------------

using Embed = std::function<Tensor(const Tensor&, const Tensor&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_2_2 =
    exercise<Embed>("2.2", embed)
        .check("sum_and_gradients",
               [](const Embed& embed_both, Answers& answers) {
                 const auto token_table = normal_input({7, 4}, 3).requires_grad_();
                 const auto position_table = normal_input({5, 4}, 4).requires_grad_();
                 const auto vectors = embed_both(token_table, position_table, token_input({3, 3}, 7, 5));
                 answers.add("the sums", vectors);
                 answers.add_gradients(vectors,
                                       {{"the token table", token_table}, {"the position table", position_table}});
               })
        .check("another_batch",
               [](const Embed& embed_both, Answers& answers) {
                 answers.add(
                     "the sums of one row of five tokens",
                     embed_both(normal_input({7, 3}, 13), normal_input({8, 3}, 14), token_input({1, 5}, 7, 15)));
               })
        .mistake("multiplied",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   return token_table.index({tokens}) * position_table.slice(0, 0, tokens.size(1));
                 })
        .mistake("positions_from_one",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   return token_table.index({tokens}) + position_table.slice(0, 1, tokens.size(1) + 1);
                 })
        .mistake("no_positions", [](const Tensor& token_table, const Tensor&,
                                    const Tensor& tokens) { return token_table.index({tokens}); })
        .mistake("positions_over_the_batch",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   return token_table.index({tokens}) + position_table.slice(0, 0, tokens.size(0)).unsqueeze(1);
                 })
        .mistake("last_positions",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   return token_table.index({tokens}) +
                          position_table.slice(0, position_table.size(0) - tokens.size(1), position_table.size(0));
                 })
        .mistake("whole_position_table",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   return token_table.index({tokens}) + position_table;
                 })
        .mistake("side_by_side",
                 [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
                   const auto there = token_table.index({tokens});
                   return torch::cat({there, position_table.slice(0, 0, tokens.size(-1)).expand_as(there)}, -1);
                 })
        .mistake(
            "positions_by_token", [](const Tensor& token_table, const Tensor& position_table, const Tensor& tokens) {
              return token_table.index({tokens}) + position_table.index({tokens.remainder(position_table.size(0))});
            });

// 2.3
// ------------------------------------------------------------------------------------------------------------------

using Softmax = std::function<Tensor(const Tensor&)>;

[[maybe_unused]] const auto& exercise_2_3 =
    exercise<Softmax>("2.3", softmax)
        .check("probabilities_and_gradient",
               [](const Softmax& probabilities_of, Answers& answers) {
                 const auto scores = normal_input({2, 3, 5}, 6, 2.0).requires_grad_();
                 const auto probabilities = probabilities_of(scores);
                 answers.add("the probabilities", probabilities);
                 answers.add_gradients(probabilities, {{"the scores", scores}});
               })
        .check("large_scores",
               [](const Softmax& probabilities_of, Answers& answers) {
                 answers.add(
                     "the probabilities of scores near 1000 and near -1000",
                     probabilities_of(torch::tensor({{1000.0F, 999.0F, 998.0F}, {-1000.0F, -1001.0F, -1000.0F}})));
               })
        .check("forbidden_scores",
               [](const Softmax& probabilities_of, Answers& answers) {
                 const float never = -std::numeric_limits<float>::infinity();
                 answers.add("the probabilities where some scores are minus infinity",
                             probabilities_of(torch::tensor({{0.5F, never, 1.5F}, {never, never, -3.0F}})));
               })
        .check("float64",
               [](const Softmax& probabilities_of, Answers& answers) {
                 answers.add("the probabilities of float64 scores",
                             probabilities_of(normal_input({3, 4}, 16).to(torch::kFloat64)), double_rounding);
               })
        .check("scores_far_apart",
               [](const Softmax& probabilities_of, Answers& answers) {
                 // One row is far above the other: what is taken off has to be each row's own largest.
                 answers.add("the probabilities of rows near 200 and near -200",
                             probabilities_of(watched(torch::tensor({{200.0F, 199.0F}, {-200.0F, -201.5F}}))));
               })
        .mistake("overflow",
                 [](const Tensor& scores) {
                   const auto weights = scores.exp();
                   return weights / weights.sum(-1, true);
                 })
        .mistake("wrong_axis", [](const Tensor& scores) { return torch::softmax(scores, 0); })
        .mistake("over_everything",
                 [](const Tensor& scores) {
                   const auto weights = (scores - scores.max()).exp();
                   return weights / weights.sum();
                 })
        .mistake("largest_of_everything",
                 [](const Tensor& scores) {
                   const auto weights = (scores - scores.max()).exp();
                   return weights / weights.sum(-1, true);
                 })
        .mistake("not_normalised", [](const Tensor& scores) { return (scores - scores.amax(-1, true)).exp(); })
        .mistake("scores_clamped",
                 [](const Tensor& scores) {
                   const auto held = torch::exp(torch::clamp(scores, -60, 60));
                   return held / held.sum(-1, true);
                 })
        .mistake("logarithm", [](const Tensor& scores) { return torch::log_softmax(scores, -1); });

// 2.4
// ------------------------------------------------------------------------------------------------------------------

using CrossEntropy = std::function<Tensor(const Tensor&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_2_4 =
    exercise<CrossEntropy>("2.4", cross_entropy)
        .check("loss_and_gradient",
               [](const CrossEntropy& loss_of, Answers& answers) {
                 const auto logits = normal_input({6, 5}, 7, 2.0).requires_grad_();
                 const auto loss = loss_of(logits, torch::tensor({0, 3, 4, 4, 1, 2}, torch::kInt64));
                 answers.add("the loss", loss);
                 answers.add_gradients(loss, {{"the logits", logits}});
               })
        .check("hopeless_target",
               [](const CrossEntropy& loss_of, Answers& answers) {
                 // The probability of what came is e^-500, which rounds to 0; its logarithm is -500 all the same.
                 answers.add(
                     "the loss where the target's probability rounds to 0",
                     loss_of(torch::tensor({{500.0F, 0.0F}, {0.0F, 1.0F}}), torch::tensor({1, 1}, torch::kInt64)));
                 answers.add("the loss of two scores of 1000",
                             loss_of(torch::tensor({{1000.0F, 1000.0F}}), torch::tensor({1}, torch::kInt64)));
               })
        .mistake("columns_for_numbers",
                 [](const Tensor& logits, const Tensor& targets) {
                   return (logits.logsumexp(-1) - logits.index_select(1, targets)).mean();
                 })
        .mistake("not_safe",
                 [](const Tensor& logits, const Tensor& targets) {
                   return (logits.exp().sum(-1).log() - logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)).mean();
                 })
        .mistake("over_rows",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::log_softmax(logits, 0).gather(-1, targets.unsqueeze(-1)).mean();
                 })
        .mistake("one_a_row",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).squeeze(-1);
                 })
        .mistake("sum_for_mean",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).sum();
                 })
        .mistake("sign",
                 [](const Tensor& logits, const Tensor& targets) {
                   return torch::log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).mean();
                 })
        .mistake("log2",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::log_softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).mean() / std::log(2.0);
                 })
        .mistake("logarithm_of_softmax",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::softmax(logits, -1).gather(-1, targets.unsqueeze(-1)).log().mean();
                 })
        .mistake("softmax_twice",
                 [](const Tensor& logits, const Tensor& targets) {
                   return -torch::log_softmax(torch::softmax(logits, -1), -1).gather(-1, targets.unsqueeze(-1)).mean();
                 })
        .mistake("something_added",
                 [](const Tensor& logits, const Tensor& targets) {
                   const auto given = torch::softmax(logits, -1).gather(-1, targets.unsqueeze(-1));
                   return torch::log(given + 1e-9).neg().mean();
                 })
        .mistake("something_added",
                 [](const Tensor& logits, const Tensor& targets) {
                   const auto given = torch::softmax(logits, -1).gather(-1, targets.unsqueeze(-1));
                   return torch::log(given + 1e-8).neg().mean();
                 })
        .mistake("something_added",
                 [](const Tensor& logits, const Tensor& targets) {
                   const auto given = torch::softmax(logits, -1).gather(-1, targets.unsqueeze(-1));
                   return torch::log(given + 1e-12).neg().mean();
                 })
        .mistake("every_class",
                 [](const Tensor& logits, const Tensor&) { return -torch::log_softmax(logits, -1).mean(); });

// 2.5
// ------------------------------------------------------------------------------------------------------------------

[[maybe_unused]] const auto& exercise_2_5 =
    exercise<CrossEntropy>("2.5", cross_entropy_gradient)
        .check("formula",
               [](const CrossEntropy& gradient_of, Answers& answers) {
                 answers.add("the gradient",
                             gradient_of(normal_input({4, 5}, 8, 2.0), torch::tensor({2, 0, 4, 2}, torch::kInt64)));
               })
        .check("targets_without_the_last_class",
               [](const CrossEntropy& gradient_of, Answers& answers) {
                 answers.add("the gradient of three rows of six classes",
                             gradient_of(normal_input({3, 6}, 17, 2.0), torch::tensor({2, 0, 1}, torch::kInt64)));
               })
        .mistake("whole_columns",
                 [](const Tensor& logits, const Tensor& targets) {
                   auto gradient = torch::softmax(logits, -1).clone();
                   gradient.index_put_({torch::indexing::Slice(), targets},
                                       gradient.index({torch::indexing::Slice(), targets}) - 1);
                   return gradient / logits.size(0);
                 })
        .mistake("over_every_number",
                 [](const Tensor& logits, const Tensor& targets) {
                   return (torch::softmax(logits, -1) - torch::one_hot(targets, logits.size(-1))) / logits.numel();
                 })
        .mistake("not_averaged",
                 [](const Tensor& logits, const Tensor& targets) {
                   return torch::softmax(logits, -1) - torch::one_hot(targets, logits.size(-1));
                 })
        .mistake("sign",
                 [](const Tensor& logits, const Tensor& targets) {
                   return (torch::one_hot(targets, logits.size(-1)) - torch::softmax(logits, -1)) / logits.size(0);
                 })
        .mistake("softmax_alone",
                 [](const Tensor& logits, const Tensor&) { return torch::softmax(logits, -1) / logits.size(0); })
        .mistake("one_hot_too_narrow",
                 [](const Tensor& logits, const Tensor& targets) {
                   return (torch::softmax(logits, 1) - torch::one_hot(targets)) / targets.size(0);
                 })
        .mistake("over_classes", [](const Tensor& logits, const Tensor& targets) {
          return (torch::softmax(logits, -1) - torch::one_hot(targets, logits.size(-1))) / logits.size(1);
        });

// 2.6
// ------------------------------------------------------------------------------------------------------------------

using Descend = std::function<void(const std::vector<Tensor>&, double)>;

[[maybe_unused]] const auto& exercise_2_6 =
    exercise<Descend>("2.6", descend)
        .check("two_steps",
               [](const Descend& step, Answers& answers) {
                 // Two steps on the same bowl: what is left in a gradient after the first one shows in the second.
                 auto used = normal_input({3}, 9).requires_grad_();
                 auto idle = normal_input({2}, 10).requires_grad_();
                 for (int i = 0; i < 2; ++i) {
                   (used * used).sum().backward();
                   step({used, idle}, 0.1);
                   answers.add("the parameter after step " + std::to_string(i + 1), used);
                 }
                 answers.add("a parameter without a gradient", idle);
                 answers.add("the parameter still requires gradients", used.requires_grad());
               })
        .check("another_rate",
               [](const Descend& step, Answers& answers) {
                 // Of three parameters the middle one has no gradient.
                 auto one = normal_input({3}, 18).requires_grad_();
                 auto idle = normal_input({2}, 19).requires_grad_();
                 auto other = normal_input({2, 2}, 20).requires_grad_();
                 ((one * one).sum() + (3 * other).sum()).backward();
                 step({one, idle, other}, 0.03);
                 answers.add("the first of three parameters at the rate 0.03", one);
                 answers.add("the second, which has no gradient", idle);
                 answers.add("the third", other);
               })
        .mistake("stops_at_the_first_without",
                 [](const std::vector<Tensor>& parameters, double rate) {
                   torch::NoGradGuard no_gradients;
                   for (auto parameter : parameters) {
                     if (!parameter.grad().defined()) break;
                     parameter -= rate * parameter.grad();
                     parameter.mutable_grad().reset();
                   }
                 })
        .mistake("rate_of_its_own",
                 [](const std::vector<Tensor>& parameters, double) {
                   torch::NoGradGuard no_gradients;
                   for (auto parameter : parameters) {
                     if (!parameter.grad().defined()) continue;
                     parameter -= 0.1 * parameter.grad();
                     parameter.mutable_grad().reset();
                   }
                 })
        .mistake("uphill",
                 [](const std::vector<Tensor>& parameters, double rate) {
                   torch::NoGradGuard no_gradients;
                   for (auto parameter : parameters) {
                     if (!parameter.grad().defined()) continue;
                     parameter += rate * parameter.grad();
                     parameter.mutable_grad().reset();
                   }
                 })
        .mistake("gradient_kept",
                 [](const std::vector<Tensor>& parameters, double rate) {
                   torch::NoGradGuard no_gradients;
                   for (auto parameter : parameters) {
                     if (parameter.grad().defined()) parameter -= rate * parameter.grad();
                   }
                 })
        .mistake("inside_autograd",
                 [](const std::vector<Tensor>& parameters, double rate) {
                   for (auto parameter : parameters) {
                     if (!parameter.grad().defined()) continue;
                     parameter -= rate * parameter.grad();
                     parameter.mutable_grad().reset();
                   }
                 })
        .mistake("only_the_sign",
                 [](const std::vector<Tensor>& parameters, double rate) {
                   const torch::NoGradGuard guard;
                   for (Tensor parameter : parameters) {
                     if (!parameter.grad().defined()) continue;
                     parameter.sub_(rate * torch::sign(parameter.grad()));
                     parameter.mutable_grad() = Tensor();
                   }
                 })
        .mistake("a_new_tensor", [](const std::vector<Tensor>& parameters, double rate) {
          torch::NoGradGuard no_gradients;
          for (auto parameter : parameters) {
            if (!parameter.grad().defined()) continue;
            parameter.mutable_grad() = Tensor();
            parameter = parameter - rate * parameter;
          }
        });

// 2.7
// ------------------------------------------------------------------------------------------------------------------

using Count = std::function<ParameterCount(const ModelShape&)>;

/// The right counts, then what a mistake changes of them.
Count count_wrongly(const std::function<void(ParameterCount&, const ModelShape&)>& change) {
  return [change](const ModelShape& shape) {
    const auto w = shape.width;
    ParameterCount count;
    count.token_embedding = shape.vocabulary_size * w;
    count.position_embedding = shape.context * w;
    count.attention = 4 * w * w + 4 * w;
    count.mlp = 8 * w * w + 5 * w;
    count.norms = 4 * w;
    count.final_norm = 2 * w;
    change(count, shape);
    count.block = count.attention + count.mlp + count.norms;
    count.total += count.token_embedding + count.position_embedding + shape.layers * count.block + count.final_norm;
    return count;
  };
}

[[maybe_unused]] const auto& exercise_2_7 =
    exercise<Count>("2.7", count_parameters)
        .check("parts",
               [](const Count& count_of, Answers& answers) {
                 for (const ModelShape& shape : {ModelShape{}, ModelShape{50257, 1024, 12, 12, 768},
                                                 ModelShape{11, 5, 3, 2, 8}, ModelShape{100000, 2048, 96, 96, 12288}}) {
                   const auto count = count_of(shape);
                   const auto of = " at width " + std::to_string(shape.width);
                   answers.add("token embedding" + of, count.token_embedding);
                   answers.add("position embedding" + of, count.position_embedding);
                   answers.add("attention" + of, count.attention);
                   answers.add("MLP" + of, count.mlp);
                   answers.add("norms" + of, count.norms);
                   answers.add("block" + of, count.block);
                   answers.add("final norm" + of, count.final_norm);
                   answers.add("total" + of, count.total);
                 }
               })
        .mistake("final_norm_not_added",
                 count_wrongly([](ParameterCount& count, const ModelShape& shape) { count.total = -2 * shape.width; }))
        .mistake("one_norm_a_block",
                 count_wrongly([](ParameterCount& count, const ModelShape& shape) { count.norms = 2 * shape.width; }))
        .mistake("no_mlp_biases",
                 count_wrongly([](ParameterCount& count, const ModelShape& shape) { count.mlp -= 5 * shape.width; }))
        .mistake("no_attention_biases", count_wrongly([](ParameterCount& count, const ModelShape& shape) {
                   count.attention -= 4 * shape.width;
                 }))
        .mistake("head_counted_twice", count_wrongly([](ParameterCount& count, const ModelShape& shape) {
                   count.total = shape.vocabulary_size * shape.width;
                 }))
        .mistake("no_biases", count_wrongly([](ParameterCount& count, const ModelShape& shape) {
                   count.attention -= 4 * shape.width;
                   count.mlp -= 5 * shape.width;
                   count.norms -= 2 * shape.width;
                   count.final_norm -= shape.width;
                 }))
        .mistake("matrices_a_head", count_wrongly([](ParameterCount& count, const ModelShape& shape) {
                   count.attention = shape.heads * (4 * shape.width * shape.width + 4 * shape.width);
                 }))
        .mistake("mlp_bias_width",
                 count_wrongly([](ParameterCount& count, const ModelShape& shape) { count.mlp -= 3 * shape.width; }))
        .mistake("no_final_norm", count_wrongly([](ParameterCount& count, const ModelShape&) { count.final_norm = 0; }))
        .mistake("thirty_two_bits",
                 [](const ModelShape& shape) {
                   auto count = count_wrongly([](ParameterCount&, const ModelShape&) {})(shape);
                   for (auto* part : {&count.token_embedding, &count.position_embedding, &count.attention, &count.mlp,
                                      &count.norms, &count.block, &count.final_norm, &count.total}) {
                     *part = static_cast<std::int32_t>(*part);
                   }
                   return count;
                 })
        .mistake("one_layer", count_wrongly([](ParameterCount& count, const ModelShape& shape) {
                   count.total = (1 - shape.layers) * (count.attention + count.mlp + count.norms);
                 }));

// 2.8
// ------------------------------------------------------------------------------------------------------------------

using PairForward = std::function<Tensor(PairModel&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_2_8 =
    exercise<PairForward>("2.8", [](PairModel& model, const Tensor& tokens) { return model->forward(tokens); })
        .check("logits_and_gradients",
               [](const PairForward& forward, Answers& answers) {
                 PairModel model(6, 4);
                 answers.load_parameters(*model);
                 // Larger than at the start, so that what differs shows beyond rounding.
                 torch::autograd::GradMode::set_enabled(false);
                 model->token_table *= 50;
                 model->output_table *= 50;
                 torch::autograd::GradMode::set_enabled(true);
                 const auto logits = forward(model, torch::tensor({5, 0, 3, 3}, torch::kInt64));
                 answers.add("the logits", logits);
                 answers.add_gradients(
                     logits, {{"the token table", model->token_table}, {"the output table", model->output_table}});
               })
        .check("tied",
               [](const PairForward& forward, Answers& answers) {
                 PairModel model(6, 4, /*tied=*/true);
                 answers.load_parameters(*model);
                 answers.add("the logits of a tied model", forward(model, torch::tensor({2, 4}, torch::kInt64)) * 1000);
               })
        .mistake("logarithms",
                 [](PairModel& model, const Tensor& tokens) {
                   return torch::log_softmax(model->token_table.index({tokens}).matmul(model->output_table.t()), -1);
                 })
        .mistake("scaled",
                 [](PairModel& model, const Tensor& tokens) {
                   return model->token_table.index({tokens}).matmul(model->output_table.t()) / std::sqrt(4.0);
                 })
        .mistake("tables_swapped",
                 [](PairModel& model, const Tensor& tokens) {
                   return model->output_table.index({tokens}).matmul(model->token_table.t());
                 })
        .mistake("always_tied",
                 [](PairModel& model, const Tensor& tokens) {
                   return model->token_table.index({tokens}).matmul(model->token_table.t());
                 })
        .mistake("tied_by_copy",
                 [](PairModel& model, const Tensor& tokens) {
                   return model->token_table.index({tokens}).matmul(model->output_table.detach().clone().t());
                 })
        .mistake("not_transposed",
                 [](PairModel& model, const Tensor& tokens) {
                   return torch::matmul(model->token_table.index({tokens}), model->output_table);
                 })
        .mistake("probabilities", [](PairModel& model, const Tensor& tokens) {
          return torch::softmax(model->token_table.index({tokens}).matmul(model->output_table.t()), -1);
        });

}  // namespace
}  // namespace verse
