// The test rows of ARC data as a study needs them: with the pool behind them, so that it can ask and file them its own way.
import { ConfigError } from '../../shared/errors.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { ArcEvaluation } from '../data/arc-evaluation.js'
import type { EvaluationSet } from '../data/example-source.js'
import type { StudyName } from './study.js'

const ONLY_ARC: Partial<Record<StudyName, string>> = {
  voting: 'its official evaluation asks every puzzle once, so nothing is voted on',
  identity: 'all its puzzles share one identifier, so there is none to take away',
}

/** @throws ConfigError for Sudoku and mazes, with the reason */
export function mustBeArc(study: StudyName, { data }: RunConfig): void {
  if (data.kind === 'arc') return
  throw new ConfigError(
    `${study} says nothing about ${data.kind}: ${ONLY_ARC[study] ?? 'it is about ARC tasks'}`,
    'name a checkpoint that was trained on ARC tasks, or another study (`npx trmesh study` lists them)',
  )
}

export function arcRows(set: EvaluationSet): ArcEvaluation {
  if (set instanceof ArcEvaluation) return set
  throw new Error('ARC data without ARC rows')
}
