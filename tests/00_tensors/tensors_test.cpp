#include "00_tensors/tensors.h"

#include <algorithm>
#include <memory>
#include <string>

#include "tests/harness/check.h"
#include "tests/harness/operations.h"

namespace verse {
namespace {

using torch::Tensor;

// 0.1
// ------------------------------------------------------------------------------------------------------------------

using Facts = std::function<TensorFacts(const Tensor&)>;

[[maybe_unused]] const auto& exercise_0_1 =
    exercise<Facts>("0.1", facts_of)
        .check(
            "facts",
            [](const Facts& facts, Answers& answers) {
              for (const auto& tensor : {torch::zeros({2, 3, 5}), torch::zeros({7}, torch::kInt64),
                                         torch::zeros({4, 6}, torch::kBool), torch::zeros({3, 8}, torch::kFloat64)}) {
                const auto found = facts(tensor);
                const auto of = " of a tensor with " + std::to_string(tensor.dim()) + " dimension(s), " +
                                c10::toString(tensor.scalar_type());
                answers.add("dimensions" + of, found.dimensions);
                answers.add("elements" + of, found.elements);
                answers.add("last size" + of, found.last_size);
                answers.add("floating" + of, found.floating);
              }
            })
        .mistake("first_size_for_elements",
                 [](const Tensor& tensor) {
                   return TensorFacts{tensor.dim(), tensor.size(0), tensor.size(-1), tensor.is_floating_point()};
                 })
        .mistake("first_size_for_last",
                 [](const Tensor& tensor) {
                   return TensorFacts{tensor.dim(), tensor.numel(), tensor.size(0), tensor.is_floating_point()};
                 })
        .mistake("float32_only",
                 [](const Tensor& tensor) {
                   return TensorFacts{tensor.dim(), tensor.numel(), tensor.size(-1),
                                      tensor.scalar_type() == torch::kFloat32};
                 })
        .mistake("floating_forgotten",
                 [](const Tensor& tensor) {
                   return TensorFacts{tensor.dim(), tensor.numel(), tensor.size(-1), false};
                 })
        .mistake("all_but_int64",
                 [](const Tensor& tensor) {
                   return TensorFacts{tensor.dim(), tensor.numel(), tensor.size(-1), tensor.dtype() != torch::kLong};
                 })
        .mistake("last_size_for_dimensions", [](const Tensor& tensor) {
          return TensorFacts{tensor.size(-1), tensor.numel(), tensor.size(-1), tensor.is_floating_point()};
        });

// 0.2
// ------------------------------------------------------------------------------------------------------------------

using OnTable = std::function<Tensor(const Tensor&)>;

[[maybe_unused]] const auto& exercise_0_2 =
    exercise<OnTable>("0.2", centre_rows)
        .check("a_wide_table",
               [](const OnTable& centre, Answers& answers) {
                 answers.add("the centred table", centre(normal_input({3, 5}, 1, 4.0)));
               })
        .check("a_square_table",
               [](const OnTable& centre, Answers& answers) {
                 // In a square table a mean along the wrong dimension fits without an error.
                 answers.add("the centred table", centre(normal_input({4, 4}, 2, 4.0)));
               })
        .check("the_table_stays",
               [](const OnTable& centre, Answers& answers) {
                 const auto table = normal_input({2, 3}, 3);
                 centre(table);
                 answers.add("the table that was passed in, afterwards", table);
               })
        .check("gradients",
               [](const OnTable& centre, Answers& answers) {
                 const auto table = normal_input({3, 5}, 4).requires_grad_();
                 answers.add_gradients(centre(table), {{"the table", table}});
               })
        .mistake("standardised",
                 [](const Tensor& table) { return (table - table.mean(1, true)) / table.std(1, true, true); })
        .mistake("column_means", [](const Tensor& table) { return table - table.mean(0, true); })
        .mistake("mean_of_everything", [](const Tensor& table) { return table - table.mean(); })
        .mistake("dimension_dropped", [](const Tensor& table) { return table - table.mean(1); })
        .mistake("sum_for_mean", [](const Tensor& table) { return table - table.sum(1, true); })
        .mistake("in_place", [](Tensor table) { return table.sub_(table.mean(1, true)); });

// 0.3
// ------------------------------------------------------------------------------------------------------------------

[[maybe_unused]] const auto& exercise_0_3 =
    exercise<OnTable>("0.3", read_by_columns)
        .check("column_after_column",
               [](const OnTable& read, Answers& answers) {
                 answers.add("the numbers", read(torch::arange(12).view({3, 4})), exact);
               })
        .check("gradients",
               [](const OnTable& read, Answers& answers) {
                 const auto table = normal_input({3, 4}, 5).requires_grad_();
                 const auto numbers = read(table);
                 answers.add("the numbers", numbers, exact);
                 answers.add_gradients(numbers, {{"the table", table}});
               })
        .mistake("row_after_row", [](const Tensor& table) { return table.view({-1}); })
        .mistake("view_for_transpose",
                 [](const Tensor& table) {
                   return table.view({table.size(1), table.size(0)}).flip(0).reshape({-1});
                 })
        .mistake("still_a_table", [](const Tensor& table) { return table.t().contiguous(); })
        .mistake("not_contiguous", [](const Tensor& table) { return table.t().view({-1}); });

// 0.4
// ------------------------------------------------------------------------------------------------------------------

using Products = std::function<Tensor(const Tensor&, const Tensor&)>;

[[maybe_unused]] const auto& exercise_0_4 =
    exercise<Products>("0.4", all_dot_products)
        .check("products_and_gradients",
               [](const Products& products, Answers& answers) {
                 const auto left = normal_input({2, 3, 4}, 5).requires_grad_();
                 const auto right = normal_input({2, 5, 4}, 6).requires_grad_();
                 const auto result = products(left, right);
                 answers.add("the products", result);
                 answers.add_gradients(result, {{"left", left}, {"right", right}});
               })
        .check("equal_sizes",
               [](const Products& products, Answers& answers) {
                 // Where all sizes are equal, a product of the wrong dimensions fits without an error.
                 answers.add("the products of 3 x 3 vectors of width 3",
                             products(normal_input({3, 3, 3}, 7), normal_input({3, 3, 3}, 8)));
               })
        .mistake("view_for_transpose",
                 [](const Tensor& left, const Tensor& right) {
                   return left.matmul(right.reshape({right.size(0), right.size(2), right.size(1)}));
                 })
        .mistake("not_transposed", [](const Tensor& left, const Tensor& right) { return left.matmul(right); })
        .mistake("right_with_left",
                 [](const Tensor& left, const Tensor& right) { return right.matmul(left.transpose(-2, -1)); })
        .mistake("batch_transposed",
                 [](const Tensor& left, const Tensor& right) { return left.matmul(right.transpose(0, 1)); })
        .mistake("element_by_element", [](const Tensor& left, const Tensor& right) { return left * right; })
        .mistake("batches_added", [](const Tensor& left, const Tensor& right) {
          return left.matmul(right.transpose(-2, -1)).sum(0, true).expand({left.size(0), -1, -1});
        });

// 0.5
// ------------------------------------------------------------------------------------------------------------------

using ThreeSlopes = std::function<Slopes(double, double)>;

/// The right slopes, then what a mistake changes of them.
ThreeSlopes slopes_wrongly(const std::function<void(Slopes&, double, double)>& change) {
  return [change](double x, double step) {
    const auto f = [](double place) { return place * place * place - 2 * place; };
    Slopes slopes{3 * x * x - 2, (f(x + step) - f(x - step)) / (2 * step), 3 * x * x - 2};
    change(slopes, x, step);
    return slopes;
  };
}

double cubic(double x) {
  return x * x * x - 2 * x;
}

[[maybe_unused]] const auto& exercise_0_5 =
    exercise<ThreeSlopes>("0.5", three_slopes)
        .check("slopes",
               [](const ThreeSlopes& slopes_at, Answers& answers) {
                 // A difference of two numbers of size 1 that lie 0.01 apart keeps 13 digits.
                 const Tolerance difference{1e-11, 0, "the difference of two nearly equal numbers loses digits"};
                 for (const double x : {-1.5, 0.25, 0.1, 2.0}) {
                   // 0.1 is no float32 number. Another step gives another difference.
                   const auto slopes = slopes_at(x, x == 2.0 ? 0.5 : 0.01);
                   const auto where = " at x = " + std::to_string(x);
                   answers.add("by hand" + where, slopes.by_hand);
                   answers.add("by difference" + where, slopes.by_difference, difference);
                   answers.add("by backward" + where, slopes.by_backward);
                 }
               })
        .mistake("step_of_its_own", slopes_wrongly([](Slopes& slopes, double x, double) {
                   slopes.by_difference = (cubic(x + 1e-4) - cubic(x - 1e-4)) / 2e-4;
                 }))
        .mistake("sign_of_the_second_term",
                 slopes_wrongly([](Slopes& slopes, double x, double) { slopes.by_hand = 3 * x * x + 2; }))
        .mistake("by_hand_three_times",
                 slopes_wrongly([](Slopes& slopes, double x, double) { slopes.by_difference = 3 * x * x - 2; }))
        .mistake("derivative_without_constant",
                 slopes_wrongly([](Slopes& slopes, double x, double) { slopes.by_hand = 3 * x * x; }))
        .mistake("one_sided", slopes_wrongly([](Slopes& slopes, double x, double step) {
                   slopes.by_difference = (cubic(x + step) - cubic(x)) / step;
                 }))
        .mistake("divided_by_one_step", slopes_wrongly([](Slopes& slopes, double x, double step) {
                   slopes.by_difference = (cubic(x + step) - cubic(x - step)) / step;
                 }))
        .mistake("value_for_gradient",
                 slopes_wrongly([](Slopes& slopes, double x, double) { slopes.by_backward = cubic(x); }))
        .mistake("backward_twice",
                 slopes_wrongly([](Slopes& slopes, double x, double) { slopes.by_backward = 2 * (3 * x * x - 2); }));

// 0.6
// ------------------------------------------------------------------------------------------------------------------

/// What a check needs of a layer, whatever its class: its parameters, and its result.
struct Layer {
  std::shared_ptr<torch::nn::Module> module;
  std::function<Tensor(const Tensor&)> forward;
};
using MakeLayer = std::function<Layer(std::int64_t, std::int64_t)>;

/// A layer that registers as a mistake has it.
class Misregistered : public torch::nn::Module {
 public:
  explicit Misregistered(const std::function<void(Misregistered&)>& construct) { construct(*this); }
  using torch::nn::Module::register_buffer;
  using torch::nn::Module::register_parameter;

