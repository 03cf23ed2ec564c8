// Mamba-2's selective scan (worker/ops/selective-scan.ts) as its recurrence, one head of one sample a task: H_t = a_t H_(t-1) +
// b_t u_t^T, y_t = H_t^T c_t. Channels are the lanes. A block of states stays in registers while a chunk of positions passes by,
// whose u and y stay in the nearest cache; whole states only lie between chunks. Backward keeps the states that enter the chunks,
// makes those inside again, and goes through them in reverse. All f32; every sum has an order given by the shapes alone.
#pragma once
#include <cmath>
#include "memory.h"
#include "pool.h"
#include "vector.h"

namespace trmesh {

struct ScanShape {
  long batch, positions, heads, size, states;
  long channels() const { return heads * size; }
  long rows() const { return batch * positions; }
};

/** x, y (rows, heads * size); b, c (rows, states); raw (rows, heads); the rest (heads). */
struct ScanArrays {
  const float *x, *b, *c, *raw, *dtBias, *aLog, *d;
};
struct ScanGradients {
  float *x, *b, *c, *raw, *dtBias, *aLog, *d;
};

/** out[i] <- the sum of the lanes of vectors[i], W at a time by turning them. */
template <int W> void sumEach(const float *vectors, long count, float *out) {
  long i = 0;
  for (; i + W <= count; i += W) {
    VU<W> block[W];
    for (int r = 0; r < W; r++) block[r] = loadAs<VU<W>>(vectors + (i + r) * W);
    transposeBlock<W>(block);
    VF<W> total = splat<W>(0);
    for (int r = 0; r < W; r++) total += bits<VF<W>>(block[r]);
    storeAs(out + i, total);
  }
  for (; i < count; i++) out[i] = sum<W>(loadAs<VF<W>>(vectors + i * W));
}

template <int W> class SelectiveScan {
  /** A block: so many states, each of so many vectors of channels. More registers, larger blocks. */
  static constexpr int NB = W == 16 ? 4 : 2;
  static constexpr int CV = W == 16 ? 4 : 2;
  static constexpr long kLanes = CV * W;
  static constexpr long kChunk = 32;

public:
  explicit SelectiveScan(Pool &pool) : pool_(pool), own_(pool.threads()) {}

  void forward(const ScanShape &shape, const ScanArrays &in, float *y) {
    pool_.run(shape.batch * shape.heads, [&](long i, int thread) {
      Carver measure(nullptr);
      const Head ignored(measure, shape);
      Carver carver(own_[thread].template take<char>(measure.used()));
      Head head(carver, shape);
      const Place at(shape, i);
      head.steps(shape, in, at);
      std::memset(head.state, 0, head.stateFloats * sizeof(float));
      for (long first = 0; first < shape.positions; first += kChunk) {
        const long here = std::min(kChunk, shape.positions - first);
        head.enter(shape, in, at, first, here);
        std::memset(head.y, 0, here * head.width * sizeof(float));
        for (long lane = 0; lane < head.width; lane += kLanes)
          for (long n = 0; n < head.states; n += NB) head.template pass<true>(n, lane, here, head.state, head.state, nullptr);
        const float d = in.d[at.head];
        for (long t = 0; t < here; t++) {
          const long row = at.row(first + t) * shape.channels() + at.head * shape.size;
          for (long p = 0; p < shape.size; p++) y[row + p] = head.y[t * head.width + p] + d * in.x[row + p];
        }
      }
    });
  }

  void backward(const ScanShape &shape, const ScanArrays &in, const float *dy, const ScanGradients &out) {
    const long tasks = shape.batch * shape.heads, part = shape.positions * shape.states;
    float *dB = dB_.take<float>(tasks * part), *dC = dC_.take<float>(tasks * part), *sums = sums_.take<float>(3 * tasks);
    pool_.run(tasks, [&](long i, int thread) {
      Carver measure(nullptr);
      const Head ignored(measure, shape);
      const BackHead<W> alsoIgnored(measure, ignored, shape.positions);
      Carver carver(own_[thread].template take<char>(measure.used()));
      Head head(carver, shape);
      BackHead<W> back(carver, head, shape.positions);
      headBack(shape, in, dy, out, Place(shape, i), head, back, dB + i * part, dC + i * part, sums + 3 * i);
    });
    pool_.run(shape.batch, [&](long sample, int) {
      for (long e = 0; e < part; e++) {
        float b = 0, c = 0;
        for (long h = 0; h < shape.heads; h++) {
          b += dB[(sample * shape.heads + h) * part + e];
          c += dC[(sample * shape.heads + h) * part + e];
        }
        out.b[sample * part + e] = b;
        out.c[sample * part + e] = c;
      }
    });
    for (long i = 0; i < tasks; i++) {
      const long h = i % shape.heads;
      out.dtBias[h] += sums[3 * i];
      out.aLog[h] += sums[3 * i + 1];
      out.d[h] += sums[3 * i + 2];
    }
  }

private:
  struct Place {
    long sample, head, positions;
    Place(const ScanShape &shape, long i) : sample(i / shape.heads), head(i % shape.heads), positions(shape.positions) {}
    long row(long t) const { return sample * positions + t; }
  };

  /** Scratch of one head: whole blocks of states and channels, zero where there are none. */
  struct Head {
    long states, width, stateFloats;
    float *step, *decay;
    /** A chunk's u, y [t][width] and b, c [t][states]. */
    float *u, *y, *b, *c;
    /** [states][width] */
    float *state;

    Head(Carver &carver, const ScanShape &shape)
        : states(roundUp(shape.states, NB)), width(roundUp(shape.size, kLanes)), stateFloats(states * width) {
      step = carver.take<float>(shape.positions);
      decay = carver.take<float>(shape.positions);
      u = carver.take<float>(kChunk * width);
      y = carver.take<float>(kChunk * width);
      b = carver.take<float>(kChunk * states);
      c = carver.take<float>(kChunk * states);
      state = carver.take<float>(stateFloats);
    }

    void steps(const ScanShape &shape, const ScanArrays &in, const Place &at) {
      const float a = -std::exp(in.aLog[at.head]);
      for (long t = 0; t < shape.positions; t++) {
        const float raw = in.raw[at.row(t) * shape.heads + at.head] + in.dtBias[at.head];
        step[t] = (raw > 0 ? raw : 0) + std::log1p(std::exp(-std::fabs(raw)));
        if (!(raw == raw)) step[t] = raw;
        decay[t] = std::exp(a * step[t]);
      }
    }

    void enter(const ScanShape &shape, const ScanArrays &in, const Place &at, long first, long here) {
      start = first;
      for (long t = 0; t < here; t++) {
        const long row = at.row(first + t);
        const float *x = in.x + row * shape.channels() + at.head * shape.size;
        for (long p = 0; p < width; p++) u[t * width + p] = p < shape.size ? step[first + t] * x[p] : 0.0f;
        for (long n = 0; n < states; n++) {
          b[t * states + n] = n < shape.states ? in.b[row * shape.states + n] : 0.0f;
          c[t * states + n] = n < shape.states ? in.c[row * shape.states + n] : 0.0f;
        }
      }
    }

    /** A chunk through states [n, n + NB) of channels [lane, lane + kLanes): y grows (`Adds`), or every state is kept. */
    template <bool Adds> void pass(long n, long lane, long here, const float *from, float *to, float *kept) {
      VF<W> h[NB][CV];
      for (int i = 0; i < NB; i++)
        for (int v = 0; v < CV; v++) h[i][v] = loadAs<VF<W>>(from + (n + i) * width + lane + v * W);
      for (long t = 0; t < here; t++) {
        const VF<W> a = splat<W>(decay[start + t]);
        VF<W> in[CV], out[CV];
        for (int v = 0; v < CV; v++) {
          in[v] = loadAs<VF<W>>(u + t * width + lane + v * W);
          if (Adds) out[v] = loadAs<VF<W>>(y + t * width + lane + v * W);
        }
        for (int i = 0; i < NB; i++) {
          const VF<W> bt = splat<W>(b[t * states + n + i]), ct = splat<W>(c[t * states + n + i]);
          for (int v = 0; v < CV; v++) {
            h[i][v] = h[i][v] * a + bt * in[v];
            if (Adds) out[v] += ct * h[i][v];
            else if (kept != nullptr) storeAs(kept + ((t * NB + i) * CV + v) * W, h[i][v]);
          }
        }
        if (Adds)
          for (int v = 0; v < CV; v++) storeAs(y + t * width + lane + v * W, out[v]);
      }
      if (to == nullptr) return;
      for (int i = 0; i < NB; i++)
        for (int v = 0; v < CV; v++) storeAs(to + (n + i) * width + lane + v * W, h[i][v]);
    }

    long start = 0;
  };

  template <int> struct BackHead {
    /** States entering every chunk; what flows back into the chunk before; a block's states inside a chunk. */
    float *entering, *dState, *inside;
    /** [t][width]: dy, du. By [t]: vectors of d(decay). By [t][NB]: vectors of db and dc, and their sums. */
    float *dy, *du, *dDecay, *dB, *dC, *sums;

    BackHead(Carver &carver, const Head &head, long positions) {
      entering = carver.take<float>(divideUp(positions, kChunk) * head.stateFloats);
      dState = carver.take<float>(head.stateFloats);
      inside = carver.take<float>(kChunk * NB * kLanes);
      dy = carver.take<float>(kChunk * head.width);
      du = carver.take<float>(kChunk * head.width);
      dDecay = carver.take<float>(kChunk * W);
      dB = carver.take<float>(kChunk * NB * W);
      dC = carver.take<float>(kChunk * NB * W);
      sums = carver.take<float>(kChunk * NB);
    }
  };

  void headBack(const ScanShape &shape, const ScanArrays &in, const float *dOut, const ScanGradients &out, const Place &at,
                Head &head, BackHead<W> &back, float *dB, float *dC, float *sums) {
    const long S = shape.positions, N = shape.states, chunks = divideUp(S, kChunk);
    head.steps(shape, in, at);
    std::memset(back.entering, 0, head.stateFloats * sizeof(float));
    for (long k = 0; k + 1 < chunks; k++) {
      head.enter(shape, in, at, k * kChunk, kChunk);
      const float *from = back.entering + k * head.stateFloats;
      for (long lane = 0; lane < head.width; lane += kLanes)
        for (long n = 0; n < head.states; n += NB)
          head.template pass<false>(n, lane, kChunk, from, back.entering + (k + 1) * head.stateFloats, nullptr);
    }
    std::memset(back.dState, 0, head.stateFloats * sizeof(float));
    std::memset(dB, 0, S * N * sizeof(float));
    std::memset(dC, 0, S * N * sizeof(float));
    const float rate = -std::exp(in.aLog[at.head]), skip = in.d[at.head];
    float dBias = 0, dRate = 0, dSkip = 0;
    for (long k = chunks - 1; k >= 0; k--) {
      const long first = k * kChunk, here = std::min(kChunk, S - first);
      head.enter(shape, in, at, first, here);
      for (long t = 0; t < here; t++) {
        const float *from = dOut + at.row(first + t) * shape.channels() + at.head * shape.size;
        for (long p = 0; p < head.width; p++) back.dy[t * head.width + p] = p < shape.size ? from[p] : 0.0f;
      }
      std::memset(back.du, 0, here * head.width * sizeof(float));
      std::memset(back.dDecay, 0, here * W * sizeof(float));
      const float *entering = back.entering + k * head.stateFloats;
      for (long lane = 0; lane < head.width; lane += kLanes)
        for (long n = 0; n < head.states; n += NB) {
          head.template pass<false>(n, lane, here, entering, nullptr, back.inside);
          blockBack(head, back, n, lane, here, entering);
          const auto add = [&](const float *vectors, float *into) {
            sumEach<W>(vectors, here * NB, back.sums);
            for (long t = 0; t < here; t++)
              for (long i = 0; i < NB && n + i < N; i++) into[(first + t) * N + n + i] += back.sums[t * NB + i];
          };
          add(back.dB, dB);
          add(back.dC, dC);
        }
      for (long t = 0; t < here; t++) {
        const long row = at.row(first + t), from = row * shape.channels() + at.head * shape.size;
        const float step = head.step[first + t];
        float across = 0;
        for (long p = 0; p < shape.size; p++) {
          const float x = in.x[from + p], du = back.du[t * head.width + p], dy = dOut[from + p];
          across += x * du;
          dSkip += x * dy;
          out.x[from + p] = step * du + skip * dy;
        }
        const float dLog = sum<W>(loadAs<VF<W>>(back.dDecay + t * W)) * head.decay[first + t];
        const float raw = in.raw[row * shape.heads + at.head] + in.dtBias[at.head];
        const float dRaw = (dLog * rate + across) / (1.0f + std::exp(-raw));
        dRate += dLog * step * rate;
        dBias += dRaw;
        out.raw[row * shape.heads + at.head] = dRaw;
      }
    }
    sums[0] = dBias;
    sums[1] = dRate;
    sums[2] = dSkip;
  }

  static void blockBack(const Head &head, BackHead<W> &back, long n, long lane, long here, const float *entering) {
    VF<W> dh[NB][CV];
    for (int i = 0; i < NB; i++)
      for (int v = 0; v < CV; v++) dh[i][v] = loadAs<VF<W>>(back.dState + (n + i) * head.width + lane + v * W);
    for (long t = here - 1; t >= 0; t--) {
      const VF<W> a = splat<W>(head.decay[head.start + t]);
      VF<W> dDecay = loadAs<VF<W>>(back.dDecay + t * W);
      VF<W> u[CV], dy[CV], du[CV];
      for (int v = 0; v < CV; v++) {
        const long place = t * head.width + lane + v * W;
        u[v] = loadAs<VF<W>>(head.u + place);
        dy[v] = loadAs<VF<W>>(back.dy + place);
        du[v] = loadAs<VF<W>>(back.du + place);
      }
      for (int i = 0; i < NB; i++) {
        const VF<W> b = splat<W>(head.b[t * head.states + n + i]), c = splat<W>(head.c[t * head.states + n + i]);
        VF<W> dB = splat<W>(0), dC = splat<W>(0);
        for (int v = 0; v < CV; v++) {
          const VF<W> h = loadAs<VF<W>>(back.inside + ((t * NB + i) * CV + v) * W);
          const float *before = t > 0 ? back.inside + (((t - 1) * NB + i) * CV + v) * W : entering + (n + i) * head.width + lane + v * W;
          dh[i][v] += c * dy[v];
          dC += h * dy[v];
          dB += dh[i][v] * u[v];
          du[v] += dh[i][v] * b;
          dDecay += dh[i][v] * loadAs<VF<W>>(before);
          dh[i][v] *= a;
        }
        storeAs(back.dB + (t * NB + i) * W, dB);
        storeAs(back.dC + (t * NB + i) * W, dC);
      }
      for (int v = 0; v < CV; v++) storeAs(back.du + t * head.width + lane + v * W, du[v]);
      storeAs(back.dDecay + t * W, dDecay);
    }
    for (int i = 0; i < NB; i++)
      for (int v = 0; v < CV; v++) storeAs(back.dState + (n + i) * head.width + lane + v * W, dh[i][v]);
  }

  Pool &pool_;
  std::vector<Memory> own_;
  Memory dB_, dC_, sums_;
};

} // namespace trmesh
