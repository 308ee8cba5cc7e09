// The end of a training step: sums that blocks have left are finished, and the parameters move. What stands in numbers.cu and
// training.cu comes before it.

/// Partial sums that were left by blocks become sums: one job a tensor, each [rows, columns] with `apart` numbers from
/// one row to the next. A block of [32, 8] threads has 32 columns of a job.
/// @param jobs [.., 5]: from, to, rows, columns, apart @param strips [gridDim.x, 2]: job, first column
KERNEL void add_up(const long long* jobs, const int* strips) {
  __shared__ float room[8][LANES + 1];
  const long long* job = jobs + static_cast<long long>(strips[2 * blockIdx.x]) * 5;
  const float* from = reinterpret_cast<const float*>(job[0]);
  const int rows = static_cast<int>(job[2]), columns = static_cast<int>(job[3]);
  const int column = strips[2 * blockIdx.x + 1] + threadIdx.x;
  float sum = 0;
  if (column < columns) {
#pragma unroll 4
    for (int row = threadIdx.y; row < rows; row += 8) sum += from[row * job[4] + column];
  }
  room[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
#pragma unroll
  for (int other = 1; other < 8; ++other) sum += room[other][threadIdx.x];
  reinterpret_cast<float*>(job[1])[column] = sum;
}

/// The sum of squares of all gradients, a part a block. @param count a multiple of 4
KERNEL void square_sums(const float* x, long long count, float* sums) {
  __shared__ float room[LANES];
  float sum = 0;
  const long long apart = static_cast<long long>(gridDim.x) * blockDim.x * 4;
  for (long long first = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * 4; first < count;
       first += apart) {
    float v[4];
    load<4>(x + first, v);
    sum += v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + v[3] * v[3];
  }
  sum = block_sum(sum, room);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// Chapter 5's clipping and AdamW over all parameters, which lie in one piece: those that decay first. Writes the copies
/// in 16 bits too, which the next step's products read.
/// @param squares what square_sums() left @param limit of the gradients' norm @param step_number of this step, from 1
KERNEL void adamw(float* parameters, const float* gradients, float* first_moments, float* second_moments,
                                 Number* copies, long long count, long long decaying, const float* squares,
                                 int square_count, float limit, float* norm, const float* learning_rate,
                                 const float* step_number, float beta1, float beta2, float epsilon, float decay) {
  __shared__ float room[LANES];
  float sum = 0;
  for (int i = threadIdx.x; i < square_count; i += blockDim.x) sum += squares[i];
  const float length = sqrtf(block_sum(sum, room));
  if (blockIdx.x == 0 && threadIdx.x == 0) *norm = length;
  const float factor = fminf(1.0f, limit / (length + 1e-6f)), rate = *learning_rate, number = *step_number;
  const float step = rate / (1.0f - powf(beta1, number)), root = sqrtf(1.0f - powf(beta2, number));

  const long long place = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
  if (place >= count) return;
  const float kept = place < decaying ? 1.0f - rate * decay : 1.0f;
  float p[4], g[4], m[4], v[4];
  load<4>(parameters + place, p);
  load<4>(gradients + place, g);
  load<4>(first_moments + place, m);
  load<4>(second_moments + place, v);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    g[i] *= factor;
    m[i] += (1.0f - beta1) * (g[i] - m[i]);
    v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
    p[i] = p[i] * kept - step * m[i] / (sqrtf(v[i]) / root + epsilon);
  }
  store<4>(p, parameters + place);
  store<4>(m, first_moments + place);
  store<4>(v, second_moments + place);
  store<4>(p, copies + place);
}

/// Numbers of 32 bits in 16. @param count a multiple of 4
KERNEL void round_all(const float* x, Number* y, long long count) {
  const long long place = (static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x) * 4;
  if (place >= count) return;
  float v[4];
  load<4>(x + place, v);
  store<4>(v, y + place);
}