  Tensor weight;
  Tensor bias;
};

MakeLayer layer_wrongly(const std::function<void(Misregistered&, std::int64_t, std::int64_t)>& construct) {
  return [construct](std::int64_t inputs, std::int64_t outputs) {
    const auto layer = std::make_shared<Misregistered>([&](Misregistered& made) { construct(made, inputs, outputs); });
    return Layer{layer, [layer](const Tensor& x) { return x.matmul(layer->weight.t()) + layer->bias; }};
  };
}

/// In the order of the alphabet: which was registered first does not matter.
std::string names_of(const torch::OrderedDict<std::string, Tensor>& parameters) {
  auto names = parameters.keys();
  std::sort(names.begin(), names.end());
  std::string line;
  for (const auto& name : names) line += (line.empty() ? "`" : ", `") + name + "`";
  return line.empty() ? "none" : line;
}

[[maybe_unused]] const auto& exercise_0_6 =
    exercise<MakeLayer>("0.6",
                        [](std::int64_t inputs, std::int64_t outputs) {
                          Line line(inputs, outputs);
                          return Layer{line.ptr(), [line](const Tensor& x) mutable { return line->forward(x); }};
                        })
        .check("first_values",
               [](const MakeLayer& make, Answers& answers) {
                 // Wide enough that the deviation of what was drawn is known to a few per cent.
                 const auto layer = make(200, 100);
                 const auto parameters = layer.module->named_parameters();
                 answers.add("the names under which parameters are registered", names_of(parameters));
                 for (const auto& name : {"weight", "bias"}) {
                   const auto* parameter = parameters.find(name);
                   if (parameter == nullptr) continue;  // its name is missing above
                   answers.add(std::string("`") + name + "` learns (requires a gradient)", parameter->requires_grad());
                   const Tolerance drawn{0.005, 0, "it is estimated from what was drawn"};
                   answers.add(std::string("deviation of `") + name + "`",
                               parameter->detach().std(false).item<double>(), drawn);
                   answers.add(std::string("mean of `") + name + "`", parameter->detach().mean().item<double>(),
                               Tolerance{0.003, 0, drawn.reason});
                   // Of normally distributed numbers, one in twenty lies further out than two deviations.
                   answers.add(std::string("share of `") + name + "` beyond 0.2",
                               (parameter->detach().abs() > 0.2).to(torch::kFloat64).mean().item<double>(),
                               Tolerance{0.01, 0, drawn.reason});
                 }
               })
        .check("result",
               [](const MakeLayer& make, Answers& answers) {
                 const auto layer = make(3, 2);
                 answers.load_parameters(*layer.module);
                 answers.add("the result", layer.forward(normal_input({4, 3}, 9)));
               })
        .mistake("no_gradient", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({outputs, inputs}) * 0.1, false);
                   layer.bias = layer.register_parameter("bias", torch::zeros({outputs}), false);
                 }))
        .mistake("uniform", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::rand({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_parameter("bias", torch::zeros({outputs}));
                 }))
        .mistake("bias_ones", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_parameter("bias", torch::ones({outputs}));
                 }))
        .mistake("bias_drawn", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_parameter("bias", torch::randn({outputs}) * 0.1);
                 }))
        .mistake("weights_zero", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::zeros({outputs, inputs}));
                   layer.bias = layer.register_parameter("bias", torch::zeros({outputs}));
                 }))
        .mistake("members_not_assigned",
                 layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
                   layer.register_parameter("bias", torch::zeros({outputs}));
                 }))
        .mistake("other_names", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("w", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_parameter("b", torch::zeros({outputs}));
                 }))
        .mistake("buffers", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_buffer("weight", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_buffer("bias", torch::zeros({outputs}));
                 }))
        .mistake("not_registered", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = torch::randn({outputs, inputs}) * 0.1;
                   layer.bias = torch::zeros({outputs});
                 }))
        .mistake("bias_not_registered",
                 layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = torch::zeros({outputs});
                 }))
        .mistake("weight_transposed",
                 layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({inputs, outputs}) * 0.1);
                   layer.bias = layer.register_parameter("bias", torch::zeros({outputs}));
                 }))
        .mistake("other_names", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weights", torch::randn({outputs, inputs}) * 0.1);
                   layer.bias = layer.register_parameter("biases", torch::zeros({outputs}));
                 }))
        .mistake("too_large", layer_wrongly([](Misregistered& layer, std::int64_t inputs, std::int64_t outputs) {
                   layer.weight = layer.register_parameter("weight", torch::randn({outputs, inputs}));
                   layer.bias = layer.register_parameter("bias", torch::zeros({outputs}));
                 }));

