// A stand-in for the compute thread: the same commands and replies, the real optimizer, sums, rounds and fingerprints, but
// instead of a network some arithmetic in which everything that a step must know takes part: weights, states, the example, its
// puzzle's row. So whatever is lost, stale or mixed up changes bits. Every command takes virtual time.
import { carryOf } from '../../../shared/carry.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { firstNonFinite } from '../../../shared/gradients/finite.js'
import { fingerprint } from '../../../shared/gradients/fingerprint.js'
import { GroupTree, groupsOf } from '../../../shared/gradients/group-tree.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { l2Norm } from '../../../shared/gradients/norm.js'
import { learningRate } from '../../../shared/gradients/schedule.js'
import { ShareSums, type TreeNode } from '../../../shared/gradients/tree-sum.js'
import type { SlotId, Step } from '../../../shared/ids.js'
import type { StepSums } from '../../../shared/protocol/messages.js'
import { addSums } from '../../../shared/step-sums.js'
import { blocksOf } from '../../../shared/question.js'
import { arenaOf, type Arena } from '../../../worker/arena.js'
import { PuzzleRows } from '../../../worker/compute/puzzle-rows.js'
import type { Begin, Command, Reply } from '../../../worker/compute/port.js'
import { LocalRound } from '../../../worker/train/local-round.js'
import { Optimizer } from '../../../worker/train/optimizer.js'

interface Lane {
  readonly slot: SlotId
  readonly steps: number
  readonly halted: boolean
  readonly example: Begin | undefined
  /** zH, then zL. */
  readonly z: Float32Array
}

/** What a slot worked on in a step: draw, puzzle, how many steps were spent on it before. */
export interface Worked {
  readonly step: Step
  readonly slot: SlotId
  readonly draw: number
  readonly puzzle: number
  readonly before: number
}

type CommandOf<T extends Command['type']> = Extract<Command, { type: T }>

const EARLIEST_HALT = 2

export class StandIn {
  readonly arena: Arena
  private readonly optimizer: Optimizer
  private readonly rows: PuzzleRows
  private readonly local: LocalRound | undefined
  private readonly sums: ShareSums | undefined
  private readonly width: number
  private states: Float32Array = new Float32Array(0)
  private lanes: readonly Lane[] = []
  private candidate: readonly Lane[] | undefined
  private worked: Worked[] = []
  private held: Step | undefined

  /** @param onCommit what was worked on up to a commit @param onWrong what no worker may do */
  constructor(
    private readonly config: RunConfig,
    private readonly onCommit: (step: Step, worked: readonly Worked[]) => void,
    private readonly onWrong: (why: string) => void,
  ) {
    const { model, train, reduce } = config
    const layout = layoutOf(model)
    this.arena = arenaOf(layout, config)
    this.optimizer = new Optimizer(model, layout, train)
    this.rows = new PuzzleRows(this.arena.rows, model.puzzleEmbDim)
    this.local = reduce.localSteps > 1 ? new LocalRound(this.arena, reduce) : undefined
    const tree = new GroupTree(groupsOf(train.slots, reduce))
    const allocate = (): Float32Array => new Float32Array(layout.elements)
    this.sums = reduce.mode === 'exact' ? new ShareSums(tree, reduce.wire, allocate) : undefined
    const { zH, zL } = carryOf(model)
    this.width = zH + zL
  }

  get slots(): number {
    return this.lanes.length
  }

  perform(command: Command): Reply {
    switch (command.type) {
      case 'adopt':
        this.states = Float32Array.from([...command.hInit, ...command.lInit])
        this.lanes = []
        this.held = undefined
        this.discard()
        return { type: 'done' }
      case 'slots':
        return this.setSlots(command)
      case 'step':
        return this.step(command)
      case 'propose':
        this.local?.propose(this.share)
        return { type: 'done' }
      case 'check': {
        const { mean, params } = this.arena
        const told = { norm: l2Norm(mean), mean: fingerprint(mean), params: fingerprint(params) }
        return { type: 'checked', finite: firstNonFinite(mean) < 0, ...told, ms: 1 }
      }
      case 'commit':
        return this.commit(command)
      case 'discard':
        this.discard()
        return { type: 'done' }
      case 'snapshot':
        return this.snapshot(command.dense)
      case 'evaluate':
        return this.evaluate(command)
      default:
        throw new Error(`no stand-in for ${command.type}`)
    }
  }

