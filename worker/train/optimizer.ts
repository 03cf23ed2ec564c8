// What a commit does to the weights: shortens a gradient that is too long, then moves every weight by the optimizer that it belongs
// to. A function of the buffers, the configuration and the step, on the host: every replica gets the same bits.
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { matricesOf, rangesBeside, type Matrix } from '../../shared/gradients/matrices.js'
import { l2Norm } from '../../shared/gradients/norm.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import type { Cut, Resident } from '../ops/update.js'
import { update } from './adam-atan2.js'
import { muon } from './muon.js'

export interface Weights {
  readonly params: Float32Array
  /** These three may be old where the backend keeps its own: Optimizer.current has them. */
  readonly ema: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  /** The gradient; replaced by the mean of those gathered, and shortened, in place. */
  readonly mean: Float32Array
  /** Sum of the gradients since the last move; needed with train.moveEvery above 1. Zeros after a move. */
  readonly gathered?: Float32Array
}

/** PyTorch's clip_grad_norm_ has it too: no division by zero. */
const TINY = 1e-6

/** Shortens `gradient` to an L2 norm of at most `longest`. */
export function clip(gradient: Float32Array, longest: number): void {
  const factor = longest / (l2Norm(gradient) + TINY)
  if (factor >= 1) return
  for (let i = 0; i < gradient.length; i++) gradient[i] = (gradient[i] as number) * factor
}

/** Adds the gradient to those before. @returns true if the step moves the weights: then `mean` is that of all of them */
function gather({ mean, gathered }: Weights, moveEvery: number, step: number): boolean {
  if (gathered?.length !== mean.length)
    throw new RangeError('train.moveEvery above 1 needs a buffer for what it gathers')
  for (let i = 0; i < mean.length; i++) gathered[i] = (gathered[i] as number) + (mean[i] as number)
  if (step % moveEvery !== 0) return false
  for (let i = 0; i < mean.length; i++) mean[i] = (gathered[i] as number) / moveEvery
  gathered.fill(0)
  return true
}

export class Optimizer {
  private readonly matrices: readonly Matrix[]
  /** What AdamATan2 moves. */
  private readonly rest: readonly (readonly [from: number, to: number])[]
  /** From the first move on, where the backend keeps the weights. */
  private resident: Resident | undefined

  constructor(
    model: ModelConfig,
    layout: Layout,
    private readonly train: TrainConfig,
  ) {
    this.matrices = train.optimizer === 'muon' ? matricesOf(model, layout) : []
    this.rest = rangesBeside(this.matrices, layout.elements)
  }

  /** Do the weights stay as they are in this step? */
  holds(step: number, frozen: boolean): boolean {
    return frozen || step % this.train.moveEvery !== 0
  }

  /**
   * With train.moveEvery N the gradients of N supervision steps are one (pull 41 of the official code, for N = 2): those before
   * the N-th are only added up, and the N-th moves moments, weights and average once, by their mean. The sum that is published
   * gives the same moves: neither AdamATan2 nor Muon knows the gradient's length. With the mean, clipping means what it always
   * does. Rates and warm-up go by supervision steps, bias correction by moves. What is gathered is state of every replica, as
   * moments are: a step that is discarded never enters it. Puzzle rows move at every step, since a slot changes its puzzle.
   * @param frozen only the moments follow the gradient
   */
  apply(weights: Weights, step: number, frozen: boolean): void {
    const { params, ema, m, v, mean } = weights
    const { warmupSteps, steps: totalSteps, lrMinRatio: minRatio, beta1, beta2, weightDecay } = this.train
    const { muonMomentum: momentum, muonWeightDecay, clipNorm, emaRate, moveEvery } = this.train
    if (moveEvery > 1 && !gather(weights, moveEvery, step)) return
    const rate = (base: number): number =>
      frozen ? 0 : learningRate({ base, warmupSteps, totalSteps, minRatio }, step)
    if (clipNorm > 0) clip(mean, clipNorm)
    if (this.matrices.length === 0) this.resident ??= update().reside?.({ params, ema, m, v })
    if (this.resident !== undefined) {
      const options = { lr: rate(this.train.lr), beta1, beta2, weightDecay }
      return this.resident.apply(mean, step / moveEvery, options, frozen ? null : emaRate)
    }
    for (const [from, to] of this.rest) {
      const part = (of: Float32Array): Float32Array => of.subarray(from, to)
      const options = { lr: rate(this.train.lr), beta1, beta2, weightDecay }
      update().adamAtan2(part(params), part(m), part(v), part(mean), step / moveEvery, options)
    }
    for (const matrix of this.matrices)
      muon(params, m, mean, matrix, { lr: rate(this.train.muonLr), momentum, weightDecay: muonWeightDecay })
    if (!frozen) update().updateEma(ema, params, emaRate)
  }

  /** Cuts tensors out of what the backend keeps; undefined: the host's buffer is the one. */
  cut(of: 'params' | 'ema'): Cut | undefined {
    return this.resident?.cut(of)
  }

  /** The values as of the last move: the buffer itself, or a copy of what the backend keeps. */
  current(weights: Weights, of: 'ema' | 'm' | 'v'): Float32Array {
    return this.resident?.read(of) ?? weights[of]
  }

  /** The host's buffers are the truth again: what the backend keeps is let go. */
  forget(): void {
    this.resident?.dispose()
    this.resident = undefined
  }
}
