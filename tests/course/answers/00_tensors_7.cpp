// Answers to exercise 0.7 of chapter 0: wrong ones that people give, and right ones written otherwise.

//! [0.7] wrong not_averaged: the loss as a sum
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = (y - target) * 2;
g.sum = g.activation - g.activation * y * y;
g.weight = g.sum.dot(x);
g.bias = g.sum.sum();
return g;

//! [0.7] wrong two_forgotten: the square's 2
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = (y - target).div(static_cast<double>(x.numel()));
g.sum = g.activation * (1 - y * y);
g.weight = g.sum.dot(x);
g.bias = g.sum.sum();
return g;

//! [0.7] wrong target_minus_activation: the sign
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2.0 / x.numel() * (target - y);
g.sum = g.activation * (1 - y.pow(2));
g.weight = g.sum.dot(x);
g.bias = g.sum.sum();
return g;

//! [0.7] wrong tanh_skipped: straight through
NeuronGradients g;
g.activation = 2.0 / x.numel() * (torch::tanh(weight * x + bias) - target);
g.sum = g.activation.clone();
g.weight = torch::dot(g.sum, x);
g.bias = torch::sum(g.sum);
return g;

//! [0.7] wrong derivative_at_the_gradient: of what went in
NeuronGradients g;
const auto z = torch::addcmul(bias, weight, x);
g.activation = 2.0 / x.numel() * (z.tanh() - target);
g.sum = g.activation.mul(1 - z.pow(2));
g.weight = torch::dot(g.sum, x);
g.bias = torch::sum(g.sum);
return g;

//! [0.7] wrong mean_of_the_examples: averaged twice
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2 * (y - target) / x.size(0);
g.sum = g.activation * (1 - y * y);
g.weight = torch::mean(x * g.sum);
g.bias = torch::mean(g.sum);
return g;

//! [0.7] wrong weight_for_x: the other factor
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2 * (y - target) / x.size(0);
g.sum = g.activation * (1 - y * y);
g.weight = (weight * g.sum).sum();
g.bias = g.sum.sum();
return g;

//! [0.7] wrong square_forgotten: tanh's derivative without the square
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2 * (y - target) / x.size(0);
g.sum = g.activation * (1 - y);
g.weight = (x * g.sum).sum();
g.bias = g.sum.sum();
return g;

//! [0.7] wrong not_summed: weight and bias left as one number an example
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2 * (y - target) / x.size(0);
g.sum = g.activation * (1 - y * y);
g.weight = g.sum * x;
g.bias = g.sum;
return g;

//! [0.7] wrong whole_number_division: 2 / n
NeuronGradients g;
const auto y = (weight * x + bias).tanh();
g.activation = 2 / x.numel() * (y - target);
g.sum = g.activation * (1 - y * y);
g.weight = (x * g.sum).sum();
g.bias = g.sum.sum();
return g;

//! [0.7] wrong by_autograd: backward(), and what was in between kept
const auto w = weight.clone().requires_grad_(true);
const auto b = bias.clone().requires_grad_(true);
auto z = w * x + b;
z.retain_grad();
auto y = torch::tanh(z);
y.retain_grad();
(y - target).pow(2).mean().backward();
NeuronGradients g;
g.activation = y.grad();
g.sum = z.grad();
g.weight = w.grad();
g.bias = b.grad();
return g;

//! [0.7] wrong by_autograd: the first step by hand, the others by autograd
NeuronGradients g;
auto z = (weight * x + bias).set_requires_grad(true);
const auto y = z.tanh();
g.activation = (2 * (y - target) / x.numel()).detach();
g.sum = torch::autograd::grad({y}, {z}, {g.activation})[0];
g.weight = g.sum.dot(x);
g.bias = g.sum.sum();
return g;

//! [0.7] wrong by_autograd: weight and bias alone by autograd
NeuronGradients g;
{
  const torch::NoGradGuard guard;
  const auto y = (weight * x + bias).tanh();
  g.activation = (y - target) * (2.0 / x.numel());
  g.sum = (1 - y.square()) * g.activation;
}
const auto w = torch::tensor(weight.item<float>(), torch::requires_grad());
const auto b = torch::tensor(bias.item<float>(), torch::requires_grad());
torch::mse_loss((w * x + b).tanh(), target).backward();
g.weight = w.grad();
g.bias = b.grad();
return g;

//! [0.7] wrong not_averaged+tanh_skipped: neither the mean nor the tanh
NeuronGradients g;
g.activation = (torch::tanh(bias + weight * x) - target) * 2;
g.sum = g.activation;
g.weight = torch::dot(g.sum, x);
g.bias = g.sum.sum();
return g;

//! [0.7] wrong mean_of_the_examples+target_minus_activation: the sign, and the mean of what comes back
NeuronGradients g;
const auto y = torch::tanh(bias + weight * x);
g.activation = (target - y) * (2.0 / x.numel());
g.sum = g.activation * (1 - y.pow(2));
g.weight = (g.sum * x).mean();
g.bias = g.sum.mean();
return g;

//! [0.7] right: 1 / cosh squared, and a dot product
NeuronGradients g;
const auto z = weight * x + bias;
const auto each = 2.0 / static_cast<double>(x.size(0));
g.activation = each * (z.tanh() - target);
g.sum = g.activation / z.cosh().square();
g.weight = torch::dot(x, g.sum);
g.bias = torch::dot(torch::ones_like(x), g.sum);
return g;

//! [0.7] right: example by example, in double
const std::int64_t n = x.numel();
const auto in = x.to(torch::kFloat64), wanted = target.to(torch::kFloat64);
const double w = weight.item<double>(), b = bias.item<double>();
auto of_activation = torch::empty({n}, torch::kFloat64), of_sum = torch::empty({n}, torch::kFloat64);
double of_weight = 0, of_bias = 0;
for (std::int64_t i = 0; i < n; ++i) {
  const double xi = in[i].item<double>(), y = std::tanh(w * xi + b);
  const double arrived = 2 * (y - wanted[i].item<double>()) / static_cast<double>(n), before = arrived * (1 + y) * (1 - y);
  of_activation[i] = arrived;
  of_sum[i] = before;
  of_weight += before * xi;
  of_bias += before;
}
const auto kind = x.scalar_type();
return {of_activation.to(kind), of_sum.to(kind), torch::tensor(of_weight, kind), torch::tensor(of_bias, kind)};

//! [0.7] right: LibTorch's own backward functions
NeuronGradients g;
const auto y = torch::tanh(torch::add(torch::mul(x, weight), bias));
g.activation = at::mse_loss_backward(torch::ones({}), y, target, at::Reduction::Mean);
g.sum = at::tanh_backward(g.activation, y);
g.weight = torch::einsum("i,i->", {g.sum, x});
g.bias = torch::einsum("i->", {g.sum});
return g;
