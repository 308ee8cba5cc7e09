// What all kernels share: numbers of 16 bits, sums over a warp, and dropout by a number's place.
//
// These sources are compiled when a run begins, for the card that is there and for the model's own sizes: WIDTH and the
// types below are chosen then. They include nothing, so that no toolkit has to be installed.

/// A bfloat16: the upper half of a float32.
struct Half {
  unsigned short bits;
};

#ifdef NUMBERS_ARE_FLOAT
typedef float Number;  // what goes into matrix products and comes out of them
#else
typedef Half Number;
#endif
#ifdef STREAM_IS_FLOAT
typedef float Stream;  // what the residual stream and its gradient are kept in
#else
typedef Number Stream;
#endif

#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif

#ifndef KERNEL
#define KERNEL extern "C" __global__
#endif
/// Shared memory whose size is said when a kernel is asked for.
#ifndef SHARED_ROOM
#define SHARED_ROOM(name) extern __shared__ __align__(16) unsigned char name[]
#endif

#define LANES 32
#define EVERY_LANE 0xffffffffu

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Half x) { return __uint_as_float(static_cast<unsigned>(x.bits) << 16); }

/// The nearest bfloat16; of two, the even one.
__device__ inline Half nearest_half(float x) {
  Half result;
#ifdef EMULATED
  const unsigned bits = __float_as_uint(x);
  result.bits = static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
#else
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(x));
#endif
  return result;
}
__device__ inline void from_float(float x, float* to) { *to = x; }
__device__ inline void from_float(float x, Half* to) { *to = nearest_half(x); }

/// What remains of a number that is kept as a T.
template <typename T>
__device__ inline float rounded(float x) {
  T kept;
  from_float(x, &kept);
  return to_float(kept);
}

/// Several numbers that lie side by side, read or written by one instruction of up to 16 bytes.
template <typename T, int count>
struct alignas(sizeof(T) * count > 16 ? 16 : sizeof(T) * count) Pack {
  T items[count];
};

template <int count, typename T>
__device__ inline void load(const T* from, float* to) {
  const Pack<T, count> pack = *reinterpret_cast<const Pack<T, count>*>(from);
#pragma unroll
  for (int i = 0; i < count; ++i) to[i] = to_float(pack.items[i]);
}

template <int count, typename T>
__device__ inline void store(const float* from, T* to) {
  Pack<T, count> pack;
#pragma unroll
  for (int i = 0; i < count; ++i) from_float(from[i], &pack.items[i]);
  *reinterpret_cast<Pack<T, count>*>(to) = pack;
}

/// The sum over the 32 lanes of a warp; each gets it.
__device__ inline float warp_sum(float x) {
#pragma unroll
  for (int apart = LANES / 2; apart > 0; apart /= 2) x += __shfl_xor_sync(EVERY_LANE, x, apart);
  return x;
}

__device__ inline float warp_max(float x) {
#pragma unroll
  for (int apart = LANES / 2; apart > 0; apart /= 2) x = fmaxf(x, __shfl_xor_sync(EVERY_LANE, x, apart));
  return x;
}

/// The sum over a block of up to 1,024 threads, all of whose warps are full; each thread gets it. `room` has 32 places.
__device__ inline float block_sum(float x, float* room) {
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, warps = blockDim.x / LANES;
  x = warp_sum(x);
  __syncthreads();  // nobody still reads what an earlier sum left there
  if (lane == 0) room[warp] = x;
  __syncthreads();
  return warp_sum(lane < warps ? room[lane] : 0.0f);
}

/// Stirs 32 bits so that each bit of the result hangs on all of them: as given/cpu/fast_dropout.cpp does.
__device__ inline unsigned stirred(unsigned x) {
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return x ^ (x >> 16);
}

/// A number's place in its tensor. Where no tensor can have more than 2^32 numbers, 32 bits tell it.
#ifdef MANY_PLACES
typedef unsigned long long Place;
#else
typedef unsigned Place;
#endif

/// The drops of one place in the model, which has many; each with a seed of its own. The same as the processor's drop().
struct Drops {
  unsigned long long seed;
  unsigned offset, step;
  int dropped;  // of 2^24 fates
  float scale;  // of what is kept
  unsigned upper = 0;  // 32 bits of the place that `offset` and `step` are for

  __device__ Drops(const long long* step_seed, int site, int dropped_fates, float kept_scale)
      : seed(static_cast<unsigned long long>(*step_seed) + static_cast<unsigned long long>(site) * 0x9e3779b97f4a7c15ull),
        dropped(dropped_fates),
        scale(kept_scale) {
    settle();
  }

  __device__ void settle() {
    const unsigned long long mine = seed ^ stirred(upper);
    const unsigned low = static_cast<unsigned>(mine), high = static_cast<unsigned>(mine >> 32);
    offset = stirred(low + 1);
    step = stirred(offset ^ high) | 1;
  }

  /// What a number is multiplied by: 0 or `scale`. @param place of the number in its tensor
  __device__ float factor(Place place) {
    if (dropped == 0) return 1.0f;
#ifdef MANY_PLACES
    if (static_cast<unsigned>(place >> 32) != upper) {
      upper = static_cast<unsigned>(place >> 32);
      settle();
    }
#endif
    return static_cast<int>(stirred(static_cast<unsigned>(place) * step + offset) >> 8) < dropped ? 0.0f : scale;
  }
};
