#include "12_full_gpt/given/gpu/settings.h"

#include <ATen/Context.h>

#include <cmath>
#include <cstdlib>

namespace verse {

bool cudnn_drops_exactly(double dropout) {
  const double sixteenths = 16 * dropout;
  return sixteenths == std::floor(sixteenths);
}

void settle_gpu(double dropout, bool deterministic) {
  auto& context = at::globalContext();
  context.setSDPUseCuDNN(cudnn_drops_exactly(dropout) && !deterministic);
  if (!deterministic) return;
  // cuBLAS gives the same bits each time only in a workspace of a fixed size, and LibTorch insists on that.
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
  context.setDeterministicAlgorithms(true, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);
}

}  // namespace verse
