// Causal attention over texts of up to 256 positions with heads 64 wide, there and back: a block of 8 warps has one head
// of one text, whose queries, keys and values all fit into the memory that a block shares.
//
// Products are made by the units for matrices: a warp multiplies [16, 16] by [16, 8] at once. Each lane holds a few
// numbers of each matrix, always in the same way: of an outcome, lane l has the numbers in columns 2 (l % 4) and the
// one after, of rows l / 4 and l / 4 + 8. CONTEXT, HEADS and WIDTH are the model's; CONTEXT is a multiple of 32.

#define FEATURES 64
#define ROWS_OF_TILE 16                    // queries that a warp has at a time
#define TILES (CONTEXT / ROWS_OF_TILE)
#define KEYS_AT_A_TIME 32
#define KEY_TILES (KEYS_AT_A_TIME / 8)
#define FEATURE_TILES (FEATURES / 8)
#define DEPTHS (FEATURES / 16)             // steps in which a product over the features is made
#define TURNS ((TILES + WARPS_OF_HEAD - 1) / WARPS_OF_HEAD)
#define WARPS_OF_HEAD 8
#define LOG2_E 1.4426950408889634f

__device__ inline float power_of_2(float x) {
#ifdef EMULATED
  return exp2f(x);
#else
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#endif
}

/// Two numbers as bfloat16 in one word, the first in its lower half.
__device__ inline unsigned packed(float first, float second) {
#ifdef EMULATED
  return nearest_half(first).bits | static_cast<unsigned>(nearest_half(second).bits) << 16;
#else
  unsigned word;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
  return word;
#endif
}

/// c += a b, [16, 16] by [16, 8], by a whole warp.
__device__ inline void multiply_add(float* c, const unsigned* a, const unsigned* b) {
#ifdef EMULATED
  emulated::multiply_add(c, a, b);
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/// Four matrices of [8, 8] from shared memory, as multiply_add() wants them; lane l says where row l % 8 of matrix l / 8
/// is. `turned`: transposed on the way.
template <bool turned>
__device__ inline void load_matrices(const Half* row, unsigned* to) {
#ifdef EMULATED
  emulated::load_matrices(row, to, turned);
#else
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if (turned) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  }
#endif
}

/// Where 8 features of a position are in a [.., 64] matrix in shared memory. The order of a row's eights changes from row
/// to row, so that the same eight of eight rows lies in eight different banks.
__device__ inline int spot(int row, int eight) { return row * FEATURES + ((eight ^ (row & 7)) * 8); }

/// The same in a [.., 32] matrix.
__device__ inline int narrow_spot(int row, int eight) {
  return row * KEYS_AT_A_TIME + ((eight ^ ((row >> 1) & 3)) * 8);
}

/// Copies a head's [CONTEXT, 64] numbers into shared memory. @param apart numbers from one position to the next
__device__ inline void fetch(const Half* from, int apart, Half* to) {
  for (int i = threadIdx.x; i < CONTEXT * 8; i += WARPS_OF_HEAD * LANES) {
    const int row = i / 8, eight = i % 8;
    *reinterpret_cast<Pack<Half, 8>*>(to + spot(row, eight)) =
        *reinterpret_cast<const Pack<Half, 8>*>(from + static_cast<long long>(row) * apart + eight * 8);
  }
}

/// The tile of queries that a warp has in a turn: early and late ones change places, since late ones see more keys.
__device__ inline int tile_of(int turn, int warp) {
  return turn * WARPS_OF_HEAD + (turn % 2 == 0 ? warp : WARPS_OF_HEAD - 1 - warp);
}

/// A tile's rows of a matrix in shared memory, for the left side of a product over the features.
__device__ inline void load_left(const Half* matrix, int tile, int lane, unsigned (*to)[4]) {
#pragma unroll
  for (int depth = 0; depth < DEPTHS; ++depth) {
    load_matrices<false>(matrix + spot(tile * ROWS_OF_TILE + lane % 16, depth * 2 + lane / 16), to[depth]);
  }
}

/// Products of a tile's rows with 32 keys' (or values') rows, over the features: [16, 32].
__device__ inline void multiply_with_rows(const unsigned (*left)[4], const Half* matrix, int first, int lane,
                                          float (*out)[4]) {
#pragma unroll
  for (int i = 0; i < KEY_TILES; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) out[i][j] = 0;
  }
#pragma unroll
  for (int depth = 0; depth < DEPTHS; ++depth) {
#pragma unroll
    for (int pair = 0; pair < KEY_TILES / 2; ++pair) {
      unsigned right[4];
      load_matrices<false>(matrix + spot(first + pair * 16 + lane / 16 * 8 + lane % 8, depth * 2 + lane / 8 % 2), right);
      multiply_add(out[2 * pair], left[depth], right);
      multiply_add(out[2 * pair + 1], left[depth], right + 2);
    }
  }
}

