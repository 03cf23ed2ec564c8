// What an evaluation asks, and what came of it.
import type { Task } from '../../shared/arc/task.js'
import type { Box } from '../../shared/arc/trim.js'
import type { ArcScore } from '../../shared/arc/vote.js'
import type { Watch, WatchedRow } from './watch.js'

/** One accuracy: hits out of trials, so that an interval can stand beside it. */
export interface Accuracy {
  readonly name: string
  /** 0..1. */
  readonly value: number
  /** Independent trials behind it (tasks, puzzles). */
  readonly trials: number
}

/** The accuracies of one way to answer. */
export interface Score {
  /** What checkpoints are ranked by: the first accuracy. */
  readonly score: number
  readonly accuracies: readonly Accuracy[]
  /** For ARC: every vote, and all tasks of the test set in the order of its file, evaluated or not. */
  readonly arc?: { readonly score: ArcScore; readonly tasks: readonly Task[] }
}

/** Answers taken at the step at which q_halt first said "halt". */
export interface EarlyScore extends Score {
  /** Supervision steps a row took, and what it may take at most. */
  readonly meanSteps: number
  readonly fullSteps: number
}

export interface EvaluationResult extends Score {
  /** If it was asked for, beside the result of the full number of steps. */
  readonly early?: EarlyScore
  /** After each of the steps asked for, the last one (this very result) included; absent where only that was asked for. */
  readonly after?: readonly (Score & { readonly step: number })[]
  /** A few rows, step by step, where the set has rows to watch. */
  readonly watched?: readonly WatchedRow[]
  /** Evaluations whose votes were counted: 1, unless votes are kept. */
  readonly evaluations: number
}

export interface Scorer {
  /** @param preds u8 tokens [S0] @param q halting logit @param step the supervision step that the answer was read after, for those who choose by it */
  add(row: number, preds: Uint8Array, q: number, step?: number): void
  finish(): Score
  /** Supervision steps a row took, where it ends when another row halts; absent: its own. */
  meanSteps?(): number
}

export interface AskedRow {
  readonly puzzle: number
  /** u8 tokens [S0]. */
  readonly inputs: Uint8Array
  /** The part of the canvas to compute; absent: all of it. */
  readonly box?: Box
  /** `mean`: asked under the mean of all trained rows of the puzzle table instead of its own. */
  readonly identity?: 'mean'
  /** What its noise and its random start are drawn by; 0: no noise. Absent: 0, or, where the model starts from random states, a number of its own. */
  readonly draw?: number
  /** The chain that answers, where the model has several; absent: the first. */
  readonly chain?: number
}

export interface EvaluationSet {
  readonly rows: number
  /** For people: what is asked, and how many of it. */
  readonly description: string
  row(index: number): AskedRow
  /** @param before a scorer of this set whose votes count too, where there are votes */
  scorer(before?: Scorer): Scorer
  /** Rows to look at step by step. */
  readonly watch?: Watch
}
