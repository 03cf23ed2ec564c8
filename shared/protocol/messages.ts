// Everything that travels over the bus: one tagged union per direction. The tables of shapes below are the truth; the
// types are inferred from them. Refusals speak in the speaker's voice. Byte fields are little-endian.
import type { Brand, Draw, Epoch, SlotId, Step, WorkerId } from '../ids.js'
import { SUBJECTS } from '../language/subject.js'
import { as, boolean, bytes, count, list, name, number, oneOf, record, text, type Of, type Shape } from './shape.js'

/** Grows with every change that an older peer would misread. */
export const PROTOCOL_VERSION = 11

/** Name of one snapshot of replica state, served until released. */
export type SnapshotId = Brand<string, 'SnapshotId'>

const epoch = as<Epoch>()(count)
const step = as<Step>()(count)
const slot = as<SlotId>()(count)
const draw = as<Draw>()(count)
const worker = as<WorkerId>()(name)
const snapshot = as<SnapshotId>()(name)
/** 16 hexadecimal digits of shared/gradients/fingerprint.ts, or of a SHA-256. */
const hash = text(64)

export const REFUSALS = [
  'run-differs', // "you asked for another run than the one I lead"
  'protocol-differs', // "we would misread each other"
  'layout-differs', // "we would be averaging two different networks"
  'run-is-over', // "nothing left to do"
  'name-taken', // "you are already here"
] as const

/** What the worker's two threads are doing, as told by its heartbeats. */
export const WORKER_PHASES = [
  'starting',
  'syncing',
  'idle',
  'waiting-for-data',
  'computing',
  'reducing',
  'voting',
  'committing',
  'evaluating',
] as const
export type WorkerPhase = (typeof WORKER_PHASES)[number]

/** Parts of a step, timed by the worker, in milliseconds. */
export const STEP_PHASES = ['data', 'upload', 'forward', 'backward', 'read', 'reduce', 'check', 'commit'] as const
export type StepPhase = (typeof STEP_PHASES)[number]

const sums = record({
  lossTotal: number,
  lmLoss: number,
  qHaltLoss: number,
  count: number,
  accuracy: number,
  exactAccuracy: number,
  qHaltAccuracy: number,
  steps: number,
  cells: number,
  flops: number,
})
/**
 * Sums over slots of the loss and, over halted slots, of the metrics (spec section 2), undivided; over all slots, the cells that
 * were computed and the modelled FLOPs of that (shared/flops.ts).
 */
export type StepSums = Of<typeof sums>

// --- worker to coordinator ------------------------------------------------------------------------------------------

const HELLO = {
  /** Asks to be told the run's configuration; answered by `welcome` or `refused`. */
  hello: record({
    worker,
    run: text(64),
    protocol: count,
    label: text(64),
    host: text(256),
    pid: count,
    metrics: text(256),
  }),
}

