// One token of a text in 4 kernels a layer and one at the end. Nothing is asked of the processor in between: which token
// is read, and at which place, stands in the card's memory, and so these launches can be recorded, for one token or for
// many.
//
// LAYERS, HEADS, WIDTH, CONTEXT and VOCABULARY are the model's. Numbers between the kernels are float32; weights and the
// cache of keys and values are `Number`. A warp multiplies one row of a matrix with the vector at hand.

#define HEAD (WIDTH / HEADS)
#define ROW_WARPS 8            // of a block that multiplies
#define GROUP (HEAD / 4)       // lanes that share one key, 4 numbers each
#define GROUPS (256 / GROUP)   // of a block of 256
#define SLICES 8               // blocks a head: each knows all of the head's outcome, and multiplies a part with it
#define SLICE (WIDTH / SLICES)
#define PER_LANE (WIDTH / LANES)
#define EPSILON_OF_NORM 1e-5f

/// What a text's writing has reached; it lies in the card's memory.
struct Writing {
  int place;  // of the token that is read next, in the context
  int made;   // tokens chosen so far
};

/// A kernel may be started while the one before it is still at work. Up to here it may only read weights.
__device__ inline void wait_for_the_one_before() {
#if !defined(EMULATED) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// A warp's share of a vector or of a matrix's row of `count` numbers, 4 by 4.
template <int count, typename T>
__device__ inline void load_row(const T* row, int lane, float* to) {
#pragma unroll
  for (int i = 0; i < count / (4 * LANES); ++i) load<4>(row + (i * LANES + lane) * 4, to + 4 * i);
}

/// Chapter 4's layer norm of a vector that a warp shares.
__device__ inline void norm_shared(float* x, const float* gain, const float* bias) {
  float sum = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) sum += x[i];
  const float mean = warp_sum(sum) / WIDTH;
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float scale = rsqrtf(warp_sum(squares) / WIDTH + EPSILON_OF_NORM);
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) x[i] = (x[i] - mean) * scale * gain[i] + bias[i];
}

/// A norm, and queries, keys and values of its outcome. Keys and values go to their place in the cache,
/// [HEADS, CONTEXT, HEAD] each.
KERNEL void ask(const float* x, const Number* gain, const Number* bias, const Number* weights, const Number* shifts,
                float* queries, Number* keys, Number* values, const Writing* writing) {
  const int lane = threadIdx.x % LANES, row = blockIdx.x * ROW_WARPS + threadIdx.x / LANES;
  float w[PER_LANE], g[PER_LANE], b[PER_LANE], v[PER_LANE];
  load_row<WIDTH>(weights + static_cast<long long>(row) * WIDTH, lane, w);
  load_row<WIDTH>(gain, lane, g);
  load_row<WIDTH>(bias, lane, b);
  const float shift = to_float(shifts[row]);
  wait_for_the_one_before();
  load_row<WIDTH>(x, lane, v);
  norm_shared(v, g, b);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) sum += w[i] * v[i];
  sum = warp_sum(sum) + shift;
  if (lane != 0) return;
  const int part = row / WIDTH, head = row % WIDTH / HEAD, feature = row % HEAD;
  if (part == 0) {
    queries[row] = sum;
  } else {
    from_float(sum, (part == 1 ? keys : values) + (head * CONTEXT + writing->place) * HEAD + feature);
  }
}

/// A head looks back at all places up to the token's own, and its outcome meets the part of the output's weights that is
/// its own: outcomes, [HEADS, WIDTH], which the next kernel adds up. The grid is [HEADS, SLICES], of 256 threads.
KERNEL void look_back(const float* queries, const Number* keys, const Number* values, const Number* weights,
                      float* outcomes, const Writing* writing) {
  __shared__ float scores[CONTEXT], mixed[GROUPS][HEAD], room[LANES];
  const int head = blockIdx.x, first_row = blockIdx.y * SLICE, member = threadIdx.x % GROUP,
            group = threadIdx.x / GROUP;
  constexpr int kRows = (SLICE + GROUPS - 1) / GROUPS;
  float w[kRows][4];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int row = i * GROUPS + group;
    if (row < SLICE) load<4>(weights + static_cast<long long>(first_row + row) * WIDTH + head * HEAD + member * 4, w[i]);
  }
  wait_for_the_one_before();

  // How well each key matches; a group of lanes has one key at a time.
  const int seen = writing->place + 1;
  float q[4];
  load<4>(queries + head * HEAD + member * 4, q);
  float largest = -INFINITY;
