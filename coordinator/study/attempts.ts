// Asks every test question several times in one evaluation: as it is, with noise (rollouts), as copies that are mapped back, and by
// each chain of a model that has several. The answers are kept by question and kind.
import type { Noise } from '../../shared/question.js'
import { copiesOf, type Copies } from '../data/copies.js'
import type { EvaluationSet } from '../data/example-source.js'
import type { RowAnswer } from '../evaluate/answers.js'
import type { CopyAnswer } from '../evaluate/choices.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'

export const ATTEMPTS = ['rollouts', 'copies', 'chains'] as const
export type AttemptKind = (typeof ATTEMPTS)[number]

export interface Attempted {
  /** undefined: the right answer is not known. */
  readonly right: string | undefined
  /** The question as it is, without noise, by the first chain. */
  readonly plain: CopyAnswer
  /** Of `copies` and `chains` the first is the plain one. */
  readonly attempts: Readonly<Record<AttemptKind, readonly CopyAnswer[]>>
}

export interface AttemptOrder {
  readonly rollouts: number
  /** Copies of a question at most, itself included. */
  readonly copies: number
  readonly chains: number
  readonly noise: Noise
}

interface Row {
  readonly question: number
  readonly kind: AttemptKind | 'plain'
  readonly copy: number
  readonly chain: number
}

export interface AttemptInquiry extends Inquiry {
  readonly description: string
  /** Once all answers are in, in the order of the test set. */
  found(): readonly Attempted[]
}

/** Every attempt at every question, one after the other. */
export function attemptRows(questions: number, count: (question: number) => number, order: AttemptOrder): Row[] {
  const times = (n: number, row: (i: number) => Row): Row[] => Array.from({ length: Math.max(0, n) }, (_, i) => row(i))
  return Array.from({ length: questions }, (_, question) => {
    const plain = { question, kind: 'plain', copy: 0, chain: 0 } as const
    return [
      plain,
      ...times(order.rollouts, () => ({ ...plain, kind: 'rollouts' })),
      ...times(count(question) - 1, (i) => ({ ...plain, kind: 'copies', copy: i + 1 })),
      ...times(order.chains - 1, (i) => ({ ...plain, kind: 'chains', chain: i + 1 })),
    ]
  }).flat()
}

export function attemptInquiry(order: AttemptOrder): AttemptInquiry {
  let copies: Copies | undefined
  let rows: readonly Row[] = []
  let description = ''
  const answers = new Map<number, CopyAnswer>()
  return {
    get description() {
      return description
    },
    observer: quietObserver,
    question: ({ haltMaxSteps }) => ({ steps: [haltMaxSteps], early: true, noise: order.noise }),
    onAnswers(row, { after, early }) {
      const { question, copy } = rows[row]!
      const of = ({ preds, q, step }: RowAnswer) => ({ key: copies!.key(question, copy, preds), q, step })
      const last = after.at(-1)
      if (last !== undefined && early !== undefined) answers.set(row, { ...of(last), early: of(early) })
    },
    ask({ evaluation }): EvaluationSet {
      const own = copiesOf(evaluation, order.copies, order.noise.seed)
      copies = own
      rows = attemptRows(own.questions, (question) => own.count(question), order)
      description = `${evaluation.description}; each as it is, in ${order.rollouts} noisy rollouts, as up to ${order.copies} copies`
      return {
        rows: rows.length,
        description,
        row: (index) => {
          const { question, kind, copy, chain } = rows[index]!
          // Every rollout has a number of its own; whatever is asked without noise has none.
          return { ...own.row(question, copy), draw: kind === 'rollouts' ? 1 + index : 0, chain }
        },
        scorer: () => ({ add: () => undefined, arc: () => undefined, finish: () => ({ score: 0, accuracies: [] }) }),
      }
    },
    found() {
      const own = Array.from({ length: copies!.questions }, (): { kind: Row['kind']; answer: CopyAnswer }[] => [])
      rows.forEach(({ question, kind }, i) => own[question]!.push({ kind, answer: answers.get(i)! }))
      return own.map((all, question): Attempted => {
        const of = (...kinds: Row['kind'][]): CopyAnswer[] =>
          all.flatMap(({ kind, answer }) => (kinds.includes(kind) ? [answer] : []))
        return {
          right: copies!.right(question),
          plain: of('plain')[0]!,
          attempts: { rollouts: of('rollouts'), copies: of('plain', 'copies'), chains: of('plain', 'chains') },
        }
      })
    },
  }
}
