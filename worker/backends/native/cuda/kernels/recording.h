// Work that is recorded once and then asked for in one go (on CUDA: a graph), and the memory that it uses each time.
#pragma once
#include <cstddef>
#include <vector>

namespace trmesh {

class Recording {
public:
  virtual ~Recording() = default;
};

/** Blocks of a recording. What is given back while it is made serves again: the stream keeps the order, in every replay too. */
class RecordedMemory {
public:
  /** Null: none of this size is free; the caller adds a new one. */
  void *again(size_t bytes) {
    for (Block &block : blocks_)
      if (!block.taken && block.bytes == bytes) {
        block.taken = true;
        return block.memory;
      }
    return nullptr;
  }
  void add(void *memory, size_t bytes) { blocks_.push_back({memory, bytes, true}); }
  /** False: it is not of this recording. */
  bool release(void *memory) {
    for (Block &block : blocks_)
      if (block.memory == memory) {
        block.taken = false;
        return true;
      }
    return false;
  }
  /** Ends it: `free` gets what nobody holds any more, `orphan` what an array still does. */
  template <class Free, class Orphan> void end(const Free &free, const Orphan &orphan) {
    for (const Block &block : blocks_)
      if (block.taken) orphan(block.memory);
      else free(block.memory);
    blocks_.clear();
  }

private:
  struct Block {
    void *memory;
    size_t bytes;
    bool taken;
  };
  std::vector<Block> blocks_;
};

} // namespace trmesh
