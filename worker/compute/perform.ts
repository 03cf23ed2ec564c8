// The commands of the compute thread, performed on a replica. No network, no waiting; time only through the given clock.
import { canvasOf, keptCells, type Box } from '../../shared/arc/trim.js'
import { carryOf } from '../../shared/carry.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { firstNonFinite } from '../../shared/gradients/finite.js'
import { GroupTree, groupsOf } from '../../shared/gradients/group-tree.js'
import { ShareSums } from '../../shared/gradients/tree-sum.js'
import { fingerprint } from '../../shared/gradients/fingerprint.js'
import { learningRate } from '../../shared/gradients/schedule.js'
import { l2Norm } from '../../shared/gradients/norm.js'
import type { StepPhase } from '../../shared/protocol/messages.js'
import type { Arena } from '../arena.js'
import { carryElements } from './carry.js'
import type { CarryState, Example } from '../train/carry.js'
import type { AskedRows } from '../train/evaluate.js'
import { microBatchOf, microBatchOnGpu } from '../train/micro-batch.js'
import { LocalRound } from '../train/local-round.js'
import { Replica, type ReplicaOptions } from '../train/replica.js'
import { isMeasure, measure } from './measure.js'
import type { Performer } from './performer.js'
import { PuzzleRows } from './puzzle-rows.js'
import type { Begin, Command, EmaDistance, PhaseTimes, Reply } from './port.js'

const exampleOf = ({ draw, puzzle, inputs, labels }: Begin): Example => ({ draw, puzzle, inputs, labels })

/** Steps between two looks at the average: it changes slowly, and a look reads all weights twice. */
const EMA_EVERY = 10

export function emaDistance(params: Float32Array, ema: Float32Array): EmaDistance {
  let apart = 0
  for (let i = 0; i < params.length; i++) {
    const d = (params[i] as number) - (ema[i] as number)
    apart += d * d
  }
  return { distance: Math.sqrt(apart), norm: l2Norm(params) }
}

export function performCommand(performer: Performer, command: Command): Reply {
  if (command.type === 'adopt') return adopt(performer, command)
  if (isMeasure(command)) return measure(performer, command)
  const { replica, arena, config } = performer
  if (replica === undefined) throw new Error(`${command.type} before adopt`)
  switch (command.type) {
    case 'slots':
      replica.setSlots(loadOrders(performer, command))
      return { type: 'done' }
    case 'step':
      return step(performer, replica, command)
    case 'propose':
      replica.propose()
      return { type: 'done' }
    case 'check': {
      const before = performer.clock()
      const finite = firstNonFinite(arena.mean) < 0
      return {
        type: 'checked',
        finite,
        norm: l2Norm(arena.mean),
        mean: fingerprint(arena.mean),
        params: fingerprint(arena.params),
        ms: performer.clock() - before,
      }
    }
    case 'commit': {
      const before = performer.clock()
      replica.commit(command.step, command.frozen)
      const ms = performer.clock() - before
      return {
        type: 'committed',
        ms,
        ema: command.step % EMA_EVERY === 0 ? emaDistance(arena.params, replica.current('ema')) : null,
      }
    }
    case 'discard':
      replica.discard()
      return { type: 'done' }
    case 'snapshot': {
      const carries = replica.carries()
      return {
        type: 'snapshot',
        dense: command.dense ? copyDense(arena, replica) : null,
        carries: copyCarries(carries, carryElements(config)),
        slots: carries.map(({ slot }) => slot),
      }
    }
    case 'evaluate': {
      const { rows, inputs, boxes, draws, chains, question } = command
      const kept = keptIn(config.model, boxes)
      const asked = { rows, inputs, draws, chains, batch: inputs.length / config.model.seqLen, ...kept }
      return { type: 'evaluated', ...replica.evaluate(asked, question) }
    }
    default:
      return command satisfies never
  }
}

/** The cells to compute of each row, if the coordinator told how many rows and columns. */
function keptIn(model: ModelConfig, boxes: Uint8Array): Pick<AskedRows, 'kept'> {
  if (boxes.length === 0) return {}
  const canvas = canvasOf(model)
  const box = (i: number): Box => ({ row: 0, col: 0, rows: boxes[2 * i] as number, cols: boxes[2 * i + 1] as number })
  return { kept: Array.from({ length: boxes.length / 2 }, (_, i) => keptCells(box(i), canvas, model.trim)) }
}

function adopt(performer: Performer, { hInit, lInit }: Extract<Command, { type: 'adopt' }>): Reply {
  const { config, layout, arena } = performer
  performer.replica?.dispose()
  performer.replica = new Replica(
    { model: config.model, train: config.train, seed: config.run.seed },
    layout,
    arena,
    { hInit, lInit },
    {
      microBatch: microBatchFor(performer),
      recompute: performer.recompute,
      ...groupsFor(performer),
      ...localFor(performer),
      halves: leavesRounded(performer),
    },
  )
  return { type: 'done' }
}

