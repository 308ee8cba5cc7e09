// More answers to exercise 11.2 of chapter 11: right ones written otherwise.

//! [11.2] right: matrix by matrix, through its singular values
const auto rows = matrices.size(-2), columns = matrices.size(-1);
std::vector<torch::Tensor> all;
for (const auto& matrix : matrices.reshape({-1, rows, columns}).to(torch::kFloat64).unbind(0)) {
  const auto [u, s, v] = torch::linalg_svd(matrix, /*full_matrices=*/false);
  auto values = s / (1.01 * s.square().sum().sqrt() + 1e-7);
  for (int step = 0; step < steps; ++step) {
    const auto& p = kPolynomials[static_cast<std::size_t>(step)];
    values = p[0] * values + p[1] * values.pow(3) + p[2] * values.pow(5);
  }
  all.push_back(u.matmul(values.unsqueeze(1) * v));
}
return torch::stack(all).view(matrices.sizes()).to(matrices.scalar_type());

//! [11.2] right: a function that calls itself for what stands
if (matrices.size(-2) > matrices.size(-1)) return orthogonalise(matrices.mT(), steps).mT();
auto x = torch::div(matrices, torch::linalg_matrix_norm(matrices, "fro", {-2, -1}, /*keepdim=*/true) * 1.01 + 1e-7);
const auto one = torch::eye(x.size(-2), x.options());
for (auto p = kPolynomials.begin(); p != kPolynomials.begin() + steps; ++p) {
  const auto a = x.matmul(x.mT());
  x = (one * (*p)[0] + a.matmul(one * (*p)[1] + a * (*p)[2])).matmul(x);
}
return x;
