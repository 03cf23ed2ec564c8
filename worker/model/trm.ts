// The Tiny Recursive Model and its family (spec 1.6, 1.10, 10): x the question, y the answer (z_H), z the latent thoughts
// (z_L). Which network reads and writes what is a table (shared/recursion.ts); here it is performed, and gone back through.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'
import type { Call, Recursion, Term } from '../../shared/recursion.js'
import { callsOf, recursionOf } from '../../shared/recursion.js'
import { MIXERS } from '../../shared/sub-layers.js'
import type { Gradients } from '../ops/gradients.js'
import { linear } from '../ops/linear.js'
import type { NetworkSaved, NetworkShape } from '../ops/network.js'
import { network } from '../ops/network.js'
import type { RopeTables } from '../ops/rope.js'
import { ropeTables, ropeTablesAt } from '../ops/rope.js'
import { primitives } from '../ops/primitives.js'
import { replayed } from '../ops/replay.js'
import { scoped } from '../ops/scope.js'
import type { Parameters } from './parameters.js'
import { Sums } from './sums.js'

/** The states of the recursion, (B*S, D) each: the answer y first, then the latent thoughts. */
export type Thought = readonly [y: tf.Tensor2D, ...z: tf.Tensor2D[]]

/** One graded network pass: what it kept, or, to save memory, where it started from. */
type Pass = { readonly saved: NetworkSaved } | { readonly h: tf.Tensor2D; readonly injection: tf.Tensor2D }

