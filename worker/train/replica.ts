// One worker's copy of the training state: parameters, moments and average in the arena, the carries of its slots on the
// device. A step only proposes (a gradient, a candidate carry); commit adopts it, discard forgets it. Nothing here waits.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import type { SlotId, Step } from '../../shared/ids.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import type { Answers, Question } from '../../shared/question.js'
import { rngFor } from '../../shared/rng/counter.js'
import { addSums } from '../../shared/step-sums.js'
import { encode, encodeBackward } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import { uploadParameters } from '../model/parameters.js'
import type { PassObserver, Thought } from '../model/trm.js'
import { Trm } from '../model/trm.js'
import { Gradients } from '../ops/gradients.js'
import type { ActState } from './act.js'
import { FRESH, transition } from './act.js'
import { update } from './adam-atan2.js'
import type { CarryState, Chunk, Example, FreshRows, Lane } from './carry.js'
import { chunkBounds, freshRows, startOf } from './carry.js'
import { answersOf, type AskedRows } from './evaluate.js'
import { lossHead } from './loss.js'

/** Flat buffers of layout.elements each; the caller owns their memory. */
export interface Arena {
  readonly params: Float32Array
  readonly ema: Float32Array
  /** First and second moment of AdamATan2. */
  readonly m: Float32Array
  readonly v: Float32Array
  /** This replica's part of the gradient, already divided by the global number of slots. */
  readonly grad: Float32Array
  /** The gradient to apply: the sum of all replicas' parts. */
  readonly mean: Float32Array
}

export type Phase = 'upload' | 'forward' | 'backward' | 'read'

/** What a step saw, for tests. logits (slots, S0, V); preds (slots, S0); q per slot. */
export interface StepView {
  readonly logits: Float32Array
  readonly preds: Uint16Array
  readonly qHalt: Float32Array
  readonly qContinue: Float32Array
}

export interface ReplicaOptions {
  /** Slots that go through the network together; the others wait their turn. Default: all. */
  readonly microBatch?: number
  /** Trade compute for memory in backward. */
  readonly recompute?: boolean
  /** Label of cells without loss. Default 0 (PAD). */
  readonly ignoreLabel?: number
  readonly inspect?: (view: StepView) => void
  readonly observe?: PassObserver
}

export interface ReplicaConfig {
  readonly model: ModelConfig
  readonly train: TrainConfig
  readonly seed: number
}

export interface StepResult {
  /** Sums over this replica's slots. */
  readonly sums: StepSums
  readonly halted: boolean[]
  /** Supervision steps spent on each slot's example, this one included. */
  readonly steps: number[]
  /** False if the loss or any gradient is not a finite number. */
  readonly finite: boolean
  /** (slots, puzzleEmbDim), already divided by the global number of slots. */
  readonly rowGrads: Float32Array
}

interface Candidate {
  readonly lanes: Lane[]
  readonly chunks: Chunk[]
}

export class Replica {
  private readonly trm: Trm
  private readonly fresh: FreshRows
  private parameters: Parameters
  private averaged: Parameters | null = null
  private lanes: Lane[] = []
  private chunks: Chunk[] = []
  private candidate: Candidate | null = null

  constructor(
    private readonly config: ReplicaConfig,
    private readonly layout: Layout,
    private readonly arena: Arena,
    states: { hInit: Float32Array; lInit: Float32Array },
    private readonly options: ReplicaOptions = {},
  ) {
    for (const name of ['params', 'ema', 'm', 'v', 'grad', 'mean'] as const)
      if (arena[name].length !== layout.elements)
        throw new RangeError(`arena.${name} has ${arena[name].length} elements, the layout ${layout.elements}`)
    const { recompute, observe } = options
    this.trm = new Trm(config.model, {
      ...(recompute === undefined ? {} : { recompute }),
      ...(observe === undefined ? {} : { observe }),
    })
    this.fresh = freshRows(states, this.trm.positions)
    this.parameters = uploadParameters(config.model, layout, arena.params)
  }

  /** Takes up what the caller wrote into arena.params and arena.ema. */
  reload(): void {
    this.parameters.dispose()
    this.parameters = uploadParameters(this.config.model, this.layout, this.arena.params)
    this.forgetAverage()
  }

  /** From now on owns exactly these slots, in this order; `keep` takes the carry from before. */
  setSlots(slots: readonly { slot: SlotId; carry: 'keep' | 'reset' | CarryState }[]): void {
    this.discard()
    const before = new Map(this.carries().map((carry) => [carry.slot, carry]))
    const width = this.trm.positions * this.config.model.hidden
    const carries = slots.map(({ slot, carry }): CarryState => {
      if (carry === 'reset') {
        const zeros = new Float32Array(width)
        return { slot, ...FRESH, example: null, zH: zeros, zL: zeros }
      }
      const kept = carry === 'keep' ? before.get(slot) : carry
      if (kept === undefined) throw new Error(`slot ${slot} cannot keep a carry: this replica did not own it`)
      if (kept.zH.length !== width || kept.zL.length !== width)
        throw new RangeError(`the carry of slot ${slot} has ${kept.zH.length} values per state, not ${width}`)
      return { ...kept, slot }
    })
    this.disposeChunks(this.chunks)
    this.lanes = carries.map(({ slot, steps, halted, example }) => ({ slot, steps, halted, example }))
    this.chunks = chunkBounds(carries.length, this.options.microBatch ?? carries.length).map(({ from, to }) => {
      const upload = (key: 'zH' | 'zL'): tf.Tensor2D => {
        const flat = new Float32Array((to - from) * width)
        carries.slice(from, to).forEach((carry, i) => flat.set(carry[key], i * width))
        return tf.tensor2d(flat, [(to - from) * this.trm.positions, this.config.model.hidden])
      }
      return { from, to, thought: { y: upload('zH'), z: upload('zL') } }
    })
  }

