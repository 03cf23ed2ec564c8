// What training and evaluation see of the data, whatever it is: examples by (slot, draw), test rows by number.
import type { Box } from '../../shared/arc/trim.js'
import type { ArcScore } from '../../shared/arc/vote.js'
import type { EvaluationSet as AskedRows, Score, Scorer } from '../evaluate/result.js'
import type { Grids, Reference } from './encode.js'
import type { Choice, Lot } from './sampler.js'

export interface EncodedExample {
  /** Row of the puzzle table. */
  readonly puzzle: number
  /** u8 tokens [seqLen]; labels are 0 where nothing is asked. */
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

export interface ExampleSource {
  readonly vocab: number
  readonly seqLen: number
  /** Rows of the puzzle table, with row 0, the blank one. */
  readonly numPuzzles: number
  /** SHA-256 of the data and of everything that decides which examples it gives. */
  readonly dataHash: string
  /** For people: which data this is, and how much of it. */
  readonly description: string
  /** `slots`: the draw-th example of the slot, from 0. `official`: row `slot` of the batch of step `draw`, from 1. */
  example(slot: number, draw: number): Promise<EncodedExample>
  /** A hint that this example will be asked for. */
  prefetch(slot: number, draw: number): void
  close(): Promise<void>
}

/** One test row: a test pair under one augmentation. */
export interface TestRow {
  readonly puzzle: number
  /** Name of the task or puzzle, without augmentation. */
  readonly task: string
  /** Test pair of the task, from 0. */
  readonly pair: number
  readonly inputs: Uint8Array
  /** Tokens of the answer; all 0 where it is not known. */
  readonly labels: Uint8Array
  /** The part of the canvas to compute; absent: all of it. */
  readonly box?: Box
}

export interface RowScorer extends Scorer {
  /** Evaluation of ARC: votes, candidates and pass@K so far; undefined for other puzzles. */
  arc(): ArcScore | undefined
  finish(): Score
}

export interface EvaluationSet extends AskedRows {
  row(index: number): TestRow
  scorer(before?: Scorer): RowScorer
}

/** How much of the test set is asked for. */
export interface EvaluationLimits {
  /** Augmented copies per test pair, at most; 0: only the original. */
  readonly augmentations: number
  /** Test pairs at most; 0: all. */
  readonly maxPairs: number
  /** ARC: `shown`: rows say how much of the canvas they may need. Default: `whole`. */
  readonly canvas?: 'whole' | 'shown'
}

/** A data set with its pool: what the samplers choose from and the encoders encode. */
export interface Dataset {
  readonly vocab: number
  readonly numPuzzles: number
  /** SHA-256 of tasks and pool. */
  readonly hash: string
  readonly description: string
  readonly lots: readonly Lot[]
  readonly grids: Grids
  /** Row of the puzzle table and what to encode. */
  refer(choice: Choice): { readonly puzzle: number; readonly reference: Reference }
  evaluation(limits: EvaluationLimits): EvaluationSet
}
