// What JavaScript sees of the engine on a GPU: functions on arrays that lie on the device. Lengths are checked here; the kernels
// trust them.
#include "blocks.cuh"
#include "gather.cuh"
#include "replay.h"

namespace trmesh {
namespace {

struct NetworkHandle {
  DeviceRef device;
  std::unique_ptr<PackedNetwork> network;
};

/** (number of the GPU, bf16, library of the products) -> device */
napi_value createEngine(napi_env env, const Arguments &given) {
  auto device = std::make_shared<Device>();
  device->runtime = openRuntime(static_cast<int>(given.integer(0)));
  device->products = openProducts(*device->runtime, given.text(2));
  device->engine = makeEngine(*device->runtime, *device->products, given.flag(1));
  return external(env, new DeviceRef(std::move(device)));
}

/** (device) -> [card, library of the products] */
napi_value describe(napi_env env, const Arguments &given) {
  const Device &device = deviceOf(given);
  const std::string parts[2] = {device.runtime->name(), device.products->name()};
  napi_value all;
  check(napi_create_array(env, &all), "no array could be made");
  for (uint32_t i = 0; i < 2; i++) {
    napi_value text;
    check(napi_create_string_utf8(env, parts[i].data(), parts[i].size(), &text), "no text could be made");
    check(napi_set_element(env, all, i, text), "no text could be kept");
  }
  return all;
}

/** (device) -> most bytes that lay on the device at once */
napi_value mostUsed(napi_env env, const Arguments &given) {
  return numberValue(env, static_cast<double>(deviceOf(given).runtime->mostUsed()));
}

/** (device, floats) -> array with undefined contents */
napi_value allocate(napi_env env, const Arguments &given) {
  deviceOf(given);
  return external(env, new DeviceArray(given.handle<DeviceRef>(0), given.integer(1)));
}

/** (device, array) */
napi_value release(napi_env, const Arguments &given) {
  given.handle<DeviceArray>(1).release();
  return nullptr;
}

/** (device, array, values): the array's first floats <- values */
napi_value write(napi_env, const Arguments &given) {
  const Floats values = given.floats(2);
  deviceOf(given).runtime->toDevice(given.handle<DeviceArray>(1).atLeast(values.length), values.data,
                                    static_cast<size_t>(values.length) * sizeof(float));
  return nullptr;
}

/** (device, array, values): values <- the array's first floats */
napi_value read(napi_env, const Arguments &given) {
  const Floats values = given.floats(2);
  deviceOf(given).runtime->toHost(values.data, given.handle<DeviceArray>(1).atLeast(values.length),
                                  static_cast<size_t>(values.length) * sizeof(float));
  return nullptr;
}

/** (device, array): zeros */
napi_value clear(napi_env, const Arguments &given) {
  DeviceArray &array = given.handle<DeviceArray>(1);
  deviceOf(given).runtime->clear(array.atLeast(0), static_cast<size_t>(array.length()) * sizeof(float));
  return nullptr;
}

/** (device, values) -> whether the system lets the GPU read and write them by itself from now on */
napi_value pin(napi_env env, const Arguments &given) {
  const Floats values = given.floats(1);
  napi_value pinned;
  check(napi_get_boolean(env, deviceOf(given).runtime->pin(values.data, static_cast<size_t>(values.length) * sizeof(float)), &pinned),
        "no answer could be made");
  return pinned;
}

/** 0: MLP over positions, 1: attention, 2: none. */
Mixer mixerOf(double number) { return number == 1 ? Mixer::attention : number == 0 ? Mixer::positions : Mixer::none; }

/** (device, [hidden, heads, positions, layers, mixer, inner, mixerInner, eps, normed]) -> network; positions 0 without an MLP mixer */
napi_value reserve(napi_env env, const Arguments &given) {
  const std::vector<double> n = given.numbers(1);
  if (n.size() != 9) throw std::invalid_argument("a shape has nine numbers");
  const NetworkShape shape{static_cast<long>(n[0]), static_cast<long>(n[1]), static_cast<long>(n[2]), static_cast<long>(n[3]),
                           mixerOf(n[4]),           static_cast<long>(n[5]), static_cast<long>(n[6]), static_cast<float>(n[7]),
                           n[8] != 0};
  return external(env, new NetworkHandle{given.handle<DeviceRef>(0), deviceOf(given).engine->reserve(shape)});
}

/** Arguments from `i` on: batch, positions; and, where a pass is to be run, cos and sin, or null. */
Samples samplesOf(const Arguments &given, size_t i, const NetworkShape &shape, bool tables) {
  Samples samples{given.integer(i), given.integer(i + 1), {nullptr, nullptr, 0}};
  if (shape.byPosition() && samples.positions != shape.positions)
    throw std::invalid_argument("an MLP mixer of " + std::to_string(shape.positions) + " positions cannot mix " +
                                std::to_string(samples.positions));
  if (samples.count < 1 || samples.count > 65535 || samples.positions < 1)
    throw std::invalid_argument("a pass takes 1 to 65535 samples with positions");
  if (!tables || given.isNull(i + 2)) return samples;
  const DeviceArray &cos = given.handle<DeviceArray>(i + 2);
  const long rows = cos.length() / shape.headSize();
  if (rows != samples.positions && rows != samples.count * samples.positions)
    throw std::invalid_argument("tables of " + std::to_string(rows) + " rows do not turn " + std::to_string(samples.count) + " x " +
                                std::to_string(samples.positions) + " positions");
  samples.rope = {cos.atLeast(0), given.handle<DeviceArray>(i + 3).atLeast(cos.length()), rows};
  return samples;
}

/** All layers' arrays in order, checked. */
template <class P>
std::vector<LayerArrays<P>> perLayer(const NetworkShape &shape, const std::vector<DeviceArray *> &arrays) {
  const long square = shape.hidden * shape.hidden, mixer = shape.mixerInner * shape.positions, inner = shape.inner * shape.hidden;
  const size_t each = (shape.attention() ? 4 : shape.byPosition() ? 3 : 0) + (shape.feedsForward() ? 3 : 0);
  if (arrays.size() != each * static_cast<size_t>(shape.layers))
    throw std::invalid_argument("these are not the weights of this network");
  std::vector<LayerArrays<P>> all(static_cast<size_t>(shape.layers));
  auto next = arrays.begin();
  const auto take = [&](long length) {
    if ((*next)->length() != length) throw std::invalid_argument("a weight has another size than its network");
    return (*next++)->atLeast(length);
  };
  for (LayerArrays<P> &layer : all) {
    layer = {};
    if (shape.attention()) layer.q = take(square), layer.k = take(square), layer.v = take(square), layer.o = take(square);
    else if (shape.byPosition()) layer.mixerGate = take(mixer), layer.mixerUp = take(mixer), layer.mixerDown = take(mixer);
    if (shape.feedsForward()) layer.gate = take(inner), layer.up = take(inner), layer.down = take(inner);
  }
  return all;
}

/** (device, network, weights) */
napi_value pack(napi_env, const Arguments &given) {
  PackedNetwork &network = *given.handle<NetworkHandle>(1).network;
  deviceOf(given).engine->pack(network, perLayer<const float *>(network.shape, given.handles<DeviceArray>(2)));
  return nullptr;
}

/** (device, network, batch, positions) -> floats that `saved` of a pass needs */
napi_value savedFloats(napi_env env, const Arguments &given) {
  const PackedNetwork &network = *given.handle<NetworkHandle>(1).network;
  const size_t bytes = deviceOf(given).engine->savedBytes(network, samplesOf(given, 2, network.shape, false));
  return numberValue(env, static_cast<double>(bytes / sizeof(float)));
}

/** (device, network, h, injection or null, batch, positions, cos, sin, y, saved or null) */
napi_value forward(napi_env, const Arguments &given) {
  Engine &engine = *deviceOf(given).engine;
  const PackedNetwork &network = *given.handle<NetworkHandle>(1).network;
  const Samples samples = samplesOf(given, 4, network.shape, true);
  const long size = samples.count * samples.positions * network.shape.hidden;
  void *saved = nullptr;
  if (!given.isNull(9))
    saved = given.handle<DeviceArray>(9).atLeast(static_cast<long>(engine.savedBytes(network, samples) / sizeof(float)));
  const float *injection = given.isNull(3) ? nullptr : given.handle<DeviceArray>(3).atLeast(size);
  engine.forward(network, given.handle<DeviceArray>(2).atLeast(size), injection, samples, given.handle<DeviceArray>(8).atLeast(size),
                 saved);
  return nullptr;
}

/** (device, network, saved, dy, batch, positions, cos, sin, dh, gradients) */
napi_value backward(napi_env, const Arguments &given) {
  Engine &engine = *deviceOf(given).engine;
  const PackedNetwork &network = *given.handle<NetworkHandle>(1).network;
  const Samples samples = samplesOf(given, 4, network.shape, true);
  const long size = samples.count * samples.positions * network.shape.hidden;
  const void *saved = given.handle<DeviceArray>(2).atLeast(static_cast<long>(engine.savedBytes(network, samples) / sizeof(float)));
  engine.backward(network, saved, given.handle<DeviceArray>(3).atLeast(size), samples, given.handle<DeviceArray>(8).atLeast(size),
                  perLayer<float *>(network.shape, given.handles<DeviceArray>(9)));
  return nullptr;
}

/** (device, a, b, c, batch, m, k, n, flipA, flipB, sameB) */
napi_value matMul(napi_env, const Arguments &given) {
  Products &products = *deviceOf(given).products;
  const long batch = given.integer(4), m = given.integer(5), k = given.integer(6), n = given.integer(7);
  const bool flipA = given.flag(8), flipB = given.flag(9), sameB = given.flag(10);
  const float *a = given.handle<DeviceArray>(1).atLeast(batch * m * k);
  const float *b = given.handle<DeviceArray>(2).atLeast((sameB ? 1 : batch) * k * n);
  float *c = given.handle<DeviceArray>(3).atLeast(batch * m * n);
  for (long i = 0; i < batch; i++)
    products.multiply(Number::f32, Operand(a + i * m * k, flipA ? m : k, flipA),
                      Operand(b + (sameB ? 0 : i * k * n), flipB ? k : n, flipB), Number::f32, c + i * m * n, n, m, n, k, 0);
  return nullptr;
}

/** (device, a, b, out): out <- a + b */
napi_value add(napi_env, const Arguments &given) {
  const DeviceArray &a = given.handle<DeviceArray>(1);
  const long count = a.length();
  run(deviceOf(given).runtime->stream(), overItems(count), addArrays, a.atLeast(count),
      given.handle<DeviceArray>(2).atLeast(count), given.handle<DeviceArray>(3).atLeast(count), count);
  return nullptr;
}

/** (device, a, factor, out): out <- a factor */
napi_value scale(napi_env, const Arguments &given) {
  const DeviceArray &a = given.handle<DeviceArray>(1);
  const long count = a.length();
  run(deviceOf(given).runtime->stream(), overItems(count), scaleArray, a.atLeast(count), given.number(2),
      given.handle<DeviceArray>(3).atLeast(count), count);
  return nullptr;
}

/** (device, from, fromAt, fromStride, to, toAt, toStride, rows, columns) */
napi_value move(napi_env, const Arguments &given) {
  const long fromAt = given.integer(2), fromStride = given.integer(3), toAt = given.integer(5), toStride = given.integer(6);
  const long rows = given.integer(7), columns = given.integer(8);
  if (rows <= 0 || columns <= 0) return nullptr;
  const float *from = given.handle<DeviceArray>(1).atLeast(fromAt + (rows - 1) * fromStride + columns) + fromAt;
  float *to = given.handle<DeviceArray>(4).atLeast(toAt + (rows - 1) * toStride + columns) + toAt;
  run(deviceOf(given).runtime->stream(), overItems(rows * columns), moveBlock, from, fromStride, to, toStride, rows, columns);
  return nullptr;
}

/** @throws std::invalid_argument if one of `count` is not below `limit` */
void mustBeBelow(const int *index, long count, long limit, const char *what) {
  for (long i = 0; i < count; i++)
    if (index[i] < 0 || index[i] >= limit)
      throw std::invalid_argument(std::string(what) + " " + std::to_string(index[i]) + " of " + std::to_string(limit));
}

/** (device, table, index, count, out, width): rows of the table */
napi_value gather(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const long count = given.integer(3), width = given.integer(5);
  const DeviceArray &table = given.handle<DeviceArray>(1);
  const int *index = given.typed<int>(2, napi_int32_array, count);
  mustBeBelow(index, count, table.length() / width, "row");
  const Given<int> there(runtime, index, count);
  run(runtime.stream(), overItems(count * width), gatherRows, table.atLeast(0), there.data,
      given.handle<DeviceArray>(4).atLeast(count * width), count, width);
  return nullptr;
}

/** (device, dy, tokens, count, out, vocab, width): out (vocab, width) <- sums of dy by token */
napi_value gradTable(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const long count = given.integer(3), vocab = given.integer(5), width = given.integer(6);
  const int *tokens = given.typed<int>(2, napi_int32_array, count);
  mustBeBelow(tokens, count, vocab, "token");
  const Given<int> there(runtime, tokens, count);
  const long parts = divideUp(count, kRowsPerPart);
  const Given<float> sums(runtime, parts * vocab * width);
  const Launch how{dim3(static_cast<unsigned>(divideUp(width, kTableColumns)), static_cast<unsigned>(parts)), dim3(kTableColumns),
                   static_cast<size_t>(vocab) * kTableColumns * sizeof(float)};
  run(runtime.stream(), how, sumByToken, given.handle<DeviceArray>(1).atLeast(count * width), there.data, sums.data, count, vocab,
      width);
  run(runtime.stream(), overItems(vocab * width), sumParts, sums.data, given.handle<DeviceArray>(4).atLeast(vocab * width), parts,
      vocab * width);
  return nullptr;
}

/** (device, out, labels, targets or null, [rows, positions, first, vocab, ignored, weight, haltBias, continueBias], facts, dOut) */
napi_value losses(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const std::vector<double> n = given.numbers(4);
  if (n.size() != 8) throw std::invalid_argument("the loss head takes eight numbers");
  const LossShape shape{static_cast<int>(n[0]), static_cast<int>(n[1]), static_cast<int>(n[2]), static_cast<int>(n[3]),
                        static_cast<int>(n[4]), n[5], n[6], n[7]};
  const long size = static_cast<long>(shape.rows) * shape.positions * (shape.vocab + 2);
  const long cells = static_cast<long>(shape.rows) * (shape.positions - shape.first);
  const int *labels = given.typed<int>(2, napi_int32_array, cells);
  for (long i = 0; i < cells; i++)
    if (labels[i] != shape.ignored) mustBeBelow(labels + i, 1, shape.vocab, "label");
  double *facts = given.typed<double>(5, napi_float64_array, 3L * shape.rows);
  const Given<int> labelsThere(runtime, labels, cells);
  std::unique_ptr<Given<double>> targets;
  if (!given.isNull(3))
    targets = std::make_unique<Given<double>>(runtime, given.typed<double>(3, napi_float64_array, shape.rows), shape.rows);
  const Given<RowFacts> factsThere(runtime, shape.rows);
  run(runtime.stream(), Launch{dim3(static_cast<unsigned>(shape.rows)), dim3(kLossThreads), kLossThreads * sizeof(double)},
      rowLosses, given.handle<DeviceArray>(1).atLeast(size), labelsThere.data, targets == nullptr ? nullptr : targets->data, shape,
      factsThere.data, given.handle<DeviceArray>(6).atLeast(size));
  runtime.toHost(facts, factsThere.data, static_cast<size_t>(shape.rows) * sizeof(RowFacts));
  return nullptr;
}

/** (device, op, arrays, numbers): an op of sub-layers.h */
napi_value subLayer(napi_env, const Arguments &given) {
  std::vector<Span> arrays;
  for (const DeviceArray *each : given.handles<DeviceArray>(2)) arrays.push_back({each->atLeast(0), each->length()});
  deviceOf(given).engine->subLayer(given.text(1), arrays, given.numbers(3));
  return nullptr;
}

/** (device, seconds) -> GFLOP/s */
napi_value peak(napi_env env, const Arguments &given) { return numberValue(env, deviceOf(given).engine->peak(given.number(1))); }

/** (device): waits until everything asked for is done */
napi_value wait(napi_env, const Arguments &given) {
  deviceOf(given).runtime->wait();
  return nullptr;
}

} // namespace
} // namespace trmesh