  /**
   * One supervision step over all owned slots. `rows` (slots, puzzleEmbDim): the puzzle vectors of the examples that the
   * slots work on in this step (what follows them is ignored); `takes`: an example for every halted slot; `mark` is
   * called as each phase ends. Writes arena.grad; nothing else changes until commit.
   */
  step(
    step: Step,
    rows: Float32Array,
    takes: ReadonlyMap<SlotId, Example>,
    mark: (phase: Phase) => void = () => undefined,
  ): StepResult {
    if (this.candidate !== null) throw new Error(`step ${step} began before the one before was committed or discarded`)
    const lanes = this.lanes.map((lane): Lane & { readonly example: Example } => {
      const example = lane.halted ? (takes.get(lane.slot) ?? null) : lane.example
      if (example === null) throw new Error(`slot ${lane.slot} has halted and no example was given for step ${step}`)
      return { ...lane, example }
    })
    const width = this.config.model.puzzleEmbDim
    if (rows.length < lanes.length * width)
      throw new RangeError(`${rows.length} puzzle values do not make ${lanes.length} rows of ${width}`)

    const gradients = new Gradients()
    const rowGrads = new Float32Array(lanes.length * width)
    const bias = { halt: 0 }
    const after: Lane[] = []
    const chunks: Chunk[] = []
    const sums: StepSums[] = []
    for (const chunk of this.chunks) {
      const part = lanes.slice(chunk.from, chunk.to)
      const done = this.stepChunk(
        step,
        chunk,
        part,
        rows.subarray(chunk.from * width, chunk.to * width),
        gradients,
        mark,
      )
      rowGrads.set(done.rowGrads, chunk.from * width)
      bias.halt += done.biasGrad
      after.push(...done.lanes)
      chunks.push({ ...chunk, thought: done.thought })
      sums.push(done.sums)
    }
    const { grad } = this.arena
    grad.fill(0)
    gradients.addTo(grad)
    grad[this.parameters.qBias.offset] = bias.halt
    mark('read')
    this.candidate = { lanes: after, chunks }
    const total = addSums(sums)
    return {
      sums: total,
      halted: after.map((lane) => lane.halted),
      steps: after.map((lane) => lane.steps),
      finite: Number.isFinite(total.lossTotal) && firstNonFinite(grad) < 0 && firstNonFinite(rowGrads) < 0,
      rowGrads,
    }
  }

  private stepChunk(
    step: Step,
    chunk: Chunk,
    lanes: readonly (Lane & { readonly example: Example })[],
    rows: Float32Array,
    gradients: Gradients,
    mark: (phase: Phase) => void,
  ): { sums: StepSums; lanes: Lane[]; thought: Thought; rowGrads: Float32Array; biasGrad: number } {
    const { model, train } = this.config
    const { parameters, trm, options } = this
    const { vocab, seqLen, puzzleEmbLen, hidden } = model
    const batch = lanes.length
    const tokens = new Uint8Array(batch * seqLen)
    const labels = new Uint8Array(batch * seqLen)
    lanes.forEach(({ example }, i) => {
      tokens.set(example.inputs, i * seqLen)
      labels.set(example.labels, i * seqLen)
    })

    const resets = lanes.map((lane) => lane.halted)
    const start = startOf(resets, this.fresh, hidden, chunk.thought)
    const x = encode(model, parameters, tokens, rows, batch)
    mark('upload')
    const { thought, graded } = trm.thinkGraded(parameters, x, start, batch)
    tf.dispose([start.y, start.z, x])
    const out = trm.heads(parameters, thought.y)
    const values = out.dataSync<'float32'>()
    out.dispose()
    mark('forward')

    const columns = vocab + 2
    const rowStride = trm.positions * columns
    const at = { start: puzzleEmbLen * columns, rowStride, cellStride: columns }
    const q = (i: number, which: 0 | 1): number =>
      Math.fround((values[i * rowStride + vocab + which] as number) + parameters.qBias.values[which])
    const qHalt = Float32Array.from(lanes, (_, i) => q(i, 0))
    const next = lanes.map((lane, i) => ({ ...lane, ...this.nextState(step, lane, qHalt[i] as number) }))
    const dOut = new Float32Array(values.length)
    const dHalt = new Float64Array(batch)
    const loss = lossHead(
      {
        rows: batch,
        cells: seqLen,
        vocab,
        logits: values,
        at,
        labels,
        ignoreLabel: options.ignoreLabel ?? 0,
        qHalt,
        halted: next.map((lane) => lane.halted),
        steps: next.map((lane) => lane.steps),
      },
      { weight: 1 / train.slots, logits: dOut, qHalt: dHalt },
    )
    dHalt.forEach((d, i) => (dOut[i * rowStride + vocab] = d))
    if (options.inspect !== undefined) {
      const logits = new Float32Array(batch * seqLen * vocab)
      for (let cell = 0; cell < batch * seqLen; cell++) {
        const from = at.start + Math.floor(cell / seqLen) * rowStride + (cell % seqLen) * columns
        logits.set(values.subarray(from, from + vocab), cell * vocab)
      }
      options.inspect({ logits, preds: loss.preds, qHalt, qContinue: Float32Array.from(lanes, (_, i) => q(i, 1)) })
    }

    const dOutTensor = tf.tensor2d(dOut, [batch * trm.positions, columns])
    const dy = trm.headsBackward(parameters, thought.y, dOutTensor, gradients)
    dOutTensor.dispose()
    const dx = trm.thinkBackward(parameters, graded, dy, batch, gradients)
    const rowGrads = encodeBackward(model, parameters, tokens, batch, dx, gradients)
    dx.dispose()
    mark('backward')
    return { sums: loss.sums, lanes: next, thought, rowGrads, biasGrad: dHalt.reduce((a, b) => a + b, 0) }
  }

