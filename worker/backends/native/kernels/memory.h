// Memory that grows and stays: aligned to a cache line, zero when new, with room for reading a tile past the end.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace trmesh {

constexpr long kAlign = 64;
/** Rows that a product may read, and ignore, past the last one. */
constexpr long kSpareRows = 32;

inline long roundUp(long n, long step) { return (n + step - 1) / step * step; }
inline long divideUp(long n, long step) { return (n + step - 1) / step; }

class Memory {
public:
  Memory() = default;
  ~Memory() { std::free(bytes_); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /** At least `bytes`, aligned; old contents are lost if it grows. Never uninitialised: spare rows must not hold NaN. */
  template <class T> T *take(long count) {
    const size_t bytes = roundUp(count * static_cast<long>(sizeof(T)), kAlign);
    if (bytes > size_) {
      std::free(bytes_);
      bytes_ = static_cast<char *>(std::aligned_alloc(kAlign, bytes));
      size_ = bytes_ == nullptr ? 0 : bytes;
      if (bytes_ == nullptr) throw std::bad_alloc();
      std::memset(bytes_, 0, bytes);
    }
    return reinterpret_cast<T *>(bytes_);
  }
  size_t size() const { return size_; }

private:
  char *bytes_ = nullptr;
  size_t size_ = 0;
};

/** Cuts one block into arrays, each on a cache line of its own. With a null base it only measures. */
class Carver {
public:
  explicit Carver(void *base) : base_(static_cast<char *>(base)) {}
  template <class T> T *take(long count) {
    T *here = base_ == nullptr ? nullptr : reinterpret_cast<T *>(base_ + used_);
    used_ += roundUp(count * static_cast<long>(sizeof(T)), kAlign);
    return here;
  }
  long used() const { return used_; }

private:
  char *base_;
  long used_ = 0;
};

} // namespace trmesh
