// What a study is: a question about a checkpoint, answered by asking workers, and by reading what others reported.
import type { RunConfig } from '../../shared/config/run-config.js'
import type { StopSignal, Terminal } from '../../shared/ports.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import type { Findings } from './record.js'

export const STUDY_NAMES = ['voting', 'identity', 'recursion', 'testtime', 'augmentation', 'efficiency'] as const
export type StudyName = (typeof STUDY_NAMES)[number]

/** What only some studies take; undefined: their default. */
export interface StudyWishes {
  /** Augmented copies per pair; of `augmentation`: per task of the augmented run. */
  readonly augmentations: number | undefined
  readonly maxPairs: number | undefined
  readonly resamples: number
  /** Of `testtime`: noisy rollouts per question, the size of their noise, and which states get it. */
  readonly rollouts: number
  readonly sigma: number
  readonly noiseOn: 'answer' | 'all'
  /** Training steps of each run that a study trains. */
  readonly steps: number | undefined
  /** Measured units of work of `efficiency`. */
  readonly batches: number
  readonly seed: number
}

export interface StudyContext {
  /** Of the checkpoint. */
  readonly config: RunConfig
  readonly checkpoint: { readonly dir: string; readonly step: number }
  readonly wishes: StudyWishes
  /** Folder of this study's files. */
  readonly folder: string
  readonly out: Terminal
  readonly signal: StopSignal
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** Has workers answer it, with these weights. @throws RunError; also if it was stopped before all answers were in */
  readonly ask: (inquiry: Inquiry, config: RunConfig, checkpoint?: string) => Promise<void>
  /** Trains a run of its own to its end. @returns its folder */
  readonly train: (config: RunConfig) => Promise<string>
}

export interface Study {
  readonly name: StudyName
  readonly question: string
  /** For the list of studies: what it costs. */
  readonly cost: string
  /** @throws ConfigError if it makes no sense for this checkpoint */
  readonly run: (context: StudyContext) => Promise<Findings>
}
