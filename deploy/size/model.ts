// The model behind `trmesh size`: what a run needs on so many workers, from the figures. Compute and reduce follow each other
// (they do in trmesh); a stage of the reduce is as slow as its slowest part: a worker's I/O thread, its line, the server's
// processor or the server's line. Waiting for the slowest of unequal workers is not in it.
import type { ReduceConfig, RunConfig } from '../../shared/config/run-config.js'
import { wireBytes } from '../../shared/gradients/buckets.js'
import { carryOf } from '../../shared/carry.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { ALLREDUCE_CPU, BROKER_CPU, PUZZLE_ROWS } from './figures.js'
import { sampleFlops } from './kept.js'

export interface Ground {
  /** FLOP/s that one worker keeps up. */
  readonly flops: number
  /** Lines in bytes a second, each way. */
  readonly workerLine: number
  readonly brokerLine: number
  readonly brokerCores: number
  /** Seconds from one worker to another through the server. */
  readonly latency: number
}

/** Bytes of one all-reduce: through the server, and through the busiest of the clients. */
export interface Traffic {
  readonly brokerIn: number
  readonly brokerOut: number
  readonly clientOut: number
  readonly clientIn: number
}

/** `gradient` in bytes on the wire. The owner of a bucket sends its part to nobody. */
export function trafficOf(gradient: number, workers: number, topology: ReduceConfig['topology']): Traffic {
  // Star: the coordinator takes a gradient from each and gives the mean to all.
  if (topology === 'star')
    return {
      brokerIn: (workers + 1) * gradient,
      brokerOut: 2 * workers * gradient,
      clientOut: gradient,
      clientIn: workers * gradient,
    }
  const others = workers - 1
  return {
    brokerIn: workers * gradient,
    brokerOut: 2 * others * gradient,
    clientOut: gradient,
    clientIn: (2 * others * gradient) / workers,
  }
}

const MEGA = 1e6
const MS = 1e-3

/** Seconds of an all-reduce where server and workers share the cores of one machine: all of its work, one after the other. */
export function reduceOnOneMachine(elements: number, workers: number, cores: number, reduce: ReduceConfig): number {
  const { brokerIn, brokerOut } = trafficOf(elements * wireBytes(reduce.wire), workers, reduce.topology)
  return (((brokerIn + brokerOut) / MEGA) * ALLREDUCE_CPU[reduce.wire].value * MS) / cores
}

export interface Reduce {
  readonly seconds: number
  /** What it waits for. */
  readonly bound: 'nothing' | "a worker's thread" | "a worker's line" | "the server's cores" | "the server's line"
}

/** Seconds of an all-reduce where everybody has a machine of his own. */
export function reduceAcross(elements: number, workers: number, reduce: ReduceConfig, ground: Ground): Reduce {
  if (workers === 1 && reduce.topology === 'sharded') return { seconds: 0, bound: 'nothing' }
  const { brokerIn, brokerOut, clientIn, clientOut } = trafficOf(
    elements * wireBytes(reduce.wire),
    workers,
    reduce.topology,
  )
  const clientCpu = (ALLREDUCE_CPU[reduce.wire].value - BROKER_CPU.value) * MS
  const parts: readonly (readonly [Reduce['bound'], number])[] = [
    ["a worker's thread", ((clientIn + clientOut) / MEGA) * clientCpu],
    ["a worker's line", Math.max(clientIn, clientOut) / ground.workerLine],
    ["the server's cores", (((brokerIn + brokerOut) / MEGA) * BROKER_CPU.value * MS) / ground.brokerCores],
    ["the server's line", Math.max(brokerIn, brokerOut) / ground.brokerLine],
  ]
  const [bound, seconds] = parts.reduce((worst, part) => (part[1] > worst[1] ? part : worst))
  // Parts, then means: two ways through the server.
  return { seconds: seconds + 2 * ground.latency, bound }
}

