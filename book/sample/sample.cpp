// What "For authors" shows: a listing, a changed listing and an exercise. Compiled by book/tests.
#include <algorithm>
#include <cmath>
#include <vector>

namespace sample {

//! [softmax]
std::vector<double> softmax(std::vector<double> x) {
  double sum = 0;
  for (double& xi : x) sum += xi = std::exp(xi);
  for (double& xi : x) xi /= sum;
  return x;
}
//! [softmax]

//! [stable]
std::vector<double> stable_softmax(std::vector<double> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (double& xi : x) sum += xi = std::exp(xi - largest);
  for (double& xi : x) xi /= sum;
  return x;
}
//! [stable]

/// The mean of some numbers.
double mean(const std::vector<double>& x) {
  //! [A.1]
  double sum = 0;
  for (const double xi : x) sum += xi;
  return sum / static_cast<double>(x.size());
  //! [A.1]
}

}  // namespace sample
