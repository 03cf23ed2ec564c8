// Mamba-2's selective scan (worker/ops/selective-scan.ts, which has its definition) in chunks of 32 positions. Between chunks lie
// states (N, P) of every head; inside one everything is products of small matrices. With l = dt A, L its sums from a chunk's beginning and u = dt x:
//   left = sum_s e^(L_end - L_s) b_s u_s^T,   H' = e^(L_end) H + left,   y_t = sum_(s<=t) e^(L_t - L_s) (c_t . b_s) u_s + e^(L_t) c_t^T H + d x_t.
// Back, the states' gradient F goes from the last chunk to the first by the same recurrence, and the gradient of L_t collects every
// exponent that it stands in; that of l_t is the sum of those from t on. All f32; a sum's order is a function of the shapes alone.
#pragma once
#include "sub-layers.cuh"

namespace trmesh {

constexpr int kChunk = 32;
constexpr int kScanThreads = 256;

struct ScanShape {
  long batch, positions, heads, size, states;
  __host__ __device__ long channels() const { return heads * size; }
  long rows() const { return batch * positions; }
  long chunks() const { return divideUp(positions, kChunk); }
  /** f32 of the states between chunks of one sample. */
  long stateFloats() const { return chunks() * heads * states * size; }
};

/** x, y (rows, heads * size); b, c (rows, states); raw (rows, heads); the rest (heads). */
struct ScanArrays {
  const float *x, *b, *c, *raw, *dtBias, *aLog, *d;
};
struct ScanGradients {
  float *x, *b, *c, *raw;
};

/** Element (i, j) of a matrix in memory. */
struct Strided {
  const float *data;
  long row, column;
  __device__ float at(long i, long j) const { return data[i * row + j * column]; }
};

/** store(i, j, sum_k a(i, k) b(k, j)) by all threads of a block, four rows and columns each at a time. */
template <class Store> __device__ __forceinline__ void blockProduct(Strided a, Strided b, int m, int n, int count, const Store &store) {
  const int down = (m + 3) / 4, across = (n + 3) / 4;
  for (int tile = threadIdx.x; tile < down * across; tile += kScanThreads) {
    const int row = tile / across, column = tile % across;
    float sums[4][4] = {};
    for (int k = 0; k < count; k++) {
      float left[4], right[4];
#pragma unroll
      for (int e = 0; e < 4; e++) {
        left[e] = row + e * down < m ? a.at(row + e * down, k) : 0.0f;
        right[e] = column + e * across < n ? b.at(k, column + e * across) : 0.0f;
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] += left[i] * right[j];
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
      for (int j = 0; j < 4; j++)
        if (row + i * down < m && column + j * across < n) store(row + i * down, column + j * across, sums[i][j]);
  }
}

/** A chunk of a sample: where its rows are, and how many. */
struct ChunkPlace {
  long first;
  int here;
  __device__ ChunkPlace(const ScanShape &shape, long sample, long chunk)
      : first(sample * shape.positions + chunk * kChunk),
        here(static_cast<int>(shape.positions - chunk * kChunk < kChunk ? shape.positions - chunk * kChunk : kChunk)) {}
};

/** softplus; NaN stays NaN. */
__device__ __forceinline__ float stepOf(float raw) { return raw != raw ? raw : (raw > 0 ? raw : 0.0f) + log1pf(expf(-fabsf(raw))); }

/** Steps and the sums of l inside a chunk, of one head: [kChunk] each. Ends with a barrier. */
__device__ __forceinline__ void chunkSteps(const ScanShape &shape, const ScanArrays &in, const ChunkPlace &at, long head, float *steps,
                                           float *sums) {
  const int t = threadIdx.x;
  if (t < kChunk) steps[t] = t < at.here ? stepOf(in.raw[(at.first + t) * shape.heads + head] + in.dtBias[head]) : 0.0f;
  __syncthreads();
  if (t == 0) {
    const float rate = -expf(in.aLog[head]);
    float sum = 0;
    for (int s = 0; s < kChunk; s++) sums[s] = sum += rate * steps[s];
  }
  __syncthreads();
}

/** to [kChunk][width] <- rows of a chunk, `stride` apart, each times factor(t); zeros behind them. */
template <class Factor>
__device__ __forceinline__ void bringRows(const float *from, long stride, const ChunkPlace &at, long width, float *to, const Factor &factor) {
  for (long i = threadIdx.x; i < kChunk * width; i += kScanThreads) {
    const long t = i / width;
    to[i] = t < at.here ? from[(at.first + t) * stride + i % width] * factor(t) : 0.0f;
  }
}

/**
 * What a chunk adds to the state behind it (or BACK: to the gradient of the one before it), states [sample, chunk, head][N][P], and
 * its whole decay [sample, chunk, head]. `rows`: x, or dy. Grid: chunks, heads, samples.
 */
template <bool BACK>
__global__ void chunkStates(ScanShape shape, ScanArrays in, const float *rows, float *states, float *decays) {
  float *steps = sharedMemory<float>(), *sums = steps + kChunk, *wide = sums + kChunk, *keys = wide + kChunk * shape.size;
  const long chunk = blockIdx.x, head = blockIdx.y, sample = blockIdx.z;
  const ChunkPlace at(shape, sample, chunk);
  chunkSteps(shape, in, at, head, steps, sums);
  const float whole = sums[kChunk - 1];
  bringRows(rows + head * shape.size, shape.channels(), at, shape.size, wide,
            [&](long t) { return BACK ? expf(sums[t]) : expf(whole - sums[t]) * steps[t]; });
  bringRows(BACK ? in.c : in.b, shape.states, at, shape.states, keys, [](long) { return 1.0f; });
  __syncthreads();
  const long place = (sample * gridDim.x + chunk) * shape.heads + head;
  float *to = states + place * shape.states * shape.size;
  blockProduct({keys, 1, shape.states}, {wide, shape.size, 1}, static_cast<int>(shape.states), static_cast<int>(shape.size), kChunk,
               [&](int n, int p, float sum) { to[n * shape.size + p] = sum; });
  if (threadIdx.x == 0) decays[place] = expf(whole);
}

/** From what each chunk adds to what enters it (BACK: the gradient of what leaves it), in place. */
template <bool BACK> __global__ void acrossChunks(ScanShape shape, long chunks, float *states, const float *decays) {
  const long each = shape.states * shape.size, line = shape.heads * each;
  for (long i = firstItem(); i < shape.batch * line; i += itemStep()) {
    const long sample = i / line, inside = i % line, head = inside / each;
    float running = 0;
    for (long k = 0; k < chunks; k++) {
      const long place = sample * chunks + (BACK ? chunks - 1 - k : k);
      float &state = states[place * line + inside];
      const float added = state;
      state = running;
      running = running * decays[place * shape.heads + head] + added;
    }
  }
}

/** Shared memory of a chunk's passes over all heads, in floats. */
inline long chunkFloats(const ScanShape &shape, bool back) {
  return 2 * kChunk + kChunk * (2 * shape.states + shape.size + 2 * kChunk) + (back ? kChunk * (shape.size + shape.states + 2 * kChunk + 6) : 0);
}

/** e^(L_t - L_s) where s <= t. */
__device__ __forceinline__ float within(const float *sums, int t, int s) { return s <= t ? expf(sums[t] - sums[s]) : 0.0f; }

/** y of a chunk, head after head. Grid: chunks, samples. */
[[maybe_unused]] static __global__ void chunkOutputs(ScanShape shape, ScanArrays in, const float *states, float *y) {
  const long N = shape.states, P = shape.size;
  float *steps = sharedMemory<float>(), *sums = steps + kChunk, *b = sums + kChunk, *c = b + kChunk * N, *u = c + kChunk * N;
  float *alike = u + kChunk * P, *mixing = alike + kChunk * kChunk;
  const long chunk = blockIdx.x, sample = blockIdx.y;
  const ChunkPlace at(shape, sample, chunk);
  const auto asIs = [](long) { return 1.0f; };
  bringRows(in.b, N, at, N, b, asIs);
  bringRows(in.c, N, at, N, c, asIs);
  __syncthreads();
  blockProduct({c, N, 1}, {b, 1, N}, kChunk, kChunk, static_cast<int>(N), [&](int t, int s, float sum) { alike[t * kChunk + s] = sum; });
  for (long head = 0; head < shape.heads; head++) {
    chunkSteps(shape, in, at, head, steps, sums);
    bringRows(in.x + head * P, shape.channels(), at, P, u, [&](long t) { return steps[t]; });
    for (int i = threadIdx.x; i < kChunk * kChunk; i += kScanThreads)
      mixing[i] = within(sums, i / kChunk, i % kChunk) * alike[i];
    __syncthreads();
    const float *entered = states + ((sample * gridDim.x + chunk) * shape.heads + head) * N * P;
    const float skip = in.d[head];
    const auto place = [&](int t, int p) { return (at.first + t) * shape.channels() + head * P + p; };
    blockProduct({c, N, 1}, {entered, P, 1}, at.here, static_cast<int>(P), static_cast<int>(N),
                 [&](int t, int p, float sum) { y[place(t, p)] = expf(sums[t]) * sum + skip * in.x[place(t, p)]; });
    // The same threads have the same elements.
    blockProduct({mixing, kChunk, 1}, {u, P, 1}, at.here, static_cast<int>(P), kChunk,
                 [&](int t, int p, float sum) { y[place(t, p)] += sum; });
    __syncthreads();
  }
}

/** out[t] <- the sum over p of term(t, p), a warp per row; for t < kChunk. */
template <class Term> __device__ __forceinline__ void rowSums(long width, float *out, const Term &term) {
  const int lane = threadIdx.x % kWarp;
  for (int t = threadIdx.x / kWarp; t < kChunk; t += kScanThreads / kWarp) {
    float sum = 0;
    for (long p = lane; p < width; p += kWarp) sum += term(t, p);
    sum = warpSum(sum);
    if (lane == 0) out[t] = sum;
  }
}

/**
 * All gradients of a chunk, head after head; of dtBias, aLog and d: parts [sample, chunk][3][heads]. `states` as they enter the
 * chunks, `flows` the gradients of those that leave them. Grid: chunks, samples.
 */
[[maybe_unused]] static __global__ void chunkGradients(ScanShape shape, ScanArrays in, const float *dOut, const float *states,
                                                       const float *flows, ScanGradients out, float *parts) {
  const long N = shape.states, P = shape.size;
  float *steps = sharedMemory<float>(), *sums = steps + kChunk, *b = sums + kChunk, *c = b + kChunk * N, *x = c + kChunk * N;
  float *alike = x + kChunk * P, *mixing = alike + kChunk * kChunk, *dy = mixing + kChunk * kChunk, *felt = dy + kChunk * P;
  float *dAlike = felt + kChunk * N, *paths = dAlike + kChunk * kChunk;
  float *entered = paths + kChunk * kChunk, *left = entered + kChunk, *across = left + kChunk;
  float *skipped = across + kChunk, *through = skipped + kChunk, *dSums = through + kChunk;
  const long chunk = blockIdx.x, sample = blockIdx.y, line = sample * gridDim.x + chunk;
  const ChunkPlace at(shape, sample, chunk);
  const int p0 = static_cast<int>(P), n0 = static_cast<int>(N);
  const auto asIs = [](long) { return 1.0f; };
  bringRows(in.b, N, at, N, b, asIs);
  bringRows(in.c, N, at, N, c, asIs);
  for (int i = threadIdx.x; i < kChunk * kChunk; i += kScanThreads) dAlike[i] = 0;
  __syncthreads();
  blockProduct({c, N, 1}, {b, 1, N}, kChunk, kChunk, n0, [&](int t, int s, float sum) { alike[t * kChunk + s] = sum; });
  for (long head = 0; head < shape.heads; head++) {
    chunkSteps(shape, in, at, head, steps, sums);
    bringRows(in.x + head * P, shape.channels(), at, P, x, asIs);
    bringRows(dOut + head * P, shape.channels(), at, P, dy, asIs);
    __syncthreads();
    const float *entering = states + (line * shape.heads + head) * N * P, *flow = flows + (line * shape.heads + head) * N * P;
    const float whole = sums[kChunk - 1], rate = -expf(in.aLog[head]), skip = in.d[head];
    const auto place = [&](long t, long p) { return (at.first + t) * shape.channels() + head * P + p; };
    // Of the mixing e^(L_t - L_s) (c_t . b_s): its gradient, and what flows through its exponent and through c . b.
    blockProduct({dy, P, 1}, {x, 1, P}, kChunk, kChunk, p0, [&](int t, int s, float sum) {
      const float decay = within(sums, t, s), d = sum * steps[s] * decay;
      dAlike[t * kChunk + s] += d;
      paths[t * kChunk + s] = s < t ? d * alike[t * kChunk + s] : 0.0f;
      mixing[t * kChunk + s] = decay * alike[t * kChunk + s];
    });
    // Through the state that entered, and through the one that leaves.
    const auto grow = [&](float &to, float by) { to = head > 0 ? to + by : by; };
    blockProduct({dy, P, 1}, {entering, 1, P}, at.here, n0, p0, [&](int t, int n, float sum) {
      felt[t * N + n] = expf(sums[t]) * sum;
      grow(out.c[(at.first + t) * N + n], felt[t * N + n]);
    });
    blockProduct({x, P, 1}, {flow, 1, P}, at.here, n0, p0, [&](int t, int n, float sum) {
      grow(out.b[(at.first + t) * N + n], expf(whole - sums[t]) * steps[t] * sum);
    });
    blockProduct({b, N, 1}, {flow, P, 1}, at.here, p0, n0,
                 [&](int t, int p, float sum) { out.x[place(t, p)] = expf(whole - sums[t]) * sum; });
    __syncthreads();
    // out.x holds what the leaving state says of u so far; the sums over channels take it from there.
    rowSums(P, left, [&](int t, long p) { return t < at.here ? steps[t] * x[t * P + p] * out.x[place(t, p)] : 0.0f; });
    rowSums(P, skipped, [&](int t, long p) { return dy[t * P + p] * x[t * P + p]; });
    rowSums(N, entered, [&](int t, long n) { return t < at.here ? c[t * N + n] * felt[t * N + n] : 0.0f; });
    const long part = (N * P + kChunk - 1) / kChunk;
    rowSums(part, through, [&](int t, long i) { return t * part + i < N * P ? entering[t * part + i] * flow[t * part + i] : 0.0f; });
    __syncthreads();
    blockProduct({mixing, 1, kChunk}, {dy, P, 1}, at.here, p0, kChunk, [&](int s, int p, float sum) { out.x[place(s, p)] += sum; });
    if (threadIdx.x < kChunk) {
      const int t = threadIdx.x;
      float sum = entered[t] - left[t];
      for (int s = 0; s < t; s++) sum += paths[t * kChunk + s];
      for (int r = t + 1; r < kChunk; r++) sum -= paths[r * kChunk + t];
      dSums[t] = sum;
    }
    __syncthreads();
    rowSums(P, across, [&](int t, long p) { return t < at.here ? x[t * P + p] * out.x[place(t, p)] : 0.0f; });
    __syncthreads();
    for (long i = threadIdx.x; i < at.here * P; i += kScanThreads) {
      float &to = out.x[place(i / P, i % P)];
      to = to * steps[i / P] + skip * dy[i];
    }
    if (threadIdx.x == 0) {
      float running = 0;
      for (int t = 0; t < kChunk; t++) running += through[t];
      running *= expf(whole);
      for (int t = 0; t < kChunk; t++) running += left[t];
      float dBias = 0, dRate = 0, dSkip = 0;
      for (int t = kChunk - 1; t >= 0; t--) {
        running += dSums[t];
        if (t >= at.here) continue;
        const long i = (at.first + t) * shape.heads + head;
        const float dRaw = (running * rate + across[t]) * sigmoid(in.raw[i] + in.dtBias[head]);
        out.raw[i] = dRaw;
        dBias += dRaw;
        dRate += running * steps[t] * rate;
        dSkip += skipped[t];
      }
      float *to = parts + line * 3 * shape.heads + head;
      to[0] = dBias, to[shape.heads] = dRate, to[2 * shape.heads] = dSkip;
    }
    __syncthreads();
  }
  blockProduct({dAlike, kChunk, 1}, {b, N, 1}, at.here, n0, kChunk,
               [&](int t, int n, float sum) { out.c[(at.first + t) * N + n] += sum; });
  blockProduct({dAlike, 1, kChunk}, {c, N, 1}, at.here, n0, kChunk,
               [&](int s, int n, float sum) { out.b[(at.first + s) * N + n] += sum; });
}

} // namespace trmesh
