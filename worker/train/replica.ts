// One worker's copy of the training state: parameters, moments and average in the arena, the carries of its slots on the
// device. A step only proposes (a gradient, a candidate carry); commit adopts it, discard forgets it. Nothing here waits.
import * as tf from '@tensorflow/tfjs-core'
import { carryOf } from '../../shared/carry.js'
import { modelAt } from '../../shared/curriculum.js'
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
import type { PassObserver } from '../model/trm.js'
import { Trm } from '../model/trm.js'
import { Gradients } from '../ops/gradients.js'
import { FRESH } from './act.js'
import { downloadCarries, uploadCarries } from './carries.js'
import type { CarryState, Example, FreshRows, InitialStates, Lane } from './carry.js'
import { freshRows } from './carry.js'
import type { ChunkInput, ChunkResult, ChunkWork, Phase, StepView } from './chunk-step.js'
import { stepChunk } from './chunk-step.js'
import type { Chunk } from './chunks.js'
import { planChunks, statesOf } from './chunks.js'
import { answersOf, type AskedRows } from './evaluate.js'
import { leave, leaveAll, type BiasGradient } from './leave.js'
import type { LocalRound } from './local-round.js'
import { Optimizer } from './optimizer.js'
import { keptOf } from './kept.js'
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
  /** See Optimizer; needed with train.moveEvery above 1. */
  readonly gathered?: Float32Array
}

