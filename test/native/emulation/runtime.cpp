// The device's memory on the host: a block of its own for every array, filled with NaN, so that tools and tests see what reaches
// past it and what nobody wrote. Products are plain loops.
#include "runtime.h"
#include <cstdlib>
#include <map>
#include <new>
#include <set>
#include <vector>
#include "products.h"

namespace trmesh {

namespace {

class HostRuntime final : public Runtime {
public:
  ~HostRuntime() override {
    for (const auto &one : sizes_) std::free(one.first);
  }
  Stream stream() const override { return 0; }
  void *allocate(size_t bytes) override {
    const size_t whole = static_cast<size_t>(roundUp(static_cast<long>(bytes == 0 ? 1 : bytes), 256));
    if (recording_ == nullptr) return block(whole);
    void *memory = recording_->memory.again(whole);
    if (memory == nullptr) recording_->memory.add(memory = block(whole), whole);
    return memory;
  }
  void release(void *memory) override {
    for (RecordedMemory *recorded : recorded_)
      if (recorded->release(memory)) return;
    if (recording_ != nullptr && orphans_.erase(memory) == 0) later_.push_back(memory);
    else free(memory);
  }

  void startRecording() override {
    recording_ = std::make_unique<Played>(*this);
    emulation::recorder = &recording_->work;
  }
  std::unique_ptr<Recording> finishRecording() override {
    std::unique_ptr<Recording> made = std::move(recording_);
    recorded();
    return made;
  }
  void abandonRecording() override {
    recording_.reset();
    recorded();
  }
  bool isRecording() const override { return recording_ != nullptr; }
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
  size_t used() const override { return used_; }
  size_t mostUsed() const override { return most_; }
  void enter() const override {}

private:
  struct Played final : Recording {
    explicit Played(HostRuntime &runtime) : runtime(runtime) { runtime.recorded_.insert(&memory); }
    ~Played() override {
      runtime.recorded_.erase(&memory);
      memory.end([this](void *block) { runtime.free(block); }, [this](void *block) { runtime.orphans_.insert(block); });
    }
    HostRuntime &runtime;
    RecordedMemory memory;
    std::vector<std::function<void()>> work;
  };

  void *block(size_t whole) {
    void *memory = std::aligned_alloc(256, whole);
    if (memory == nullptr) throw std::bad_alloc();
    std::memset(memory, 0xff, whole);
    sizes_[memory] = whole;
    used_ += whole;
    most_ = used_ > most_ ? used_ : most_;
    return memory;
  }
  void free(void *memory) {
    const auto at = sizes_.find(memory);
    if (at == sizes_.end()) std::abort();
    orphans_.erase(memory);
    used_ -= at->second;
    std::memset(memory, 0xff, at->second);
    sizes_.erase(at);
    std::free(memory);
  }
  void recorded() {
    emulation::recorder = nullptr;
    for (void *memory : later_) free(memory);
    later_.clear();
  }
  void mustNotRecord() const {
    if (recording_ != nullptr) throw std::runtime_error("it copies between host and GPU on its way");
  }

  std::set<RecordedMemory *> recorded_;
  std::set<void *> orphans_;
  std::vector<void *> later_;
  std::unique_ptr<Played> recording_;
  std::map<void *, size_t> sizes_;
  std::map<long, std::pair<void *, std::vector<char>>> started_;
  size_t used_ = 0, most_ = 0;
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
