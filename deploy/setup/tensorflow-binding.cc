// The binding of @tensorflow/tfjs-node-gpu, with one door of our own: `trmesh_open`.
//
// The package's binding makes its TensorFlow context with default options as soon as it is loaded, so the number of
// threads and the GPU could only be chosen through environment variables of the whole process. Here its sources are
// compiled unchanged as one unit, but the two calls that make the context go through this file, which adds a
// serialized ConfigProto. tensorflow-loader.cc is the Node module that loads this library.
#include <node_api.h>

#include <string>

#include "tensorflow/c/eager/c_api.h"

namespace tsl {
// Not in every version of the library, hence weak.
__attribute__((weak)) void enable_tensor_float_32_execution(bool enabled);
}

namespace trmesh {

thread_local std::string config;   // a serialized tensorflow.ConfigProto
thread_local std::string failure;  // why the context could not be made; empty if it was

TFE_ContextOptions *NewContextOptions() {
  TFE_ContextOptions *options = TFE_NewContextOptions();
  TF_Status *status = TF_NewStatus();
  TFE_ContextOptionsSetConfig(options, config.data(), config.size(), status);
  if (TF_GetCode(status) != TF_OK) failure = TF_Message(status);
  TF_DeleteStatus(status);
  return options;
}

// The package's constructor goes on after a failed context and would crash: give it a plain one, and let `trmesh_open` throw.
TFE_Context *NewContext(const TFE_ContextOptions *options, TF_Status *status) {
  TFE_Context *context = TFE_NewContext(options, status);
  if (TF_GetCode(status) == TF_OK) return context;
  failure = TF_Message(status);
  const unsigned char no_gpu[] = {10, 7, 10, 3, 'G', 'P', 'U', 16, 0};  // device_count { "GPU": 0 }
  TFE_ContextOptions *plain = TFE_NewContextOptions();
  TFE_ContextOptionsSetConfig(plain, no_gpu, sizeof(no_gpu), status);
  context = TFE_NewContext(plain, status);
  TFE_DeleteContextOptions(plain);
  return context;
}

}  // namespace trmesh

#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#define TFE_NewContextOptions trmesh::NewContextOptions
#define TFE_NewContext trmesh::NewContext
#include "tfjs_backend.cc"
#include "tfjs_binding.cc"

/// What the package's own module would have exported, on a context made with this ConfigProto; null and a pending
/// exception if the context cannot be made.
extern "C" __attribute__((visibility("default"))) napi_value trmesh_open(napi_env env, const char *bytes, size_t length) {
  napi_value exports;
  trmesh::config.assign(bytes, length);
  trmesh::failure.clear();
  // f32 means f32: by default libtensorflow rounds the factors of a product to TF32 on Ampere and later GPUs.
  if (tsl::enable_tensor_float_32_execution != nullptr) tsl::enable_tensor_float_32_execution(false);
  if (napi_create_object(env, &exports) != napi_ok) return nullptr;
  exports = tfnodejs::InitTFNodeJSBinding(env, exports);
  if (trmesh::failure.empty()) return exports;
  napi_throw_error(env, nullptr, trmesh::failure.c_str());
  return nullptr;
}
