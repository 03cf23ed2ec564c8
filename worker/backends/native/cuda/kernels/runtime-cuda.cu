// Memory and order of work on a GPU: one stream, and allocations that follow it, from a pool that keeps what it has.
#include "runtime.h"
#include <set>
#include <stdexcept>
#include <vector>

namespace trmesh {

namespace {

/** Asked for, never run: is there code for this card? */
__global__ void probeKernel() {}

class CudaRuntime final : public Runtime {
public:
  explicit CudaRuntime(int device) : device_(device) {
    int devices = 0;
    const cudaError_t counted = cudaGetDeviceCount(&devices);
    if (counted == cudaErrorInsufficientDriver)
      throw std::runtime_error("there is no NVIDIA driver here, or one older than CUDA " + std::to_string(CUDART_VERSION / 1000));
    if (counted != cudaErrorNoDevice) must(counted, "the GPUs cannot be counted");
    if (device < 0 || device >= devices)
      throw std::runtime_error("there is no GPU " + std::to_string(device) + " here, only " + std::to_string(devices));
    enter();
    must(cudaGetDeviceProperties(&properties_, device), "the GPU's properties");
    if (properties_.major < 8)
      throw std::runtime_error(name() + " is older than what the kernels are made for (compute capability 8.0)");
    mustHaveKernels();
    must(cudaDeviceGetDefaultMemPool(&pool_, device), "no memory pool");
    uint64_t all = UINT64_MAX;
    must(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &all), "the memory pool");
    must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "no stream");
  }
  ~CudaRuntime() override {
    for (cudaEvent_t event : arrived_) cudaEventDestroy(event);
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

  Stream stream() const override { return stream_; }
  void enter() const override { must(cudaSetDevice(device_), "the GPU does not answer"); }

  void *allocate(size_t bytes) override {
    if (recording_ != nullptr) return allocateForRecording(static_cast<size_t>(roundUp(static_cast<long>(bytes == 0 ? 1 : bytes), 256)));
    void *memory = nullptr;
    cudaError_t status = cudaMallocAsync(&memory, bytes == 0 ? 256 : bytes, stream_);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError(); // it is told here, not at the next call
      // What was given back may lie in pieces: the pool hands all that is free to the driver, and takes it anew in one.
      wait();
      must(cudaMemPoolTrimTo(pool_, 0), "the memory pool");
      status = cudaMallocAsync(&memory, bytes == 0 ? 256 : bytes, stream_);
    }
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      throw std::runtime_error("the GPU has no room for " + std::to_string(bytes >> 20) + " MB more; it holds " +
                               std::to_string(used() >> 20) + " MB of ours: take fewer slots, or --recompute");
    }
    must(status, "memory of the GPU");
    return memory;
  }
  void release(void *memory) override {
    for (RecordedMemory *recorded : recorded_)
      if (recorded->release(memory)) return;
    if (orphans_.erase(memory) > 0) cudaFree(memory);
    else if (recording_ != nullptr) later_.push_back(memory); // not a part of what is recorded
    else cudaFreeAsync(memory, stream_);
  }

  void startRecording() override {
    must(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "the start of a graph");
    recording_ = std::make_unique<Graph>(*this);
  }
  std::unique_ptr<Recording> finishRecording() override {
    cudaGraph_t graph = nullptr;
    must(cudaStreamEndCapture(stream_, &graph), "the end of a graph");
    const cudaError_t status = cudaGraphInstantiate(&recording_->executable, graph, 0);
    cudaGraphDestroy(graph);
    must(status, "a graph");
    std::unique_ptr<Recording> made = std::move(recording_);
    releaseLater();
    return made;
  }
  void abandonRecording() override {
    if (recording_ == nullptr) return;
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaGraph_t graph = nullptr;
    if (cudaStreamIsCapturing(stream_, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone &&
        cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph != nullptr)
      cudaGraphDestroy(graph);
    cudaGetLastError(); // why it was abandoned has been told
    recording_.reset();
    releaseLater();
  }
  bool isRecording() const override { return recording_ != nullptr; }
  void replay(Recording &recording) override {
    must(cudaGraphLaunch(static_cast<Graph &>(recording).executable, stream_), "a graph");
  }

  void toDevice(void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream_), "a copy to the GPU");
    // Memory that is not pinned has been read when the call returns; pinned memory has not.
    if (isPinned(from)) wait();
  }
  void toHost(void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "a copy from the GPU");
    wait();
  }
  void startToHost(long i, void *to, const void *from, size_t bytes) override {
    mustNotRecord();
    for (long have = static_cast<long>(arrived_.size()); have <= i; have++) {
      cudaEvent_t event = nullptr;
      must(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "no event");
      arrived_.push_back(event);
    }
    must(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "a copy from the GPU");
    must(cudaEventRecord(arrived_[static_cast<size_t>(i)], stream_), "an event");
  }
  void finishToHost(long i) override {
    must(cudaEventSynchronize(arrived_.at(static_cast<size_t>(i))), "a copy from the GPU (CUDA_LAUNCH_BLOCKING=1 names the kernel)");
  }
  void clear(void *memory, size_t bytes) override { must(cudaMemsetAsync(memory, 0, bytes, stream_), "clearing memory"); }
  bool pin(void *memory, size_t bytes) override {
    if (cudaHostRegister(memory, bytes, cudaHostRegisterDefault) == cudaSuccess) return true;
    cudaGetLastError(); // slower copies are no failure
    return false;
  }
  void wait() override {
    mustNotRecord();
    must(cudaStreamSynchronize(stream_), "the GPU (CUDA_LAUNCH_BLOCKING=1 names the kernel)");
  }

  std::string name() const override {
    return std::string(properties_.name) + " (compute capability " + std::to_string(properties_.major) + "." +
           std::to_string(properties_.minor) + ", " + std::to_string(properties_.totalGlobalMem >> 30) + " GB)";
  }
  size_t used() const override { return attribute(cudaMemPoolAttrUsedMemCurrent); }
  size_t mostUsed() const override { return attribute(cudaMemPoolAttrUsedMemHigh); }

