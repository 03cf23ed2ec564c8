// Memory and order of work on a GPU: one stream, and allocations that follow it, from a pool that keeps what it has.
#include "runtime.h"
#include <stdexcept>
#include <vector>

namespace trmesh {

namespace {

/** Asked for, never run: is there code for this card? */
__global__ void probeKernel() {}

class CudaRuntime final : public Runtime, private MemorySource {
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

  void *allocate(size_t bytes) override { return book_.allocate(bytes); }
  void release(void *memory) override { book_.release(memory); }

  void startRecording() override {
    // What was given back is free from here on, so that it can make room for the graph's own memory.
    wait();
    must(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed), "the start of a graph");
    recording_ = std::make_unique<Graph>(book_, stream_);
    book_.startRecording(*recording_);
  }
  std::unique_ptr<Recording> finishRecording() override {
    cudaGraph_t graph = nullptr;
    must(cudaStreamEndCapture(stream_, &graph), "the end of a graph");
    const cudaError_t status = cudaGraphInstantiate(&recording_->executable, graph, 0);
    cudaGraphDestroy(graph);
    must(status, "a graph");
    book_.endRecording();
    return std::move(recording_);
  }
  void abandonRecording() override {
    if (recording_ == nullptr) return;
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    cudaGraph_t graph = nullptr;
    if (cudaStreamIsCapturing(stream_, &status) == cudaSuccess && status != cudaStreamCaptureStatusNone &&
        cudaStreamEndCapture(stream_, &graph) == cudaSuccess && graph != nullptr)
      cudaGraphDestroy(graph);
    cudaGetLastError(); // why it was abandoned has been told
    book_.endRecording();
    recording_.reset();
  }
  bool isRecording() const override { return book_.isRecording(); }
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
  size_t used() const override { return book_.used(); }
  size_t mostUsed() const override { return book_.mostUsed(); }

private:
  struct Graph final : Recording {
    Graph(MemoryBook &book, cudaStream_t stream) : Recording(book), stream(stream) {}
    ~Graph() override {
      if (executable == nullptr) return;
      cudaStreamSynchronize(stream);
      cudaGraphExecDestroy(executable);
    }
    cudaStream_t stream;
    cudaGraphExec_t executable = nullptr;
  };

  void *take(size_t bytes, bool lasting) override {
    void *memory = nullptr;
    if (get(memory, bytes, lasting)) return memory;
    // What was given back may lie in pieces: the pool hands all that is free to the driver, and takes it anew in one. A graph's
    // memory is not of the pool, but of what it leaves.
    if (!lasting) wait();
    must(cudaMemPoolTrimTo(pool_, 0), "the memory pool");
    if (get(memory, bytes, lasting)) return memory;
    throw std::runtime_error("the GPU has no room for " + std::to_string(bytes >> 20) + " MB more; it holds " +
                             std::to_string(used() >> 20) + " MB of ours: take fewer slots, or --recompute");
  }
  /** False: there is no such room. */
  bool get(void *&memory, size_t bytes, bool lasting) {
    // Allowed while a stream records in this mode; memory of the pool would be a part of the graph, at another place every time.
    const cudaError_t status = lasting ? cudaMalloc(&memory, bytes) : cudaMallocAsync(&memory, bytes, stream_);
    if (status != cudaErrorMemoryAllocation) {
      must(status, "memory of the GPU");
      return true;
    }
    cudaGetLastError(); // it is told here, not at the next call
    return false;
  }
  void give(void *memory, bool lasting) override {
    if (lasting) cudaFree(memory);
    else cudaFreeAsync(memory, stream_);
  }
  void mustNotRecord() const {
    if (book_.isRecording()) throw std::runtime_error("it copies between host and GPU on its way");
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

  int device_;
  cudaStream_t stream_ = nullptr;
  cudaMemPool_t pool_ = nullptr;
  cudaDeviceProp properties_{};
  MemoryBook book_{*this};
  std::unique_ptr<Graph> recording_;
  /** Of copies to the host that are under way. */
  std::vector<cudaEvent_t> arrived_;
};

} // namespace

std::unique_ptr<Runtime> openRuntime(int device) { return std::make_unique<CudaRuntime>(device); }

} // namespace trmesh
