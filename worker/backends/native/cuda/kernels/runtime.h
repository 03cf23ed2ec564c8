// Memory and order of work on one device: allocations that follow the stream, copies to and from the host, waiting. Implemented
// on CUDA (runtime-cuda.cu) and, in tests, on the host.
#pragma once
#include <memory>
#include <stdexcept>
#include <string>
#include "device.h"
#include "recording.h"

namespace trmesh {

class Runtime {
public:
  virtual ~Runtime() = default;
  virtual Stream stream() const = 0;
  /** Undefined contents, aligned to 256 bytes. @throws std::runtime_error if there is no such room */
  virtual void *allocate(size_t bytes) = 0;
  /** What the stream does from now on may use the memory for something else. */
  virtual void release(void *memory) = 0;
  /** The host's memory may change at once after toDevice, and is there after toHost. */
  virtual void toDevice(void *to, const void *from, size_t bytes) = 0;
  virtual void toHost(void *to, const void *from, size_t bytes) = 0;
  /** Copy `i` to the host (any small number): if its memory is pinned the host need not wait. It is there after finishToHost. */
  virtual void startToHost(long i, void *to, const void *from, size_t bytes) = 0;
  virtual void finishToHost(long i) = 0;
  virtual void clear(void *memory, size_t bytes) = 0;
  /** Keeps the host's memory where it is, so that copies of it go straight. It must outlive the process. False: refused. */
  virtual bool pin(void *memory, size_t bytes) = 0;
  virtual void wait() = 0;
  /**
   * From now on work is recorded, not done, until finishRecording. What is allocated meanwhile stays the recording's; copies to
   * and from the host throw, and so does finishRecording, where the device cannot record.
   */
  virtual void startRecording() = 0;
  virtual std::unique_ptr<Recording> finishRecording() = 0;
  /** Forgets what was recorded since startRecording. */
  virtual void abandonRecording() = 0;
  virtual bool isRecording() const = 0;
  virtual void replay(Recording &recording) = 0;
  /** For people: the card's name, its compute capability, its memory. */
  virtual std::string name() const = 0;
  /** Bytes that lie allocated, now and at most. */
  virtual size_t used() const = 0;
  virtual size_t mostUsed() const = 0;
  /** Makes this thread of the host work on this device. */
  virtual void enter() const = 0;

  /** How often memory that lasts gave way to larger: what was recorded before works on what is no longer there. */
  size_t moves = 0;
};

/** @throws std::runtime_error with the number of devices if there is none of this number */
std::unique_ptr<Runtime> openRuntime(int device);

/** Memory on the device that grows and stays. */
class Room {
public:
  explicit Room(Runtime &runtime) : runtime_(runtime) {}
  ~Room() { free(); }
  Room(const Room &) = delete;
  Room &operator=(const Room &) = delete;
  /** At least `bytes`; old contents are lost if it grows. */
  void *take(size_t bytes) {
    if (bytes > size_) {
      if (runtime_.isRecording()) throw std::runtime_error("it needs more memory than the same work before");
      if (memory_ != nullptr) runtime_.moves++;
      free();
      memory_ = runtime_.allocate(bytes);
      size_ = bytes;
    }
    return memory_;
  }

private:
  void free() {
    if (memory_ != nullptr) runtime_.release(memory_);
    memory_ = nullptr;
    size_ = 0;
  }
  Runtime &runtime_;
  void *memory_ = nullptr;
  size_t size_ = 0;
};

/** Cuts one block into arrays, 256 bytes aligned. With a null base it only measures. */
class Cutter {
public:
  explicit Cutter(void *base) : base_(static_cast<char *>(base)) {}
  template <class T> T *take(long count) {
    T *here = base_ == nullptr ? nullptr : reinterpret_cast<T *>(base_ + used_);
    used_ += static_cast<size_t>(roundUp(count * static_cast<long>(sizeof(T)), 256));
    return here;
  }
  size_t used() const { return used_; }

private:
  char *base_;
  size_t used_ = 0;
};

} // namespace trmesh
