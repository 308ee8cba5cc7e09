#pragma once

/// @file
/// Two slips at once. Many known mistakes are made by one function from a struct of switches, one for each slip; what
/// two of them do together is then the same function with the switches of both.

#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

namespace verse {

/// Stands for whatever a field wants to be initialised from.
struct AnyField {
  template <typename Field>
  operator Field() const;  // NOLINT: implicit is what it is for
};

template <typename Slip, std::size_t... fields>
constexpr bool takes_fields(std::index_sequence<fields...>) {
  return requires {
    Slip{(static_cast<void>(fields), AnyField{})...};
  };
}

/// How many fields a struct without constructors has.
template <typename Slip, std::size_t count = 1>
constexpr std::size_t field_count() {
  if constexpr (takes_fields<Slip>(std::make_index_sequence<count + 1>{})) {
    return field_count<Slip, count + 1>();
  } else {
    return count;
  }
}

/// References to all fields, in their order.
template <typename Slip>
auto fields_of(Slip& slip) {
  constexpr std::size_t count = field_count<Slip>();
  static_assert(count <= 20, "a struct of slips has at most 20 fields; another line here takes more");
  // clang-format off
  if constexpr (count == 1) { auto& [a] = slip; return std::tie(a); }
  if constexpr (count == 2) { auto& [a, b] = slip; return std::tie(a, b); }
  if constexpr (count == 3) { auto& [a, b, c] = slip; return std::tie(a, b, c); }
  if constexpr (count == 4) { auto& [a, b, c, d] = slip; return std::tie(a, b, c, d); }
  if constexpr (count == 5) { auto& [a, b, c, d, e] = slip; return std::tie(a, b, c, d, e); }
  if constexpr (count == 6) { auto& [a, b, c, d, e, f] = slip; return std::tie(a, b, c, d, e, f); }
  if constexpr (count == 7) { auto& [a, b, c, d, e, f, g] = slip; return std::tie(a, b, c, d, e, f, g); }
  if constexpr (count == 8) { auto& [a, b, c, d, e, f, g, h] = slip; return std::tie(a, b, c, d, e, f, g, h); }
  if constexpr (count == 9) { auto& [a, b, c, d, e, f, g, h, i] = slip; return std::tie(a, b, c, d, e, f, g, h, i); }
  if constexpr (count == 10) {
    auto& [a, b, c, d, e, f, g, h, i, j] = slip; return std::tie(a, b, c, d, e, f, g, h, i, j);
  }
  if constexpr (count == 11) {
    auto& [a, b, c, d, e, f, g, h, i, j, k] = slip; return std::tie(a, b, c, d, e, f, g, h, i, j, k);
  }
  if constexpr (count == 12) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l] = slip; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
  }
  if constexpr (count == 13) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = slip; return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m);
  }
  if constexpr (count == 14) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
  }
  if constexpr (count == 15) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
  }
  if constexpr (count == 16) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
  }
  if constexpr (count == 17) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
  }
  if constexpr (count == 18) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
  }
  if constexpr (count == 19) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
  }
  if constexpr (count == 20) {
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = slip;
    return std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
  }
  // clang-format on
}

/// Both slips at once: what either changes of the struct as it is by itself. Nothing where both change one field, since
/// these two cannot happen together.
template <typename Slip>
std::optional<Slip> together(const Slip& one, const Slip& other) {
  const Slip none{};
  Slip both = one;
  bool possible = true;
  const auto take_over = [&possible](auto& field, const auto& by_itself, const auto& others) {
    if (others == by_itself) return;
    possible = possible && field == by_itself;
    field = others;
  };
  const auto fields = fields_of(both);
  const auto untouched = fields_of(none), others = fields_of(other);
  [&]<std::size_t... index>(std::index_sequence<index...>) {
    (take_over(std::get<index>(fields), std::get<index>(untouched), std::get<index>(others)), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(fields)>>{});
  return possible ? std::optional(both) : std::nullopt;
}

}  // namespace verse