  private get share(): number {
    return this.lanes.length / this.config.train.slots
  }

  private setSlots({ orders, carries }: CommandOf<'slots'>): Reply {
    this.discard()
    const before = new Map(this.lanes.map((lane) => [lane.slot, lane]))
    let at = 0
    this.lanes = orders.map((order): Lane => {
      const { slot } = order
      if (order.carry === 'load') {
        const z = carries.slice(at, at + this.width)
        at += this.width
        return { slot, steps: order.steps, halted: false, example: order.example, z }
      }
      const fresh = { slot, steps: 0, halted: true, example: undefined, z: new Float32Array(this.width) }
      if (order.carry === 'reset') return fresh
      const kept = before.get(slot)
      if (kept === undefined) throw new Error(`slot ${slot} cannot keep a carry: this replica did not own it`)
      return kept
    })
    return { type: 'done' }
  }

  private step({ step, takes, puzzles, frozen = false }: CommandOf<'step'>): Reply {
    const { config, arena, local } = this
    const { model, train, reduce } = config
    const dim = model.puzzleEmbDim
    if (this.candidate !== undefined && local === undefined)
      this.onWrong(`step ${step} began before the one before was over`)
    if (puzzles !== undefined) this.rows.begin(puzzles)
    const taken = new Map(takes.map((take) => [take.slot, take]))
    const working = (this.candidate ?? this.lanes).map((lane) => {
      const example = lane.halted ? taken.get(lane.slot) : lane.example
      if (example === undefined) throw new Error(`slot ${lane.slot} has halted and no example was given for it`)
      return { ...lane, example, steps: lane.halted ? 0 : lane.steps }
    })
    const ids = working.map(({ example }) => example.puzzle)
    const rows = this.rows.gather(ids)
    const rowGradients = new Float32Array(ids.length * dim)
    this.sums?.begin()
    arena.grad.fill(0)
    const after: Lane[] = []
    const sums: StepSums[] = []
    const group = reduce.mode === 'exact' ? reduce.group : working.length
    for (let from = 0; from < working.length; from += group) {
      const some = working.slice(from, from + group)
      const parts: StepSums[] = []
      const fill = (flat: Float32Array): void => {
        some.forEach((lane, i) => {
          const row = rows.subarray((from + i) * dim, (from + i + 1) * dim)
          const next = this.think(lane, row)
          after[from + i] = next
          parts.push(this.learn(next, row, flat, rowGradients.subarray((from + i) * dim, (from + i + 1) * dim)))
        })
      }
      if (this.sums === undefined) fill(arena.grad)
      else this.sums.add(Math.floor((some[0]?.slot ?? 0) / group), fill)
      sums.push(addSums(parts))
    }
    for (const { slot, example, steps } of working)
      this.worked.push({ step, slot, draw: example.draw, puzzle: example.puzzle, before: steps })
    arena.rowGradients.set(rowGradients)
    this.candidate = after
    const schedule = { warmupSteps: train.warmupSteps, totalSteps: train.steps, minRatio: train.lrMinRatio }
    if (local !== undefined) {
      const rate = (base: number): number => learningRate({ base, ...schedule }, step)
      this.rows.learn(ids, rowGradients, rate(train.puzzleLr), train.puzzleWeightDecay)
      local.descend(step, frozen ? 0 : rate(train.lr), train, this.share)
    }
    const nodes: readonly TreeNode[] | null = this.sums?.nodes ?? null
    const flats = nodes?.map(({ values }) => values) ?? [arena.grad]
    return {
      type: 'stepped',
      sums,
      nodes,
      halted: Uint8Array.from(after, ({ halted }) => Number(halted)),
      steps: Uint8Array.from(after, ({ steps }) => steps),
      finite: flats.every((flat) => firstNonFinite(flat) < 0),
      halves: false,
      phases: { forward: 1, backward: 1 },
    }
  }

