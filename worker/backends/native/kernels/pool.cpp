// Helpers spin for a moment before they sleep: the stages of a pass follow each other within microseconds.
#include "pool.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace trmesh {

namespace {
constexpr int kSpins = 4000;

inline void pause() {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}
} // namespace

Pool::FlushDenormals::FlushDenormals() : before(0) {
#if defined(__x86_64__)
  before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
#endif
}
Pool::FlushDenormals::~FlushDenormals() {
#if defined(__x86_64__)
  _mm_setcsr(before);
#endif
}

Pool::Pool(int threads) {
  for (int t = 1; t < threads; t++) helpers_.emplace_back([this, t] { help(t); });
}

Pool::~Pool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto &helper : helpers_) helper.join();
}

void Pool::share(long n, Call call, const void *closure) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    job_ = {call, closure, n};
    next_.store(0, std::memory_order_relaxed);
    busy_.store(static_cast<int>(helpers_.size()), std::memory_order_relaxed);
    round_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  work(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) > 0; spins++) {
    if (spins < kSpins) pause();
    else std::this_thread::yield();
  }
}

void Pool::work(int thread) {
  const FlushDenormals flush;
  for (;;) {
    const long i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= job_.size) return;
    job_.call(job_.closure, i, thread);
  }
}

void Pool::help(int thread) {
  unsigned seen = 0;
  for (;;) {
    for (int spins = 0; spins < kSpins && round_.load(std::memory_order_acquire) == seen && !stop_; spins++) pause();
    if (round_.load(std::memory_order_acquire) == seen) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || round_.load(std::memory_order_relaxed) != seen; });
    }
    if (stop_) return;
    seen = round_.load(std::memory_order_acquire);
    work(thread);
    busy_.fetch_sub(1, std::memory_order_release);
  }
}

} // namespace trmesh
