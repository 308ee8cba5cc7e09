// Answers to exercises 0.1 to 0.6 of chapter 0: wrong ones that people give, and right ones written otherwise.

//! [0.1] wrong first_size_for_last: the first size for the last
TensorFacts facts;
facts.dimensions = tensor.dim();
facts.elements = tensor.numel();
facts.last_size = tensor.size(0);
facts.floating = tensor.is_floating_point();
return facts;

//! [0.1] wrong first_size_for_elements: the elements of the first dimension only
TensorFacts facts;
facts.dimensions = tensor.dim();
facts.elements = tensor.size(0);
facts.last_size = tensor.size(-1);
facts.floating = tensor.is_floating_point();
return facts;

//! [0.1] wrong float32_only: only float32 counts as floating
TensorFacts facts;
facts.dimensions = tensor.dim();
facts.elements = tensor.numel();
facts.last_size = tensor.size(-1);
facts.floating = tensor.dtype() == torch::kFloat32;
return facts;

//! [0.1] wrong all_but_int64: not an integer, so floating
TensorFacts facts;
facts.dimensions = tensor.dim();
facts.elements = tensor.numel();
facts.last_size = tensor.size(-1);
facts.floating = tensor.scalar_type() != torch::kInt64;
return facts;

//! [0.1] wrong floating_forgotten: floating is forgotten
TensorFacts facts;
facts.dimensions = tensor.dim();
facts.elements = tensor.numel();
facts.last_size = tensor.size(-1);
return facts;

//! [0.1] right: through sizes()
TensorFacts facts;
const auto sizes = tensor.sizes();
facts.dimensions = static_cast<std::int64_t>(sizes.size());
facts.elements = 1;
for (const auto size : sizes) facts.elements *= size;
facts.last_size = sizes.back();
facts.floating = at::isFloatingType(tensor.scalar_type());
return facts;

//! [0.1] right: read off a vector of sizes, from the back
const std::vector<std::int64_t> sizes = tensor.sizes().vec();
const bool floating = tensor.dtype() == torch::kFloat32 || tensor.dtype() == torch::kFloat64 || tensor.dtype() == torch::kFloat16 || tensor.dtype() == torch::kBFloat16;
return {static_cast<std::int64_t>(sizes.size()), std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>()), *sizes.rbegin(), floating};

//! [0.1] right: by what indexing leaves over
TensorFacts facts{};
auto rest = tensor;
facts.elements = 1;
while (rest.ndimension() > 0) {
  facts.last_size = rest.size(0);
  facts.elements *= rest.size(0);
  ++facts.dimensions;
  if (rest.size(0) == 0) {
    facts.dimensions = tensor.ndimension();
    facts.last_size = tensor.size(tensor.dim() - 1);
    break;
  }
  rest = rest[0];
}
facts.floating = torch::is_floating_point(tensor);
return facts;

//! [0.2] wrong column_means: over the columns
return table - table.mean(0);

//! [0.2] wrong mean_of_everything: one mean for all
return table - table.mean();

//! [0.2] wrong dimension_dropped: without keepdim
return table - table.mean(1);

//! [0.2] wrong sum_for_mean: the sum
return table - table.sum(1, true);

//! [0.2] wrong standardised: standardised
return (table - table.mean(1, true)) / table.std(1, true, true);

//! [0.2] wrong in_place: in place
torch::Tensor result = table;
result -= table.mean(1, true);
return result;

//! [0.2] wrong gradient_cut
torch::NoGradGuard guard;
return table - table.mean(1, true);

//! [0.2] right: a loop over the rows
std::vector<torch::Tensor> rows;
for (std::int64_t row = 0; row < table.size(0); ++row) rows.push_back(table[row] - table[row].mean());
return torch::stack(rows);

//! [0.2] right: unsqueezed by hand, the sum over the count
return table - (table.sum(1) / table.size(1)).unsqueeze(1);

//! [0.2] right: sub
return torch::sub(table, table.mean(1).view({-1, 1}));