export interface Size {
  readonly workers: number
  /** Slots of the worker that has most. */
  readonly slots: number
  readonly computeSeconds: number
  /** Of one exchange: a step's, or a round's with local steps. */
  readonly reduce: Reduce
  readonly stepSeconds: number
  /** Of a step, what is compute. */
  readonly efficiency: number
  readonly runHours: number
  readonly deviceHours: number
  /** Bytes through the server, in and out, over the run. */
  readonly wireBytes: number
  /** Bytes a second. */
  readonly brokerIn: number
  readonly brokerOut: number
  readonly brokerCoresUsed: number
}

/** Bytes of a step besides gradients, at most: each slot's example if all of them halt, its puzzle row, the row's gradient. */
export const otherBytes = ({ model, train }: RunConfig): number =>
  train.slots * (2 * model.seqLen + 2 * 4 * model.puzzleEmbDim + 32)

export function sizeOf(config: RunConfig, workers: number, ground: Ground): Size {
  const { slots, steps } = config.train
  const { elements } = layoutOf(config.model)
  const most = Math.ceil(slots / workers)
  const { train: flops } = sampleFlops(config)
  const computeSeconds = (most * flops) / ground.flops
  const reduce = reduceAcross(elements, workers, config.reduce, ground)
  // With local steps all exchange once a round; rows and examples travel every step as before.
  const { localSteps } = config.reduce
  const stepSeconds = computeSeconds + reduce.seconds / localSteps
  const gradient = elements * wireBytes(config.reduce.wire)
  const traffic = trafficOf(gradient, workers, config.reduce.topology)
  const other = otherBytes(config)
  const brokerIn = traffic.brokerIn / localSteps + other
  const brokerOut = traffic.brokerOut / localSteps + other
  const runHours = (steps * stepSeconds) / 3600
  return {
    workers,
    slots: most,
    computeSeconds,
    reduce,
    stepSeconds,
    efficiency: (slots * flops) / ground.flops / workers / stepSeconds,
    runHours,
    deviceHours: runHours * workers,
    wireBytes: steps * (brokerIn + brokerOut),
    brokerIn: brokerIn / stepSeconds,
    brokerOut: brokerOut / stepSeconds,
    brokerCoresUsed: (((brokerIn + brokerOut) / MEGA) * BROKER_CPU.value * MS) / stepSeconds,
  }
}

export interface Storage {
  /** Weights, their average, two moments; the outer momentum with local steps, gathered gradients with train.moveEvery. A joiner receives it. */
  readonly state: number
  /** With local steps, at each worker beside the state: weights and moments of its own round; carries of its slots come once more. */
  readonly round: number
  /** z_H and z_L of one slot. */
  readonly carryPerSlot: number
  /** Of all puzzle rows; undefined where their number depends on the data. */
  readonly puzzles: number | undefined
  /** A checkpoint, when all rows were touched; with local steps everybody's moments are in it. */
  readonly checkpoint: number
  /** All that are kept, and one being written. */
  readonly disk: number
}

const F32 = 4

export function storageOf(config: RunConfig, workers = 1): Storage {
  const { model, train, checkpoint, reduce } = config
  const copy = F32 * layoutOf(model).elements
  const local = reduce.localSteps > 1
  // The outer momentum, and the gradients of the steps that make one move.
  const more = (local ? 1 : 0) + (train.moveEvery > 1 ? 1 : 0)
  const state = (4 + more) * copy
  const { zH, zL } = carryOf(model)
  const carryPerSlot = F32 * (zH + zL)
  const rows = (PUZZLE_ROWS as Readonly<Record<string, number | undefined>>)[config.preset]
  const puzzles = rows === undefined ? undefined : rows * model.puzzleEmbDim * F32
  const moments = local ? 2 * (workers - 1) * copy : 0
  const whole = state + moments + train.slots * (carryPerSlot + 2 * model.seqLen) + (puzzles ?? 0)
  return {
    state,
    round: local ? 3 * copy : 0,
    carryPerSlot,
    puzzles,
    checkpoint: whole,
    disk: whole * (checkpoint.keepLast + checkpoint.keepBest + 1),
  }
}
