// What the addon asks of an engine, whatever the instruction set and the numbers behind it: pack the weights of the network,
// then passes forward and back. One engine belongs to one thread of JavaScript and is not re-entrant.
#pragma once
#include <memory>
#include <vector>
#include "pool.h"

namespace trmesh {

/** Sizes of the one network (spec 1.4). */
struct NetworkShape {
  long hidden;
  long heads;
  /** Of an MLP mixer, whose weights they size; an attention network takes them with every pass. */
  long positions;
  long layers;
  bool attention;
  /** Width of SwiGLU over channels (0: layers are mixers only), and over positions (MLP mixer only). */
  long inner;
  long mixerInner;
  float eps;
  /** A norm inside SwiGLU, over channels and over positions. */
  bool normed;
};

/**
 * cos and sin (rows, headSize), the tables of spec 1.5 with the sign of the rotated half in sin: a row per position, or, where
 * samples stand at positions of their own, per position of every sample. Null: no rotation.
 */
struct Rope {
  const float *cos;
  const float *sin;
  long rows;
};

/** The samples of a pass, all of one length. */
struct Samples {
  long count;
  long positions;
  Rope rope;
};

/** Stored weights of a layer, f32 row-major as in the checkpoint. Attention: q, k, v, o. MLP: mixer gate, up, down. */
struct LayerWeights {
  const float *q, *k, *v, *o;
  const float *mixerGate, *mixerUp, *mixerDown;
  const float *gate, *up, *down;
};
/** Where the gradients of the same weights are added. */
struct LayerGradients {
  float *q, *k, *v, *o;
  float *mixerGate, *mixerUp, *mixerDown;
  float *gate, *up, *down;
};

/** An f32 array of JavaScript. */
struct Array {
  float *data;
  long length;
};

/** Ops on whole arrays (row-ops.h), in the order of worker/backends/native/row-ops.ts. */
enum class RowOp { convolve, convolveBack, gate, gateBack, norm, normBack, activate, activateBack, scan, scanBack, product };

/** Weights in the order that the kernels read; made again for every optimizer step. */
class PackedNetwork {
public:
  virtual ~PackedNetwork() = default;
  NetworkShape shape{};
};

class Engine {
public:
  virtual ~Engine() = default;
  virtual std::unique_ptr<PackedNetwork> reserve(const NetworkShape &shape) = 0;
  virtual void pack(PackedNetwork &network, const std::vector<LayerWeights> &layers) = 0;
  /** Bytes of `saved` that a pass over `samples` keeps for backward. */
  virtual long savedBytes(const PackedNetwork &network, const Samples &samples) = 0;
  /** y <- network(h + injection); all (samples * positions, hidden) f32. `saved`: null, or savedBytes, on a cache line. */
  virtual void forward(const PackedNetwork &network, const float *h, const float *injection, const Samples &samples, float *y,
                       void *saved) = 0;
  /** dh from dy; the gradients of the weights are added to `gradients`. */
  virtual void backward(const PackedNetwork &network, const void *saved, const float *dy, const Samples &samples, float *dh,
                        const std::vector<LayerGradients> &gradients) = 0;
  /** c[m][n] <- a b, each batch of it, f32 whatever the engine's numbers; a flag: stored transposed. */
  virtual void matMul(const float *a, const float *b, float *c, long batch, long m, long k, long n, bool flipA, bool flipB,
                      bool sameB) = 0;
  /** @throws std::invalid_argument if an array is shorter than its op needs */
  virtual void rowOp(RowOp op, const std::vector<Array> &arrays, const std::vector<double> &numbers) = 0;
  /** Billions of operations per second that the inner product reaches on operands in the nearest cache, on all threads. */
  virtual double peak(double seconds) = 0;
};

/** @throws std::runtime_error if the system withholds what the instruction set needs */
std::unique_ptr<Engine> makeEngine(Pool &pool, bool bf16);

} // namespace trmesh
