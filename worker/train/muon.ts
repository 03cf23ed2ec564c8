// Muon (K. Jordan, 2024, github.com/KellerJordan/Muon): momentum, orthogonalised by five quintic Newton-Schulz iterations, moves a
// matrix. Published: the coefficients, Nesterov's momentum, and sqrt(max(1, rows / columns)) for the shape; in bf16. Ours: f32 in a
// fixed order, every product and every sum rounded by itself, so that replicas on different machines get the same bits;
// the momentum lies where AdamATan2 has its first moment, so a checkpoint is as before.
import type { Matrix } from '../../shared/gradients/matrices.js'
import { update } from './adam-atan2.js'

export interface MuonOptions {
  readonly lr: number
  readonly momentum: number
  readonly weightDecay: number
}

/** One update of one matrix; p, m and g are the whole flat buffers. With lr 0 only the momentum follows. */
export function muon(
  p: Float32Array,
  m: Float32Array,
  g: Float32Array,
  { offset, rows, columns }: Matrix,
  { lr, momentum, weightDecay }: MuonOptions,
): void {
  const step = new Float32Array(rows * columns)
  const keep = 1 - momentum
  for (let i = 0; i < step.length; i++) {
    const gradient = g[offset + i] as number
    const moment = Math.fround((m[offset + i] as number) + keep * (gradient - (m[offset + i] as number)))
    m[offset + i] = moment
    step[i] = gradient + momentum * (moment - gradient)
  }
  if (lr === 0) return
  update().orthogonalise(step, rows, columns)
  const decay = 1 - lr * weightDecay
  const move = lr * Math.sqrt(Math.max(1, rows / columns))
  for (let i = 0; i < step.length; i++) p[offset + i] = (p[offset + i] as number) * decay - move * (step[i] as number)
}
