#include "12_full_gpt/data_parallel.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "tests/12_full_gpt/ring_of_threads.h"
#include "tests/harness/check.h"

namespace verse {
namespace {

using torch::Tensor;

// 12.7
// -----------------------------------------------------------------------------------------------------------------

using Share = std::function<Rows(std::int64_t, int, int)>;

/// Sharing with the parts that a mistake gets wrong.
Share sharing(const std::function<std::int64_t(std::int64_t, int, int)>& first,
              const std::function<std::int64_t(std::int64_t, int, int)>& count,
              const std::function<double(std::int64_t, std::int64_t, int)>& weight) {
  return [=](std::int64_t rows, int rank, int size) {
    const std::int64_t mine = count(rows, rank, size);
    return Rows{first(rows, rank, size), mine, weight(mine, rows, size)};
  };
}

std::int64_t right_first(std::int64_t rows, int rank, int size) {
  return rank * (rows / size) + std::min<std::int64_t>(rank, rows % size);
}

std::int64_t right_count(std::int64_t rows, int rank, int size) {
  return rows / size + (rank < rows % size ? 1 : 0);
}

double right_weight(std::int64_t mine, std::int64_t rows, int size) {
  return static_cast<double>(mine * size) / static_cast<double>(rows);
}

std::int64_t even_first(std::int64_t rows, int rank, int size) {
  return rank * (rows / size);
}

[[maybe_unused]] const auto& exercise_12_7 =
    exercise<Share>("12.7", rows_of)
        .check("shares",
               [](const Share& share, Answers& answers) {
                 for (const auto& [rows, size] :
                      std::vector<std::pair<std::int64_t, int>>{{12, 1}, {12, 4}, {7, 3}, {11, 4}, {5, 5}}) {
                   for (int rank = 0; rank < size; ++rank) {
                     const Rows mine = share(rows, rank, size);
                     const std::string whose = fmt::format(" of rank {} of {}, {} rows", rank, size, rows);
                     answers.add("the first row" + whose, mine.first);
                     answers.add("the number of rows" + whose, mine.count);
                     answers.add("the weight" + whose, mine.weight);
                   }
                 }
               })
        .mistake("rest_dropped", sharing(
                                     even_first, [](auto rows, int, int size) { return rows / size; },
                                     [](auto, auto, int) { return 1.0; }))
        .mistake("rest_to_the_last", sharing(
                                         even_first,
                                         [](std::int64_t rows, int rank, int size) {
                                           return rows / size + (rank == size - 1 ? rows % size : 0);
                                         },
                                         right_weight))
        .mistake("first_without_rest", sharing(even_first, right_count, right_weight))
        .mistake("equal_weights", sharing(right_first, right_count, [](auto, auto, int) { return 1.0; }))
        .mistake("share_alone", sharing(right_first, right_count, [](std::int64_t mine, std::int64_t rows, int) {
                   return static_cast<double>(mine) / static_cast<double>(rows);
                 }));

// 12.8
// -----------------------------------------------------------------------------------------------------------------

using Average = std::function<void(Ring&, Tensor)>;

/// What a mistake makes of the ring.
struct Turning {
  bool divides = true;
  bool second_half = true;
  bool copies = true;
  bool right_chunk = true;
  bool receives_first = true;
};

Average turning_wrongly(const Turning& turning) {
  return [turning](Ring& ring, Tensor x) {
    const torch::NoGradGuard no_gradients;
    const std::int64_t n = ring.size();
    const auto chunks = torch::tensor_split(x, n);
    const auto chunk = [&](std::int64_t back) {
      return chunks[static_cast<std::size_t>((ring.rank() + 2 * n - back) % n)];
    };
    for (std::int64_t turn = 0; turn < (turning.second_half ? 2 : 1) * (n - 1); ++turn) {
      auto filled = chunk(turn + 1);
      auto incoming = torch::empty_like(filled);
      ring.start_sending(turning.right_chunk ? chunk(turn) : chunk(0));
      if (turning.receives_first) ring.receive(incoming);
      ring.finish_sending();
      if (!turning.receives_first) ring.receive(incoming);
      if (turn < n - 1 || !turning.copies) {
        filled.add_(incoming);
      } else {
        filled.copy_(incoming);
      }
    }
    if (turning.divides) x.div_(static_cast<double>(n));
  };
}

/// A ring's answers: what each rank ends with, how much one sends, or that nothing moves.
void go_round(const Average& average, Answers& answers, int size, std::int64_t numbers) {
  std::vector<Tensor> tensors;
  for (int rank = 0; rank < size; ++rank) {
    tensors.push_back(normal_input({numbers}, static_cast<std::uint64_t>(100 * size + rank)).to(torch::kFloat64));
  }
  const std::string which = fmt::format(", {} numbers on {} ranks", numbers, size);
  RingOfThreads ring(size);
  std::string course = "all ranks come to the end";
  try {
    ring.run([&](Ring& member) { average(member, tensors[static_cast<std::size_t>(member.rank())]); });
  } catch (const Stuck& stuck) {
    course = stuck.what();
  }
  answers.add("what happens" + which, course);
  if (course != "all ranks come to the end") return;
  for (int rank = 0; rank < size; ++rank) {
    answers.add(fmt::format("rank {}'s numbers{}", rank, which), tensors[static_cast<std::size_t>(rank)],
                double_rounding);
  }
  double apart = 0;
  for (const Tensor& tensor : tensors) {
    if (numbers > 0) apart = std::max(apart, (tensor - tensors[0]).abs().max().item<double>());
  }
  answers.add("the largest difference between two ranks" + which, apart, exact);
  answers.add("how many numbers rank 0 sends" + which, ring.sent_by(0));
}

[[maybe_unused]] const auto& exercise_12_8 =
    exercise<Average>("12.8", average_around)
        .check("alone", [](const Average& average, Answers& answers) { go_round(average, answers, 1, 5); })
        .check("even_chunks",
               [](const Average& average, Answers& answers) {
                 for (const int size : {2, 3, 4}) go_round(average, answers, size, 12);
               })
        .check("uneven_chunks",
               [](const Average& average, Answers& answers) {
                 go_round(average, answers, 3, 10);
                 go_round(average, answers, 4, 2);
               })
        .mistake("no_division", turning_wrongly, {.divides = false})
        .mistake("half_way", turning_wrongly, {.second_half = false})
        .mistake("adds_to_the_end", turning_wrongly, {.copies = false})
        .mistake("wrong_chunk", turning_wrongly, {.right_chunk = false})
        .mistake("all_wait_for_their_neighbour", turning_wrongly, {.receives_first = false});

}  // namespace
}  // namespace verse
