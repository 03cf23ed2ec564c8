// f32 arrays on a device as JavaScript holds them: given back when told so, or when nobody refers to them any more. Whatever they
// need of the device lives as long as they do.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include "engine.h"

namespace trmesh {

/** A device with all that works on it. */
struct Device {
  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<Products> products;
  std::unique_ptr<Engine> engine;
};
typedef std::shared_ptr<Device> DeviceRef;

class DeviceArray {
public:
  DeviceArray(DeviceRef device, long length)
      : device_(std::move(device)),
        data_(static_cast<float *>(device_->runtime->allocate(static_cast<size_t>(length) * sizeof(float)))), length_(length) {}
  ~DeviceArray() { release(); }
  DeviceArray(const DeviceArray &) = delete;
  DeviceArray &operator=(const DeviceArray &) = delete;

  void release() {
    if (data_ == nullptr) return;
    try {
      device_->runtime->enter();
    } catch (const std::exception &) {
      return; // the process ends, and the driver has gone with its memory
    }
    device_->runtime->release(data_);
    data_ = nullptr;
  }
  /** @throws std::invalid_argument if it is shorter, or was given back */
  float *atLeast(long length) const {
    if (data_ == nullptr) throw std::invalid_argument("an array on the device is used after it was given back");
    if (length_ < length)
      throw std::invalid_argument("an array on the device has " + std::to_string(length_) + " floats, needs " +
                                  std::to_string(length));
    return data_;
  }
  long length() const { return length_; }

private:
  DeviceRef device_;
  float *data_;
  long length_;
};

/** Small things that a kernel reads once, copied to the device for one call. */
template <class T> class Given {
public:
  Given(Runtime &runtime, const T *from, long count) : runtime_(runtime) {
    data = static_cast<T *>(runtime.allocate(static_cast<size_t>(count) * sizeof(T)));
    runtime.toDevice(data, from, static_cast<size_t>(count) * sizeof(T));
  }
  Given(Runtime &runtime, long count)
      : runtime_(runtime), data(static_cast<T *>(runtime.allocate(static_cast<size_t>(count) * sizeof(T)))) {}
  ~Given() { runtime_.release(data); }
  Given(const Given &) = delete;
  Given &operator=(const Given &) = delete;

private:
  Runtime &runtime_;

public:
  T *data;
};

} // namespace trmesh
