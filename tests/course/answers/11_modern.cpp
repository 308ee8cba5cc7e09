// Answers to the exercises of chapter 11: wrong ones that people give, and right ones written otherwise.

//! [11.1] wrong: four dimensions only
const auto points = x.view({x.size(0), x.size(1), x.size(2), x.size(3) / 2, 2});
const auto a = points.select(-1, 0), b = points.select(-1, 1);
return torch::stack({a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()}, -1).flatten(-2);

//! [11.1] wrong halves: halves
const auto half = x.size(-1) / 2;
const auto a = x.slice(-1, 0, half), b = x.slice(-1, half);
return torch::cat({a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()}, -1);

//! [11.1] wrong backwards: backwards
const auto points = x.unflatten(-1, {-1, 2});
const auto a = points.select(-1, 0), b = points.select(-1, 1);
return torch::stack({a * angles.cos() + b * angles.sin(), b * angles.cos() - a * angles.sin()}, -1).flatten(-2);

//! [11.1] wrong of_the_turned_one+gradient_cut: the first coordinate is overwritten before it is used
auto points = x.detach().clone().unflatten(-1, {-1, 2});
points.select(-1, 0).copy_(points.select(-1, 0) * angles.cos() - points.select(-1, 1) * angles.sin());
points.select(-1, 1).copy_(points.select(-1, 0) * angles.sin() + points.select(-1, 1) * angles.cos());
return points.flatten(-2);

//! [11.1] wrong gradient_cut
torch::NoGradGuard guard;
const auto points = x.unflatten(-1, {-1, 2});
const auto a = points.select(-1, 0), b = points.select(-1, 1);
return torch::stack({a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()}, -1).flatten(-2);

//! [11.1] right: complex numbers
const auto points = torch::view_as_complex(x.unflatten(-1, {-1, 2}).contiguous());
return torch::view_as_real(points * torch::polar(torch::ones_like(angles), angles)).flatten(-2);

//! [11.1] right: a rotation matrix for each pair
const auto c = angles.cos(), s = angles.sin();
const auto matrix = torch::stack({torch::stack({c, -s}, -1), torch::stack({s, c}, -1)}, -2);  // [time, pairs, 2, 2]
return torch::matmul(matrix, x.unflatten(-1, {-1, 2}).unsqueeze(-1)).squeeze(-1).flatten(-2);

//! [11.1] right: each cosine twice, and a swapped copy
const auto c = angles.cos().repeat_interleave(2, -1), s = angles.sin().repeat_interleave(2, -1);
const auto points = x.unflatten(-1, {-1, 2});
const auto swapped = torch::stack({-points.select(-1, 1), points.select(-1, 0)}, -1).flatten(-2);
return x * c + swapped * s;

//! [11.2] wrong the_callers_matrix_changed: divides the caller's matrix
const bool tall = matrices.size(-2) > matrices.size(-1);
auto x = tall ? matrices.transpose(-2, -1) : matrices;
x.div_(1.01 * x.norm(2, {-2, -1}, true) + 1e-7);
for (int step = 0; step < steps; ++step) {
  const auto [a, b, c] = kPolynomials[static_cast<std::size_t>(step)];
  const auto square = torch::matmul(x, x.transpose(-2, -1));
  x = a * x + torch::matmul(b * square + c * torch::matmul(square, square), x);
}
return tall ? x.transpose(-2, -1) : x;

//! [11.2] wrong one_norm_for_all: one norm for all
const bool tall = matrices.size(-2) > matrices.size(-1);
auto x = tall ? matrices.transpose(-2, -1) : matrices;
x = x / (1.01 * x.norm() + 1e-7);
for (int step = 0; step < steps; ++step) {
  const auto [a, b, c] = kPolynomials[static_cast<std::size_t>(step)];
  const auto square = torch::matmul(x, x.transpose(-2, -1));
  x = a * x + torch::matmul(b * square + c * torch::matmul(square, square), x);
}
return tall ? x.transpose(-2, -1) : x;

//! [11.2] wrong zero_by_zero: a zero matrix gives NaN
const bool tall = matrices.size(-2) > matrices.size(-1);
auto x = tall ? matrices.transpose(-2, -1) : matrices;
x = x / (1.01 * x.norm(2, {-2, -1}, true));
for (int step = 0; step < steps; ++step) {
  const auto [a, b, c] = kPolynomials[static_cast<std::size_t>(step)];
  const auto square = torch::matmul(x, x.transpose(-2, -1));
  x = a * x + torch::matmul(b * square + c * torch::matmul(square, square), x);
}
return tall ? x.transpose(-2, -1) : x;

//! [11.2] wrong always_three_rounds: always three rounds
const bool tall = matrices.size(-2) > matrices.size(-1);
auto x = tall ? matrices.transpose(-2, -1) : matrices;
x = x / (1.01 * x.norm(2, {-2, -1}, true) + 1e-7);
for (const auto& [a, b, c] : kPolynomials) {
  const auto square = torch::matmul(x, x.transpose(-2, -1));
  x = a * x + torch::matmul(b * square + c * torch::matmul(square, square), x);
}
return tall ? x.transpose(-2, -1) : x;

//! [11.2] wrong still_lying: left lying
auto x = matrices.size(-2) > matrices.size(-1) ? matrices.transpose(-2, -1) : matrices;
x = x / (1.01 * x.norm(2, {-2, -1}, true) + 1e-7);
for (int step = 0; step < steps; ++step) {
  const auto [a, b, c] = kPolynomials[static_cast<std::size_t>(step)];
  const auto square = torch::matmul(x, x.transpose(-2, -1));
  x = a * x + torch::matmul(b * square + c * torch::matmul(square, square), x);
}
return x;

//! [11.2] right: never laid down, the products on the other side
auto x = matrices / (1.01 * matrices.square().sum({-2, -1}, true).sqrt() + 1e-7);
for (int step = 0; step < steps; ++step) {
  const auto [a, b, c] = kPolynomials[static_cast<std::size_t>(step)];
  const auto square = torch::matmul(x.mT(), x);
  x = a * x + b * torch::matmul(x, square) + c * torch::matmul(torch::matmul(x, square), square);
}
return x;
