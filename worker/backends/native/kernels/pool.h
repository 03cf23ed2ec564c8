// The threads of one engine. `run` calls a body for every index below n, on all threads and the caller's, and returns when all
// are done. Which thread takes which index is left to chance: bodies must not care, so that results do not depend on it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace trmesh {

class Pool {
public:
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

  int threads() const { return static_cast<int>(helpers_.size()) + 1; }

  /** body(index, thread): thread is below threads() and names scratch that nobody else uses meanwhile. */
  template <class Body> void run(long n, const Body &body) {
    if (n <= 0) return;
    if (helpers_.empty() || n == 1) {
      const FlushDenormals flush;
      for (long i = 0; i < n; i++) body(i, 0);
      return;
    }
    share(n, [](const void *closure, long i, int thread) { (*static_cast<const Body *>(closure))(i, thread); }, &body);
  }

private:
  typedef void (*Call)(const void *closure, long index, int thread);
  /** Denormals cost a hundred times a product and say nothing: they count as zero inside kernels, on every thread alike. */
  struct FlushDenormals {
    FlushDenormals();
    ~FlushDenormals();
    unsigned before;
  };
  struct Job {
    Call call;
    const void *closure;
    long size;
  };

  void share(long n, Call call, const void *closure);
  void help(int thread);
  void work(int thread);

  std::vector<std::thread> helpers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  Job job_{};
  std::atomic<long> next_{0};
  std::atomic<unsigned> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
};

} // namespace trmesh
