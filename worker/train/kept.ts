// The cells that an example keeps where a model trims: a function of seed, slot and draw, so that every worker, a replay and a
// resumed run keep the same.
import { boxAround, canvasOf, keptCells, withMargins } from '../../shared/arc/trim.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import type { SlotId } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { Example } from './carry.js'

/** @returns null: the whole canvas */
export function keptOf(
  model: Pick<ModelConfig, 'trim' | 'trimMargin' | 'seqLen'>,
  seed: number,
  slot: SlotId,
  { draw, inputs, labels }: Example,
): Int32Array | null {
  const { trim, trimMargin } = model
  if (trim === 0) return null
  const canvas = canvasOf(model)
  const box = boxAround(canvas, inputs, labels)
  return keptCells(withMargins(box, canvas, trimMargin, rngFor(seed, 'trim', slot, draw)), canvas, trim)
}
