// What JavaScript sees of the engine: functions on typed arrays, nothing copied, nothing kept but the handles that are returned.
// Lengths are checked here; the kernels trust them. An exception of C++ becomes one of JavaScript.
#include <stdexcept>
#include <string>
#include "arguments.h"
#include "engine.h"
#include "memory.h"
#include "optimizer.h"
#include "orthogonal.h"

namespace trmesh {
namespace {

struct Holder {
  explicit Holder(int threads) : pool(threads) {}
  Pool pool;
  std::unique_ptr<Engine> engine;
};

/** (threads, bf16) -> engine */
napi_value createEngine(napi_env env, const Arguments &given) {
  auto holder = std::make_unique<Holder>(static_cast<int>(given.integer(0)));
  holder->engine = makeEngine(holder->pool, given.flag(1));
  return external(env, holder.release());
}

/** (engine, [hidden, heads, positions, layers, attention, inner, mixerInner, eps], normed) -> network */
napi_value reserve(napi_env env, const Arguments &given) {
  const std::vector<double> n = given.numbers(1);
  if (n.size() != 8) throw std::invalid_argument("a shape has eight numbers");
  const NetworkShape shape{static_cast<long>(n[0]), static_cast<long>(n[1]), static_cast<long>(n[2]), static_cast<long>(n[3]),
                           n[4] != 0,               static_cast<long>(n[5]), static_cast<long>(n[6]), static_cast<float>(n[7]),
                           given.flag(2)};
  return external(env, given.handle<Holder>(0).engine->reserve(shape).release());
}

/** Arguments from `i` on: batch, positions; and, where a pass is to be run, cos and sin, or null. */
Samples samplesOf(const Arguments &given, size_t i, const NetworkShape &shape, bool tables) {
  Samples samples{given.integer(i), given.integer(i + 1), {nullptr, nullptr, 0}};
  if (!shape.attention && samples.positions != shape.positions)
    throw std::invalid_argument("an MLP mixer of " + std::to_string(shape.positions) + " positions cannot mix " +
                                std::to_string(samples.positions));
  if (!tables || given.isNull(i + 2)) return samples;
  const long width = shape.hidden / shape.heads;
  const Floats cos = given.floats(i + 2, samples.positions * width);
  const long rows = cos.length / width;
  if (rows != samples.positions && rows != samples.count * samples.positions)
    throw std::invalid_argument("tables of " + std::to_string(rows) + " rows do not turn " + std::to_string(samples.count) + " x " +
                                std::to_string(samples.positions) + " positions");
  samples.rope = {cos.data, given.floats(i + 3, cos.length).data, rows};
  return samples;
}

/** Sizes of a layer's weights in the order they are given. */
std::vector<long> weightSizes(const NetworkShape &shape) {
  const long square = shape.hidden * shape.hidden, mixer = shape.mixerInner * shape.positions, inner = shape.inner * shape.hidden;
  std::vector<long> sizes = shape.attention ? std::vector<long>{square, square, square, square} : std::vector<long>{mixer, mixer, mixer};
  if (shape.inner > 0) sizes.insert(sizes.end(), {inner, inner, inner});
  return sizes;
}

/** All layers' arrays in order, checked, as T: a struct of pointers. */
template <class T> std::vector<T> perLayer(const NetworkShape &shape, const std::vector<Floats> &arrays) {
  const std::vector<long> sizes = weightSizes(shape);
  if (arrays.size() != sizes.size() * shape.layers) throw std::invalid_argument("these are not the weights of this network");
  for (size_t i = 0; i < arrays.size(); i++)
    if (arrays[i].length != sizes[i % sizes.size()]) throw std::invalid_argument("a weight has another size than its network");
  std::vector<T> all(shape.layers);
  for (long l = 0; l < shape.layers; l++) {
    const Floats *at = &arrays[l * sizes.size()];
    T &layer = all[l];
    layer = T{};
    if (shape.attention) {
      layer.q = at[0].data, layer.k = at[1].data, layer.v = at[2].data, layer.o = at[3].data;
      at += 4;
    } else {
      layer.mixerGate = at[0].data, layer.mixerUp = at[1].data, layer.mixerDown = at[2].data;
      at += 3;
    }
    if (shape.inner > 0) layer.gate = at[0].data, layer.up = at[1].data, layer.down = at[2].data;
  }
  return all;
}

/** (engine, network, weights) */
napi_value pack(napi_env, const Arguments &given) {
  auto &network = given.handle<PackedNetwork>(1);
  given.handle<Holder>(0).engine->pack(network, perLayer<LayerWeights>(network.shape, given.arrays(2)));
  return nullptr;
}

/** (engine, network, batch, positions) -> floats that `saved` of a pass needs */
napi_value savedFloats(napi_env env, const Arguments &given) {
  auto &network = given.handle<PackedNetwork>(1);
  const long bytes = given.handle<Holder>(0).engine->savedBytes(network, samplesOf(given, 2, network.shape, false));
  return numberValue(env, static_cast<double>((bytes + kAlign) / 4));
}

void *aligned(float *data) { return reinterpret_cast<void *>(roundUp(reinterpret_cast<long>(data), kAlign)); }

/** (engine, network, h, injection, batch, positions, cos, sin, y, saved or null) */
napi_value forward(napi_env, const Arguments &given) {
  auto &engine = *given.handle<Holder>(0).engine;
  auto &network = given.handle<PackedNetwork>(1);
  const Samples samples = samplesOf(given, 4, network.shape, true);
  const long size = samples.count * samples.positions * network.shape.hidden;
  void *saved = nullptr;
  if (!given.isNull(9)) saved = aligned(given.floats(9, (engine.savedBytes(network, samples) + kAlign) / 4).data);
  engine.forward(network, given.floats(2, size).data, given.floats(3, size).data, samples, given.floats(8, size).data, saved);
  return nullptr;
}

/** (engine, network, saved, dy, batch, positions, cos, sin, dh, gradients) */
napi_value backward(napi_env, const Arguments &given) {
  auto &engine = *given.handle<Holder>(0).engine;
  auto &network = given.handle<PackedNetwork>(1);
  const Samples samples = samplesOf(given, 4, network.shape, true);
  const long size = samples.count * samples.positions * network.shape.hidden;
  const void *saved = aligned(given.floats(2, (engine.savedBytes(network, samples) + kAlign) / 4).data);
  engine.backward(network, saved, given.floats(3, size).data, samples, given.floats(8, size).data,
                  perLayer<LayerGradients>(network.shape, given.arrays(9)));
  return nullptr;
}

/** (engine, a, b, c, batch, m, k, n, flipA, flipB, sameB) */
napi_value matMul(napi_env, const Arguments &given) {
  const long batch = given.integer(4), m = given.integer(5), k = given.integer(6), n = given.integer(7);
  const bool sameB = given.flag(10);
  given.handle<Holder>(0).engine->matMul(given.floats(1, batch * m * k).data, given.floats(2, (sameB ? 1 : batch) * k * n).data,
                                         given.floats(3, batch * m * n).data, batch, m, k, n, given.flag(8), given.flag(9), sameB);
  return nullptr;
}

constexpr long kElementsPerTask = 1 << 15;
template <class Body> void overElements(Pool &pool, long n, const Body &body) {
  pool.run((n + kElementsPerTask - 1) / kElementsPerTask, [&](long i, int) {
    const long from = i * kElementsPerTask;
    body(from, n - from < kElementsPerTask ? n - from : kElementsPerTask);
  });
}

/** (engine, a, b, out): out <- a + b */
napi_value add(napi_env, const Arguments &given) {
  const Floats a = given.floats(1);
  const float *b = given.floats(2, a.length).data;
  float *out = given.floats(3, a.length).data;
  overElements(given.handle<Holder>(0).pool, a.length, [&](long from, long count) {
    for (long i = from; i < from + count; i++) out[i] = a.data[i] + b[i];
  });
  return nullptr;
}

/** (engine, p, m, v, g, [decay, move, scale, keep1, keep2]) */
napi_value adam(napi_env, const Arguments &given) {
  const Floats p = given.floats(1);
  float *m = given.floats(2, p.length).data, *v = given.floats(3, p.length).data;
  const float *g = given.floats(4, p.length).data;
  const std::vector<double> f = given.numbers(5);
  if (f.size() != 5) throw std::invalid_argument("AdamATan2 takes five factors");
  overElements(given.handle<Holder>(0).pool, p.length, [&](long from, long count) {
    adamAtan2(p.data + from, m + from, v + from, g + from, count, {f[0], f[1], f[2], f[3], f[4]});
  });
  return nullptr;
}

/** (engine, shadow, p, rate) */
napi_value ema(napi_env, const Arguments &given) {
  const Floats shadow = given.floats(1);
  const float *p = given.floats(2, shadow.length).data;
  const double rate = given.number(3);
  overElements(given.handle<Holder>(0).pool, shadow.length,
               [&](long from, long count) { average(shadow.data + from, p + from, count, rate); });
  return nullptr;
}

/** (engine, op, arrays, numbers) */
napi_value rowOp(napi_env, const Arguments &given) {
  std::vector<Array> arrays;
  for (const Floats &each : given.arrays(2)) arrays.push_back({each.data, each.length});
  given.handle<Holder>(0).engine->rowOp(static_cast<RowOp>(given.integer(1)), arrays, given.numbers(3));
  return nullptr;
}

/** (engine, x, rows, columns) */
napi_value orthogonal(napi_env, const Arguments &given) {
  const long rows = given.integer(2), columns = given.integer(3);
  orthogonalise(given.handle<Holder>(0).pool, given.floats(1, rows * columns).data, rows, columns);
  return nullptr;
}

/** (engine, seconds) -> GFLOP/s */
napi_value peak(napi_env env, const Arguments &given) {
  return numberValue(env, given.handle<Holder>(0).engine->peak(given.number(1)));
}

} // namespace
} // namespace trmesh

NAPI_MODULE_INIT() {
  using namespace trmesh;
  offer<createEngine>(env, exports, "createEngine");
  offer<reserve>(env, exports, "reserve");
  offer<pack>(env, exports, "pack");
  offer<savedFloats>(env, exports, "savedFloats");
  offer<forward>(env, exports, "forward");
  offer<backward>(env, exports, "backward");
  offer<matMul>(env, exports, "matMul");
  offer<add>(env, exports, "add");
  offer<adam>(env, exports, "adamAtan2");
  offer<ema>(env, exports, "average");
  offer<rowOp>(env, exports, "rowOp");
  offer<orthogonal>(env, exports, "orthogonalise");
  offer<peak>(env, exports, "peak");
  return exports;
}