private:
  struct Graph final : Recording {
    explicit Graph(CudaRuntime &runtime) : runtime(runtime) { runtime.recorded_.insert(&memory); }
    ~Graph() override {
      if (executable != nullptr) {
        cudaStreamSynchronize(runtime.stream_);
        cudaGraphExecDestroy(executable);
      }
      runtime.recorded_.erase(&memory);
      memory.end([](void *block) { cudaFree(block); }, [this](void *block) { runtime.orphans_.insert(block); });
    }
    CudaRuntime &runtime;
    RecordedMemory memory;
    cudaGraphExec_t executable = nullptr;
  };

  void *allocateForRecording(size_t bytes) {
    void *memory = recording_->memory.again(bytes);
    if (memory != nullptr) return memory;
    // Allowed while a stream records in this mode; memory of the pool would be a part of the graph, at another place every time.
    must(cudaMalloc(&memory, bytes), "memory for a graph");
    recording_->memory.add(memory, bytes);
    return memory;
  }
  void releaseLater() {
    for (void *memory : later_) cudaFreeAsync(memory, stream_);
    later_.clear();
  }
  void mustNotRecord() const {
    if (recording_ != nullptr) throw std::runtime_error("it copies between host and GPU on its way");
  }
  /** A build for one card alone may be brought to another. */
  void mustHaveKernels() const {
    cudaFuncAttributes found;
    if (cudaFuncGetAttributes(&found, reinterpret_cast<const void *>(probeKernel)) == cudaSuccess) return;
    cudaGetLastError();
    throw std::runtime_error("the library has no kernels for " + name() + ": build it again here, `npm run native -- --cuda`");
  }
  static bool isPinned(const void *memory) {
    cudaPointerAttributes found;
    if (cudaPointerGetAttributes(&found, memory) != cudaSuccess) {
      cudaGetLastError();
      return false;
    }
    return found.type == cudaMemoryTypeHost;
  }
  size_t attribute(cudaMemPoolAttr which) const {
    uint64_t bytes = 0;
    must(cudaMemPoolGetAttribute(pool_, which, &bytes), "the memory pool");
    return bytes;
  }

  int device_;
  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
  cudaDeviceProp properties_{};
  std::set<RecordedMemory *> recorded_;
  /** Of recordings that are no more, but held by arrays. */
  std::set<void *> orphans_;
  /** Given back while something was recorded. */
  std::vector<void *> later_;
  std::unique_ptr<Graph> recording_;
  /** Of copies to the host that are under way. */
  std::vector<cudaEvent_t> arrived_;
};

} // namespace

std::unique_ptr<Runtime> openRuntime(int device) { return std::make_unique<CudaRuntime>(device); }

} // namespace trmesh