  /** States that depend on all that the slot knows. */
  private think(lane: Lane & { readonly example: Begin }, row: Float32Array): Lane {
    const { example, halted, slot, steps } = lane
    const params = this.local !== undefined && this.candidate !== undefined ? this.local.params : this.arena.params
    const { inputs } = example
    const z = new Float32Array(this.width)
    for (let j = 0; j < z.length; j++) {
      const before = halted ? this.states[j % this.states.length]! : lane.z[j]!
      const token = inputs[j % inputs.length]! + inputs[(j * 5 + 3) % inputs.length]! / 16
      const weight = params[((j * 7 + 11 * token) % params.length) | 0]!
      z[j] = before / 2 + weight + token / 32 + row[j % row.length]! - 0.2
    }
    const bits = new Uint32Array(z.buffer)[z.length >> 1]!
    const spent = steps + 1
    const isOver = spent >= this.config.model.haltMaxSteps || (spent >= EARLIEST_HALT && (bits >>> 8) % 4 === 0)
    return { slot, steps: spent, halted: isOver, example, z }
  }

  /** Adds the slot's gradient, divided by all slots of the run. */
  private learn(
    { z, steps, halted, example }: Lane,
    row: Float32Array,
    flat: Float32Array,
    own: Float32Array,
  ): StepSums {
    const { params } = this.arena
    const { slots } = this.config.train
    const labels = example!.labels
    for (let j = 0; j < flat.length; j++)
      flat[j] = flat[j]! + (z[j % z.length]! - params[j]! - labels[j % labels.length]! / 64) / slots
    for (let d = 0; d < own.length; d++) own[d] = (row[d]! / 8 - z[(d * 3) % z.length]!) / slots
    const count = Number(halted)
    const [lmLoss, qHaltLoss] = [Math.abs(z[0]!), Math.abs(z[1]!)]
    const right = count * Number(z[2]! > 0)
    const accuracies = { accuracy: right, exactAccuracy: right, qHaltAccuracy: right }
    const losses = { lossTotal: lmLoss + qHaltLoss / 2, lmLoss, qHaltLoss }
    return { ...losses, ...accuracies, count, steps: count * steps, cells: z.length, flops: z.length }
  }

  private commit({ step, frozen = false }: CommandOf<'commit'>): Reply {
    const { arena, config } = this
    if (this.candidate === undefined) throw new Error(`nothing to commit at step ${step}`)
    if (this.held !== undefined && step !== this.held + config.reduce.localSteps)
      this.onWrong(`step ${step} is applied to the state of step ${this.held}`)
    this.held = step
    if (this.local === undefined) this.optimizer.apply(arena, step, frozen)
    else this.local.commit(config.train, frozen)
    this.lanes = this.candidate
    this.candidate = undefined
    this.onCommit(step, this.worked)
    this.worked = []
    return { type: 'committed', ms: 1, ema: null }
  }

  private discard(): void {
    this.local?.discard()
    this.candidate = undefined
    this.worked = []
  }

  private snapshot(isDense: boolean): Reply {
    const { params, ema, m, v, outer } = this.arena
    const dense = new Float32Array([params, ema, m, v, outer].reduce((sum, { length }) => sum + length, 0))
    ;[params, ema, m, v, outer].forEach((part, i) => dense.set(part, i * params.length))
    const carries = new Float32Array(this.lanes.length * this.width)
    this.lanes.forEach(({ halted, z }, i) => {
      if (!halted) carries.set(z, i * this.width)
    })
    return { type: 'snapshot', dense: isDense ? dense : null, carries, slots: this.lanes.map(({ slot }) => slot) }
  }

  private evaluate({ inputs, rows, question }: CommandOf<'evaluate'>): Reply {
    const { ema } = this.arena
    const { seqLen, puzzleEmbDim: dim } = this.config.model
    const count = inputs.length / seqLen
    const blocks = blocksOf(question)
    const answer = (i: number): number => inputs[i % inputs.length]! + Math.round(64 * (ema[i % ema.length]! + rows[i % (count * dim)]!)) // prettier-ignore
    const preds = Uint8Array.from({ length: blocks * inputs.length }, (_, i) => answer(i) & 7)
    const q = Float32Array.from({ length: blocks * count }, (_, i) => ema[i % ema.length]!)
    return { type: 'evaluated', preds, q, halts: new Uint16Array(question.early ? count : 0).fill(1) }
  }
}
