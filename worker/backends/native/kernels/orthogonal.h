// The orthogonal factor of a matrix for Muon, with exactly the roundings of worker/ops/orthogonalise.ts: f32, no fused
// multiply-add, the products of an element added from the first to the last, denormal numbers kept. Replicas on any engine get
// the same bits.
#pragma once
#include "pool.h"

namespace trmesh {

/** x [rows][columns], in place. */
void orthogonalise(Pool &pool, float *x, long rows, long columns);

} // namespace trmesh