/// out += a [16, 32] matrix that lanes hold, times 32 rows of a matrix in shared memory: [16, 64].
__device__ inline void multiply_with_columns(const float (*held)[4], const Half* matrix, int first, int lane,
                                             float (*out)[4]) {
#pragma unroll
  for (int step = 0; step < KEYS_AT_A_TIME / 16; ++step) {
    const float *one = held[2 * step], *other = held[2 * step + 1];
    const unsigned left[4] = {packed(one[0], one[1]), packed(one[2], one[3]), packed(other[0], other[1]),
                              packed(other[2], other[3])};
#pragma unroll
    for (int pair = 0; pair < FEATURE_TILES / 2; ++pair) {
      unsigned right[4];
      load_matrices<true>(matrix + spot(first + step * 16 + lane % 16, pair * 2 + lane / 16), right);
      multiply_add(out[2 * pair], left, right);
      multiply_add(out[2 * pair + 1], left, right + 2);
    }
  }
}

/// What a number in row `row` and column `column` of a head's weights is multiplied by.
__device__ inline float weight_factor(Drops& drops, int row, int column) {
  return drops.factor((static_cast<Place>(blockIdx.x) * CONTEXT + row) * CONTEXT + column);
}

/// @param parts [batch CONTEXT, 3 WIDTH]: queries, keys, values @param mixed [batch CONTEXT, WIDTH]
/// @param logs [batch HEADS, CONTEXT]: of each row of weights, the logarithm to base 2 of what it was divided by
KERNEL void attend(const Half* parts, const long long* seed, int site, int dropped, float scale, Half* mixed,
                   float* logs) {
  SHARED_ROOM(room);
  Half *keys = reinterpret_cast<Half*>(room), *values = keys + CONTEXT * FEATURES;
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, head = blockIdx.x % HEADS;
  const long long text = blockIdx.x / HEADS;
  const Half* mine = parts + text * CONTEXT * 3 * WIDTH + head * FEATURES;
  fetch(mine + WIDTH, 3 * WIDTH, keys);
  fetch(mine + 2 * WIDTH, 3 * WIDTH, values);
  Drops drops(seed, site, dropped, scale);
  const float sharpness = LOG2_E * 0.125f;  // 1 / sqrt(64), and e to a power is 2 to another
  __syncthreads();

  for (int turn = 0; turn < TURNS; ++turn) {
    const int tile = tile_of(turn, warp);
    if (tile >= TILES) continue;
    const int row = tile * ROWS_OF_TILE + lane / 4;  // and the one 8 below
    unsigned queries[DEPTHS][4];
#pragma unroll
    for (int depth = 0; depth < DEPTHS; ++depth) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const Half* from = mine + static_cast<long long>(row + i % 2 * 8) * 3 * WIDTH + depth * 16 + i / 2 * 8 + lane % 4 * 2;
        queries[depth][i] = *reinterpret_cast<const unsigned*>(from);
      }
    }
    float outcome[FEATURE_TILES][4] = {}, largest[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0};
    for (int first = 0; first < (tile + 1) * ROWS_OF_TILE; first += KEYS_AT_A_TIME) {
      float weights[KEY_TILES][4], now[2] = {largest[0], largest[1]};
      multiply_with_rows(queries, keys, first, lane, weights);
#pragma unroll
      for (int i = 0; i < KEY_TILES; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int column = first + i * 8 + lane % 4 * 2 + j % 2;
          weights[i][j] = column <= row + j / 2 * 8 ? weights[i][j] * sharpness : -INFINITY;
          now[j / 2] = fmaxf(now[j / 2], weights[i][j]);
        }
      }
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        now[half] = fmaxf(now[half], __shfl_xor_sync(EVERY_LANE, now[half], 1));
        now[half] = fmaxf(now[half], __shfl_xor_sync(EVERY_LANE, now[half], 2));
        const float shrinks = power_of_2(largest[half] - now[half]);  // 2 to minus infinity is 0 at the beginning
        largest[half] = now[half];
        sum[half] *= shrinks;
#pragma unroll
        for (int i = 0; i < FEATURE_TILES; ++i) {
          outcome[i][2 * half] *= shrinks;
          outcome[i][2 * half + 1] *= shrinks;
        }
      }
#pragma unroll
      for (int i = 0; i < KEY_TILES; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const float weight = power_of_2(weights[i][j] - largest[j / 2]);
          sum[j / 2] += weight;
          weights[i][j] = weight * weight_factor(drops, row + j / 2 * 8, first + i * 8 + lane % 4 * 2 + j % 2);
        }
      }
      multiply_with_columns(weights, values, first, lane, outcome);
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      sum[half] += __shfl_xor_sync(EVERY_LANE, sum[half], 1);
      sum[half] += __shfl_xor_sync(EVERY_LANE, sum[half], 2);
      const int place = row + half * 8;
      Half* to = mixed + (text * CONTEXT + place) * WIDTH + head * FEATURES + lane % 4 * 2;
