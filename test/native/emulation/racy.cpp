// A kernel that is right or wrong as its argument says, to see that the emulation notices: `right`, `barrier` (left out between a
// write and another thread's read), `copy` (read before it was waited for), `warp` (lanes that do not meet). Exits 1 if it notices.
#include <cstdio>
#include "device.h"
#include "tensor-core.h"

using namespace trmesh;

enum Fault { none, barrier, copy, warp };

static __global__ void turn(const bf16 *in, float *out, int fault) {
  float *words = sharedMemory<float>();
  const int mine = threadIdx.x, other = fault == warp ? mine ^ 1 : 63 - mine;
  words[mine] = static_cast<float>(mine);
  if (fault == warp) out[mine] = words[other];
  if (fault != barrier) __syncthreads();
  out[mine] = words[other];
  bf16 *copied = reinterpret_cast<bf16 *>(words + 64);
  if (mine == 0) {
    startCopy(copied, in);
    endGroup();
    if (fault != copy) finishCopies<0>();
  }
  __syncthreads();
  out[64 + mine] = widen(copied[mine % 8]);
}

int main(int count, char **given) {
  const std::string asked = count > 1 ? given[1] : "right";
  const int fault = asked == "barrier" ? barrier : asked == "copy" ? copy : asked == "warp" ? warp : none;
  alignas(16) bf16 in[8];
  for (bf16 &one : in) one = bf16{0x3f80};
  float out[128];
  try {
    run(0, Launch{dim3(1), dim3(64), 64 * sizeof(float) + sizeof in}, turn, in, out, fault);
  } catch (const std::exception &error) {
    std::puts(error.what());
    return 1;
  }
  for (int i = 0; i < 64; i++)
    if (out[i] != static_cast<float>(63 - i) || out[64 + i] != 1.0f) {
      std::puts("wrong values");
      return 1;
    }
  return 0;
}
