// What a commit does to the weights: shortens a gradient that is too long, then moves every weight by the optimizer that it belongs
// to. A function of the buffers, the configuration and the step, on the host: every replica gets the same bits.
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { matricesOf, rangesBeside, type Matrix } from '../../shared/gradients/matrices.js'
import { l2Norm } from '../../shared/gradients/norm.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import { update } from './adam-atan2.js'
import { muon } from './muon.js'

export interface Weights {
  readonly params: Float32Array
  readonly ema: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** The gradient; shortened in place. */
  readonly mean: Float32Array
}

/** PyTorch's clip_grad_norm_ has it too: no division by zero. */
const TINY = 1e-6

/** Shortens `gradient` to an L2 norm of at most `longest`. */
export function clip(gradient: Float32Array, longest: number): void {
  const factor = longest / (l2Norm(gradient) + TINY)
  if (factor >= 1) return
  for (let i = 0; i < gradient.length; i++) gradient[i] = (gradient[i] as number) * factor
}

export class Optimizer {
  private readonly matrices: readonly Matrix[]
  /** What AdamATan2 moves. */
  private readonly rest: readonly (readonly [from: number, to: number])[]

  constructor(
    model: ModelConfig,
    layout: Layout,
    private readonly train: TrainConfig,
  ) {
    this.matrices = train.optimizer === 'muon' ? matricesOf(model, layout) : []
    this.rest = rangesBeside(this.matrices, layout.elements)
  }

  /**
   * Do the weights stay as they are in this step? Not every step moves them with train.moveEvery above 1. Published (pull 41) is the
   * sum of two gradients as one; ours lets every gradient into the moments, as while the weights are frozen: so nothing but
   * the moments remembers it, and a step that is lost, replayed or resumed in the middle is as any other.
   */
  holds(step: number, frozen: boolean): boolean {
    return frozen || step % this.train.moveEvery !== 0
  }

  /** @param frozen only the moments follow the gradient */
  apply({ params, ema, m, v, mean }: Weights, step: number, frozen: boolean): void {
    const { warmupSteps, steps: totalSteps, lrMinRatio: minRatio, beta1, beta2, weightDecay } = this.train
    const { muonMomentum: momentum, muonWeightDecay, clipNorm, emaRate } = this.train
    const holds = this.holds(step, frozen)
    const rate = (base: number): number => (holds ? 0 : learningRate({ base, warmupSteps, totalSteps, minRatio }, step))
    if (clipNorm > 0) clip(mean, clipNorm)
    for (const [from, to] of this.rest) {
      const part = (of: Float32Array): Float32Array => of.subarray(from, to)
      const options = { lr: rate(this.train.lr), beta1, beta2, weightDecay }
      update().adamAtan2(part(params), part(m), part(v), part(mean), step, options)
    }
    for (const matrix of this.matrices)
      muon(params, m, mean, matrix, { lr: rate(this.train.muonLr), momentum, weightDecay: muonWeightDecay })
    if (!holds) update().updateEma(ema, params, emaRate)
  }
}
