// The device's memory on the host: a block of its own for every array, filled with NaN, so that tools and tests see what reaches
// past it and what nobody wrote. Products are plain loops.
#include "runtime.h"
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>
#include <vector>
#include "products.h"

namespace trmesh {

namespace {

class HostRuntime final : public Runtime, private MemorySource {
public:
  Stream stream() const override { return 0; }
  void *allocate(size_t bytes) override { return book_.allocate(bytes); }
  void release(void *memory) override { book_.release(memory); }

  void startRecording() override {
    recording_ = std::make_unique<Played>(book_);
    book_.startRecording(*recording_);
    emulation::recorder = &recording_->work;
  }
  std::unique_ptr<Recording> finishRecording() override {
    emulation::recorder = nullptr;
    book_.endRecording();
    return std::move(recording_);
  }
  void abandonRecording() override {
    emulation::recorder = nullptr;
    book_.endRecording();
    recording_.reset();
  }
  bool isRecording() const override { return book_.isRecording(); }
  void replay(Recording &recording) override {
    for (const std::function<void()> &work : static_cast<Played &>(recording).work) work();
  }

  void toDevice(void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    std::memcpy(to, from, bytes);
  }
  void toHost(void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    std::memcpy(to, from, bytes);
  }
  void clear(void *memory, size_t bytes) override {
    emulation::perform([=] { std::memset(memory, 0, bytes); });
  }
  /** There when it is waited for, not before: who does not wait finds what was there. */
  void startToHost(long i, void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    const char *const bytesThen = static_cast<const char *>(from);
    started_[i] = {to, std::vector<char>(bytesThen, bytesThen + bytes)};
  }
  void finishToHost(long i) override {
    const auto &[to, bytes] = started_.at(i);
    std::memcpy(to, bytes.data(), bytes.size());
    started_.erase(i);
  }
  bool pin(void *, size_t) override { return true; }
  void wait() override { mustNotRecord(); }
  std::string name() const override { return "no GPU: its kernels played on the host, for tests"; }
  size_t used() const override { return book_.used(); }
  size_t mostUsed() const override { return book_.mostUsed(); }
  void enter() const override {}

private:
  /** Bytes behind every block, a multiple of its alignment. */
  static constexpr size_t kGuard = 4096;

  struct Played final : Recording {
    explicit Played(MemoryBook &book) : Recording(book) {}
    std::vector<std::function<void()>> work;
  };

  void *take(size_t bytes, bool) override {
    void *memory = std::aligned_alloc(256, bytes + kGuard);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0xff, bytes + kGuard);
    sizes_[memory] = bytes;
    return memory;
  }
  /** Who still reads it finds NaN. Who wrote past its end is noticed here: the test ends. */
  void give(void *memory, bool) override {
    const auto at = sizes_.find(memory);
    const unsigned char *const behind = static_cast<const unsigned char *>(memory) + at->second;
    for (size_t i = 0; i < kGuard; i++)
      if (behind[i] != 0xff) {
        std::fprintf(stderr, "a kernel wrote %zu bytes behind an array of %zu\n", i, at->second);
        std::abort();
      }
    std::memset(memory, 0xff, at->second);
    sizes_.erase(at);
    std::free(memory);
  }
  void mustNotRecord() const {
    if (book_.isRecording()) throw std::runtime_error("it copies between host and GPU on its way");
  }

  MemoryBook book_{*this};
  std::unique_ptr<Played> recording_;
  std::map<void *, size_t> sizes_;
  std::map<long, std::pair<void *, std::vector<char>>> started_;
};

class HostProducts final : public Products {
public:
  void multiply(Number in, const Operand &a, const Operand &b, Number out, void *c, long stride, long m, long n, long k,
                float beta) override {
    mustFit(a, b, in, stride, n);
    emulation::perform([=] { multiplyNow(in, a, b, out, c, stride, m, n, k, beta); });
  }
  std::string name() const override { return "plain loops"; }

private:
  static void multiplyNow(Number in, const Operand &a, const Operand &b, Number out, void *c, long stride, long m, long n, long k,
                          float beta) {
    const std::vector<float> right = plain(b, in, k, n);
    std::vector<float> sums(static_cast<size_t>(n));
    for (long i = 0; i < m; i++) {
      for (float &sum : sums) sum = 0;
      for (long l = 0; l < k; l++) {
        const float x = at(a, in, i, l);
        const float *row = right.data() + l * n;
        for (long j = 0; j < n; j++) sums[static_cast<size_t>(j)] += x * row[j];
      }
      for (long j = 0; j < n; j++) put(c, out, i * stride + j, sums[static_cast<size_t>(j)], beta);
    }
  }
  /** What the library on a GPU wants of bf16: every row begins at a multiple of 16 bytes. */
  static void mustFit(const Operand &a, const Operand &b, Number in, long stride, long n) {
    if (in != Number::bf16) return;
    const auto aligned = [](const Operand &one) { return one.stride % 8 == 0 && reinterpret_cast<uintptr_t>(one.data) % 16 == 0; };
    if (!aligned(a) || !aligned(b) || stride % 8 != 0 || n % 8 != 0)
      throw std::logic_error("an operand of a product is not aligned");
  }
  static float element(const void *data, Number number, long i) {
    return number == Number::f32 ? static_cast<const float *>(data)[i] : widen(static_cast<const bf16 *>(data)[i]);
  }
  static float at(const Operand &x, Number number, long row, long column) {
    return element(x.data, number, x.turned ? column * x.stride + row : row * x.stride + column);
  }
  static std::vector<float> plain(const Operand &x, Number number, long rows, long columns) {
    std::vector<float> all(static_cast<size_t>(rows * columns));
    for (long r = 0; r < rows; r++)
      for (long c = 0; c < columns; c++) all[static_cast<size_t>(r * columns + c)] = at(x, number, r, c);
    return all;
  }
  static void put(void *c, Number number, long i, float value, float beta) {
    if (beta != 0) value += beta * element(c, number, i);
    if (number == Number::f32) static_cast<float *>(c)[i] = value;
    else static_cast<bf16 *>(c)[i] = narrow<bf16>(value);
  }
};

} // namespace

std::unique_ptr<Runtime> openRuntime(int device) {
  if (device != 0) throw std::runtime_error("there is no GPU " + std::to_string(device) + " here, only 1");
  return std::make_unique<HostRuntime>();
}

std::unique_ptr<Products> openProducts(Runtime &, const std::string &) { return std::make_unique<HostProducts>(); }

} // namespace trmesh
