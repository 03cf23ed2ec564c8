// The Tiny Recursive Model (spec 1.6) in the paper's nouns: x the question, y the answer (z_H), z the latent thoughts
// (z_L). n thoughts and one answer make a cycle; T cycles make a supervision step; only the last is differentiated.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import type { Gradients } from '../ops/gradients.js'
import { linear } from '../ops/linear.js'
import type { NetworkSaved, NetworkShape } from '../ops/network.js'
import { network } from '../ops/network.js'
import type { RopeTables } from '../ops/rope.js'
import { ropeTables } from '../ops/rope.js'
import { primitives } from '../ops/primitives.js'
import { scoped } from '../ops/scope.js'
import type { Parameters } from './parameters.js'

/** Both states, (B*S, D) each. */
export interface Thought {
  readonly y: tf.Tensor2D
  readonly z: tf.Tensor2D
}

/** One graded network pass: what it kept, or, to save memory, where it started from. */
type Pass = { readonly saved: NetworkSaved } | { readonly h: tf.Tensor2D; readonly injection: tf.Tensor2D }

/** The graded cycle of a supervision step, ready to go back through. Dispose with tf.dispose when done. */
export interface Graded {
  readonly passes: Pass[]
}

/** Called after every network pass with the state it wrote: a window for tests. */
export type PassObserver = (writes: 'z_H' | 'z_L', state: tf.Tensor2D) => void

export interface TrmOptions {
  /** Keep only the inputs of every graded pass and run it again in backward: a third more compute, far less memory. */
  readonly recompute?: boolean
  readonly observe?: PassObserver
}

export class Trm {
  private readonly rope: RopeTables | null
  readonly positions: number

  constructor(
    readonly model: ModelConfig,
    private readonly options: TrmOptions = {},
  ) {
    this.positions = positionsOf(model)
    const wantsRope = model.positions === 'rope' && model.mixer === 'attention'
    this.rope = wantsRope ? ropeTables(this.positions, model.hidden / model.heads, model.ropeTheta) : null
  }

  private shape(batch: number): NetworkShape {
    const { heads, rmsNormEps } = this.model
    return { batch, positions: this.positions, heads, rope: this.rope, eps: rmsNormEps }
  }

  /** n thoughts, then one answer; nothing is kept for backward. */
  private refine(parameters: Parameters, x: tf.Tensor2D, { y, z }: Thought, batch: number): Thought {
    return scoped(() => {
      const shape = this.shape(batch)
      const question = primitives().add(y, x)
      let thought = z
      for (let l = 0; l < this.model.lCycles; l++) {
        const next = network().forward(thought, question, parameters.layers, shape)
        if (thought !== z) thought.dispose()
        thought = next
        this.options.observe?.('z_L', thought)
      }
      const answer = network().forward(y, thought, parameters.layers, shape)
      this.options.observe?.('z_H', answer)
      return { y: answer, z: thought }
    })
  }

  /** A whole supervision step without gradient: T cycles. The caller disposes the result; `start` is left alone. */
  think(parameters: Parameters, x: tf.Tensor2D, start: Thought, batch: number, cycles = this.model.hCycles): Thought {
    let thought: Thought = { y: tf.clone(start.y), z: tf.clone(start.z) }
    for (let t = 0; t < cycles; t++) {
      const next = this.refine(parameters, x, thought, batch)
      tf.dispose([thought.y, thought.z])
      thought = next
    }
    return thought
  }

  /** A supervision step whose last cycle can be gone back through. The caller disposes both parts of the result. */
  thinkGraded(
    parameters: Parameters,
    x: tf.Tensor2D,
    start: Thought,
    batch: number,
  ): { thought: Thought; graded: Graded } {
    const before = this.think(parameters, x, start, batch, this.model.hCycles - 1)
    const result = scoped(() => {
      const passes: Pass[] = []
      const run = (h: tf.Tensor2D, injection: tf.Tensor2D, writes: 'z_H' | 'z_L'): tf.Tensor2D => {
        const shape = this.shape(batch)
        let out: tf.Tensor2D
        if (this.options.recompute === true) {
          passes.push({ h: tf.clone(h), injection: tf.clone(injection) })
          out = network().forward(h, injection, parameters.layers, shape)
        } else {
          const { y, saved } = network().forwardSaving(h, injection, parameters.layers, shape)
          passes.push({ saved })
          out = tf.clone(y) // `y` goes with `saved`, the state outlives it
        }
        this.options.observe?.(writes, out)
        return out
      }
      const question = primitives().add(before.y, x)
      let z = before.z
      for (let l = 0; l < this.model.lCycles; l++) z = run(z, question, 'z_L')
      const y = run(before.y, z, 'z_H')
      return { thought: { y, z: z === before.z ? tf.clone(z) : z }, graded: { passes } }
    })
    tf.dispose([before.y, before.z])
    return result
  }

  /**
   * From the gradient of the answer back to that of the question x (B*S, D); weight gradients are added to `gradients`.
   * Consumes `graded` and `dy`. The states that enter the graded cycle are constants.
   */
  thinkBackward(
    parameters: Parameters,
    graded: Graded,
    dy: tf.Tensor2D,
    batch: number,
    gradients: Gradients,
  ): tf.Tensor2D {
    const shape = this.shape(batch)
    let dx: tf.Tensor2D | null = null
    let flowing = dy
    for (const pass of graded.passes.toReversed()) {
      const next = tf.tidy(() => {
        const saved =
          'saved' in pass ? pass.saved : network().forwardSaving(pass.h, pass.injection, parameters.layers, shape).saved
        return network().backward(saved, flowing, parameters.layers, shape, gradients)
      })
      tf.dispose(pass as unknown as tf.TensorContainer)
      // The last pass wrote the answer: its injection is the last thought. Every other pass had the question injected.
      if (flowing !== dy) {
        const sum: tf.Tensor2D = dx === null ? tf.clone(next) : primitives().add(dx, next)
        dx?.dispose()
        dx = sum
      }
      flowing.dispose()
      flowing = next
    }
    flowing.dispose()
    return dx ?? tf.zeros([batch * this.positions, this.model.hidden])
  }

  /** Both heads at every position: (B*S, V + 2), the last two columns being q without bias. Spec 1.6. */
  heads(parameters: Parameters, y: tf.Tensor2D): tf.Tensor2D {
    return linear().forward(y, parameters.heads)
  }

  /** The gradient of the answer from that of the heads' outputs. */
  headsBackward(parameters: Parameters, y: tf.Tensor2D, dOut: tf.Tensor2D, gradients: Gradients): tf.Tensor2D {
    return tf.tidy(() => {
      gradients.add(parameters.heads.offset, linear().gradWeight(dOut, y))
      return linear().gradInput(dOut, parameters.heads)
    })
  }

  dispose(): void {
    this.rope?.cos.dispose()
    this.rope?.sin.dispose()
  }
}