//! [0.3] wrong row_after_row: row after row
return table.flatten();

//! [0.3] wrong still_a_table: the columns, as a table
return table.t().contiguous();

//! [0.3] wrong row_after_row: view in another shape
return table.view({table.size(1), table.size(0)}).flatten();

//! [0.3] wrong not_contiguous: view of what is not contiguous
return table.t().view({-1});

//! [0.3] wrong: columns backwards
return table.flip({1}).t().flatten();

//! [0.3] right: reshape
return table.t().reshape({-1});

//! [0.3] right: the columns joined
return torch::cat(table.unbind(1));

//! [0.3] right: permute, flatten
return table.permute({1, 0}).flatten();

//! [0.4] wrong element_by_element: element by element
return left * right;

//! [0.4] wrong view_for_transpose: view for transpose
return torch::matmul(left, right.view({right.size(0), right.size(2), right.size(1)}));

//! [0.4] wrong view_for_transpose: reshape for transpose
return left.matmul(right.reshape({right.size(0), right.size(2), -1}));

//! [0.4] wrong right_with_left: the other way round
return torch::matmul(right, left.transpose(-2, -1));

//! [0.4] wrong: only the pairs of the same place
return (left * right.narrow(1, 0, 1)).sum(-1);

//! [0.4] wrong batch_transposed: the batch transposed
return torch::matmul(left, right.transpose(0, 1));

//! [0.4] right: einsum
return torch::einsum("bnw,bmw->bnm", {left, right});

//! [0.4] right: bmm
return torch::bmm(left, right.mT());

//! [0.4] right: multiplied and added up
return (left.unsqueeze(2) * right.unsqueeze(1)).sum(-1);

//! [0.5] wrong: the derivative of x^3 + 2x
Slopes slopes;
slopes.by_hand = 3 * x * x + 2;
slopes.by_difference = 0;
const auto input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] wrong one_sided: forward difference
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
slopes.by_difference = (at(x + step) - at(x)) / step;
const auto input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] wrong divided_by_one_step: not halved
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
slopes.by_difference = (at(x + step) - at(x - step)) / step;
const auto input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] wrong computed_in_float: autograd in float32
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
slopes.by_difference = (at(x + step) - at(x - step)) / (2 * step);
const auto input = torch::tensor(x, torch::requires_grad());
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] wrong computed_in_float: the difference in float32
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(static_cast<float>(place))).item<double>(); };
slopes.by_difference = (at(x + step) - at(x - step)) / (2 * step);
const auto input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] wrong by_hand_three_times: by hand for all three
const double slope = 3 * x * x - 2;
return {slope, slope, slope};

//! [0.5] wrong value_for_gradient: the value for the slope
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
slopes.by_difference = (at(x + step) - at(x - step)) / (2 * step);
slopes.by_backward = at(x);
return slopes;

//! [0.5] wrong step_of_its_own: a step of its own
Slopes slopes;
slopes.by_hand = 3 * x * x - 2;
const auto at = [](double place) { return curve(torch::tensor(place, torch::kFloat64)).item<double>(); };
slopes.by_difference = (at(x + 1e-4) - at(x - 1e-4)) / 2e-4;
const auto input = torch::tensor(x, torch::dtype(torch::kFloat64).requires_grad(true));
curve(input).backward();
slopes.by_backward = input.grad().item<double>();
return slopes;

//! [0.5] right: autograd::grad, and the curve written out in doubles
const auto f = [](double place) { return place * place * place - 2 * place; };
const auto input = torch::full({}, x, torch::kFloat64).requires_grad_();
const auto slope = torch::autograd::grad({curve(input)}, {input})[0];
return {3 * std::pow(x, 2) - 2, (f(x + step) - f(x - step)) / step / 2, slope.item<double>()};