#pragma unroll
      for (int i = 0; i < FEATURE_TILES; ++i) {
        *reinterpret_cast<unsigned*>(to + i * 8) =
            packed(outcome[i][2 * half] / sum[half], outcome[i][2 * half + 1] / sum[half]);
      }
      if (lane % 4 == 0) logs[static_cast<long long>(blockIdx.x) * CONTEXT + place] = largest[half] + log2f(sum[half]);
    }
  }
}

/// Backward through it. Weights are computed anew, 32 keys at a time: first each warp takes the gradients of its queries
/// further; then all queries' weights and gradients lie in shared memory, and the warps share what becomes of the keys
/// and values among them.
/// @param to_mixed, mixed [batch CONTEXT, WIDTH] @param to_parts [batch CONTEXT, 3 WIDTH]
/// @param sums [batch, 3 WIDTH]: of the rows of to_parts, a text at a time
KERNEL void attend_backward(const Half* to_mixed, const Half* parts, const Half* mixed, const float* logs,
                            const long long* seed, int site, int dropped, float scale, Half* to_parts, float* sums) {
  SHARED_ROOM(room);
  constexpr int kMatrix = CONTEXT * FEATURES;
  Half *queries = reinterpret_cast<Half*>(room), *keys = queries + kMatrix, *values = keys + kMatrix,
       *arriving = values + kMatrix, *kept_weights = arriving + kMatrix,
       *kept_slopes = kept_weights + CONTEXT * KEYS_AT_A_TIME;
  float *levels = reinterpret_cast<float*>(kept_slopes + CONTEXT * KEYS_AT_A_TIME), *divisors = levels + CONTEXT;
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, head = blockIdx.x % HEADS;
  const long long text = blockIdx.x / HEADS, first_row = text * CONTEXT;
  const Half* mine = parts + first_row * 3 * WIDTH + head * FEATURES;
  fetch(mine, 3 * WIDTH, queries);
  fetch(mine + WIDTH, 3 * WIDTH, keys);
  fetch(mine + 2 * WIDTH, 3 * WIDTH, values);
  fetch(to_mixed + first_row * WIDTH + head * FEATURES, WIDTH, arriving);
  // Softmax takes from each gradient their mean, weighted: that is the product of the outcome and its own gradient.
  for (int i = threadIdx.x; i < CONTEXT * 8; i += WARPS_OF_HEAD * LANES) {
    const long long from = (first_row + i / 8) * WIDTH + head * FEATURES + i % 8 * 8;
    float a[8], b[8], product = 0;
    load<8>(mixed + from, a);
    load<8>(to_mixed + from, b);
#pragma unroll
    for (int j = 0; j < 8; ++j) product += a[j] * b[j];
#pragma unroll
    for (int apart = 4; apart > 0; apart /= 2) product += __shfl_xor_sync(EVERY_LANE, product, apart);
    if (i % 8 == 0) levels[i / 8] = product;
  }
  for (int i = threadIdx.x; i < CONTEXT; i += WARPS_OF_HEAD * LANES) {
    divisors[i] = logs[static_cast<long long>(blockIdx.x) * CONTEXT + i];
  }
  Drops drops(seed, site, dropped, scale);
  const float sharpness = LOG2_E * 0.125f;
  float to_queries[TURNS][FEATURE_TILES][4] = {};
  float key_sums[4][2] = {};  // of a warp's columns of the keys' or values' gradients
  __syncthreads();

  for (int first = 0; first < CONTEXT; first += KEYS_AT_A_TIME) {
#pragma unroll
    for (int turn = 0; turn < TURNS; ++turn) {
      const int tile = tile_of(turn, warp);
      if (tile >= TILES || (tile + 1) * ROWS_OF_TILE <= first) continue;
      unsigned left[DEPTHS][4];
      float weights[KEY_TILES][4], slopes[KEY_TILES][4];
      load_left(queries, tile, lane, left);
      multiply_with_rows(left, keys, first, lane, weights);
      load_left(arriving, tile, lane, left);
      multiply_with_rows(left, values, first, lane, slopes);
#pragma unroll
      for (int i = 0; i < KEY_TILES; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int row = tile * ROWS_OF_TILE + lane / 4 + j / 2 * 8, column = first + i * 8 + lane % 4 * 2 + j % 2;
          const float weight = column <= row ? power_of_2(weights[i][j] * sharpness - divisors[row]) : 0.0f;
          const float factor = weight_factor(drops, row, column);
          slopes[i][j] = weight * (slopes[i][j] * factor - levels[row]) * 0.125f;
          weights[i][j] = weight * factor;
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int at = narrow_spot(tile * ROWS_OF_TILE + lane / 4 + half * 8, i) + lane % 4 * 2;
          *reinterpret_cast<unsigned*>(kept_weights + at) = packed(weights[i][2 * half], weights[i][2 * half + 1]);
          *reinterpret_cast<unsigned*>(kept_slopes + at) = packed(slopes[i][2 * half], slopes[i][2 * half + 1]);
        }
      }
      multiply_with_columns(slopes, keys, first, lane, to_queries[turn]);
    }
    __syncthreads();

    // Half of the warps have the values, half the keys: each warp 16 of them, and 32 of their features.
    const bool for_keys = warp >= WARPS_OF_HEAD / 2;
    const int own = warp % 2 * 16, half_of_features = warp / 2 % 2;
    const Half *turned = for_keys ? kept_slopes : kept_weights, *with = for_keys ? queries : arriving;
    float gradient[4][4] = {};
    for (int row = first; row < CONTEXT; row += 16) {
      unsigned left[4];
      load_matrices<true>(turned + narrow_spot(row + lane / 16 * 8 + lane % 8, own / 8 + lane / 8 % 2), left);
#pragma unroll
      for (int pair = 0; pair < 2; ++pair) {
        unsigned right[4];
        load_matrices<true>(with + spot(row + lane % 16, half_of_features * 4 + pair * 2 + lane / 16), right);
        multiply_add(gradient[2 * pair], left, right);
        multiply_add(gradient[2 * pair + 1], left, right + 2);
      }
    }
    Half* to = to_parts + (first_row + first + own) * 3 * WIDTH + (for_keys ? 1 : 2) * WIDTH + head * FEATURES +
               half_of_features * 32 + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        *reinterpret_cast<unsigned*>(to + static_cast<long long>(lane / 4 + half * 8) * 3 * WIDTH + i * 8) =
            packed(gradient[i][2 * half], gradient[i][2 * half + 1]);
        key_sums[i][0] += gradient[i][2 * half];
        key_sums[i][1] += gradient[i][2 * half + 1];
      }
    }
    __syncthreads();
  }

  float query_sums[FEATURE_TILES][2] = {};
