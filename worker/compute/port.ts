// What the two threads of a worker say to each other: one tagged union per direction. Big arrays lie in the arena or in
// shared buffers; messages only point at them. Commands are done in the order they come; every command has one reply.
import type { RunConfig } from '../../shared/config/run-config.js'
import type { TreeNode } from '../../shared/gradients/tree-sum.js'
import type { Draw, SlotId, Step } from '../../shared/ids.js'
import type { SubjectName } from '../../shared/language/subject.js'
import type { SnapshotId, StepPhase, StepSums } from '../../shared/protocol/messages.js'
import type { Answers, Question } from '../../shared/question.js'

/** workerData of the compute thread. */
export interface ComputeSetup {
  readonly config: RunConfig
  readonly backend: 'auto' | 'tensorflow' | 'wasm' | 'native'
  readonly gpu: number | undefined
  readonly threads: number | undefined
  /** Keep only what a network pass starts from, and run it again in backward. */
  readonly recompute: boolean
  /** The recursion as a graph of the GPU, on the native engine. Default: yes. */
  readonly graphs?: boolean
  /** Instruction set of the native engine; undefined: the best here. */
  readonly isa: string | undefined
  readonly root: string
}

export interface Begin {
  readonly slot: SlotId
  readonly draw: Draw
  readonly puzzle: number
  /** u8 tokens [S0]. */
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

/** What a slot's carry becomes under a new membership; `load` takes zH and zL (f32 [S, D]) from `carries`, in order. */
export type SlotOrder =
  | { readonly slot: SlotId; readonly carry: 'keep' | 'reset' }
  | { readonly slot: SlotId; readonly carry: 'load'; readonly steps: number; readonly example: Begin }

export type Command =
  /** Dense state lies in the arena: upload it. States are f32 [D]. */
  | { readonly type: 'adopt'; readonly hInit: Float32Array; readonly lInit: Float32Array }
  | { readonly type: 'slots'; readonly orders: readonly SlotOrder[]; readonly carries: Float32Array }
  /** `puzzles`: those whose rows lie in the arena, each once; absent in a round that goes on. */
  | {
      readonly type: 'step'
      readonly step: Step
      readonly takes: readonly Begin[]
      readonly puzzles?: readonly number[]
      readonly frozen?: boolean
    }
  /** Local steps: the round is over, what it proposes goes into the arena. */
  | { readonly type: 'propose' }
  /** Is the mean finite, and what are the fingerprints of mean and parameters? */
  | { readonly type: 'check' }
  | { readonly type: 'commit'; readonly step: Step; readonly frozen?: boolean }
  | { readonly type: 'discard' }
  | { readonly type: 'snapshot'; readonly snapshot: SnapshotId; readonly dense: boolean }
  /** u8 inputs [n, S0], f32 rows [n, puzzleDim], u8 boxes [n, 2] or empty. */
  | {
      readonly type: 'evaluate'
      readonly inputs: Uint8Array
      readonly rows: Float32Array
      readonly boxes: Uint8Array
      /** Of each row; empty: 0 for all. */
      readonly draws: readonly number[]
      readonly chains: readonly number[]
      readonly question: Question
    }
  /** Build what is to be measured; then train it and let it answer, and let it go. */
  | { readonly type: 'measure-open'; readonly subject: SubjectName; readonly samples: MeasureSamples }
  | { readonly type: 'measure-train'; readonly seconds: number }
  | { readonly type: 'measure-answer'; readonly seconds: number }
  | { readonly type: 'measure-close' }

/** The same tasks for both kinds: text in tokens, with where the answer begins; grids, u8 [n, S0]. */
export interface MeasureSamples {
  readonly texts: readonly { readonly tokens: Int32Array; readonly prompt: number }[]
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

/** Sums over what was timed. */
export interface Trained {
  readonly steps: number
  readonly samples: number
  readonly tokens: number
  readonly seconds: number
  /** A step that was not timed went before. */
  readonly warm: boolean
}

/** Prompts are timed apart from the tokens that follow; TRM has no such tokens, its answer is all prompt. */
export interface Answered {
  readonly answers: number
  readonly promptSeconds: number
  readonly tokens: number
  readonly tokenSeconds: number
}

/** L2 distance of the weights from their average, and the norm of the weights. */
export interface EmaDistance {
  readonly distance: number
  readonly norm: number
}

export type PhaseTimes = Partial<Record<StepPhase, number>>

export type Reply =
  | { readonly type: 'done' }
  | {
      readonly type: 'stepped'
      /** Of all slots, or of each group. */
      readonly sums: readonly StepSums[]
      /** Mode exact: the gradient, in buffers that both threads see; null: it lies in the arena. */
      readonly nodes: readonly TreeNode[] | null
      /** It lies in the first half of arena.grad, as bf16. */
      readonly halves: boolean
      readonly halted: Uint8Array
      readonly steps: Uint8Array
      readonly finite: boolean
      readonly phases: PhaseTimes
    }
  | {
      readonly type: 'checked'
      readonly finite: boolean
      /** L2 norm of the mean. */
      readonly norm: number
      readonly mean: string
      readonly params: string
      readonly ms: number
    }
  | { readonly type: 'committed'; readonly ms: number; readonly ema: EmaDistance | null }
  /** Dense: params, ema, m, v, outer or gathered one after the other; carries: zH and zL of `slots`, [slots, 2, S, D], zero where it has halted. */
  | {
      readonly type: 'snapshot'
      readonly dense: Float32Array | null
      readonly carries: Float32Array
      readonly slots: readonly SlotId[]
    }
  | ({ readonly type: 'evaluated' } & Answers)
  | { readonly type: 'measure-opened'; readonly parameters: number; readonly recompute: boolean }
  | ({ readonly type: 'trained' } & Trained)
  | ({ readonly type: 'answered' } & Answered)

export type FromCompute =
  | {
      readonly kind: 'up'
      readonly backend: string
      readonly device: string
      readonly precision: 'f32' | 'bf16'
      readonly why: string
      /** FLOP/s of a large product, measured at the start. */
      readonly peakFlops: number
      readonly arena: SharedArrayBuffer
    }
  | { readonly kind: 'reply'; readonly id: number; readonly reply: Reply }
  | {
      readonly kind: 'failed'
      readonly id: number
      readonly code: string
      readonly message: string
      readonly remedy: string
      readonly exitCode: number
    }

export interface ToCompute {
  readonly id: number
  readonly command: Command
}