#pragma unroll 4
  for (int first = 0; first < seen; first += GROUPS) {
    const int place = first + group;
    float k[4] = {};
    if (place < seen) load<4>(keys + (head * CONTEXT + place) * HEAD + member * 4, k);
    float score = q[0] * k[0] + q[1] * k[1] + q[2] * k[2] + q[3] * k[3];
#pragma unroll
    for (int apart = GROUP / 2; apart > 0; apart /= 2) score += __shfl_xor_sync(EVERY_LANE, score, apart);
    score *= rsqrtf(static_cast<float>(HEAD));
    if (place < seen) {
      if (member == 0) scores[place] = score;
      largest = fmaxf(largest, score);
    }
  }

  // Softmax over the block.
  largest = warp_max(largest);
  if (threadIdx.x % LANES == 0) room[threadIdx.x / LANES] = largest;
  __syncthreads();
  largest = warp_max(threadIdx.x % LANES < 256 / LANES ? room[threadIdx.x % LANES] : -INFINITY);
  float sum = 0;
  for (int place = threadIdx.x; place < seen; place += 256) {
    scores[place] = __expf(scores[place] - largest);
    sum += scores[place];
  }
  sum = block_sum(sum, room);  // which waits for all scores too

  // The values, mixed in those proportions: each group has some of the places.
  float mine[4] = {};
#pragma unroll 4
  for (int place = group; place < seen; place += GROUPS) {
    float v[4];
    load<4>(values + (head * CONTEXT + place) * HEAD + member * 4, v);
#pragma unroll
    for (int j = 0; j < 4; ++j) mine[j] += scores[place] * v[j];
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) mixed[group][member * 4 + j] = mine[j] / sum;
  __syncthreads();
  if (threadIdx.x < HEAD) {
    float total = 0;
#pragma unroll
    for (int other = 0; other < GROUPS; ++other) total += mixed[other][threadIdx.x];
    mixed[0][threadIdx.x] = total;
  }
  __syncthreads();
  float m[4];
#pragma unroll
  for (int j = 0; j < 4; ++j) m[j] = mixed[0][member * 4 + j];
#pragma unroll
  for (int i = 0; i < kRows; ++i) {
    const int row = i * GROUPS + group;
    float part = row < SLICE ? w[i][0] * m[0] + w[i][1] * m[1] + w[i][2] * m[2] + w[i][3] * m[3] : 0.0f;
#pragma unroll
    for (int apart = GROUP / 2; apart > 0; apart /= 2) part += __shfl_xor_sync(EVERY_LANE, part, apart);
    if (row < SLICE && member == 0) outcomes[head * WIDTH + first_row + row] = part;
  }
}

/// The residual step after attention, the MLP's norm, its first matrix and GELU. The stream goes on in `after`.
KERNEL void expand(const float* x, const float* outcomes, const Number* output_shifts, const Number* gain,
                   const Number* bias, const Number* weights, const Number* shifts, float* after, float* hidden) {
  const int lane = threadIdx.x % LANES, row = blockIdx.x * ROW_WARPS + threadIdx.x / LANES;
  float w[PER_LANE], g[PER_LANE], b[PER_LANE], v[PER_LANE], o[PER_LANE];
  load_row<WIDTH>(weights + static_cast<long long>(row) * WIDTH, lane, w);
  load_row<WIDTH>(gain, lane, g);
  load_row<WIDTH>(bias, lane, b);
  load_row<WIDTH>(output_shifts, lane, o);
  const float shift = to_float(shifts[row]);
  wait_for_the_one_before();
  load_row<WIDTH>(x, lane, v);
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) v[i] += o[i];
#pragma unroll
  for (int head = 0; head < HEADS; ++head) {
    load_row<WIDTH>(outcomes + head * WIDTH, lane, o);
#pragma unroll
    for (int i = 0; i < PER_LANE; ++i) v[i] += o[i];
  }
  if (row == 0) {
#pragma unroll
    for (int i = 0; i < PER_LANE / 4; ++i) store<4>(v + 4 * i, after + (i * LANES + lane) * 4);
  }
  norm_shared(v, g, b);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < PER_LANE; ++i) sum += w[i] * v[i];
  sum = warp_sum(sum) + shift;
  const float inner = 0.7978845608028654f * sum * (1.0f + 0.044715f * sum * sum);
  if (lane == 0) hidden[row] = 0.5f * sum * (2.0f - 2.0f / (__expf(2.0f * inner) + 1.0f));
}

/// The MLP's second matrix, and the residual step after it. Blocks of 4 warps, a row each.
KERNEL void contract(const float* hidden, const Number* weights, const Number* shifts, const float* after, float* x) {
  const int lane = threadIdx.x % LANES, row = blockIdx.x * 4 + threadIdx.x / LANES;
  float w[4 * PER_LANE], h[4 * PER_LANE];
  load_row<4 * WIDTH>(weights + static_cast<long long>(row) * 4 * WIDTH, lane, w);
  const float shift = to_float(shifts[row]);
  wait_for_the_one_before();
  load_row<4 * WIDTH>(hidden, lane, h);
  float sum = 0;
#pragma unroll
  for (int i = 0; i < 4 * PER_LANE; ++i) sum += w[i] * h[i];
  sum = warp_sum(sum);
  if (lane == 0) x[row] = after[row] + sum + shift;
}