/** The graded calls of a supervision step, ready to go back through. Dispose with tf.dispose when done. */
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
  private readonly recursion: Recursion
  /** The calls of a supervision step: those without gradient, and the graded ones. */
  private readonly constant: readonly Call[]
  private readonly graded: readonly Call[]
  readonly positions: number

  constructor(
    readonly model: ModelConfig,
    private readonly options: TrmOptions = {},
    rope?: RopeTables,
  ) {
    this.positions = positionsOf(model)
    const attends = Object.values(MIXERS[model.mixer]).includes('attention')
    const wantsRope = model.positions === 'rope' && attends
    const tables = (): RopeTables => ropeTables(this.positions, model.hidden / model.heads, model.ropeTheta)
    this.rope = wantsRope ? (rope ?? tables()) : null
    this.recursion = recursionOf(model)
    const calls = callsOf(model)
    const from = calls.length - this.recursion.graded
    this.constant = calls.slice(0, from)
    this.graded = calls.slice(from)
  }

  /**
   * The same model on samples of which only some cells are kept (shared/arc/trim.ts), equally many of each; a kept cell is
   * turned as at its place on the whole canvas. It computes what the whole canvas would if the other cells were masked in
   * every attention. The caller disposes it.
   */
  trimmed(kept: readonly Int32Array[]): Trm {
    const model = { ...this.model, seqLen: kept[0]?.length ?? 0 }
    if (this.rope === null) return new Trm(model, this.options)
    const S = positionsOf(model)
    const { puzzleEmbLen: P } = model
    const index = new Int32Array(kept.length * S)
    kept.forEach((cells, i) => {
      for (let s = 0; s < P; s++) index[i * S + s] = s
      cells.forEach((cell, k) => (index[i * S + P + k] = P + cell))
    })
    return new Trm(model, this.options, ropeTablesAt(this.rope, index, kept.length))
  }

  /** How many samples of so many cells are about as large as `whole` whole ones. */
  alike(whole: number, cells: number): number {
    return Math.floor((whole * this.positions) / (this.model.puzzleEmbLen + cells))
  }

  private shape(batch: number): NetworkShape {
    const { heads, rmsNormEps, scan, swiglu } = this.model
    const normed = swiglu === 'normed'
    return { batch, positions: this.positions, heads, rope: this.rope, eps: rmsNormEps, scan, normed }
  }

  /** The states after some calls. The caller disposes the result; `start` is left alone. */
  private perform(
    calls: readonly Call[],
    x: tf.Tensor2D,
    start: Thought,
    pass: (call: Call, h: tf.Tensor2D, injection: tf.Tensor2D) => tf.Tensor2D,
  ): Thought {
    const states = start.map((state) => tf.clone(state))
    const sums = new Sums(states, x)
    for (const call of calls) {
      const written = pass(call, sums.of(call.reads), sums.of(call.adds))
      sums.forget(call.writes)
      states[call.writes]?.dispose()
      states[call.writes] = written
      this.options.observe?.(call.writes === 0 ? 'z_H' : 'z_L', written)
    }
    sums.dispose()
    return states as unknown as Thought
  }

  private run(parameters: Parameters, calls: readonly Call[], x: tf.Tensor2D, start: Thought, batch: number): Thought {
    const shape = this.shape(batch)
    const perform = (question: tf.Tensor2D, states: Thought): Thought =>
      this.perform(calls, question, states, (call, h, injection) =>
        network().forward(h, injection, parameters.networks[call.network], shape),
      )
    // Who observes wants to see every call.
    if (calls.length < 2 || this.options.observe !== undefined) return scoped(() => perform(x, start))
    const stacks = [...new Set(calls.map((call) => parameters.networks[call.network]))]
    const work = {
      what: JSON.stringify(calls),
      shape,
      stacks,
      inputs: [x, ...start],
      perform: ([question, ...states]: readonly tf.Tensor2D[]): tf.Tensor2D[] => [
        ...perform(question as tf.Tensor2D, states as unknown as Thought),
      ],
    }
    return scoped(() => replayed(work)) as unknown as Thought
  }

  /** A whole supervision step without gradient, or some cycles of it. The caller disposes the result; `start` is left alone. */
  think(parameters: Parameters, x: tf.Tensor2D, start: Thought, batch: number, cycles = this.model.hCycles): Thought {
    const { cycle } = this.recursion
    const calls = Array.from({ length: cycles }, () => cycle).flat()
    return this.run(parameters, calls, x, start, batch)
  }

  /** A supervision step whose last calls can be gone back through. The caller disposes both parts of the result. */
  thinkGraded(
    parameters: Parameters,
    x: tf.Tensor2D,
    start: Thought,
    batch: number,
  ): { thought: Thought; graded: Graded } {
    const before = this.run(parameters, this.constant, x, start, batch)
    const shape = this.shape(batch)
    const result = scoped(() => {
      const passes: Pass[] = []
      const thought = this.perform(this.graded, x, before, (call, h, injection) => {
        const layers = parameters.networks[call.network]
        if (this.options.recompute === true) {
          passes.push({ h: tf.clone(h), injection: tf.clone(injection) })
          return network().forward(h, injection, layers, shape)
        }
        const { y, saved } = network().forwardSaving(h, injection, layers, shape)
        passes.push({ saved })
        return tf.clone(y) // `y` goes with `saved`, the state outlives it
      })
      return { thought, graded: { passes } }
    })
    tf.dispose([...before])
    return result
  }

  /**
   * From the gradient of the answer back to that of the question x (B*S, D); weight gradients are added to `gradients`.
   * Consumes `graded` and `dy`. The states that enter the graded calls are constants.
   */
  thinkBackward(
    parameters: Parameters,
    graded: Graded,
    dy: tf.Tensor2D,
    batch: number,
    gradients: Gradients,
  ): tf.Tensor2D {
    const shape = this.shape(batch)
    /** Gradients of the question and of the states as they were after the call at hand. */
    const flowing = new Map<Term, tf.Tensor2D>([[0, dy]])
    const add = (term: Term, gradient: tf.Tensor2D): void => {
      const before = flowing.get(term)
      flowing.set(term, before === undefined ? tf.clone(gradient) : primitives().add(before, gradient))
      before?.dispose()
    }
    for (const [i, call] of [...this.graded.entries()].reverse()) {
      const pass = graded.passes[i]
      const dOut = flowing.get(call.writes)
      if (pass === undefined) throw new Error(`nothing was kept of graded call ${i}`)
      flowing.delete(call.writes)
      if (dOut !== undefined) {
        const layers = parameters.networks[call.network]
        const dIn = tf.tidy(() => {
          const saved =
            'saved' in pass ? pass.saved : network().forwardSaving(pass.h, pass.injection, layers, shape).saved
          return network().backward(saved, dOut, layers, shape, gradients)
        })
        const isGraded = (term: Term): boolean =>
          term === 'x' || this.graded.slice(0, i).some((earlier) => earlier.writes === term)
        for (const term of [...call.reads, ...call.adds]) if (isGraded(term)) add(term, dIn)
        dIn.dispose()
        dOut.dispose()
      }
      tf.dispose(pass as unknown as tf.TensorContainer)
    }
    return flowing.get('x') ?? tf.zeros([batch * this.positions, this.model.hidden])
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