const FROM_WORKER = {
  /** The replica is built and holds no state yet: "I can take slots". */
  prepared: record({ layout: hash, backend: text(64), device: text(256), precision: oneOf('f32', 'bf16') }),
  /** State and slots of this epoch are in place. */
  ready: record({ epoch, params: hash }),
  /** Heartbeat of the thread that does not compute. rss in bytes; gapMs: longest pause of the I/O event loop since the last one. */
  beat: record({
    epoch,
    step,
    phase: oneOf(...WORKER_PHASES),
    rss: count,
    gapMs: number,
    wireIn: count,
    wireOut: count,
  }),
  /** Puzzle row gradients (f32, rows of the worker's slots from `first` on), already divided by the global number of slots.
      `inner`: which of the round's steps, from 0; a round has one step, or `reduce.localSteps`, and is named by its last. */
  rowGradients: record({ epoch, step, inner: count, first: count, data: bytes }),
  /** Forward and backward of one step are done; sums of all owned slots, or of each group (mode exact); `halted` and `steps` are u8 per owned slot, in order. */
  result: record({ epoch, step, inner: count, sums: list(sums, 65536), halted: bytes, steps: bytes }),
  /** All means have arrived. `mean` and `params` are fingerprints, params before the update; `norm` is the L2 norm of the mean. */
  vote: record({ epoch, step, finite: boolean, mean: hash, params: hash, norm: number, phases: list(number, 32) }),
  /** The state of this boundary is copied and can be pulled. */
  snapshotReady: record({ snapshot, step }),
  /** Answers as shared/question.ts lays them out: `preds` u8, `q` f32, `halts` u16. */
  evaluated: record({ evaluation: count, unit: count, preds: bytes, q: bytes, halts: bytes }),
  /** What came of a measurement. Sums over `seconds` of timed work; bytes of the whole process; NaN joules: not told. */
  measured: record({
    measurement: count,
    /** Empty, or why there are no figures. */
    failure: text(),
    parameters: count,
    /** Layers were computed a second time in backward. */
    recompute: boolean,
    train: record({ steps: count, samples: count, tokens: count, seconds: number, joules: number, warm: boolean }),
    answer: record({ answers: count, promptSeconds: number, tokens: count, tokenSeconds: number, joules: number }),
    restBytes: count,
    peakBytes: count,
    /** What told the joules, or why nothing did. */
    energy: text(),
  }),
  /** A polite goodbye. */
  leaving: record({ why: text() }),
  /** "I cannot go on." */
  trouble: record({ code: text(64), message: text(), remedy: text() }),
}

// --- coordinator to worker ------------------------------------------------------------------------------------------

const TO_HELLO = {
  /** `config` is the whole configuration as JSON text (printConfig). */
  welcome: record({ coordinator: name, run: name, config: text(1 << 16), data: hash }),
  refused: record({ refusal: oneOf(...REFUSALS), why: text() }),
}

const TO_WORKER = {
  /** New membership. `carry` per slot: keep mine, start the example again, or pull it from the source. */
  assign: record({
    epoch,
    /** Last committed step. */
    step,
    members: list(worker, 4096),
    /** Slots of each member, which own them one after the other. */
    shares: list(count, 4096),
    slots: list(slot),
    carry: list(oneOf('keep', 'reset', 'pull')),
    /** For pulled carries: who holds them, the name of the copy, the example under way (sent before), the steps spent on it. */
    holders: list(text(64)),
    copies: list(text(64)),
    draws: list(draw),
    steps: list(count),
    /** Where dense state comes from; `self` keeps what the worker has. */
    source: text(64),
    snapshot,
    /** Name of the copy to keep for others before the slots change, dense state included or not; empty: none. */
    keep: text(64),
    dense: boolean,
  }),
  /** Encoded examples ahead of need: u8 tokens [n, S0] each. */
  examples: record({ slots: list(slot), draws: list(draw), puzzles: list(count), inputs: bytes, labels: bytes }),
  /** Rows (f32) of the puzzles that `begin` lists, from index `first` on, valid for this round. */
  rows: record({ epoch, step, first: count, data: bytes }),
  /** Run the steps up to this one. Slots that have halted, or may halt on the way, begin the listed draws, in this order.
      `puzzles`: whose rows were sent. `frozen`: the commit will leave the dense weights alone. */
  begin: record({ epoch, step, slots: list(slot), draws: list(draw), puzzles: list(count), frozen: boolean }),
  commit: record({ epoch, step }),
  discard: record({ epoch, step, why: text() }),
  /** Copy the state of this boundary. Dense state is wanted of one worker only. */
  snapshot: record({ snapshot, step, dense: boolean }),
  release: record({ snapshot }),
  /** "What you told me last in this epoch has not come: say it again." */
  again: record({ epoch }),
  /** Predict with the averaged weights of this step: u8 inputs [n, S0], f32 rows [n, puzzleDim]; steps, early, cycles and noise: a Question.
      Per row the number its noise is drawn by, and its chain; an empty list: 0 for all.
      boxes: u8 [n, 2], rows and columns to compute from the upper left corner; empty: the whole canvas. */
  evaluate: record({
    evaluation: count,
    unit: count,
    step,
    inputs: bytes,
    rows: bytes,
    boxes: bytes,
    steps: list(count, 1024),
    early: boolean,
    cycles: boolean,
    noise: record({ seed: count, sigma: number, states: oneOf('answer', 'all') }),
    draws: list(count, 65536),
    chains: list(count, 65536),
  }),
  /** Measure training and answering of `subject` for so many seconds each. `tokens`: u16 of all samples, one after the
      other, of so many tokens each, the first so many of them the prompt; u8 grids [n, S0] for TRM. */
  measure: record({
    measurement: count,
    subject: oneOf(...SUBJECTS),
    seconds: number,
    tokens: bytes,
    lengths: list(count, 64),
    prompts: list(count, 64),
    inputs: bytes,
    labels: bytes,
  }),
  /** "I do not know you (any more): say hello again." */
  rejoin: record({ why: text() }),
  stop: record({ why: text(), finished: boolean }),
}

