// The parts of a training step that are no matrix products. Each passes once over what it reads and writes.
//
// A row is a position of a text, WIDTH numbers; a warp takes a row at a time, and each of its lanes has the row's
// numbers 4 by 4: lane l has those from 4 l on, then those from 128 + 4 l on, and so forth.

#define EACH 4                             // numbers side by side that a lane has
#define STRIPE (EACH * LANES)              // numbers side by side that a warp has
#define STRIPES (WIDTH / STRIPE)           // of a row
#define WARPS 8                            // of a block
#define EPSILON 1e-5f                      // chapter 4's, in the norms

/// A lane's share of a row.
struct Share {
  float at[STRIPES][EACH];
};

template <typename T>
__device__ inline void load_share(const T* row, int lane, Share& share) {
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) load<EACH>(row + i * STRIPE + lane * EACH, share.at[i]);
}

template <typename T>
__device__ inline void store_share(const Share& share, int lane, T* row) {
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) store<EACH>(share.at[i], row + i * STRIPE + lane * EACH);
}

/// Chapter 4's layer norm of a row of the stream, which is rounded as it is kept. Writes both.
__device__ inline void norm_row(Share& x, long long row, int lane, const float* gain, const float* bias, Stream* kept,
                                Number* y, float* means, float* scales) {
  float sum = 0;
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
      x.at[i][j] = rounded<Stream>(x.at[i][j]);
      sum += x.at[i][j];
    }
  }
  store_share(x, lane, kept + row * WIDTH);
  const float mean = warp_sum(sum) / WIDTH;
  float squares = 0;
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) squares += (x.at[i][j] - mean) * (x.at[i][j] - mean);
  }
  const float scale = rsqrtf(warp_sum(squares) / WIDTH + EPSILON);
  Share g, b;
  load_share(gain, lane, g);
  load_share(bias, lane, b);
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) x.at[i][j] = (x.at[i][j] - mean) * scale * g.at[i][j] + b.at[i][j];
  }
  store_share(x, lane, y + row * WIDTH);
  if (lane == 0) {
    means[row] = mean;
    scales[row] = scale;
  }
}

/// The stream's beginning: token and position vectors, some dropped; the first norm; and which token it was, as a row
/// of zeros and a one. @param tokens the text @param starts [batch] where its windows begin
KERNEL void embed_norm(const long long* tokens, const long long* starts, const float* token_table,
                                      const float* position_table, const float* gain, const float* bias,
                                      const long long* seed, int dropped, float scale, Stream* x, Number* y, float* means,
                                      float* scales, Number* one_hot, int padded_vocabulary, int context, int rows) {
  const int lane = threadIdx.x % LANES, row = blockIdx.x * WARPS + threadIdx.x / LANES;
  if (row >= rows) return;
  Drops drops(seed, 0, dropped, scale);
  const int time = row % context, token = static_cast<int>(tokens[starts[row / context] + time]);
  Share what, where;
  load_share(token_table + static_cast<long long>(token) * WIDTH, lane, what);
  load_share(position_table + static_cast<long long>(time) * WIDTH, lane, where);
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
      const Place place = static_cast<Place>(row) * WIDTH + i * STRIPE + lane * EACH + j;
      what.at[i][j] = (what.at[i][j] + where.at[i][j]) * drops.factor(place);
    }
  }
  norm_row(what, row, lane, gain, bias, x, y, means, scales);
  for (int first = lane * EACH; first < padded_vocabulary; first += STRIPE) {
    float ones[EACH];
#pragma unroll
    for (int j = 0; j < EACH; ++j) ones[j] = first + j == token ? 1.0f : 0.0f;
    store<EACH>(ones, one_hot + static_cast<long long>(row) * padded_vocabulary + first);
  }
}

