// The engine of the instruction set that this file is compiled for. Every set is a library of its own: code compiled for one
// processor can never be picked by the linker for another.
#if defined(TRMESH_AMX)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include "network-engine.h"
#if defined(TRMESH_AMX) || defined(TRMESH_AMX_EMULATED)
#include "amx.h"
#endif

namespace trmesh {

namespace {
#if defined(__AVX512F__) || defined(TRMESH_AMX_EMULATED)
constexpr int kWidth = 16;
#elif defined(__AVX2__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

#if defined(TRMESH_AMX) || defined(TRMESH_AMX_EMULATED)
typedef Bf16Amx Bf16;
#elif defined(__AVX512BF16__)
typedef Bf16Dot Bf16;
#else
typedef Wide<kWidth, true> Bf16;
#endif

/** Linux gives a process the tiles only when it asks for them. */
void askForTiles() {
#if defined(TRMESH_AMX)
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  if (syscall(SYS_arch_prctl, kRequestPermission, kTileData) != 0)
    throw std::runtime_error("the kernel refuses the AMX tiles to this process");
#endif
}
} // namespace

std::unique_ptr<Engine> makeEngine(Pool &pool, bool bf16) {
  askForTiles();
  if (bf16) return std::make_unique<NetworkEngine<Bf16>>(pool);
  return std::make_unique<NetworkEngine<Wide<kWidth, false>>>(pool);
}

} // namespace trmesh
