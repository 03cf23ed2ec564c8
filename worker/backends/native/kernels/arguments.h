// What JavaScript hands over, read and checked, and what it gets back: for the addons of the engines, on the CPU and on GPUs. An
// exception of C++ becomes one of JavaScript.
#pragma once
#include <node_api.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace trmesh {

inline void check(napi_status status, const char *what) {
  if (status != napi_ok) throw std::invalid_argument(what);
}

struct Floats {
  float *data;
  long length;
};

class Arguments {
public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    check(napi_get_cb_info(env, info, &count_, values_, nullptr, nullptr), "no arguments");
  }
  napi_value raw(size_t i) const {
    if (i >= count_) throw std::invalid_argument("an argument is missing");
    return values_[i];
  }
  double number(size_t i) const { return numberOf(raw(i)); }
  long integer(size_t i) const { return static_cast<long>(number(i)); }
  bool flag(size_t i) const {
    bool value = false;
    check(napi_get_value_bool(env_, raw(i), &value), "expected a boolean");
    return value;
  }
  bool isNull(size_t i) const {
    napi_valuetype type;
    check(napi_typeof(env_, raw(i), &type), "unreadable argument");
    return type == napi_null || type == napi_undefined;
  }
  template <class T> T &handle(size_t i) const { return handleOf<T>(raw(i)); }
  template <class T> std::vector<T *> handles(size_t i) const {
    std::vector<T *> all;
    each(raw(i), [&](napi_value value) { all.push_back(&handleOf<T>(value)); });
    return all;
  }
  std::string text(size_t i) const {
    char letters[4096];
    size_t length = 0;
    check(napi_get_value_string_utf8(env_, raw(i), letters, sizeof letters, &length), "expected a text");
    return std::string(letters, length);
  }
  /** A typed array of `type`, whose elements are T. */
  template <class T> T *typed(size_t i, napi_typedarray_type type, long atLeast) const {
    napi_typedarray_type found;
    size_t length = 0;
    void *data = nullptr;
    check(napi_get_typedarray_info(env_, raw(i), &found, &length, &data, nullptr, nullptr), "expected a typed array");
    if (found != type || static_cast<long>(length) < atLeast)
      throw std::invalid_argument("argument " + std::to_string(i) + " is another array than wanted, or shorter than " +
                                  std::to_string(atLeast));
    return static_cast<T *>(data);
  }
  Floats floats(size_t i) const { return floatsOf(raw(i)); }
  Floats floats(size_t i, long atLeast) const {
    const Floats got = floats(i);
    if (got.length < atLeast)
      throw std::invalid_argument("argument " + std::to_string(i) + " has " + std::to_string(got.length) + " floats, needs " +
                                  std::to_string(atLeast));
    return got;
  }
  std::vector<double> numbers(size_t i) const {
    std::vector<double> all;
    each(raw(i), [&](napi_value value) { all.push_back(numberOf(value)); });
    return all;
  }
  std::vector<Floats> arrays(size_t i) const {
    std::vector<Floats> all;
    each(raw(i), [&](napi_value value) { all.push_back(floatsOf(value)); });
    return all;
  }

private:
  template <class T> T &handleOf(napi_value value) const {
    void *pointer = nullptr;
    check(napi_get_value_external(env_, value, &pointer), "expected a handle");
    return *static_cast<T *>(pointer);
  }
  double numberOf(napi_value value) const {
    double number = 0;
    check(napi_get_value_double(env_, value, &number), "expected a number");
    return number;
  }
  Floats floatsOf(napi_value value) const {
    napi_typedarray_type type;
    size_t length = 0;
    void *data = nullptr;
    check(napi_get_typedarray_info(env_, value, &type, &length, &data, nullptr, nullptr), "expected a Float32Array");
    if (type != napi_float32_array) throw std::invalid_argument("expected a Float32Array");
    return {static_cast<float *>(data), static_cast<long>(length)};
  }
  template <class Body> void each(napi_value array, const Body &body) const {
    uint32_t length = 0;
    check(napi_get_array_length(env_, array, &length), "expected an array");
    for (uint32_t i = 0; i < length; i++) {
      napi_value value;
      check(napi_get_element(env_, array, i, &value), "unreadable element");
      body(value);
    }
  }

  napi_env env_;
  size_t count_ = 12;
  napi_value values_[12] = {};
};

template <class T> napi_value external(napi_env env, T *owned) {
  napi_value value;
  const auto finalize = [](napi_env, void *data, void *) { delete static_cast<T *>(data); };
  if (napi_create_external(env, owned, finalize, nullptr, &value) == napi_ok) return value;
  delete owned;
  throw std::runtime_error("no handle could be made");
}
inline napi_value numberValue(napi_env env, double number) {
  napi_value value;
  check(napi_create_double(env, number, &value), "no number could be made");
  return value;
}

template <napi_value (*Body)(napi_env, const Arguments &)> napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return Body(env, Arguments(env, info));
  } catch (const std::exception &error) {
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

template <napi_value (*Body)(napi_env, const Arguments &)> void offer(napi_env env, napi_value exports, const char *name) {
  napi_value function;
  if (napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<Body>, nullptr, &function) == napi_ok)
    napi_set_named_property(env, exports, name, function);
}

} // namespace trmesh
