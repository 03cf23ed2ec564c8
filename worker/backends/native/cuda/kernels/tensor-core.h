// A warp's matrix instructions, as functions: products of 16 x 8 x 16 bf16 with f32 sums, and the loads that bring tiles from
// shared memory into the lanes that want them. In tests the lanes hand each other their pieces instead.
#pragma once
#include "device.h"

namespace trmesh {

#if defined(TRMESH_EMULATED)
namespace played {
struct Pieces {
  uint32_t a[4], b[2];
};
inline float half(uint32_t pair, int which) { return asFloat(which == 0 ? pair << 16 : pair & 0xffff0000u); }
inline const Pieces &of(int lane) { return *static_cast<const Pieces *>(emulation::slot(lane)); }
} // namespace played
#endif

/** d (16 x 8) += a (16 x 16, rows) b (16 x 8, columns); lane l holds rows l / 4 and l / 4 + 8, columns 2 (l % 4) and the next. */
__device__ __forceinline__ void multiplyTiles(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(TRMESH_EMULATED)
  const played::Pieces mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  emulation::exchange(&mine, sizeof mine);
  const int group = emulation::lane() / 4, inGroup = emulation::lane() % 4;
  for (int i = 0; i < 4; i++) {
    const int row = group, low = i / 2, column = 2 * inGroup + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; k++) {
      const int from = k % 8 / 2, upper = k / 8;
      sum += played::half(played::of(row * 4 + from).a[low + 2 * upper], k % 2) *
             played::half(played::of(column * 4 + from).b[upper], k % 2);
    }
    d[i] += sum;
  }
#else
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

/** Four 8 x 8 tiles; lane l names the start of row l % 8 of tile l / 8, and gets of each tile row l / 4, elements 2 (l % 4), + 1. */
__device__ __forceinline__ void loadTiles(uint32_t (&r)[4], const bf16 *row) {
#if defined(TRMESH_EMULATED)
  emulation::exchange(&row, sizeof row);
  const unsigned lane = emulation::lane();
  for (unsigned i = 0; i < 4; i++) {
    const bf16 *from = *static_cast<const bf16 *const *>(emulation::slot(8 * i + lane / 4)) + 2 * (lane % 4);
    r[i] = from[0].bits | (static_cast<uint32_t>(from[1].bits) << 16);
  }
#else
  const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
#endif
}

/** The same, each tile transposed: of each tile column l / 4, elements 2 (l % 4), + 1. */
__device__ __forceinline__ void loadTilesTurned(uint32_t (&r)[4], const bf16 *row) {
#if defined(TRMESH_EMULATED)
  emulation::exchange(&row, sizeof row);
  const unsigned lane = emulation::lane();
  const auto at = [&](unsigned tile, unsigned down) {
    return (*static_cast<const bf16 *const *>(emulation::slot(8 * tile + down)))[lane / 4].bits;
  };
  for (unsigned i = 0; i < 4; i++)
    r[i] = at(i, 2 * (lane % 4)) | (static_cast<uint32_t>(at(i, 2 * (lane % 4) + 1)) << 16);
#else
  const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
#endif
}

/** 16 bytes from device memory to shared memory, later: there after finishCopies and the next barrier. */
__device__ __forceinline__ void startCopy(bf16 *to, const bf16 *from) {
#if defined(TRMESH_EMULATED)
  emulation::startCopy(to, from);
#else
  const unsigned at = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(at), "l"(from) : "memory");
#endif
}
__device__ __forceinline__ void endGroup() {
#if defined(TRMESH_EMULATED)
  emulation::endCopyGroup();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
/** Waits until at most GROUPS groups of copies are on their way. */
template <int GROUPS> __device__ __forceinline__ void finishCopies() {
#if defined(TRMESH_EMULATED)
  emulation::finishCopies(GROUPS);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS) : "memory");
#endif
}

} // namespace trmesh