// --- between owners and workers -------------------------------------------------------------------------------------

const GRADIENTS = {
  /** One worker's sum over its slots of one bucket; in mode exact over a node of the tree of groups (else 0). */
  part: record({ epoch, step, bucket: count, node: count, source: worker, crc: count, data: bytes }),
  /** A worker to the owner, in the place of a part: "these means have not reached me". */
  ask: record({ epoch, step, source: worker, buckets: list(count, 1 << 16) }),
  /** The owner to one worker, in the place of a mean: "these parts of yours have not reached me". */
  lack: record({ epoch, step, target: worker, buckets: list(count, 1 << 16), nodes: list(count, 1 << 16) }),
  /** The reduced bucket, for everybody. */
  mean: record({ epoch, step, bucket: count, crc: count, data: bytes }),
}

// --- state transfer: request and reply ------------------------------------------------------------------------------

/** Parts of replica state that can be pulled by byte range; `mean` is no copy, but the mean gradient as it is now. */
export const SEGMENTS = ['params', 'ema', 'm', 'v', 'outer', 'gathered', 'mean', 'hInit', 'lInit', 'carry'] as const
export type Segment = (typeof SEGMENTS)[number]

const PULL = {
  /** `carry` is zH and zL of one slot, f32 [2, S, D]; of the dense segments the coordinator's `m` and `v` know `slot`, as
      the place of the worker in the team: with local steps each has moments of its own. `outer`: momentum of the outer step;
      `gathered`: the gradients since the weights last moved (train.moveEvery). */
  pull: record({ snapshot, segment: oneOf(...SEGMENTS), slot, offset: count, length: count }),
}
const RANGE = {
  range: record({ crc: count, data: bytes }),
  /** "I do not serve that." */
  gone: record({ why: text() }),
}
const BEACON = {
  /** "I lead this run": some times a second, so that workers find it, and notice when another coordinator took over. */
  beacon: record({ run: name, coordinator: name, epoch, step }),
}

type Table = Readonly<Record<string, Shape<unknown>>>
type Union<T extends Table> = { [K in keyof T & string]: { readonly type: K } & Readonly<Of<T[K]>> }[keyof T & string]

export type Hello = Union<typeof HELLO>
export type HelloReply = Union<typeof TO_HELLO>
export type WorkerMessage = Union<typeof FROM_WORKER>
export type CoordinatorMessage = Union<typeof TO_WORKER>
export type Beacon = Union<typeof BEACON>

/** The directions, for the codec: which messages may arrive where. */
export const CHANNELS = {
  hello: HELLO,
  helloReply: TO_HELLO,
  worker: FROM_WORKER,
  coordinator: TO_WORKER,
  gradients: GRADIENTS,
  pull: PULL,
  pullReply: RANGE,
  beacon: BEACON,
} as const satisfies Record<string, Table>

export type Channel = keyof typeof CHANNELS
export type MessageOf<C extends Channel> = Union<(typeof CHANNELS)[C]>
