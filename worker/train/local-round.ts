// A round of local steps of one replica (DiLoCo, arXiv 2311.08105): what it learns alone between two exchanges, on copies of
// weights and moments. Only commit changes the originals; a round that is discarded leaves no trace. Moments stay with the
// worker, as in the paper. Costs three more copies of the weights here, and one, the momentum, in the arena.
import type { LocalConfig, TrainConfig } from '../../shared/config/run-config.js'
import { update } from './adam-atan2.js'
import { outerStep } from './outer.js'

/** Flat buffers of one length; `outer` is the momentum of the outer step. */
export interface RoundBuffers {
  readonly params: Float32Array
  readonly ema: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  readonly outer: Float32Array
  readonly grad: Float32Array
  readonly mean: Float32Array
}

export class LocalRound {
  /** The weights as this worker alone has trained them so far. */
  readonly params: Float32Array
  private readonly m: Float32Array
  private readonly v: Float32Array
  private steps = 0

  constructor(
    private readonly buffers: RoundBuffers,
    private readonly config: LocalConfig,
  ) {
    const { length } = buffers.params
    this.params = new Float32Array(length)
    this.m = new Float32Array(length)
    this.v = new Float32Array(length)
  }

  /**
   * One step of this worker alone along buffers.grad, whose loss was divided by all slots of the run: here it becomes the
   * mean over the worker's own, so that few slots do not mean small gradients.
   * @param share own slots / all slots
   */
  descend(step: number, lr: number, train: TrainConfig, share: number): void {
    const { params, m, v, grad } = this.buffers
    if (this.steps++ === 0) {
      this.params.set(params)
      this.m.set(m)
      this.v.set(v)
    }
    for (let i = 0; i < grad.length; i++) grad[i] = grad[i]! / share
    const { beta1, beta2, weightDecay } = train
    update().adamAtan2(this.params, this.m, this.v, grad, step, { lr, beta1, beta2, weightDecay })
  }

  /** Writes what this worker proposes into buffers.grad: (start - end) * share. Over the workers these add up to the mean by slots. */
  propose(share: number): void {
    const { params, grad } = this.buffers
    for (let i = 0; i < grad.length; i++) grad[i] = (params[i]! - this.params[i]!) * share
  }

  /** Applies buffers.mean, then the average, which forgets as much as in as many single steps; frozen: moments only. */
  commit(train: TrainConfig, frozen: boolean): void {
    const { params, ema, m, v, outer, mean } = this.buffers
    const { outerLr: lr, outerMomentum: momentum } = this.config
    m.set(this.m)
    v.set(this.v)
    if (!frozen) {
      outerStep(params, outer, mean, { lr, momentum })
      update().updateEma(ema, params, train.emaRate ** this.steps)
    }
    this.steps = 0
  }

  discard(): void {
    this.steps = 0
  }
}