/// A residual step and the norm after it: x + dropout(branch + branch_bias), then its layer norm.
KERNEL void add_norm(const Stream* x, const Number* branch, const float* branch_bias, const float* gain,
                                    const float* bias, const long long* seed, int site, int dropped, float scale, Stream* sum,
                                    Number* y, float* means, float* scales, int rows) {
  const int lane = threadIdx.x % LANES, row = blockIdx.x * WARPS + threadIdx.x / LANES;
  if (row >= rows) return;
  Drops drops(seed, site, dropped, scale);
  Share stream, from_branch, shift;
  load_share(x + static_cast<long long>(row) * WIDTH, lane, stream);
  load_share(branch + static_cast<long long>(row) * WIDTH, lane, from_branch);
  load_share(branch_bias, lane, shift);
#pragma unroll
  for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
    for (int j = 0; j < EACH; ++j) {
      const Place place = static_cast<Place>(row) * WIDTH + i * STRIPE + lane * EACH + j;
      stream.at[i][j] += (from_branch.at[i][j] + shift.at[i][j]) * drops.factor(place);
    }
  }
  norm_row(stream, row, lane, gain, bias, sum, y, means, scales);
}

/// Backward through a norm and the residual step before it. The stream's gradient is what came along the stream, `along`
/// (null at the top), and what comes through the norm; some of it, by the same drops, goes into the branch. Blocks go
/// over many rows and leave their sums for the norm's gain and bias and the branch's bias: partial sums,
/// [blocks, 3, WIDTH].
KERNEL void norm_backward(const Number* to_y, const Stream* x, const float* means, const float* scales,
                                         const float* gain, const Stream* along, const long long* seed, int site,
                                         int dropped, float scale, Stream* to_x, Number* to_branch, float* sums, int rows) {
  __shared__ float room[WARPS][WIDTH];
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
  Drops drops(seed, site, dropped, scale);
  Share g, gain_sum = {}, bias_sum = {}, branch_sum = {};
  load_share(gain, lane, g);
  for (int row = blockIdx.x * WARPS + warp; row < rows; row += gridDim.x * WARPS) {
    const long long first = static_cast<long long>(row) * WIDTH;
    Share dy, normed, before = {};
    load_share(to_y + first, lane, dy);
    load_share(x + first, lane, normed);
    if (along != nullptr) load_share(along + first, lane, before);
    const float mean = means[row], stretch = scales[row];
    float sum = 0, product = 0;
#pragma unroll
    for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
      for (int j = 0; j < EACH; ++j) {
        normed.at[i][j] = (normed.at[i][j] - mean) * stretch;
        gain_sum.at[i][j] += dy.at[i][j] * normed.at[i][j];
        bias_sum.at[i][j] += dy.at[i][j];
        dy.at[i][j] *= g.at[i][j];
        sum += dy.at[i][j];
        product += dy.at[i][j] * normed.at[i][j];
      }
    }
    // Shifting or stretching a row changes nothing behind the norm: that part of the gradient is taken away.
    sum = warp_sum(sum) / WIDTH;
    product = warp_sum(product) / WIDTH;
#pragma unroll
    for (int i = 0; i < STRIPES; ++i) {
#pragma unroll
      for (int j = 0; j < EACH; ++j) {
        before.at[i][j] += stretch * (dy.at[i][j] - sum - normed.at[i][j] * product);
        const Place place = static_cast<Place>(row) * WIDTH + i * STRIPE + lane * EACH + j;
        dy.at[i][j] = before.at[i][j] * drops.factor(place);
        branch_sum.at[i][j] += dy.at[i][j];
      }
    }
    store_share(before, lane, to_x + first);
    store_share(dy, lane, to_branch + first);
  }

  // The block's warps add up, one kind of sum after the other.
#pragma unroll
  for (int kind = 0; kind < 3; ++kind) {
    const Share& mine = kind == 0 ? gain_sum : kind == 1 ? bias_sum : branch_sum;
    __syncthreads();
    store_share(mine, lane, room[warp]);
    __syncthreads();
    for (int column = threadIdx.x; column < WIDTH; column += WARPS * LANES) {
      float total = 0;
#pragma unroll
      for (int other = 0; other < WARPS; ++other) total += room[other][column];
      sums[(static_cast<long long>(blockIdx.x) * 3 + kind) * WIDTH + column] = total;
    }
  }
}

