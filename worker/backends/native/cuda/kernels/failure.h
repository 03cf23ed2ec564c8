// A call of CUDA that failed, as an exception that says what was being done.
#pragma once
#include <cuda_runtime.h>
#include <stdexcept>
#include <string>

namespace trmesh {

/** @throws std::runtime_error `what`: what CUDA says */
inline void must(cudaError_t status, const char *what) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

} // namespace trmesh