// 0.7
// ------------------------------------------------------------------------------------------------------------------

using NeuronBackwards = std::function<NeuronGradients(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>;

/// The way back on its own, with a switch for each slip.
struct NeuronSlip {
  double twice = 2;
  bool averages = true, tanh_counts = true, tanh_at_what_went_in = false;
  bool first_alone = false, mean = false, weight_for_x = false, squared = true, summed = true;
};

NeuronBackwards neuron_with(const NeuronSlip& slip) {
  return [slip](const Tensor& x, const Tensor& target, const Tensor& weight, const Tensor& bias) {
    const auto sum = weight * x + bias, activation = torch::tanh(sum);
    NeuronGradients gradients;
    gradients.activation = slip.twice * (activation - target);
    if (slip.averages) gradients.activation = gradients.activation / x.size(0);
    const auto there = slip.tanh_at_what_went_in ? sum : activation;
    const auto slope = 1 - (slip.squared ? there.square() : there);
    gradients.sum = slip.tanh_counts ? gradients.activation * slope : gradients.activation;
    const auto together = [&slip](const Tensor& each) {
      return !slip.summed ? each : slip.first_alone ? each[0] : slip.mean ? each.mean() : each.sum();
    };
    gradients.weight = together(gradients.sum * (slip.weight_for_x ? weight : x));
    gradients.bias = together(gradients.sum);
    return gradients;
  };
}

[[maybe_unused]] const auto& exercise_0_7 =
    exercise<NeuronBackwards>("0.7", neuron_backwards)
        .check("gradients",
               [](const NeuronBackwards& backwards, Answers& answers) {
                 const auto x = normal_input({5}, 21), target = normal_input({5}, 22, 0.5);
                 const auto gradients = backwards(x, target, torch::tensor(0.7), torch::tensor(-0.3));
                 answers.add("gradient with respect to what tanh gave", gradients.activation);
                 answers.add("gradient with respect to the sum", gradients.sum);
                 answers.add("gradient with respect to the weight", gradients.weight);
                 answers.add("gradient with respect to the bias", gradients.bias);
               })
        .check("by_hand",
               [](const NeuronBackwards& backwards, Answers& answers) {
                 const auto x = normal_input({3}, 23), target = normal_input({3}, 24, 0.5);
                 const auto steps_back =
                     operations_called([&] { backwards(x, target, torch::tensor(0.2), torch::tensor(0.1)); },
                                       at::RecordScope::BACKWARD_FUNCTION);
                 answers.add("the gradients are worked out", steps_back.empty() ? "by hand" : "by autograd");
               })
        .mistake("not_averaged", neuron_with, {.averages = false})
        .mistake("two_forgotten", neuron_with, {.twice = 1})
        .mistake("target_minus_activation", neuron_with, {.twice = -2})
        .mistake("tanh_skipped", neuron_with, {.tanh_counts = false})
        .mistake("derivative_at_the_gradient", neuron_with, {.tanh_at_what_went_in = true})
        .mistake("one_example", neuron_with, {.first_alone = true})
        .mistake("mean_of_the_examples", neuron_with, {.mean = true})
        .mistake("weight_for_x", neuron_with, {.weight_for_x = true})
        .mistake("whole_number_division", neuron_with, {.twice = 0})
        .mistake("square_forgotten", neuron_with, {.squared = false})
        .mistake("not_summed", neuron_with, {.summed = false})
        .mistake("by_autograd", [](const Tensor& x, const Tensor& target, const Tensor& weight, const Tensor& bias) {
          const auto w = weight.detach().requires_grad_(), b = bias.detach().requires_grad_();
          const auto sum = w * x + b, activation = torch::tanh(sum);
          const auto gradients = torch::autograd::grad({torch::mse_loss(activation, target)}, {activation, sum, w, b});
          return NeuronGradients{gradients[0], gradients[1], gradients[2], gradients[3]};
        });

}  // namespace
}  // namespace verse
