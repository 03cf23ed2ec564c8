// Long tensors pass through memory in pieces, and between two of them a command may be stopped.
import { CheckpointRefused } from '../../shared/errors.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import type { StopSignal, Terminal } from '../../shared/ports.js'
import { shown } from './shown.js'
import type { StoredTensor } from './weight-file.js'

export const PIECE_ELEMENTS = 1 << 20

/** Somebody asked to stop; whoever catches it says what was kept. */
export class Stopped extends Error {}

/** Called between two pieces with the part that is done, 0 to 1. @throws Stopped */
export type Progress = (what: string, share: number) => void

export const progressOn =
  (signal: StopSignal, out: Terminal): Progress =>
  (what, share) => {
    if (signal.requested) throw new Stopped()
    out.status(`${(share * 100).toFixed(0).padStart(3)} %  ${what}`)
  }

/** Reads and refuses what is no number: our own reader would, later. @throws CheckpointRefused naming tensor and element */
export async function readFinite(tensor: StoredTensor, from: number, into: Float32Array, file: string): Promise<void> {
  await tensor.read(from, into)
  const broken = firstNonFinite(into)
  if (broken < 0) return
  throw new CheckpointRefused(
    `${file}: ${shown(tensor.name)} holds ${into[broken]} at element ${from + broken}`,
    'its training had failed by then, or it overflows f32: take an earlier checkpoint',
  )
}

/** Rows that fit a piece; at least one. */
export const rowsPerPiece = (dim: number): number => Math.max(1, Math.floor(PIECE_ELEMENTS / dim))

/** Calls `work` for each group of rows of an f32 table [rows, dim]; `values` is overwritten by the next. */
export async function forRows(
  tensor: StoredTensor,
  dim: number,
  file: string,
  work: (first: number, values: Float32Array) => Promise<void> | void,
): Promise<void> {
  const rows = tensor.shape[0] as number
  const atOnce = rowsPerPiece(dim)
  const buffer = new Float32Array(Math.min(atOnce, rows) * dim)
  for (let first = 0; first < rows; first += atOnce) {
    const values = buffer.subarray(0, Math.min(atOnce, rows - first) * dim)
    await readFinite(tensor, first * dim, values, file)
    await work(first, values)
  }
}
