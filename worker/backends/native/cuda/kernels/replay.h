// What JavaScript asks of recordings: make one, play it again, let it go.
#pragma once
#include "flat.h"

namespace trmesh {
namespace {

struct RecordingHandle {
  DeviceRef device;
  std::unique_ptr<Recording> recording;
};

/** (device) */
napi_value startRecording(napi_env, const Arguments &given) {
  deviceOf(given).runtime->startRecording();
  return nullptr;
}

/** (device) -> recording; nothing of it has been done yet */
napi_value finishRecording(napi_env env, const Arguments &given) {
  return external(env, new RecordingHandle{given.handle<DeviceRef>(0), deviceOf(given).runtime->finishRecording()});
}

/** (device): as if nothing had been asked for since startRecording */
napi_value abandonRecording(napi_env, const Arguments &given) {
  deviceOf(given).runtime->abandonRecording();
  return nullptr;
}

/** (device, recording) */
napi_value replay(napi_env, const Arguments &given) {
  RecordingHandle &handle = given.handle<RecordingHandle>(1);
  if (handle.recording == nullptr) throw std::invalid_argument("a recording is played after it was let go");
  deviceOf(given).runtime->replay(*handle.recording);
  return nullptr;
}

/** (device, recording) */
napi_value dropRecording(napi_env, const Arguments &given) {
  deviceOf(given);
  given.handle<RecordingHandle>(1).recording.reset();
  return nullptr;
}

/** (device) -> grows when recordings made before must not be played any more */
napi_value moves(napi_env env, const Arguments &given) {
  return numberValue(env, static_cast<double>(deviceOf(given).runtime->moves));
}

} // namespace
} // namespace trmesh