//! [0.5] right: by Horner, both places in one tensor
Slopes slopes;
slopes.by_hand = -2 + x * (x * 3);
const auto places = curve(torch::tensor({x + step, x - step}, torch::kDouble));
slopes.by_difference = places.diff().neg().div(step + step).item<double>();
auto place = torch::tensor({x}, torch::kDouble);
place.set_requires_grad(true);
curve(place).sum().backward();
slopes.by_backward = place.grad()[0].item<double>();
return slopes;

//! [0.5] right: in long double by hand, backward with a gradient of its own
const long double exact_x = x;
const auto rise = [](long double p) { return p * (p * p - 2); };
const long double h = step;
const auto leaf = torch::from_blob(&x, {1}, torch::kFloat64).clone().requires_grad_(true);
curve(leaf).backward(torch::full({1}, 1.0, torch::kFloat64));
const auto by_difference = (rise(exact_x + h) - rise(exact_x - h)) / (2 * h);
return {static_cast<double>(3 * exact_x * exact_x - 2), static_cast<double>(by_difference), *leaf.grad().data_ptr<double>()};

//! [0.6] wrong not_registered: plain tensors
weight = torch::randn({outputs, inputs}) * 0.1;
bias = torch::zeros({outputs});

//! [0.6] wrong members_not_assigned: registered, but the members never assigned
register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
register_parameter("bias", torch::zeros({outputs}));

//! [0.6] wrong buffers: buffers
weight = register_buffer("weight", torch::randn({outputs, inputs}) * 0.1);
bias = register_buffer("bias", torch::zeros({outputs}));

//! [0.6] wrong other_names: other names
weight = register_parameter("w", torch::randn({outputs, inputs}) * 0.1);
bias = register_parameter("b", torch::zeros({outputs}));

//! [0.6] wrong weight_transposed: the shape turned round
weight = register_parameter("weight", torch::randn({inputs, outputs}) * 0.1);
bias = register_parameter("bias", torch::zeros({outputs}));

//! [0.6] wrong too_large: deviation 1
weight = register_parameter("weight", torch::randn({outputs, inputs}));
bias = register_parameter("bias", torch::zeros({outputs}));

//! [0.6] wrong weights_zero: the weights zeros
weight = register_parameter("weight", torch::zeros({outputs, inputs}));
bias = register_parameter("bias", torch::zeros({outputs}));

//! [0.6] wrong uniform: uniform
weight = register_parameter("weight", torch::rand({outputs, inputs}) * 0.1);
bias = register_parameter("bias", torch::zeros({outputs}));

//! [0.6] wrong bias_drawn: biases drawn too
weight = register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
bias = register_parameter("bias", torch::randn({outputs}) * 0.1);

//! [0.6] wrong bias_ones: biases ones
weight = register_parameter("weight", torch::randn({outputs, inputs}) * 0.1);
bias = register_parameter("bias", torch::ones({outputs}));

//! [0.6] wrong no_gradient: no gradient asked for
weight = register_parameter("weight", torch::randn({outputs, inputs}) * 0.1, false);
bias = register_parameter("bias", torch::zeros({outputs}), false);

//! [0.6] wrong other_names: names in another number
weight = register_parameter("weights", torch::randn({outputs, inputs}) * 0.1);
bias = register_parameter("biases", torch::zeros({outputs}));

//! [0.6] right: normal_ under a guard
weight = register_parameter("weight", torch::empty({outputs, inputs}));
bias = register_parameter("bias", torch::empty({outputs}));
torch::NoGradGuard guard;
weight.normal_(0, 0.1);
bias.zero_();

//! [0.6] right: the bias first
bias = register_parameter("bias", torch::zeros(outputs));
weight = register_parameter("weight", 0.1 * torch::randn({outputs, inputs}));

//! [0.6] right: registered by the members' own names, drawn by torch::normal
register_parameter("weight", at::normal(0.0, 0.1, {outputs, inputs}));
register_parameter("bias", torch::full({outputs}, 0.0f));
weight = named_parameters()["weight"];
bias = *named_parameters().find("bias");