#define GELU_SCALE 0.7978845608028654f  // the root of 2 / pi
#define GELU_CUBIC 0.044715f

/// tanh by one exponential; exact to float32's last digits where it matters, and right at both ends.
__device__ inline float tanh_of(float x) { return 1.0f - 2.0f / (__expf(2.0f * x) + 1.0f); }

/// GPT-2's GELU of each number. @param count a multiple of 8
KERNEL void gelu(const Number* x, Number* y, long long count) {
  const long long first = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * 8;
  if (first >= count) return;
  float v[8];
  load<8>(x + first, v);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    const float inner = GELU_SCALE * v[i] * (1.0f + GELU_CUBIC * v[i] * v[i]);
    v[i] = 0.5f * v[i] * (1.0f + tanh_of(inner));
  }
  store<8>(v, y + first);
}

/// Sums over rows: a warp has 256 columns, 8 a lane; its block's 8 warps have rows of their own. Leaves partial sums,
/// [gridDim.x, columns].
__device__ inline void leave_column_sums(const float* mine, int columns, float* sums) {
  __shared__ float room[WARPS][LANES * 8 + 8];
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
#pragma unroll
  for (int i = 0; i < 8; ++i) room[warp][lane * 8 + i] = mine[i];
  __syncthreads();
  const int column = blockIdx.y * LANES * 8 + threadIdx.x;
  if (column >= columns) return;
  float total = 0;
#pragma unroll
  for (int other = 0; other < WARPS; ++other) total += room[other][threadIdx.x];
  sums[static_cast<long long>(blockIdx.x) * columns + column] = total;
}

/// Backward through a GELU: each gradient times the slope there; and their sums over rows, for the bias before the GELU.
/// @param columns a multiple of 8; the grid is [blocks of rows, columns / 256]
KERNEL void gelu_backward(const Number* to_y, const Number* x, Number* to_x, float* sums, int rows,
                                         int columns) {
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, first = (blockIdx.y * LANES + lane) * 8;
  float sum[8] = {};
  if (first < columns) {
    for (int row = blockIdx.x * WARPS + warp; row < rows; row += gridDim.x * WARPS) {
      const long long place = static_cast<long long>(row) * columns + first;
      float v[8], d[8];
      load<8>(x + place, v);
      load<8>(to_y + place, d);
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const float square = GELU_CUBIC * v[i] * v[i], t = tanh_of(GELU_SCALE * v[i] * (1.0f + square));
        const float slope =
            0.5f * (1.0f + t) + 0.5f * v[i] * (1.0f - t * t) * GELU_SCALE * (1.0f + 3.0f * square);
        d[i] *= slope;
        sum[i] += d[i];
      }
      store<8>(d, to_x + place);
    }
  }
  leave_column_sums(sum, columns, sums);
}

/// The gradients of queries, keys and values, [rows, WIDTH] each, side by side: [rows, 3 WIDTH]; and their sums over
/// rows. The grid is [blocks of rows, 3 WIDTH / 256].
KERNEL void join_parts(const Number* queries, const Number* keys, const Number* values, Number* parts,
                                      float* sums, int rows) {
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, first = (blockIdx.y * LANES + lane) * 8;
  float sum[8] = {};
  if (first < 3 * WIDTH) {
    const Number* from = first < WIDTH ? queries : first < 2 * WIDTH ? keys : values;
    for (int row = blockIdx.x * WARPS + warp; row < rows; row += gridDim.x * WARPS) {
      float v[8];
      load<8>(from + static_cast<long long>(row) * WIDTH + first % WIDTH, v);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += v[i];
      store<8>(v, parts + static_cast<long long>(row) * 3 * WIDTH + first);
    }
  }
  leave_column_sums(sum, 3 * WIDTH, sums);
}