/// How a token is chosen: chapter 7's options; 0 for a top_k or top_p that was not given.
struct Choosing {
  double temperature, top_p;
  int top_k, greedy;
};

/// The last norm, the scores of all tokens, the choice of one, and its vectors as the next stream. One block of 1,024
/// threads. With `logits` the scores are those, else they are computed.
/// @param uniforms numbers from [0, 1), one a token @param text receives the token
KERNEL void choose(const float* x, const Number* gain, const Number* bias, const Number* token_table,
                   const Number* position_table, const float* logits, Choosing how, const double* uniforms,
                   long long* text, float* next, Writing* writing) {
  __shared__ double share[VOCABULARY], kept[VOCABULARY], total;
  __shared__ float best[LANES];
  __shared__ int chosen;
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, warps = blockDim.x / LANES, mine = threadIdx.x;
  float g[PER_LANE], b[PER_LANE], v[PER_LANE], w[PER_LANE];
  load_row<WIDTH>(gain, lane, g);
  load_row<WIDTH>(bias, lane, b);
  wait_for_the_one_before();
  const int made = writing->made, place = writing->place;
  if (logits == nullptr) {
    load_row<WIDTH>(x, lane, v);
    norm_shared(v, g, b);
    for (int row = warp; row < VOCABULARY; row += warps) {
      load_row<WIDTH>(token_table + static_cast<long long>(row) * WIDTH, lane, w);
      float sum = 0;
#pragma unroll
      for (int i = 0; i < PER_LANE; ++i) sum += w[i] * v[i];
      sum = warp_sum(sum);
      if (lane == 0) share[row] = sum;
    }
  } else if (mine < VOCABULARY) {
    share[mine] = logits[mine];
  }
  __syncthreads();

  // Softmax of scores over temperature, in float64 as on the processor.
  float largest = mine < VOCABULARY ? static_cast<float>(share[mine]) : -INFINITY;
  largest = warp_max(largest);
  if (lane == 0) best[warp] = largest;
  __syncthreads();
  largest = warp_max(lane < warps ? best[lane] : -INFINITY);
  if (mine < VOCABULARY) {
    // A negative number says that this is no place where the largest stands.
    kept[mine] = static_cast<float>(share[mine]) == largest ? 1.0 : -1.0;
    share[mine] = exp(share[mine] / how.temperature - static_cast<double>(largest) / how.temperature);
  }
  __syncthreads();

  // Each token decides for itself whether it stays: by how many are more probable, or by how much they are together.
  const auto share_out = [&](bool stays) {
    __syncthreads();
    if (mine < VOCABULARY && !stays) share[mine] = 0;
    __syncthreads();
    if (mine == 0) {
      total = 0;
      for (int token = 0; token < VOCABULARY; ++token) total += share[token];
    }
    __syncthreads();
    if (mine < VOCABULARY) share[mine] /= total;
    __syncthreads();
  };
  if (how.greedy == 0) {
    share_out(true);
    if (how.top_k > 0) {
      int above = 0;
      for (int token = 0; mine < VOCABULARY && token < VOCABULARY; ++token) above += share[token] > share[mine];
      share_out(above < how.top_k);
    }
    if (how.top_p > 0) {
      double before = 0;
      for (int token = 0; mine < VOCABULARY && token < VOCABULARY; ++token) {
        if (share[token] > share[mine] || (share[token] == share[mine] && token < mine)) before += share[token];
      }
      share_out(before < how.top_p);
    }
  }
  if (mine == 0) {
    // Chapter 7's draw: the first token whose stretch of [0, 1) ends beyond the number.
    int token = -1, last_possible = 0;
    double end = 0;
    for (int other = 0; token < 0 && other < VOCABULARY; ++other) {
      if (how.greedy != 0) {
        if (kept[other] > 0) token = other;
        continue;
      }
      end += share[other];
      if (uniforms[made] < end) token = other;
      if (share[other] > 0) last_possible = other;
    }
    chosen = token < 0 ? last_possible : token;
  }
  __syncthreads();
  const int read = place + 1 < CONTEXT ? place + 1 : CONTEXT - 1;  // beyond the context nothing is read from here
  if (mine < WIDTH) {
    next[mine] = to_float(token_table[static_cast<long long>(chosen) * WIDTH + mine]) +
                 to_float(position_table[static_cast<long long>(read) * WIDTH + mine]);
  }
  if (mine == 0) {
    text[made] = chosen;
    writing->made = made + 1;
    writing->place = place + 1;
  }
}
