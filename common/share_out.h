#pragma once

#include <cstdint>
#include <functional>

namespace verse {

/// Shares the numbers from `begin` up to `end` out among LibTorch's threads: `work(first, last)` is called for
/// stretches of at least `grain` numbers each (the last one may be shorter), some of them at the same time. Returns
/// when all are done. The first exception that `work` throws is thrown again here.
///
/// at::parallel_for() would do the same, but its loop is compiled where it is used: in a program that is not compiled
/// with OpenMP it runs on one thread. This one goes through a loop inside LibTorch's library, and so through the
/// threads that it has anyway. On each of them, operations of LibTorch that `work` asks for run on that thread alone,
/// and a guard such as NoGradGuard has to be set inside `work`.
void share_out(std::int64_t begin, std::int64_t end, std::int64_t grain,
               const std::function<void(std::int64_t first, std::int64_t last)>& work);

}  // namespace verse
