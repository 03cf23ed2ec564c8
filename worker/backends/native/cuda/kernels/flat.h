// The optimizer's flat buffers and the gradient's way out, as JavaScript asks for them: on arrays of the host, which come and go
// with the call, or on arrays that stay on the device from step to step.
#pragma once
#include "../../kernels/arguments.h"
#include "arrays.h"
#include "blocks.cuh"

namespace trmesh {
namespace {

Device &deviceOf(const Arguments &given) {
  Device &device = *given.handle<DeviceRef>(0);
  device.runtime->enter();
  return device;
}

UpdateFactors factorsOf(const std::vector<double> &f) {
  if (f.size() != 5) throw std::invalid_argument("AdamATan2 takes five factors");
  return {f[0], f[1], f[2], f[3], f[4]};
}

/** (device, p, m, v, g, [decay, move, scale, keep1, keep2]): arrays of the host, updated in place */
napi_value adam(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const Floats p = given.floats(1);
  float *m = given.floats(2, p.length).data, *v = given.floats(3, p.length).data, *none = nullptr;
  const UpdateFactors factors = factorsOf(given.numbers(5));
  const Given<float> parameters(runtime, p.data, p.length), first(runtime, m, p.length), second(runtime, v, p.length);
  const Given<float> gradient(runtime, given.floats(4, p.length).data, p.length);
  run(runtime.stream(), overItems(p.length), updateParameters, parameters.data, first.data, second.data, gradient.data, p.length,
      factors, none, 0.0);
  const size_t bytes = static_cast<size_t>(p.length) * sizeof(float);
  runtime.toHost(p.data, parameters.data, bytes);
  runtime.toHost(m, first.data, bytes);
  runtime.toHost(v, second.data, bytes);
  return nullptr;
}

/** (device, shadow, p, rate): arrays of the host */
napi_value ema(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const Floats shadow = given.floats(1);
  const Given<float> there(runtime, shadow.data, shadow.length), p(runtime, given.floats(2, shadow.length).data, shadow.length);
  run(runtime.stream(), overItems(shadow.length), averageParameters, there.data, p.data, shadow.length, given.number(3));
  runtime.toHost(shadow.data, there.data, static_cast<size_t>(shadow.length) * sizeof(float));
  return nullptr;
}

/** (device, p, m, v, g, shadow or null, [decay, move, scale, keep1, keep2], rate): arrays of the device, updated in place */
napi_value step(napi_env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const DeviceArray &p = given.handle<DeviceArray>(1);
  const long count = p.length();
  float *shadow = given.isNull(5) ? nullptr : given.handle<DeviceArray>(5).atLeast(count);
  run(runtime.stream(), overItems(count), updateParameters, p.atLeast(count), given.handle<DeviceArray>(2).atLeast(count),
      given.handle<DeviceArray>(3).atLeast(count), given.handle<DeviceArray>(4).atLeast(count), count,
      factorsOf(given.numbers(6)), shadow, given.number(7));
  return nullptr;
}

/** What leaves the device as one copy: the host looks at one piece while the next ones are under way. */
constexpr long kHalvesPerPiece = 1 << 20;

/** Infinity and NaN have all bits of the exponent. */
bool areFinite(const uint16_t *halves, long count) {
  bool finite = true;
  for (long i = 0; i < count; i++) finite &= (halves[i] & 0x7f80) != 0x7f80;
  return finite;
}

/**
 * (device, arrays, offsets, halves, count) -> whether all are finite numbers. halves (Uint16Array, count) <- each array from its
 * offset on, rounded to bf16; zeros elsewhere.
 */
napi_value leave(napi_env env, const Arguments &given) {
  Runtime &runtime = *deviceOf(given).runtime;
  const std::vector<DeviceArray *> arrays = given.handles<DeviceArray>(1);
  const std::vector<double> offsets = given.numbers(2);
  if (offsets.size() != arrays.size()) throw std::invalid_argument("every gradient has an offset");
  const long count = given.integer(4);
  uint16_t *halves = given.typed<uint16_t>(3, napi_uint16_array, count);
  const Given<bf16> flat(runtime, count);
  runtime.clear(flat.data, static_cast<size_t>(count) * sizeof(bf16));
  for (size_t i = 0; i < arrays.size(); i++) {
    const long at = static_cast<long>(offsets[i]), length = arrays[i]->length();
    if (at < 0 || at + length > count)
      throw std::invalid_argument("a gradient of " + std::to_string(length) + " numbers at " + std::to_string(at) +
                                  " does not fit into " + std::to_string(count));
    run(runtime.stream(), overItems(length), packBlock<bf16>, arrays[i]->atLeast(length), 1L, length, length, flat.data + at, 1L,
        length);
  }
  const long pieces = divideUp(count, kHalvesPerPiece);
  const auto sizeOf = [&](long i) { return i + 1 < pieces ? kHalvesPerPiece : count - i * kHalvesPerPiece; };
  for (long i = 0; i < pieces; i++)
    runtime.startToHost(i, halves + i * kHalvesPerPiece, flat.data + i * kHalvesPerPiece,
                        static_cast<size_t>(sizeOf(i)) * sizeof(bf16));
  bool finite = true;
  for (long i = 0; i < pieces; i++) {
    runtime.finishToHost(i);
    finite &= areFinite(halves + i * kHalvesPerPiece, sizeOf(i));
  }
  napi_value answer;
  check(napi_get_boolean(env, finite, &answer), "no answer could be made");
  return answer;
}

} // namespace
} // namespace trmesh
