// Attention by the kernels that fit: matrix instructions for bf16, plain ones for f32.
#pragma once
#include "attention-plain.cuh"
#include "attention-tiles.cuh"

namespace trmesh {

/** The kernels for heads of up to SIZE channels. */
struct TileKernels {
  decltype(&attendTiles<16>) forward;
  decltype(&attendTilesBack<16, false>) queriesBack, keysBack;
  size_t forwardBytes, backBytes;
};
template <int SIZE> TileKernels tileKernelsOf() {
  return {attendTiles<SIZE>, attendTilesBack<SIZE, false>, attendTilesBack<SIZE, true>, kForwardBytes<SIZE>, kBackBytes<SIZE>};
}
inline TileKernels tileKernelsFor(int size) {
  return size <= 16   ? tileKernelsOf<16>()
         : size <= 32 ? tileKernelsOf<32>()
         : size <= 64 ? tileKernelsOf<64>()
                      : tileKernelsOf<128>();
}

/** context <- attention of the heads in qkv, which plain kernels leave turned. Backward wants qkv as this leaves it. */
inline void attend(Stream stream, float *qkv, float *context, float *logSums, const HeadShape &shape, const Rope &rope) {
  turn(stream, qkv, shape, rope, 1);
  run(stream, overOwners(shape, kPlainWarps, kPlainWarps * kWarp, 0), attendPlain<float>, qkv, context, logSums, shape);
}
inline void attend(Stream stream, bf16 *qkv, bf16 *context, float *logSums, const HeadShape &shape, const Rope &rope) {
  const TileKernels kernels = tileKernelsFor(shape.size);
  run(stream, overOwners(shape, kOwners, kTileWarps * kWarp, kernels.forwardBytes), kernels.forward, qkv, context, logSums, shape,
      rope);
}

/** The gradient of qkv as the projection made it. */
inline void attendBack(Stream stream, const float *qkv, const float *dContext, const float *logSums, const float *inner,
                       float *dQkv, const HeadShape &shape, const Rope &rope) {
  const Launch how = overOwners(shape, kPlainWarps, kPlainWarps * kWarp, 0);
  run(stream, how, attendPlainBack<float, false>, qkv, dContext, logSums, inner, dQkv, shape);
  run(stream, how, attendPlainBack<float, true>, qkv, dContext, logSums, inner, dQkv, shape);
  turn(stream, dQkv, shape, rope, -1);
}
inline void attendBack(Stream stream, const bf16 *qkv, const bf16 *dContext, const float *logSums, const float *inner, bf16 *dQkv,
                       const HeadShape &shape, const Rope &rope) {
  const TileKernels kernels = tileKernelsFor(shape.size);
  const Launch how = overOwners(shape, kOwners, kTileWarps * kWarp, kernels.backBytes);
  run(stream, how, kernels.queriesBack, qkv, dContext, logSums, inner, dQkv, shape, rope);
  run(stream, how, kernels.keysBack, qkv, dContext, logSums, inner, dQkv, shape, rope);
}

} // namespace trmesh
