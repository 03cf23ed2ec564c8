// One worker's copy of the training state: parameters, moments and average in the arena, the carries of its slots on the
// device. A step only proposes (a gradient, a candidate carry); commit adopts it, discard forgets it. Nothing here waits.
import * as tf from '@tensorflow/tfjs-core'
import { carryOf } from '../../shared/carry.js'
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import type { ShareSums, TreeNode } from '../../shared/gradients/tree-sum.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import type { SlotId, Step } from '../../shared/ids.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import type { Answers, Question } from '../../shared/question.js'
import { addSums } from '../../shared/step-sums.js'
import type { Parameters } from '../model/parameters.js'
import { uploadParameters } from '../model/parameters.js'
import type { PassObserver, Thought } from '../model/trm.js'
import { Trm } from '../model/trm.js'
import { Gradients } from '../ops/gradients.js'
import { FRESH } from './act.js'
import { update } from './adam-atan2.js'
import type { CarryState, Chunk, Example, FreshRows, InitialStates, Lane } from './carry.js'
import { chunkBounds, freshRows, groupedBounds } from './carry.js'
import type { Phase, StepView } from './chunk-step.js'
import { stepChunk } from './chunk-step.js'
import { answersOf, type AskedRows } from './evaluate.js'
import { groundOf } from './noise.js'

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

export interface ReplicaOptions {
  /** Slots that go through the network together; the others wait their turn. Default: all. */
  readonly microBatch?: number
  /** Mode exact: sums the gradient per group of so many slots in a fixed tree, instead of into arena.grad. */
  readonly groups?: { readonly size: number; readonly sums: ShareSums }
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
  /** Sums over this replica's slots, */
  readonly sums: StepSums
  /** and over each of its groups. */
  readonly groupSums: readonly StepSums[]
  /** Mode exact: the gradient. */
  readonly nodes: readonly TreeNode[] | null
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
    states: InitialStates,
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
    this.fresh = freshRows(groundOf(config.model, states), this.trm.positions)
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
    const { zH: width, zL } = carryOf(this.config.model)
    const carries = slots.map(({ slot, carry }): CarryState => {
      if (carry === 'reset') {
        return { slot, ...FRESH, example: null, zH: new Float32Array(width), zL: new Float32Array(zL) }
      }
      const kept = carry === 'keep' ? before.get(slot) : carry
      if (kept === undefined) throw new Error(`slot ${slot} cannot keep a carry: this replica did not own it`)
      if (kept.zH.length !== width || kept.zL.length !== zL)
        throw new RangeError(`the carry of slot ${slot} has ${kept.zH.length} and ${kept.zL.length} values, not ${width} and ${zL}`) // prettier-ignore
      return { ...kept, slot }
    })
    this.disposeChunks(this.chunks)
    this.lanes = carries.map(({ slot, steps, halted, example }) => ({ slot, steps, halted, example }))
    this.chunks = this.bounds(carries.length).map(({ from, to }) => {
      const upload = (state: number): tf.Tensor2D => {
        const flat = new Float32Array((to - from) * width)
        carries.slice(from, to).forEach(({ zH, zL }, i) => {
          flat.set(state === 0 ? zH : zL.subarray((state - 1) * width, state * width), i * width)
        })
        return tf.tensor2d(flat, [(to - from) * this.trm.positions, this.config.model.hidden])
      }
      return { from, to, thought: this.fresh.map((_, state) => upload(state)) as unknown as Thought }
    })
  }

  /** Micro-batches; in mode exact none reaches over the end of a group, and the first slot begins one. */
  private bounds(slots: number): { from: number; to: number }[] {
    const { microBatch = slots, groups } = this.options
    return groups === undefined ? chunkBounds(slots, microBatch) : groupedBounds(slots, groups.size, microBatch)
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

    const { inspect, groups, ignoreLabel = 0 } = this.options
    const size = groups?.size ?? lanes.length
    const { trm, parameters, fresh } = this
    const work = { ...this.config, trm, parameters, fresh, ignoreLabel, ...(inspect && { inspect }) }
    let gradients = new Gradients()
    const rowGrads = new Float32Array(lanes.length * width)
    let bias = [0, 0]
    const leave = (flat: Float32Array): void => {
      gradients.addTo(flat)
      flat.set(bias, parameters.qBias.offset)
      gradients = new Gradients()
      bias = [0, 0]
    }
    groups?.sums.begin()
    const after: Lane[] = []
    const chunks: Chunk[] = []
    const sums: StepSums[] = []
    let groupSums: StepSums[] = []
    for (const chunk of this.chunks) {
      const part = lanes.slice(chunk.from, chunk.to)
      const own = rows.subarray(chunk.from * width, chunk.to * width)
      const done = stepChunk(work, step, { thought: chunk.thought, lanes: part, rows: own }, gradients, mark)
      rowGrads.set(done.rowGrads, chunk.from * width)
      done.biasGrad.forEach((d, i) => (bias[i] = (bias[i] as number) + d))
      after.push(...done.lanes)
      chunks.push({ ...chunk, thought: done.thought })
      groupSums.push(done.sums)
      if (chunk.to % size !== 0 && chunk.to !== lanes.length) continue
      sums.push(addSums(groupSums))
      groupSums = []
      groups?.sums.add(Math.floor(lanes[chunk.from]!.slot / size), leave)
    }
    if (groups === undefined) leave(this.arena.grad.fill(0))
    mark('read')
    this.candidate = { lanes: after, chunks }
    const total = addSums(sums)
    const nodes = groups?.sums.nodes ?? null
    const flats = nodes?.map(({ values }) => values) ?? [this.arena.grad]
    return {
      sums: total,
      groupSums: sums,
      nodes,
      halted: after.map((lane) => lane.halted),
      steps: after.map((lane) => lane.steps),
      finite: Number.isFinite(total.lossTotal) && [...flats, rowGrads].every((flat) => firstNonFinite(flat) < 0),
      rowGrads,
    }
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
    const { zH: width, zL: latent } = carryOf(this.config.model)
    return this.chunks.flatMap(({ from, to, thought }) => {
      const [y, ...z] = thought.map((state) => state.dataSync<'float32'>()) as [Float32Array, ...Float32Array[]]
      return this.lanes.slice(from, to).map((lane, i) => {
        const zL = new Float32Array(latent)
        z.forEach((state, at) => zL.set(state.subarray(i * width, (i + 1) * width), at * width))
        return { ...lane, zH: y.slice(i * width, (i + 1) * width), zL }
      })
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
    tf.dispose([...this.fresh])
    this.trm.dispose()
  }

  private forgetAverage(): void {
    this.averaged?.dispose()
    this.averaged = null
  }

  private disposeChunks(chunks: readonly Chunk[]): void {
    for (const { thought } of chunks) tf.dispose([...thought])
  }
}
