// Modelled FLOPs of the network (spec 8.2): 2 per multiply-add; matrix products and attention; norms and elementwise work
// ignored; backward is twice the graded forward. A model, not a measurement: whoever shows a figure made of it says so.
import type { ModelConfig, TrainConfig } from './config/run-config.js'
import { layoutOf, positionsOf } from './gradients/layout.js'
import { matricesOf, NEWTON_SCHULZ_ITERATIONS } from './gradients/matrices.js'
import { callsOf, layersIn, recursionOf } from './recursion.js'
import { subLayersOf } from './sub-layers.js'

export interface Flops {
  /** One layer, one sample, forward. */
  readonly layer: number
  /** One supervision step of one sample, forward: every call of a network. */
  readonly forward: number
  /** Its backward: twice the graded calls. */
  readonly backward: number
  /** Forward and backward; with halting `continue`, forward once more, for the target of q_continue; with several chains, once more for each. */
  readonly train: number
  /** An example answered: haltMaxSteps forward steps. */
  readonly answer: number
}

/** FLOPs per sample. */
export function flopsOf(model: ModelConfig): Flops {
  const layer = subLayersOf(model, positionsOf(model)).reduce((sum, { flops }) => sum + flops, 0)
  const calls = callsOf(model)
  const forward = layersIn(model, calls) * layer
  const backward = 2 * layersIn(model, calls.slice(-recursionOf(model).graded)) * layer
  const forwards =
    (model.halting === 'continue' && model.haltMaxSteps > 1 ? 2 : 1) + (model.chains > 1 ? model.chains : 0)
  return { layer, forward, backward, train: forwards * forward + backward, answer: model.haltMaxSteps * forward }
}

/** FLOPs of the update of the weights, per step, whatever the batch: the matrix products of Muon, three an iteration; of AdamATan2 nothing counts. */
export function updateFlops(
  model: ModelConfig,
  { optimizer, moveEvery }: Pick<TrainConfig, 'optimizer' | 'moveEvery'>,
): number {
  if (optimizer !== 'muon') return 0
  const whole = matricesOf(model, layoutOf(model)).reduce((sum, { rows, columns }) => {
    const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)]
    return sum + NEWTON_SCHULZ_ITERATIONS * 2 * short * short * (2 * long + short)
  }, 0)
  return whole / moveEvery
}
