// Modelled FLOPs of the network (spec 8.2): 2 per multiply-add; matrix products and attention; norms and elementwise work
// ignored; backward is twice the graded forward. A model, not a measurement: whoever shows a figure made of it says so.
import type { ModelConfig } from './config/run-config.js'
import { positionsOf, swigluWidth } from './gradients/layout.js'

export interface Flops {
  /** One layer, one sample, forward. */
  readonly layer: number
  /** One supervision step of one sample, forward: hCycles (lCycles + 1) calls of the network. */
  readonly forward: number
  /** Its backward: twice the lCycles + 1 graded calls. */
  readonly backward: number
  /** Forward and backward. */
  readonly train: number
  /** An example answered: haltMaxSteps forward steps. */
  readonly answer: number
}

/** FLOPs per sample. */
export function flopsOf(model: ModelConfig): Flops {
  const D = model.hidden
  const S = positionsOf(model)
  const swiglu = (n: number, rows: number): number => 2 * rows * 3 * n * swigluWidth(n, model.expansion)
  const mixer = model.mixer === 'mlp' ? swiglu(S, D) : 2 * S * 4 * D * D + 4 * S * S * D
  const layer = mixer + swiglu(D, S)
  const network = model.layers * layer
  const forward = model.hCycles * (model.lCycles + 1) * network
  const backward = 2 * (model.lCycles + 1) * network
  return { layer, forward, backward, train: forward + backward, answer: model.haltMaxSteps * forward }
}