/// Sums over rows alone. The grid is [blocks of rows, columns / 256].
KERNEL void column_sums(const Number* x, float* sums, int rows, int columns) {
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES, first = (blockIdx.y * LANES + lane) * 8;
  float sum[8] = {};
  if (first < columns) {
    for (int row = blockIdx.x * WARPS + warp; row < rows; row += gridDim.x * WARPS) {
      float v[8];
      load<8>(x + static_cast<long long>(row) * columns + first, v);
#pragma unroll
      for (int i = 0; i < 8; ++i) sum[i] += v[i];
    }
  }
  leave_column_sums(sum, columns, sums);
}

/// Chapter 2's cross-entropy and its gradient, a warp a row: the mean's share of each block, and (softmax - one-hot) /
/// rows. Columns from `vocabulary` on are padding. @param padded a multiple of 128
KERNEL void cross_entropy(const Number* logits, const long long* tokens, const long long* starts,
                                         int vocabulary, int padded, int context, Number* to_logits, float* losses,
                                         int rows) {
  __shared__ float room[LANES];
  const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
  float loss = 0;
  for (int row = blockIdx.x * WARPS + warp; row < rows; row += gridDim.x * WARPS) {
    const Number* mine = logits + static_cast<long long>(row) * padded;
    const int target = static_cast<int>(tokens[starts[row / context] + row % context + 1]);
    float largest = -INFINITY, sum = 0, wanted = 0;
    for (int first = lane * EACH; first < vocabulary; first += STRIPE) {
      float v[EACH];
      load<EACH>(mine + first, v);
#pragma unroll
      for (int j = 0; j < EACH; ++j) {
        if (first + j < vocabulary) largest = fmaxf(largest, v[j]);
        if (first + j == target) wanted = v[j];
      }
    }
    largest = warp_max(largest);
    for (int first = lane * EACH; first < vocabulary; first += STRIPE) {
      float v[EACH];
      load<EACH>(mine + first, v);
#pragma unroll
      for (int j = 0; j < EACH; ++j) {
        if (first + j < vocabulary) sum += __expf(v[j] - largest);
      }
    }
    sum = warp_sum(sum);
    wanted = warp_sum(wanted);
    loss += largest + __logf(sum) - wanted;
    for (int first = lane * EACH; first < padded; first += STRIPE) {
      float v[EACH];
      load<EACH>(mine + first, v);
#pragma unroll
      for (int j = 0; j < EACH; ++j) {
        const float believed = first + j < vocabulary ? __expf(v[j] - largest) / sum : 0.0f;
        v[j] = (believed - (first + j == target ? 1.0f : 0.0f)) / static_cast<float>(rows);
      }
      store<EACH>(v, to_logits + static_cast<long long>(row) * padded + first);
    }
  }
  loss = block_sum(lane == 0 ? loss : 0.0f, room);
  if (threadIdx.x == 0) losses[blockIdx.x] = loss / static_cast<float>(rows);
}

/// The gradient of the position table: of each position, the sum over the batch's windows. A block a position,
/// [WIDTH / 4, 4] threads. @param to_x [batch, context, WIDTH]
KERNEL void position_backward(const Number* to_x, float* to_table, int batch, int context) {
  __shared__ float room[4][WIDTH];
  float sum[EACH] = {};
  for (int window = threadIdx.y; window < batch; window += 4) {
    float v[EACH];
    load<EACH>(to_x + (static_cast<long long>(window) * context + blockIdx.x) * WIDTH + threadIdx.x * EACH, v);
#pragma unroll
    for (int j = 0; j < EACH; ++j) sum[j] += v[j];
  }
#pragma unroll
  for (int j = 0; j < EACH; ++j) room[threadIdx.y][threadIdx.x * EACH + j] = sum[j];
  __syncthreads();
  const int column = threadIdx.y * (WIDTH / 4) + threadIdx.x;
  to_table[static_cast<long long>(blockIdx.x) * WIDTH + column] =
      room[0][column] + room[1][column] + room[2][column] + room[3][column];
}