  /** Exploration is drawn per slot and step: the same for any number of workers, and again in a replay. */
  private nextState(step: Step, lane: Lane, qHalt: number): ActState {
    const { haltMaxSteps, haltExplorationProb } = this.config.model
    const rng = rngFor(this.config.seed, 'halt', lane.slot, step)
    const rand = rng.uniform()
    const randint = 2 + Math.floor(rng.uniform() * (haltMaxSteps - 1))
    const { steps, halted } = transition(lane, qHalt, rand, randint, {
      haltMaxSteps,
      explorationProb: haltExplorationProb,
      training: true,
    })
    return { steps, halted }
  }

  /**
   * Applies arena.mean: AdamATan2 at lr(step), then the average; adopts the candidate carry. While the weights are frozen
   * only the moments follow the gradient, so that the first step after it finds them as a long run would.
   */
  commit(step: Step, frozen = false): void {
    if (this.candidate === null) throw new Error(`nothing to commit at step ${step}`)
    const { params, ema, m, v, mean } = this.arena
    const { train } = this.config
    const { lr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio, beta1, beta2, weightDecay } = train
    const lr = frozen ? 0 : learningRate({ base, warmupSteps, totalSteps, minRatio }, step)
    update().adamAtan2(params, m, v, mean, step, { lr, beta1, beta2, weightDecay })
    if (!frozen) update().updateEma(ema, params, train.emaRate)
    this.disposeChunks(this.chunks)
    this.lanes = this.candidate.lanes
    this.chunks = this.candidate.chunks
    this.candidate = null
    if (!frozen) this.reload()
  }

  /** Forgets the candidate carry: everything is as before step(). */
  discard(): void {
    if (this.candidate !== null) this.disposeChunks(this.candidate.chunks)
    this.candidate = null
  }

  /** The carries of the owned slots as of the last commit, copied to the host. */
  carries(): CarryState[] {
    const width = this.trm.positions * this.config.model.hidden
    return this.chunks.flatMap(({ from, to, thought }) => {
      const y = thought.y.dataSync<'float32'>()
      const z = thought.z.dataSync<'float32'>()
      return this.lanes.slice(from, to).map((lane, i) => ({
        ...lane,
        zH: y.slice(i * width, (i + 1) * width),
        zL: z.slice(i * width, (i + 1) * width),
      }))
    })
  }

  /**
   * Answers with the averaged weights: a fresh carry, then supervision steps without gradient.
   * @param question default: the answer after the last step, as the official evaluation
   */
  evaluate(asked: AskedRows, question?: Question): Answers {
    this.averaged ??= uploadParameters(this.config.model, this.layout, this.arena.ema)
    const wanted = question ?? { steps: [this.config.model.haltMaxSteps], early: false }
    return answersOf(this.trm, this.averaged, this.fresh, asked, wanted, this.options.microBatch ?? asked.batch)
  }

  /** Frees everything on the device; the arena stays. */
  dispose(): void {
    this.discard()
    this.disposeChunks(this.chunks)
    this.chunks = []
    this.lanes = []
    this.parameters.dispose()
    this.forgetAverage()
    tf.dispose([this.fresh.h, this.fresh.l])
    this.trm.dispose()
  }

  private forgetAverage(): void {
    this.averaged?.dispose()
    this.averaged = null
  }

  private disposeChunks(chunks: readonly Chunk[]): void {
    for (const { thought } of chunks) tf.dispose([thought.y, thought.z])
  }
}
