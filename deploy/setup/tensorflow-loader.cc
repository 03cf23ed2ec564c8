// The Node module `trmesh_tensorflow.node`: `open(library, config, first?)` loads the libraries named in `first` (CUDA),
// the binding (tensorflow-binding.cc) and with it libtensorflow, and returns the binding's exports. It is a module of its own so that it runs before libtensorflow's static
// initializers do: they write to stderr, over the terminal of the user, and no setting of theirs stops the first lines.
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace {

using OpenFunction = napi_value (*)(napi_env, const char *, size_t);

napi_value Throw(napi_env env, const std::string &message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

// They need each other by name only, and libtensorflow asks for them by name: one that is loaded is found. Passes over the
// list load each after those it needs; what never loads (a part for other cards, say) is left to libtensorflow to miss.
void LoadFirst(std::vector<std::string> paths) {
  for (bool progress = true; progress && !paths.empty();) {
    progress = false;
    std::vector<std::string> missing;
    for (const std::string &path : paths) {
      if (dlopen(path.c_str(), RTLD_LAZY | RTLD_GLOBAL) != nullptr) {
        progress = true;
      } else {
        missing.push_back(path);
      }
    }
    paths = missing;
  }
}

bool Strings(napi_env env, napi_value array, std::vector<std::string> *strings) {
  uint32_t count = 0;
  if (napi_get_array_length(env, array, &count) != napi_ok) return false;
  for (uint32_t i = 0; i < count; i++) {
    napi_value element;
    char text[4096];
    size_t length = 0;
    if (napi_get_element(env, array, i, &element) != napi_ok ||
        napi_get_value_string_utf8(env, element, text, sizeof(text), &length) != napi_ok) {
      return false;
    }
    strings->emplace_back(text, length);
  }
  return true;
}

void *LoadQuietly(const char *path, const std::vector<std::string> &first) {
  setenv("TF_CPP_MIN_LOG_LEVEL", "2", 0);
  const int terminal = dup(STDERR_FILENO);
  const int nowhere = open("/dev/null", O_WRONLY);
  if (terminal >= 0 && nowhere >= 0) dup2(nowhere, STDERR_FILENO);
  LoadFirst(first);
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (terminal >= 0 && nowhere >= 0) dup2(terminal, STDERR_FILENO);
  if (terminal >= 0) close(terminal);
  if (nowhere >= 0) close(nowhere);
  return library;
}

napi_value Open(napi_env env, napi_callback_info info) {
  size_t count = 3, path_length = 0, length = 0;
  napi_value arguments[3];
  char path[4096];
  void *bytes = nullptr;
  napi_typedarray_type type;
  std::vector<std::string> first;
  if (napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr) != napi_ok || count < 2 ||
      napi_get_value_string_utf8(env, arguments[0], path, sizeof(path), &path_length) != napi_ok ||
      napi_get_typedarray_info(env, arguments[1], &type, &length, &bytes, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array || (count > 2 && !Strings(env, arguments[2], &first))) {
    return Throw(env, "open takes a path, a Uint8Array (a serialized ConfigProto) and an array of paths");
  }
  void *library = LoadQuietly(path, first);
  if (library == nullptr) return Throw(env, dlerror());
  const auto function = reinterpret_cast<OpenFunction>(dlsym(library, "trmesh_open"));
  if (function == nullptr) return Throw(env, std::string(path) + " has no trmesh_open");
  return function(env, static_cast<const char *>(bytes), length);
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_property_descriptor property = {"open", nullptr, Open, nullptr, nullptr, nullptr, napi_default, nullptr};
  napi_define_properties(env, exports, 1, &property);
  return exports;
}