/** On a CPU the same with and without recomputing: the order of sums must not depend on it. */
const microBatchFor = ({ config: { model, train }, recompute, onGpu }: Performer): number =>
  onGpu ? microBatchOnGpu(model, train.slots, recompute) : microBatchOf(model)

/** In mode exact the sums go to the other thread as they are, so they lie in memory that both see. */
function groupsFor({ config, layout }: Performer): Pick<ReplicaOptions, 'groups'> {
  const { reduce, train } = config
  if (reduce.mode === 'fast') return {}
  const bytes = layout.elements * Float32Array.BYTES_PER_ELEMENT
  const allocate = (): Float32Array => new Float32Array(new SharedArrayBuffer(bytes))
  const sums = new ShareSums(new GroupTree(groupsOf(train.slots, reduce)), reduce.wire, allocate)
  return { groups: { size: reduce.group, sums } }
}

const localFor = ({ config, arena }: Performer): Pick<ReplicaOptions, 'local'> =>
  config.reduce.localSteps === 1 ? {} : { local: new LocalRound(arena, config.reduce) }

/** What the all-reduce would round to bf16 first of all. */
const leavesRounded = ({ config: { reduce } }: Performer): boolean =>
  reduce.mode === 'fast' && reduce.wire === 'bf16' && reduce.localSteps === 1

function loadOrders(
  { config }: Performer,
  { orders, carries }: Extract<Command, { type: 'slots' }>,
): Parameters<Replica['setSlots']>[0] {
  const elements = carryElements(config)
  let at = 0
  return orders.map((order) => {
    if (order.carry !== 'load') return { slot: order.slot, carry: order.carry }
    const zH = carries.subarray(at, at + carryOf(config.model).zH)
    const zL = carries.subarray(at + zH.length, at + elements)
    at += elements
    const { slot, steps } = order
    return { slot, carry: { slot, steps, halted: false, example: exampleOf(order.example), zH, zL } }
  })
}

function step(performer: Performer, replica: Replica, command: Extract<Command, { type: 'step' }>): Reply {
  const { arena, clock } = performer
  const phases: PhaseTimes = {}
  let since = clock()
  const mark = (phase: StepPhase): void => {
    const now = clock()
    phases[phase] = (phases[phase] ?? 0) + now - since
    since = now
  }
  const takes = new Map(command.takes.map((take) => [take.slot, exampleOf(take)]))
  const { model, train } = performer.config
  const rows = (performer.rows ??= new PuzzleRows(arena.rows, model.puzzleEmbDim))
  if (command.puzzles !== undefined) rows.begin(command.puzzles)
  const puzzles = replica.puzzles(takes)
  const result = replica.step(command.step, rows.gather(puzzles), takes, mark, command.frozen)
  arena.rowGradients.set(result.rowGrads)
  if (performer.config.reduce.localSteps > 1) {
    const { puzzleLr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio, puzzleWeightDecay } = train
    const lr = learningRate({ base, warmupSteps, totalSteps, minRatio }, command.step)
    rows.learn(puzzles, result.rowGrads, lr, puzzleWeightDecay)
  }
  return {
    type: 'stepped',
    sums: result.groupSums,
    nodes: result.nodes,
    halves: result.halves,
    halted: Uint8Array.from(result.halted, Number),
    steps: Uint8Array.from(result.steps),
    finite: result.finite,
    phases,
  }
}

function copyDense({ params, outer, gathered }: Arena, replica: Replica): Float32Array {
  const [ema, m, v] = (['ema', 'm', 'v'] as const).map((of) => replica.current(of)) as [Float32Array, Float32Array, Float32Array] // prettier-ignore
  const parts = [params, ema, m, v, outer.length > 0 ? outer : gathered]
  const copy = new Float32Array(new SharedArrayBuffer(parts.reduce((sum, part) => sum + part.byteLength, 0)))
  parts.forEach((part, i) => copy.set(part, i * params.length))
  return copy
}

function copyCarries(carries: readonly CarryState[], elements: number): Float32Array {
  const copy = new Float32Array(new SharedArrayBuffer(carries.length * elements * Float32Array.BYTES_PER_ELEMENT))
  carries.forEach(({ halted, zH, zL }, i) => {
    // What it leaves behind is never used again, and differs with where the slot has been.
    if (halted) return
    copy.set(zH, i * elements)
    copy.set(zL, i * elements + zH.length)
  })
  return copy
}
