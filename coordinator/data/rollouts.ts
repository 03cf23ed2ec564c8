// Several attempts at every test row, of which one answers: with noise on the states (PTRM, arXiv:2605.19943), and, of boards, each
// asked of another relabeled or turned copy (arXiv:2601.19085). They are rows of the evaluation like any others, so they are spread
// over workers, and noise is drawn by the number of the row: neither workers nor units change an answer.
import { crop } from '../../shared/arc/tokens.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { bestQ, firstToHalt, majority, type CopyAnswer } from '../evaluate/choices.js'
import type { Scorer } from '../evaluate/result.js'
import type { Watch } from '../evaluate/watch.js'
import { ArcEvaluation } from './arc-evaluation.js'
import { copiesOf, gridKey, keyOf, type Copies } from './copies.js'
import type { EvaluationSet, RowScorer, TestRow } from './example-source.js'

type Config = Pick<RunConfig, 'run' | 'evaluate' | 'model'>
type Way = RunConfig['evaluate']['choose']

/** One rollout's answer in the frame of the row, as one scorer is told it. */
interface Answer {
  readonly preds: Uint8Array
  readonly q: number
  readonly step: number
}

const WAYS: Readonly<Record<Way, (attempts: readonly CopyAnswer[]) => string>> = {
  'best-q': (attempts) => bestQ(attempts, 0).key,
  majority: (attempts) => majority(attempts, 0).key,
  'first-to-halt': (attempts) => firstToHalt(attempts).key,
}

/** The set as it is, or, with evaluate.rollouts, every row of it so many times. */
export function withRollouts(set: EvaluationSet, config: Config): EvaluationSet {
  return config.evaluate.rollouts === 0 ? set : new RolloutEvaluation(set, config)
}

class RolloutEvaluation implements EvaluationSet {
  readonly rows: number
  readonly description: string
  readonly watch?: Watch
  private readonly copies: Copies | undefined
  private readonly rollouts: number

  constructor(
    private readonly set: EvaluationSet,
    private readonly config: Config,
  ) {
    const { rollouts, sigma, relabel, choose } = config.evaluate
    this.rollouts = rollouts
    this.rows = set.rows * rollouts
    this.copies = relabel === 'on' ? copiesOf(set, rollouts, config.run.seed) : undefined
    const what = [sigma > 0 ? `noise ${sigma}` : '', relabel === 'on' ? 'relabeled' : ''].filter((word) => word !== '')
    this.description = `${set.description}, each in ${rollouts} rollouts (${[...what, `chosen by ${choose}`].join(', ')})`
    const { watch } = set
    // The first rollout of a row is of the row itself.
    if (watch !== undefined)
      this.watch = {
        rows: watch.rows.map((row) => row * rollouts),
        about: (row) => watch.about(row / rollouts),
        picture: (row, preds) => watch.picture(row / rollouts, preds),
      }
  }

  private placeOf(index: number): { readonly row: number; readonly rollout: number; readonly copy: number } {
    const [row, rollout] = [Math.floor(index / this.rollouts), index % this.rollouts]
    return { row, rollout, copy: this.copies === undefined ? 0 : rollout % this.copies.count(row) }
  }

  row(index: number): TestRow & { readonly draw?: number } {
    const { row, copy } = this.placeOf(index)
    const asked = copy === 0 || this.copies === undefined ? this.set.row(row) : this.copies.row(row, copy)
    return this.config.evaluate.sigma === 0 ? asked : { ...asked, draw: 1 + index }
  }

  scorer(before?: Scorer): RowScorer {
    return new RolloutScorer(
      this.set.scorer(before instanceof RolloutScorer ? before.chosen : undefined),
      this.set.scorer(),
      {
        rollouts: this.rollouts,
        choose: this.config.evaluate.choose,
        place: (index) => this.placeOf(index),
        back: (row, copy, preds) => this.copies?.back?.(row, copy, preds) ?? preds,
        key: (preds) => this.key(preds),
      },
    )
  }

  /** Equal for equal answers. */
  private key(preds: Uint8Array): string {
    return this.set instanceof ArcEvaluation ? gridKey(crop(preds, this.set.pool.config.canvas)) : keyOf(preds)
  }
}

interface Rules {
  readonly rollouts: number
  readonly choose: Way
  readonly place: (index: number) => { readonly row: number; readonly rollout: number; readonly copy: number }
  readonly back: (row: number, copy: number, preds: Uint8Array) => Uint8Array
  readonly key: (preds: Uint8Array) => string
}

/** Hands the chosen answer of a row to the scorer of the set once all of its rollouts are in. */
class RolloutScorer implements RowScorer {
  private readonly waiting = new Map<number, Answer[]>()
  private steps = 0
  private rows = 0

  constructor(
    readonly chosen: RowScorer,
    private readonly first: RowScorer,
    private readonly rules: Rules,
  ) {}

  add(index: number, preds: Uint8Array, q: number, step = 0): void {
    const { rollouts, place, back } = this.rules
    const { row, rollout, copy } = place(index)
    const answers = this.waiting.get(row) ?? []
    this.waiting.set(row, answers)
    // Answers may come in any order; ties are broken by the rollout's number.
    answers[rollout] = { preds: copy === 0 ? preds.slice() : back(row, copy, preds), q, step }
    if (answers.reduce((count) => count + 1, 0) < rollouts) return
    this.waiting.delete(row)
    this.choose(row, answers)
  }

  private choose(row: number, answers: readonly Answer[]): void {
    const { choose, rollouts, key } = this.rules
    const attempts = answers.map(({ preds, q, step }): CopyAnswer => {
      const own = { key: key(preds), q }
      return { ...own, early: { ...own, step } }
    })
    const wanted = WAYS[choose](attempts)
    const firstStep = Math.min(...answers.map(({ step }) => step))
    const allowed = answers.filter(
      ({ step }, i) => attempts[i]?.key === wanted && (choose !== 'first-to-halt' || step === firstStep),
    )
    const { preds, q, step } = allowed.reduce((best, other) => (other.q > best.q ? other : best))
    this.chosen.add(row, preds, q, step)
    const [one] = answers
    if (one !== undefined) this.first.add(row, one.preds, one.q, one.step)
    this.rows++
    this.steps +=
      choose === 'first-to-halt' ? firstStep : answers.reduce((sum, answer) => sum + answer.step, 0) / rollouts
  }

  arc(): ReturnType<RowScorer['arc']> {
    return this.chosen.arc()
  }

  meanSteps(): number {
    return this.steps / Math.max(1, this.rows)
  }

  finish(): ReturnType<RowScorer['finish']> {
    const result = this.chosen.finish()
    const [one] = this.first.finish().accuracies
    return {
      ...result,
      accuracies: [
        ...result.accuracies,
        ...(one === undefined ? [] : [{ ...one, name: `first rollout alone: ${one.name}` }]),
      ],
    }
  }
}
