#include "tests/harness/difference.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>
#include <utility>

#include "common/base/text.h"

namespace verse {
namespace {

/// A number with so many digits; whole ones whole, and no minus before a zero.
std::string number_text(double number, int digits = 6) {
  if (number == 0) return "0";
  if (std::abs(number) < 1e15 && number == std::floor(number)) return fmt::format("{:.0f}", number);
  return fmt::format("{:.{}g}", number, digits);
}

/// Two numbers that differ, with as many digits as tell them apart.
std::pair<std::string, std::string> numbers_apart(double one, double other) {
  constexpr int most_digits = 17;
  int digits = 6;
  while (digits < most_digits && number_text(one, digits) == number_text(other, digits)) ++digits;
  return {number_text(one, digits), number_text(other, digits)};
}

/// The index of an element, counted in the order of memory of a contiguous tensor, as [i, j, k].
std::string index_text(std::int64_t flat, at::IntArrayRef sizes) {
  std::vector<std::int64_t> index(sizes.size());
  for (std::size_t dimension = sizes.size(); dimension-- > 0;) {
    index[dimension] = flat % sizes[dimension];
    flat /= sizes[dimension];
  }
  return fmt::format("[{}]", fmt::join(index, ", "));
}

/// What was written down on a processor may meet an answer of another device, which says itself how far off that may
/// be.
const Tolerance& wider(const Tolerance& one, const Tolerance& other) {
  return other.absolute + other.relative > one.absolute + one.relative ? other : one;
}

/// So close to a float64 result comes what was worked out in float32.
constexpr double kFloat32Rounding = 3e-6;

std::optional<Difference> tensor_difference(const std::string& name, const torch::Tensor& expected,
                                            const Answers::Answer& answer, const Tolerance& tolerance, double slack) {
  const auto& got = std::get<torch::Tensor>(answer.value);
  if (!expected.defined() && !got.defined()) return std::nullopt;  // two that are wrong alike
  if (!expected.defined()) return Difference{fmt::format("`{}` was given a value.", name), ""};
  if (!got.defined())
    return Difference{fmt::format("`{}` is an undefined tensor: it was never given a value.", name), ""};
  if (expected.sizes() != got.sizes()) {
    return Difference{fmt::format("`{}` has the wrong shape.\n  expected: {}\n  got:      {}", name,
                                  shape_text(expected), shape_text(got)),
                      ""};
  }
  if (expected.scalar_type() != got.scalar_type()) {
    const bool float_for_double = expected.scalar_type() == torch::kFloat64 && got.scalar_type() == torch::kFloat32;
    return Difference{fmt::format("`{}` has the wrong element type.\n  expected: {}\n  got:      {}", name,
                                  c10::toString(expected.scalar_type()), c10::toString(got.scalar_type())),
                      float_for_double ? "computed_in_float" : ""};
  }
  if (expected.numel() == 0) return std::nullopt;

  // Compare in float64. Infinities of one sign are equal, as is NaN where NaN is right.
  const auto want = expected.to(torch::kFloat64).contiguous().flatten();
  const auto have = got.detach().to(torch::kFloat64).contiguous().flatten();
  const auto gap = (have - want).abs();
  const auto within = want.isfinite() & (gap <= slack * (tolerance.absolute + tolerance.relative * want.abs()));
  const auto close = within | (have == want) | (have.isnan() & want.isnan());
  if (close.all().item<bool>()) return std::nullopt;

  // Say where the difference is largest (no number at all is the largest), and how bad it is on the whole.
  const auto apart = close.logical_not();
  const auto sizes = torch::where(apart, gap.nan_to_num(INFINITY, INFINITY, INFINITY), -1.0);
  const std::int64_t worst = sizes.argmax().item<std::int64_t>();
  const double expected_there = want[worst].item<double>();
  const double got_there = have[worst].item<double>();
  const std::string place = expected.dim() == 0                     ? ""
                            : apart.sum().item<std::int64_t>() == 1 ? " at " + index_text(worst, expected.sizes())
                                                                    : " most at " + index_text(worst, expected.sizes());
  const auto [expected_text, got_text] = numbers_apart(expected_there, got_there);
  std::string text =
      fmt::format("`{}` differs{}.\n  expected: {}\n  got:      {}", name, place, expected_text, got_text);
  if (std::isfinite(got_there) && std::isfinite(expected_there)) {
    text += fmt::format("  (off by {})", number_text(std::abs(got_there - expected_there), 3));
  }
  if (answer.input.defined() && answer.input.numel() == expected.numel()) {
    text += fmt::format("\n  where the input is {}",
                        number_text(answer.input.to(torch::kFloat64).contiguous().flatten()[worst].item<double>()));
  }
  if (expected.numel() > 1) {
    text += fmt::format("\n  {} of {} numbers differ", apart.sum().item<std::int64_t>(), expected.numel());
    const std::int64_t nan = (have.isnan() & want.isnan().logical_not()).sum().item<std::int64_t>();
    if (nan > 0) text += fmt::format("; {} are NaN", nan);
    text += ".";
  }
  // What float32 would give of a float64 result is off by a millionth everywhere, and nowhere by more.
  const double scale = want.abs().nan_to_num(0, 0, 0).max().item<double>();
  const bool in_float = expected.scalar_type() == torch::kFloat64 && have.isfinite().equal(want.isfinite()) &&
                        gap.nan_to_num(0, 0, 0).max().item<double>() <= kFloat32Rounding * scale &&
                        tolerance.relative + tolerance.absolute > 0;
  if (in_float) {
    text +=
        "\n  Nearly right, and not as close as double gets: something on the way may be in float (float32), or a small "
        "number was added.";
  }
  if (tolerance.absolute > 0 || tolerance.relative > 0) {
    text += fmt::format("\n  (allowed: {:g} + {:g} x |expected|, because {})", tolerance.absolute, tolerance.relative,
                        tolerance.reason);
  }
  // Only numbers that float32 can hold show that they went through it.
  const bool held_by_float = torch::equal(have, have.to(torch::kFloat32).to(torch::kFloat64));
  return Difference{text, in_float && held_by_float ? "computed_in_float" : ""};
}

/// Two lists of names, as what is missing and what is too much; empty where these are no lists of one kind.
std::string list_difference(const std::string& expected, const std::string& got) {
  const auto items = [](const std::string& text) {
    std::vector<std::string> all;
    for (const std::string& item : split(text, ',')) all.emplace_back(trimmed(item));
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto want = items(expected), have = items(got);
  if (want.size() < 3 || have.size() < 2) return {};
  std::vector<std::string> missing, extra;
  std::set_difference(want.begin(), want.end(), have.begin(), have.end(), std::back_inserter(missing));
  std::set_difference(have.begin(), have.end(), want.begin(), want.end(), std::back_inserter(extra));
  if (missing.size() * 2 > want.size()) return {};
  if (missing.empty() && extra.empty()) return "\n  the same entries, in another order";
  std::string text;
  if (!missing.empty()) text += fmt::format("\n  missing:  {}", fmt::join(missing, ", "));
  if (!extra.empty()) text += fmt::format("\n  too much: {}", fmt::join(extra, ", "));
  return text;
}

constexpr const char* kUndefinedTensor = "a tensor was used that has no value";
constexpr const char* kNoSuchElement = "an element was asked for that is not there";
constexpr const char* kEmptyOptional = "an empty std::optional was asked for its value";

/// The kind of what is said, where every exercise can have it.
std::string kind_of_text(const std::string& text) {
  static const std::pair<const char*, const char*> kinds[] = {{kNoGradientFlows, "gradient_cut"},
                                                              {kUndefinedTensor, "undefined_tensor"},
                                                              {kNoSuchElement, "no_such_element"},
                                                              {kEmptyOptional, "empty_optional"}};
  for (const auto& [part, kind] : kinds) {
    if (text.find(part) != std::string::npos) return kind;
  }
  return {};
}

Difference text_difference(const std::string& name, const std::string& expected, const std::string& got) {
  return {fmt::format("{}:\n  expected: {}\n  got:      {}{}", name, expected, got, list_difference(expected, got)),
          kind_of_text(got)};
}

/// Whether an effect is one of those that the other side has too.
bool is_among(const std::string& effect, const Answers::Effects& effects) {
  return std::any_of(effects.begin(), effects.end(), [&](const auto& other) { return other.second == effect; });
}

}  // namespace

std::string shape_text(const torch::Tensor& tensor) {
  if (tensor.dim() == 0) return "a single number";
  std::ostringstream text;
  text << "shape " << tensor.sizes();
  return text.str();
}

std::optional<Difference> find_difference(const Answers& expected, const Answers& got, double slack) {
  for (std::size_t i = 0; i < got.all().size(); ++i) {
    const auto& have = got.all()[i];
    const auto* have_text = std::get_if<std::string>(&have.value);
    if (i >= expected.all().size() || expected.all()[i].name != have.name) {
      // Only what ended the check early stands under a name that the other side does not have.
      return Difference{have_text ? fmt::format("{}: {}", have.name, *have_text)
                                  : fmt::format("`{}` was not expected here.", have.name),
                        have_text ? kind_of_text(*have_text) : ""};
    }
    const auto& want = expected.all()[i];
    const auto* want_text = std::get_if<std::string>(&want.value);
    if (want_text && have_text) {
      if (*want_text != *have_text) return text_difference(have.name, *want_text, *have_text);
    } else if (want_text || have_text) {
      return Difference{fmt::format("{}: {}", have.name, have_text ? *have_text : "a tensor where a text was expected"),
                        ""};
    } else if (auto difference = tensor_difference(have.name, std::get<torch::Tensor>(want.value), have,
                                                   wider(want.tolerance, have.tolerance), slack)) {
      return difference;
    }
  }
  if (got.all().size() < expected.all().size()) {
    return Difference{fmt::format("`{}` is missing: the check ended before it.", expected.all()[got.all().size()].name),
                      ""};
  }
  // What was done beside answering; the reference's own side effects are allowed.
  for (const auto& [kind, effect] : got.effects()) {
    if (!is_among(effect, expected.effects())) return Difference{effect, kind};
  }
  return std::nullopt;
}

std::optional<std::string> only_kind(const Answers& expected, const Answers& got) {
  std::set<std::string> kinds;  // "" is a difference without a kind
  bool ended = false;
  for (std::size_t i = 0; i < got.all().size() && !ended; ++i) {
    const auto& have = got.all()[i];
    const auto* have_text = std::get_if<std::string>(&have.value);
    if (i >= expected.all().size() || expected.all()[i].name != have.name) {
      kinds.insert(have_text ? kind_of_text(*have_text) : "");
      ended = true;
      continue;
    }
    const auto& want = expected.all()[i];
    const auto* want_text = std::get_if<std::string>(&want.value);
    if (want_text || have_text) {
      if (!want_text || !have_text || *want_text != *have_text) kinds.insert(have_text ? kind_of_text(*have_text) : "");
      continue;
    }
    const auto& wanted = std::get<torch::Tensor>(want.value);
    const auto difference = tensor_difference(have.name, wanted, have, want.tolerance, 1.0);
    if (!difference) continue;
    kinds.insert(difference->kind);
    const auto& value = std::get<torch::Tensor>(have.value);
    if (difference->kind.empty() || wanted.scalar_type() == value.scalar_type()) continue;
    // Another type may hide other numbers.
    const Answers::Answer in_its_type{have.name, value.to(wanted.scalar_type()), have.tolerance, have.input};
    const auto hidden = tensor_difference(have.name, wanted, in_its_type, want.tolerance, 1.0);
    if (hidden) kinds.insert(hidden->kind);
  }
  if (!ended && got.all().size() < expected.all().size()) kinds.insert("");
  for (const auto& [kind, effect] : got.effects()) {
    if (!is_among(effect, expected.effects())) kinds.insert(kind);
  }
  if (kinds.size() > 1 || kinds.count("") > 0) return std::nullopt;
  return kinds.empty() ? std::string() : *kinds.begin();
}

std::optional<std::string> first_difference(const Answers& expected, const Answers& got, double slack) {
  const auto difference = find_difference(expected, got, slack);
  return difference ? std::optional(difference->text) : std::nullopt;
}

std::string explain_libtorch_error(const std::string& message) {
  static const std::pair<const char*, const char*> sentences[] = {
      {"undefined Tensor",
       "a tensor was used that has no value (such as .grad() before backward(), a member that was never assigned, or "
       "an argument that may be left out: ask .defined() first)"},
      {"Expected a proper Tensor but got None",
       "a tensor was used that has no value (such as .grad() before backward(), a member that was never assigned, or "
       "an argument that may be left out: ask .defined() first)"},
      {"with 0 elements cannot be converted to Scalar", "item() was asked of a tensor without elements"},
      {"elements cannot be converted to Scalar", "item() was asked of a tensor with more than one element"},
      {"Can only index with tensors that are scalars",
       "a tensor of several numbers stands between [ and ], which take one: index({...}) and index_select() take many"},
      {"tensors used as indices must be", "a tensor of another type than int64 or bool was used as an index"},
      {"does not require grad and does not have a grad_fn",
       "backward() was called on something that no parameter leads to: it was cut off (a NoGradGuard, detach(), "
       "item()) "
       "or worked out of constants"},
      {"a leaf Variable that requires grad is being used in an in-place operation",
       "a parameter was changed in place while gradients are recorded: a NoGradGuard belongs around that"},
      {"must match the size of tensor b", "two shapes do not fit together"},
      {"shapes cannot be multiplied", "the shapes of a matrix product do not fit together"},
  };
  for (const auto& [part, sentence] : sentences) {
    if (message.find(part) != std::string::npos) return fmt::format("{} (LibTorch says: {})", sentence, message);
  }
  return message;
}

std::string explain_exception(const std::string& message) {
  if (message == "bad optional access") return fmt::format("{} ({})", kEmptyOptional, message);
  if (message.find("_M_range_check") != std::string::npos) return fmt::format("{} ({})", kNoSuchElement, message);
  return message;
}

}  // namespace verse