NAPI_MODULE_INIT() {
  using namespace trmesh;
  offer<createEngine>(env, exports, "createEngine");
  offer<describe>(env, exports, "describe");
  offer<mostUsed>(env, exports, "mostUsed");
  offer<allocate>(env, exports, "allocate");
  offer<release>(env, exports, "release");
  offer<write>(env, exports, "write");
  offer<read>(env, exports, "read");
  offer<clear>(env, exports, "clear");
  offer<pin>(env, exports, "pin");
  offer<reserve>(env, exports, "reserve");
  offer<pack>(env, exports, "pack");
  offer<savedFloats>(env, exports, "savedFloats");
  offer<forward>(env, exports, "forward");
  offer<backward>(env, exports, "backward");
  offer<matMul>(env, exports, "matMul");
  offer<add>(env, exports, "add");
  offer<scale>(env, exports, "scale");
  offer<move>(env, exports, "move");
  offer<gather>(env, exports, "gather");
  offer<gradTable>(env, exports, "gradTable");
  offer<losses>(env, exports, "losses");
  offer<adam>(env, exports, "adamAtan2");
  offer<ema>(env, exports, "average");
  offer<step>(env, exports, "update");
  offer<leave>(env, exports, "leaveHalves");
  offer<startRecording>(env, exports, "startRecording");
  offer<finishRecording>(env, exports, "finishRecording");
  offer<abandonRecording>(env, exports, "abandonRecording");
  offer<replay>(env, exports, "replay");
  offer<dropRecording>(env, exports, "dropRecording");
  offer<moves>(env, exports, "moves");
  offer<subLayer>(env, exports, "subLayer");
  offer<peak>(env, exports, "peak");
  offer<wait>(env, exports, "wait");
  return exports;
}
