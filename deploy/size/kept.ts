// What trimming leaves of a sample (model.trim), for sizing: the FLOPs of an average example of the official ARC pools. From the
// cells of their boxes as `npm run bench -- trimming` draws them: 32 quantiles of 6,144 examples, measured here 2026-11-28.
import { keptCount } from '../../shared/arc/trim.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { flopsOf } from '../../shared/flops.js'

/** Cells of the box around question and answer, translations included, on the canvas of 900. */
const BOXES: Readonly<Record<string, readonly number[]>> = {
  'arc-agi-1': [
    16, 21, 28, 35, 40, 48, 49, 60, 65, 77, 84, 98, 100, 110, 121, 121, 121, 121, 130, 144, 162, 169, 192, 208, 228,
    256, 270, 306, 361, 441, 576, 900,
  ],
  'arc-agi-2': [
    16, 24, 30, 36, 45, 50, 63, 70, 81, 90, 100, 105, 117, 121, 121, 121, 132, 144, 160, 169, 184, 200, 225, 255, 260,
    289, 312, 361, 441, 506, 625, 900,
  ],
}

export interface SampleFlops {
  /** Of one supervision step of an average example, forward and backward. */
  readonly train: number
  /** Part of what the whole canvas takes; undefined: nothing is trimmed, or the sizes of the data are not known here. */
  readonly share: number | undefined
}

/** Random margins are taken at their mean, on boxes taken as squares: a model. */
export function sampleFlops({ model, data }: Pick<RunConfig, 'model' | 'data'>): SampleFlops {
  const whole = flopsOf(model).train
  const boxes = BOXES[data.source]
  if (model.trim === 0 || boxes === undefined) return { train: whole, share: undefined }
  const { canvas } = data
  const sum = boxes.reduce((total, cells) => {
    const side = Math.min(canvas, Math.sqrt(cells) + model.trimMargin)
    const box = model.trimMargin === 0 ? { rows: 1, cols: cells } : { rows: side, cols: side }
    return total + flopsOf({ ...model, seqLen: keptCount({ row: 0, col: 0, ...box }, canvas, model.trim) }).train
  }, 0)
  const train = sum / boxes.length
  return { train, share: train / whole }
}
