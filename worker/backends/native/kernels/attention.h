// Attention of one head of one sample (spec 1.4), forward and backward. No score matrix reaches memory: a tile of queries (back:
// a panel of queries) meets all keys while its scores stay in the cache. Softmax in f32; weights rounded for the products.
#pragma once
#include <cmath>
#include "rows.h"

namespace trmesh {

struct HeadShape {
  long positions;
  long size;
  /** 1 / sqrt(size). */
  float scale;
};

/** Copies one head out of rows of `stride`: [positions][padded size], zero padded. */
template <class P>
void gatherHead(const typename P::Elem *from, long stride, const HeadShape &shape, typename P::Elem *out) {
  const long width = padded<P>(shape.size);
  for (long s = 0; s < shape.positions; s++) {
    std::memcpy(out + s * width, from + s * stride, shape.size * sizeof(*out));
    for (long d = shape.size; d < width; d++) out[s * width + d] = typename P::Elem{};
  }
}

/** All panels of a head with positions as lanes, summed along the head's channels. */
template <class P> Panels packPositions(const typename P::Elem *head, const HeadShape &shape, uint32_t *out) {
  const long width = padded<P>(shape.size), deep = unitsOf<P>(shape.size);
  const long panels = divideUp(shape.positions, P::NR);
  for (long p = 0; p < panels; p++)
    packRowsAsLanes<P>(head + p * P::NR * width, width, std::min(shape.positions - p * P::NR, static_cast<long>(P::NR)),
                       shape.size, out + p * deep * P::NR);
  return {out, deep, panels};
}

/** All panels of a head with channels as lanes, summed along `rows` positions. */
template <class P> Panels packChannels(const typename P::Elem *head, long rows, long size, uint32_t *out) {
  const long width = padded<P>(size), deep = unitsOf<P>(rows), panels = width / P::NR;
  for (long p = 0; p < panels; p++) packColumnsAsLanes<P>(head + p * P::NR, width, rows, out + p * deep * P::NR);
  return {out, deep, panels};
}

/** Scratch of one thread for one head. */
template <class P> struct HeadScratch {
  typedef typename P::Elem Elem;
  Elem *q, *k, *v, *dO;
  uint32_t *positions, *channels, *queries, *dQueries, *queryRows, *dRows, *pairs;
  float *scores, *scoresBack, *inner, *dQ, *dK, *dV;
  Elem *weights, *dWeights, *keyColumns;

  HeadScratch(Carver &carver, const HeadShape &shape) {
    const long S = shape.positions, width = padded<P>(shape.size), rows = S + kSpareRows, wide = padded<P>(S);
    const long across = panelUnits<P>(S, shape.size), along = panelUnits<P>(shape.size, S);
    q = carver.take<Elem>(rows * width);
    k = carver.take<Elem>(rows * width);
    v = carver.take<Elem>(rows * width);
    dO = carver.take<Elem>(rows * width);
    positions = carver.take<uint32_t>(across);
    channels = carver.take<uint32_t>(along);
    queries = carver.take<uint32_t>(panelUnits<P>(P::NR, shape.size));
    dQueries = carver.take<uint32_t>(panelUnits<P>(P::NR, shape.size));
    queryRows = carver.take<uint32_t>(panelUnits<P>(shape.size, P::NR));
    dRows = carver.take<uint32_t>(panelUnits<P>(shape.size, P::NR));
    pairs = carver.take<uint32_t>(unitsOf<P>(S) * P::NR);
    scores = carver.take<float>((P::MR + kSpareRows) * wide);
    scoresBack = carver.take<float>(P::MR * P::NR);
    inner = carver.take<float>(wide);
    dQ = carver.take<float>(rows * width);
    dK = carver.take<float>(rows * width);
    dV = carver.take<float>(rows * width);
    weights = carver.take<Elem>(std::max((P::MR + kSpareRows) * wide, rows * P::NR));
    dWeights = carver.take<Elem>(rows * P::NR);
    keyColumns = carver.take<Elem>((width + kSpareRows) * wide);
  }
};

/**
 * qkv: the first row of this head's q, k and v, each `stride` elements apart between positions. context: likewise, written.
 * logSums (positions): log of each query's sum of exp(scores), for backward; may be null.
 */
template <class P>
void attendHead(const typename P::Elem *q, const typename P::Elem *k, const typename P::Elem *v, long stride,
                const HeadShape &shape, HeadScratch<P> &scratch, typename P::Elem *context, long contextStride, float *logSums) {
  constexpr int W = P::W;
  const long S = shape.positions, width = padded<P>(shape.size), wide = padded<P>(S);
  gatherHead<P>(q, stride, shape, scratch.q);
  gatherHead<P>(k, stride, shape, scratch.k);
  gatherHead<P>(v, stride, shape, scratch.v);
  const Panels keys = packPositions<P>(scratch.k, shape, scratch.positions);
  const Panels values = packChannels<P>(scratch.v, S, shape.size, scratch.channels);
  for (long first = 0; first < S; first += P::MR) {
    const int here = static_cast<int>(std::min(S - first, static_cast<long>(P::MR)));
    for (long p = 0; p < keys.panels; p++)
      tile<P>(units(scratch.q + first * width), width / P::perUnit, here, keys.panel<P>(p), keys.units,
              scratch.scores + p * P::NR, wide);
    float norms[P::MR];
    for (int i = 0; i < here; i++) {
      float *row = scratch.scores + i * wide;
      for (long c = S; c < wide; c++) row[c] = row[0];
      VF<W> most = loadAs<VF<W>>(row);
      for (long c = W; c < wide; c += W) {
        const VF<W> s = loadAs<VF<W>>(row + c);
        most = s > most ? s : most;
      }
      const float top = largest<W>(most);
      VF<W> total = splat<W>(0);
      typename P::Elem *weights = scratch.weights + i * wide;
      for (long c = 0; c < wide; c += W) {
        VF<W> e = P::exponential((loadAs<VF<W>>(row + c) - top) * shape.scale);
        if (c + W > S)
          for (int l = 0; l < W; l++)
            if (c + l >= S) e[l] = 0;
        total += e;
        P::store(weights + c, e);
      }
      const float all = sum<W>(total);
      norms[i] = 1.0f / all;
      if (logSums != nullptr) logSums[first + i] = top * shape.scale + std::log(all);
    }
    multiply<P>(scratch.weights, wide, here, values, 0, values.panels, [&](long r, int count, long p, const float *c) {
      for (int i = 0; i < count; i++)
        for (long l = 0; l < P::NR; l += W) {
          const long channel = p * P::NR + l;
          const VF<W> o = loadAs<VF<W>>(c + i * P::NR + l) * norms[r + i];
          typename P::Elem *out = context + (first + r + i) * contextStride + channel;
          if (channel + W <= shape.size) P::store(out, o);
          else
            for (long d = channel; d < shape.size; d++) out[d - channel] = P::from(o[d - channel]);
        }
    });
  }
}

/** Gradients of q, k and v of one head, f32 [positions][padded size], in scratch.dQ, dK, dV. */
template <class P>
void attendHeadBack(const typename P::Elem *q, const typename P::Elem *k, const typename P::Elem *v, long stride,
                    const typename P::Elem *context, const typename P::Elem *dContext, long contextStride,
                    const float *logSums, const HeadShape &shape, HeadScratch<P> &scratch) {
  typedef typename P::Elem Elem;
  constexpr int W = P::W;
  const long S = shape.positions, width = padded<P>(shape.size), wide = padded<P>(S), deep = unitsOf<P>(S);
  gatherHead<P>(q, stride, shape, scratch.q);
  gatherHead<P>(k, stride, shape, scratch.k);
  gatherHead<P>(v, stride, shape, scratch.v);
  gatherHead<P>(dContext, contextStride, shape, scratch.dO);
  // sum(p dp) over keys equals sum(context dContext) over channels.
  for (long s = 0; s < S; s++) {
    const Elem *o = context + s * contextStride, *dO = scratch.dO + s * width;
    VF<W> products = splat<W>(0);
    long d = 0;
    for (; d + W <= shape.size; d += W) products += P::load(o + d) * P::load(dO + d);
    float inner = sum<W>(products);
    for (; d < shape.size; d++) inner += P::to(o[d]) * P::to(dO[d]);
    scratch.inner[s] = inner;
  }
  std::memset(scratch.dK, 0, S * width * sizeof(float));
  std::memset(scratch.dV, 0, S * width * sizeof(float));
  // K with channels as rows: positions packed as pairs, then turned.
  const Panels keyPairs = packChannels<P>(scratch.k, S, shape.size, scratch.channels);
  for (long d = 0; d < width; d++) {
    uint32_t *out = reinterpret_cast<uint32_t *>(scratch.keyColumns + d * wide);
    const uint32_t *panel = keyPairs.panel<P>(d / P::NR) + d % P::NR;
    for (long u = 0; u < deep; u++) out[u] = panel[u * P::NR];
  }
  for (long first = 0; first < S; first += P::NR) {
    const long here = std::min(S - first, static_cast<long>(P::NR));
    packRowsAsLanes<P>(scratch.q + first * width, width, here, shape.size, scratch.queries);
    packRowsAsLanes<P>(scratch.dO + first * width, width, here, shape.size, scratch.dQueries);
    const Panels queryRows = packChannels<P>(scratch.q + first * width, here, shape.size, scratch.queryRows);
    const Panels dRows = packChannels<P>(scratch.dO + first * width, here, shape.size, scratch.dRows);
    alignas(64) float logs[P::NR], inner[P::NR], valid[P::NR];
    for (int l = 0; l < P::NR; l++) {
      valid[l] = l < here ? 1.0f : 0.0f;
      logs[l] = l < here ? logSums[first + l] : 0.0f;
      inner[l] = l < here ? scratch.inner[first + l] : 0.0f;
    }
    // Weights and their gradients, keys as rows, queries as lanes.
    for (long key = 0; key < S; key += P::MR) {
      const int count = static_cast<int>(std::min(S - key, static_cast<long>(P::MR)));
      tile<P>(units(scratch.k + key * width), width / P::perUnit, count, scratch.queries, unitsOf<P>(shape.size), scratch.scores, P::NR);
      tile<P>(units(scratch.v + key * width), width / P::perUnit, count, scratch.dQueries, unitsOf<P>(shape.size), scratch.scoresBack, P::NR);
      for (int i = 0; i < count; i++)
        for (int l = 0; l < P::NR; l += W) {
          const VF<W> s = loadAs<VF<W>>(scratch.scores + i * P::NR + l), dp = loadAs<VF<W>>(scratch.scoresBack + i * P::NR + l);
          const VF<W> p = P::exponential(s * shape.scale - loadAs<VF<W>>(logs + l)) * loadAs<VF<W>>(valid + l);
          const long at = (key + i) * P::NR + l;
          P::store(scratch.weights + at, p);
          P::store(scratch.dWeights + at, p * (dp - loadAs<VF<W>>(inner + l)) * shape.scale);
        }
    }
    const auto accumulate = [&](float *sums) {
      return [&, sums](long r, int count, long p, const float *c) {
        for (int i = 0; i < count; i++)
          for (int l = 0; l < P::NR; l += W) {
            float *at = sums + (r + i) * width + p * P::NR + l;
            storeAs(at, loadAs<VF<W>>(at) + loadAs<VF<W>>(c + i * P::NR + l));
          }
      };
    };
    multiply<P>(scratch.weights, P::NR, S, dRows, 0, dRows.panels, accumulate(scratch.dV));
    multiply<P>(scratch.dWeights, P::NR, S, queryRows, 0, queryRows.panels, accumulate(scratch.dK));
    // dQ with channels as rows and queries as lanes.
    packColumnsAsLanes<P>(scratch.dWeights, P::NR, S, scratch.pairs);
    const Panels pairs{scratch.pairs, deep, 1};
    multiply<P>(static_cast<const Elem *>(scratch.keyColumns), wide, shape.size, pairs, 0, 1,
                [&](long r, int count, long, const float *c) {
                  for (int i = 0; i < count; i++)
                    for (long l = 0; l < here; l++) scratch.dQ[(first + l) * width + r + i] = c[i * P::NR + l];
                });
  }
}

} // namespace trmesh