#pragma unroll
  for (int turn = 0; turn < TURNS; ++turn) {
    const int tile = tile_of(turn, warp);
    if (tile >= TILES) continue;
    Half* to = to_parts + (first_row + tile * ROWS_OF_TILE) * 3 * WIDTH + head * FEATURES + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < FEATURE_TILES; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const float *pair = to_queries[turn][i] + 2 * half;
        *reinterpret_cast<unsigned*>(to + static_cast<long long>(lane / 4 + half * 8) * 3 * WIDTH + i * 8) =
            packed(pair[0], pair[1]);
        query_sums[i][0] += pair[0];
        query_sums[i][1] += pair[1];
      }
    }
  }

  // The sums over positions: lanes of one column add up, then warps do.
  float *of_queries = reinterpret_cast<float*>(kept_weights), *of_others = of_queries + WARPS_OF_HEAD * FEATURES;
#pragma unroll
  for (int apart = 4; apart < LANES; apart *= 2) {
#pragma unroll
    for (int i = 0; i < FEATURE_TILES; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        query_sums[i][j] += __shfl_xor_sync(EVERY_LANE, query_sums[i][j], apart);
        if (i < 4) key_sums[i][j] += __shfl_xor_sync(EVERY_LANE, key_sums[i][j], apart);
      }
    }
  }
  if (lane < 4) {
#pragma unroll
    for (int i = 0; i < FEATURE_TILES; ++i) {
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        of_queries[warp * FEATURES + i * 8 + lane * 2 + j] = query_sums[i][j];
        if (i < 4) of_others[warp * 32 + i * 8 + lane * 2 + j] = key_sums[i][j];
      }
    }
  }
  __syncthreads();
  if (threadIdx.x >= 3 * FEATURES) return;
  const int part = threadIdx.x / FEATURES, feature = threadIdx.x % FEATURES;
  float total = 0;
  if (part == 0) {
#pragma unroll
    for (int other = 0; other < WARPS_OF_HEAD; ++other) total += of_queries[other * FEATURES + feature];
  } else {
    // Warps 0 to 3 had the values, 4 to 7 the keys; two of them have each half of the features.
    const int one = (part == 1 ? 4 : 0) + feature / 32 * 2;
    total = of_others[one * 32 + feature % 32] + of_others[(one + 1) * 32 + feature % 32];
  }
  sums[text * 3 * WIDTH + part * WIDTH + head * FEATURES + feature] = total;
}
