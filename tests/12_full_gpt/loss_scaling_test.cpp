/// Exercise 12.9: gradients in numbers of 16 bits.

#include "12_full_gpt/loss_scaling.h"

#include <fmt/format.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;
using Unscale = std::function<bool(const std::vector<Tensor>&, LossScale&)>;

struct Slips {
  bool infinity_passes = false;
  bool last_one_decides = false;
  bool stops = false;
  bool goes_on_counting = false;
  bool grows_once = false;
  bool divides_late = false;
  bool multiplies = false;
  bool leaves_gradients = false;
  bool leaves_at_once = false;
};

/// The right way, with what a mistake makes of it.
Unscale unscaling_wrongly(const Slips& slips) {
  return [slips](const std::vector<Tensor>& parameters, LossScale& scale) {
    const torch::NoGradGuard no_gradients;
    std::vector<Tensor> gradients;
    for (const Tensor& parameter : parameters) {
      if (parameter.grad().defined()) {
        gradients.push_back(parameter.grad());
      } else if (slips.stops) {
        break;
      }
    }
    bool good = true;
    for (const Tensor& gradient : gradients) {
      const Tensor right = slips.infinity_passes ? gradient.isnan().logical_not() : gradient.isfinite();
      const bool all = right.all().item<bool>();
      good = slips.last_one_decides ? all : good && all;
    }
    const double before = scale.scale;
    if (slips.leaves_at_once && !good) {
      for (Tensor& gradient : gradients) {
        gradient.div_(before);
        if (!gradient.isfinite().all().item<bool>()) break;
      }
      return false;
    }
    if (!good) {
      scale.scale /= 2;
      if (!slips.goes_on_counting) scale.good_steps = 0;
    } else if (++scale.good_steps == scale.grow_after) {
      scale.scale *= 2;
      if (!slips.grows_once) scale.good_steps = 0;
    }
    for (Tensor& gradient : gradients) {
      if (slips.leaves_gradients) break;
      if (slips.multiplies) {
        gradient.mul_(before);
      } else {
        gradient.div_(slips.divides_late ? scale.scale : before);
      }
    }
    return good;
  };
}

/// Three parameters, of which the one in the middle has no gradient; the gradients are those of a scaled loss.
std::vector<Tensor> parameters_with(double scale, double odd_one, std::int64_t where) {
  std::vector<Tensor> parameters{normal_input({2, 3}, 1), normal_input({4}, 2), normal_input({3}, 3)};
  for (Tensor& parameter : parameters) parameter.requires_grad_();
  parameters[0].mutable_grad() = normal_input({2, 3}, 4) * scale;
  parameters[2].mutable_grad() = normal_input({3}, 5) * scale;
  if (odd_one != 0) parameters[static_cast<std::size_t>(where)].mutable_grad().flatten().slice(0, 1, 2).fill_(odd_one);
  return parameters;
}

void add_state(Answers& answers, const std::string& when, bool taken, const LossScale& scale) {
  answers.add("whether the step is taken" + when, taken ? "yes" : "no");
  answers.add("the scale" + when, scale.scale, exact);
  answers.add("the good steps" + when, scale.good_steps);
}

[[maybe_unused]] const auto& exercise_12_9 =
    exercise<Unscale>("12.9", unscale_gradients)
        .check("finite_gradients",
               [](const Unscale& unscale, Answers& answers) {
                 for (const double factor : {8.0, 65536.0}) {
                   LossScale scale{factor, 3, 10};
                   const auto parameters = parameters_with(factor, 0, 0);
                   const Tensor before = parameters[0].detach().clone();
                   const std::string when = fmt::format(", scale {:g}", factor);
                   add_state(answers, when, unscale(parameters, scale), scale);
                   answers.add("the first gradient" + when, parameters[0].grad(), exact);
                   answers.add("the last gradient" + when, parameters[2].grad(), exact);
                   answers.add("whether the second has a gradient" + when,
                               parameters[1].grad().defined() ? "yes" : "no");
                   answers.add("whether the weights are as before" + when,
                               torch::equal(before, parameters[0]) ? "yes" : "no");
                 }
               })
        .check("one_number_that_is_not_finite",
               [](const Unscale& unscale, Answers& answers) {
                 constexpr double infinity = std::numeric_limits<double>::infinity();
                 for (const auto& [name, odd_one] : {std::pair{"infinity", infinity}, std::pair{"-infinity", -infinity},
                                                     std::pair{"NaN", std::numeric_limits<double>::quiet_NaN()}}) {
                   for (const std::int64_t where : {0, 2}) {
                     LossScale scale{1024, 7, 10};
                     const auto parameters = parameters_with(1024, odd_one, where);
                     add_state(answers, fmt::format(", {} in gradient {}", name, where), unscale(parameters, scale),
                               scale);
                   }
                 }
               })
        .check("gradients_when_the_scale_grows",
               [](const Unscale& unscale, Answers& answers) {
                 LossScale scale{256, 9, 10};
                 const auto parameters = parameters_with(256, 0, 0);
                 add_state(answers, ", the tenth good step of ten", unscale(parameters, scale), scale);
                 answers.add("the first gradient, which was made with a scale of 256", parameters[0].grad(), exact);
               })
        .check("many_steps",
               [](const Unscale& unscale, Answers& answers) {
                 // Good steps until the scale has been doubled twice, a bad one, and good ones again.
                 LossScale scale{4, 0, 3};
                 std::string course;
                 for (int step = 0; step < 14; ++step) {
                   const double odd_one = step == 8 ? std::numeric_limits<double>::infinity() : 0;
                   const auto parameters = parameters_with(scale.scale, odd_one, 0);
                   unscale(parameters, scale);
                   course += fmt::format("{:g}/{} ", scale.scale, scale.good_steps);
                 }
                 answers.add("scale and good steps after each of 14 steps", course);
               })
        .mistake("infinity_passes", unscaling_wrongly, {.infinity_passes = true})
        .mistake("last_one_decides", unscaling_wrongly, {.last_one_decides = true})
        .mistake("stops_at_a_parameter_without_gradient", unscaling_wrongly, {.stops = true})
        .mistake("goes_on_counting", unscaling_wrongly, {.goes_on_counting = true})
        .mistake("grows_once_for_all", unscaling_wrongly, {.grows_once = true})
        .mistake("divides_by_the_next_scale", unscaling_wrongly, {.divides_late = true})
        .mistake("gradients_left", unscaling_wrongly, {.leaves_gradients = true})
        .mistake("scale_left", unscaling_wrongly, {.leaves_at_once = true})
        .mistake("multiplies", unscaling_wrongly, {.multiplies = true});

}  // namespace
}  // namespace verse
