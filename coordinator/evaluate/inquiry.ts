// An inquiry: an evaluation that asks other rows than the test set's own, or scores their answers its own way. The work is
// spread over workers as in any evaluation; who asks keeps the answers.
import type { RunConfig } from '../../shared/config/run-config.js'
import type { Question } from '../../shared/question.js'
import type { EvaluationSet } from '../data/example-source.js'
import type { OpenedSource } from '../data/open.js'
import type { Observer } from '../observer.js'
import type { RowAnswers } from './answers.js'

export interface Inquiry {
  /** Rows to ask, and what becomes of the answers. @throws ConfigError where this data has no such rows */
  ask(data: OpenedSource): EvaluationSet
  readonly observer: Observer
  /** What is asked of every row; by default its answer after the last step. */
  question?(model: RunConfig['model']): Question
  /** Every answer as it comes, also those that scorers are not told of: after other steps, and at the step of halting. */
  onAnswers?(row: number, answers: RowAnswers): void
}
