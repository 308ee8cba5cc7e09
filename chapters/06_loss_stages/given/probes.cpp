#include "06_loss_stages/given/probes.h"

#include <cmath>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "common/base/text.h"

namespace verse {

double answers_differ(const LogitsFunction& model, const torch::Tensor& tokens) {
  const torch::NoGradGuard no_gradients;
  return (model(tokens) - model(tokens)).abs().max().item<double>();
}

std::optional<double> share_seen_before(const std::string& train, const std::string& validation, std::int64_t length) {
  const std::u32string known = decode_utf8(train), text = decode_utf8(validation);
  const auto size = static_cast<std::size_t>(length);
  if (text.size() < size) return std::nullopt;

  // The windows that are looked for, then one walk through the training text.
  std::unordered_set<std::u32string_view> wanted, found;
  for (std::size_t i = 0; i + size <= text.size(); i += size) wanted.insert(std::u32string_view(text).substr(i, size));
  for (std::size_t i = 0; i + size <= known.size(); ++i) {
    const auto here = wanted.find(std::u32string_view(known).substr(i, size));
    if (here != wanted.end()) found.insert(*here);
  }

  // A window that occurs twice counts twice.
  std::size_t windows = 0, seen = 0;
  for (std::size_t i = 0; i + size <= text.size(); i += size) {
    ++windows;
    seen += found.count(std::u32string_view(text).substr(i, size));
  }
  return static_cast<double>(seen) / static_cast<double>(windows);
}

std::optional<double> sample_surprise(const std::string& train, const std::string& sample) {
  const std::u32string known = decode_utf8(train), text = decode_utf8(sample);
  if (text.size() < 20) return std::nullopt;
  std::unordered_map<std::uint64_t, double> pairs;
  std::unordered_map<char32_t, double> firsts;
  const auto pair = [](char32_t one, char32_t next) { return (static_cast<std::uint64_t>(one) << 32) + next; };
  for (std::size_t i = 1; i < known.size(); ++i) {
    pairs[pair(known[i - 1], known[i])] += 1;
    firsts[known[i - 1]] += 1;
  }
  const auto different = static_cast<double>(std::set<char32_t>(known.begin(), known.end()).size());
  const auto count = [](const auto& counts, auto key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0.0 : found->second;
  };
  double sum = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    sum -= std::log((count(pairs, pair(text[i - 1], text[i])) + 1) / (count(firsts, text[i - 1]) + different));
  }
  return sum / static_cast<double>(text.size() - 1);
}

std::optional<double> share_of_rounded(const std::vector<torch::Tensor>& parameters) {
  const torch::NoGradGuard no_gradients;
  std::int64_t all = 0, rounded = 0;
  for (const torch::Tensor& parameter : parameters) {
    const auto weights = parameter.to(torch::kFloat).flatten();
    const auto counts = weights != 0;
    all += counts.sum().item<std::int64_t>();
    rounded += counts.logical_and(weights.to(torch::kBFloat16).to(torch::kFloat) == weights).sum().item<std::int64_t>();
  }
  if (all == 0) return std::nullopt;
  return static_cast<double>(rounded) / static_cast<double>(all);
}

}  // namespace verse