export interface ReplicaOptions {
  /** Slots that go through the network together, of whole canvases; of trimmed ones, more. Default: all. */
  readonly microBatch?: number
  /** Mode exact: sums the gradient per group of so many slots in a fixed tree, instead of into arena.grad. */
  readonly groups?: { readonly size: number; readonly sums: ShareSums }
  /** Local steps: steps follow one another until commit, on weights of this replica's own. */
  readonly local?: LocalRound
  /** The gradient will go out in bf16: the backend may round it (StepResult.halves). Not with groups or local steps. */
  readonly halves?: boolean
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
  /** The gradient lies in the first half of arena.grad, as bf16. */
  readonly halves: boolean
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
  private readonly model: ModelConfig
  private readonly trm: Trm
  /** By depth: those of the curriculum, and `trm`. */
  private readonly depths = new Map<string, Trm>()
  private readonly optimizer: Optimizer
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
    this.model = config.model
    for (const name of ['params', 'ema', 'm', 'v', 'grad', 'mean'] as const)
      if (arena[name].length !== layout.elements)
        throw new RangeError(`arena.${name} has ${arena[name].length} elements, the layout ${layout.elements}`)
    this.trm = this.trmOf(config.model)
    this.optimizer = new Optimizer(config.model, layout, config.train)
    this.fresh = freshRows(groundOf(config.model, states), this.trm.positions)
    this.parameters = uploadParameters(config.model, layout, arena.params)
  }

  private trmOf(model: ModelConfig): Trm {
    const depth = `${model.hCycles} ${model.lCycles}`
    const known = this.depths.get(depth)
    if (known !== undefined) return known
    const { recompute, observe } = this.options
    const made = new Trm(model, {
      ...(recompute === undefined ? {} : { recompute }),
      ...(observe === undefined ? {} : { observe }),
    })
    this.depths.set(depth, made)
    return made
  }

  /** Takes up what the caller wrote into the arena: weights, average and moments are those from now on. */
  reload(): void {
    this.optimizer.forget()
    this.moved()
  }

  /** Average or moments as of the last commit; the arena's may be old, where the backend keeps its own. */
  current(of: 'ema' | 'm' | 'v'): Float32Array {
    return this.optimizer.current(this.arena, of)
  }

  private moved(): void {
    this.upload(this.arena.params)
    this.forgetAverage()
  }

  private upload(params: Float32Array): void {
    this.parameters.dispose()
    this.parameters = uploadParameters(this.model, this.layout, this.optimizer.cut('params') ?? params)
  }

  /** From now on owns exactly these slots, in this order; `keep` takes the carry from before. */
  setSlots(slots: readonly { slot: SlotId; carry: 'keep' | 'reset' | CarryState }[]): void {
    this.discard()
    const before = new Map(this.carries().map((carry) => [carry.slot, carry]))
    const { zH: width, zL } = carryOf(this.model)
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
    this.lanes = carries.map(({ slot, steps, halted, example }) => ({
      slot,
      steps,
      halted,
      example,
      kept: example === null ? null : keptOf(this.model, this.config.seed, slot, example),
    }))
    this.chunks = uploadCarries(this.model, this.plan(this.lanes).flat(), this.lanes, carries)
  }

  /** The chunks of a step: in mode exact group by group, of which the first slot begins one. */
  private plan(lanes: readonly Lane[]): number[][][] {
    const { microBatch = lanes.length, groups } = this.options
    const lengths = lanes.map(({ kept }) => kept?.length ?? this.model.seqLen)
    return planChunks(lengths, groups?.size ?? lanes.length, (cells) => this.trm.alike(microBatch, cells))
  }

  /** The puzzle that each slot works on in the step to come, in slot order; `takes` as in step(). */
  puzzles(takes: ReadonlyMap<SlotId, Example>): number[] {
    return this.atWork(takes).map(({ example }) => example.puzzle)
  }

  private atWork(takes: ReadonlyMap<SlotId, Example>): (Lane & { readonly example: Example })[] {
    return this.latest.lanes.map((lane) => {
      const example = lane.halted ? (takes.get(lane.slot) ?? null) : lane.example
      if (example === null) throw new Error(`slot ${lane.slot} has halted and no example was given for it`)
      return {
        ...lane,
        example,
        kept: lane.halted ? keptOf(this.model, this.config.seed, lane.slot, example) : lane.kept,
      }
    })
  }

  /** What a step goes on from: the last commit, or in a round of local steps the step before. */
  private get latest(): Candidate {
    return this.candidate ?? { lanes: this.lanes, chunks: this.chunks }
  }

  /**
   * One supervision step over all owned slots. `rows` (slots, puzzleEmbDim): the puzzle vectors of the examples that the
   * slots work on in this step (what follows them is ignored); `takes`: an example for every halted slot; `mark` is
   * called as each phase ends. Writes arena.grad; nothing else changes until commit. With local steps it also takes the step,
   * on weights of its own, at learning rate 0 where `frozen`; the next one goes on from there.
   */
  step(
    step: Step,
    rows: Float32Array,
    takes: ReadonlyMap<SlotId, Example>,
    mark: (phase: Phase) => void = () => undefined,
    frozen = false,
  ): StepResult {
    const { local } = this.options
    if (this.candidate !== null && local === undefined)
      throw new Error(`step ${step} began before the one before was committed or discarded`)
    const lanes = this.atWork(takes)
    const width = this.model.puzzleEmbDim
    if (rows.length < lanes.length * width)
      throw new RangeError(`${rows.length} puzzle values do not make ${lanes.length} rows of ${width}`)

    const { inspect, groups, ignoreLabel = 0 } = this.options
    const { parameters, fresh } = this
    const trm = this.trmOf(modelAt(this.model, this.config.train, step))
    const work = { ...this.config, trm, parameters, fresh, ignoreLabel, ...(inspect && { inspect }) }
    let gradients = new Gradients()
    const rowGrads = new Float32Array(lanes.length * width)
    let bias = [0, 0]
    const biasGradient = (): BiasGradient => ({ values: bias, offset: parameters.qBias.offset })
    const leaveGroup = (flat: Float32Array): void => {
      leave(gradients, biasGradient(), flat)
      gradients = new Gradients()
      bias = [0, 0]
    }
    groups?.sums.begin()
    const after: Lane[] = []
    const chunks: Chunk[] = []
    const sums: StepSums[] = []
    for (const group of this.plan(lanes)) {
      const parts = group.map((places): StepSums => {
        const part = places.map((place) => lanes[place] as (typeof lanes)[number])
        const own = new Float32Array(places.length * width)
        places.forEach((place, i) => own.set(rows.subarray(place * width, (place + 1) * width), i * width))
        const done = this.stepOne(work, step, { lanes: part, rows: own }, places, gradients, mark)
        places.forEach((place, i) => {
          rowGrads.set(done.rowGrads.subarray(i * width, (i + 1) * width), place * width)
          after[place] = done.lanes[i] as Lane
        })
        done.biasGrad.forEach((d, i) => (bias[i] = (bias[i] as number) + d))
        chunks.push({ places, thought: done.thought })
        return done.sums
      })
      sums.push(addSums(parts))
      const first = lanes[group[0]?.[0] ?? 0]
      if (groups !== undefined && first !== undefined) groups.sums.add(Math.floor(first.slot / groups.size), leaveGroup)
    }
    const left = groups === undefined ? leaveAll(gradients, biasGradient(), this.arena.grad, this.options.halves === true) : null // prettier-ignore
    mark('read')
    this.dropCandidate()
    this.candidate = { lanes: after, chunks }
    const total = addSums(sums)
    const nodes = groups?.sums.nodes ?? null
    const flats = [...(nodes ?? []).map(({ values }) => values), rowGrads]
    const numbers = left?.finite !== false && flats.every((flat) => firstNonFinite(flat) < 0)
    if (local !== undefined) {
      local.descend(step, this.rateAt(step, frozen), this.config.train, this.share)
      this.upload(local.params)
    }
    return {
      sums: total,
      groupSums: sums,
      nodes,
      halves: left?.halves === true,
      halted: after.map((lane) => lane.halted),
      steps: after.map((lane) => lane.steps),
      finite: Number.isFinite(total.lossTotal) && numbers,
      rowGrads,
    }
  }

  /** A chunk's step from the states that the chunks of the step before hold. */
  private stepOne(
    work: ChunkWork,
    step: Step,
    { lanes, rows }: Omit<ChunkInput, 'thought'>,
    places: readonly number[],
    gradients: Gradients,
    mark: (phase: Phase) => void,
  ): ChunkResult {
    const kept = lanes.flatMap((lane) => (lane.kept === null ? [] : [lane.kept]))
    const trm = kept.length > 0 ? work.trm.trimmed(kept) : work.trm
    const { lanes: before, chunks } = this.latest
    const thought = statesOf(places, (place) => before[place]?.halted === true, chunks)
    const done = stepChunk({ ...work, trm }, step, { thought, lanes, rows }, gradients, mark)
    tf.dispose([...(thought ?? [])])
    if (trm !== work.trm) trm.dispose()
    return done
  }

  /**
   * Applies arena.mean (see Optimizer), then the average; adopts the candidate carry. While the weights are frozen
   * only the moments follow the gradient, so that the first step after it finds them as a long run would.
   */
  commit(step: Step, frozen = false): void {
    if (this.candidate === null) throw new Error(`nothing to commit at step ${step}`)
    const { local } = this.options
    if (local === undefined) this.optimizer.apply(this.arena, step, frozen)
    else local.commit(this.config.train, frozen)
    this.disposeChunks(this.chunks)
    this.lanes = this.candidate.lanes
    this.chunks = this.candidate.chunks
    this.candidate = null
    if (local !== undefined || !this.optimizer.holds(step, frozen)) this.moved()
  }

  /** Local steps: the round is over; writes how far this replica came, weighted by its slots, into arena.grad. */
  propose(): void {
    this.options.local?.propose(this.share)
  }

  private rateAt(step: Step, frozen: boolean): number {
    const { lr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio } = this.config.train
    return frozen ? 0 : learningRate({ base, warmupSteps, totalSteps, minRatio }, step)
  }

  /** Part of the run's slots that are this replica's. */
  private get share(): number {
    return this.lanes.length / this.config.train.slots
  }

  /** Forgets the candidate carry: everything is as before the first step() since the last commit. */
  discard(): void {
    const { local } = this.options
    if (local !== undefined && this.candidate !== null) {
      local.discard()
      this.upload(this.arena.params)
    }
    this.dropCandidate()
  }

  private dropCandidate(): void {
    if (this.candidate !== null) this.disposeChunks(this.candidate.chunks)
    this.candidate = null
  }

  /** The carries of the owned slots as of the last commit, copied to the host. */
  carries(): CarryState[] {
    return downloadCarries(this.model, this.lanes, this.chunks)
  }

  /**
   * Answers with the averaged weights: a fresh carry, then supervision steps without gradient.
   * @param question default: the answer after the last step, as the official evaluation
   */
  evaluate(asked: AskedRows, question?: Question): Answers {
    this.averaged ??= uploadParameters(this.model, this.layout, this.optimizer.cut('ema') ?? this.arena.ema)
    const wanted = question ?? { steps: [this.model.haltMaxSteps], early: false }
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
    this.optimizer.forget()
    tf.dispose([...this.fresh])
    for (const trm of this.depths.values()) trm.dispose()
  }

  private forgetAverage(): void {
    this.averaged?.dispose()
    this.averaged = null
  }

  private disposeChunks(chunks: readonly Chunk[]): void {
    for (const { thought } of chunks) tf.dispose([...thought])
  }
}
