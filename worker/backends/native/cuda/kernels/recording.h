// Work that is recorded once and then asked for in one go (on CUDA: a graph), and the book of a device's memory: what lies there,
// and what of it belongs to a recording.
#pragma once
#include <cstddef>
#include <map>
#include <stdexcept>
#include <vector>

namespace trmesh {

/** Where the memory comes from. */
class MemorySource {
public:
  virtual ~MemorySource() = default;
  /**
   * lasting: for a recording, at the same place in every replay, and not a part of what is recorded.
   * @throws std::runtime_error if there is no such room
   */
  virtual void *take(size_t bytes, bool lasting) = 0;
  virtual void give(void *memory, bool lasting) = 0;
};

class Recording;

/**
 * What is allocated while work is recorded stays the recording's. Given back meanwhile it serves again, for as many bytes: the
 * stream keeps the order, in every replay too. What an array still holds when its recording goes lasts as long as the array.
 */
class MemoryBook {
public:
  explicit MemoryBook(MemorySource &source) : source_(source) {}
  MemoryBook(const MemoryBook &) = delete;
  MemoryBook &operator=(const MemoryBook &) = delete;

  /** At least one byte, in whole pieces of 256. */
  void *allocate(size_t bytes) {
    const size_t whole = (bytes == 0 ? 256 : (bytes + 255) / 256 * 256);
    const bool lasting = recording_ != nullptr;
    if (lasting)
      for (auto &[memory, block] : blocks_)
        if (block.of == recording_ && !block.held && block.bytes == whole) {
          block.held = true;
          return memory;
        }
    void *memory = source_.take(whole, lasting);
    blocks_[memory] = {whole, recording_, lasting, true};
    used_ += whole;
    most_ = used_ > most_ ? used_ : most_;
    return memory;
  }
  void release(void *memory) {
    const auto at = blocks_.find(memory);
    if (at == blocks_.end() || !at->second.held) throw std::logic_error("memory of the device is given back that nobody holds");
    at->second.held = false;
    if (at->second.of != nullptr) return;
    // To give it to the device is not a part of what is recorded.
    if (recording_ != nullptr) later_.push_back(memory);
    else give(at);
  }

  /** From now on what is allocated is of this recording. */
  void startRecording(const Recording &recording) { recording_ = &recording; }
  void endRecording() {
    recording_ = nullptr;
    for (void *memory : later_) give(blocks_.find(memory));
    later_.clear();
  }
  bool isRecording() const { return recording_ != nullptr; }
  /** A recording goes. */
  void forget(const Recording &recording) {
    for (auto next = blocks_.begin(); next != blocks_.end();) {
      const auto at = next++;
      if (at->second.of != &recording) continue;
      at->second.of = nullptr;
      if (!at->second.held) give(at);
    }
  }

  /** Bytes that lie allocated, recordings' own included, now and at most. */
  size_t used() const { return used_; }
  size_t mostUsed() const { return most_; }

private:
  struct Block {
    size_t bytes;
    /** Null: of none. */
    const Recording *of;
    bool lasting;
    /** Somebody will give it back. */
    bool held;
  };
  void give(std::map<void *, Block>::iterator at) {
    used_ -= at->second.bytes;
    source_.give(at->first, at->second.lasting);
    blocks_.erase(at);
  }

  MemorySource &source_;
  std::map<void *, Block> blocks_;
  const Recording *recording_ = nullptr;
  /** Given back while something is recorded. */
  std::vector<void *> later_;
  size_t used_ = 0, most_ = 0;
};

class Recording {
public:
  explicit Recording(MemoryBook &book) : book_(book) {}
  virtual ~Recording() { book_.forget(*this); }
  Recording(const Recording &) = delete;
  Recording &operator=(const Recording &) = delete;

private:
  MemoryBook &book_;
};

} // namespace trmesh
