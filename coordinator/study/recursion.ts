// Study: where does accuracy appear? The answer is read after every cycle of every supervision step, in one pass: the last
// cycle of a step is the step's own answer. (Between cycles only the latent z changes, so there is no other answer to read.)
import type { ModelConfig, RunConfig } from '../../shared/config/run-config.js'
import type { EvaluationResult, Score } from '../evaluate/result.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { quietObserver } from '../quiet-observer.js'
import type { Findings, Measured, Reported, StudyTable } from './record.js'
import { AFTER_ALL_STEPS, AFTER_ONE_STEP, onArc1 } from './reported.js'
import { share, WILSON } from './statistics.js'
import type { Study } from './study.js'

/** What is shown of a score, by kind of data. */
const MEASURES = { arc: ['pass@1', 'pass@2', 'rows exact', 'cells right'], board: ['exact', 'cells right'] } as const

export interface RecursionInquiry extends Inquiry {
  /** One score a cycle, once all answers are in. */
  found(): { readonly description: string; readonly scores: readonly Score[] }
}

export function recursionInquiry(): RecursionInquiry {
  let description = ''
  let result: EvaluationResult | undefined
  return {
    question: ({ haltMaxSteps, hCycles }) => ({
      steps: Array.from({ length: haltMaxSteps * hCycles }, (_, i) => i + 1),
      early: false,
      cycles: true,
    }),
    observer: { ...quietObserver, evaluated: (_step, scores) => void (result = scores) },
    ask(data) {
      description = data.evaluation.description
      return data.evaluation
    },
    found() {
      if (result === undefined) throw new Error('not all answers are in')
      // A single cycle stands alone, not in a list.
      return { description, scores: result.after ?? [result] }
    },
  }
}

export function recursionFindings(
  { description, scores }: ReturnType<RecursionInquiry['found']>,
  { model, data }: Pick<RunConfig, 'model' | 'data'>,
  comparable: boolean,
): Findings {
  const names: readonly string[] = MEASURES[data.kind === 'arc' ? 'arc' : 'board']
  const measured = scores.map(({ accuracies }) =>
    names.map((name): Measured | null => {
      const found = accuracies.find((accuracy) => accuracy.name === name)
      return found === undefined ? null : share(found.value, found.trials)
    }),
  )
  const final = measured.at(-1)?.[0]?.value ?? 0
  const row = (what: string, cycle: number, reported: readonly Reported[]): StudyTable['rows'][number] => {
    const own = measured[cycle] ?? []
    const part = own[0] == null || final === 0 ? null : { value: own[0].value / final, low: null, high: null }
    return { what, measured: [...own, part], reported: [...reported] }
  }
  const columns = [
    ...names.map((title) => ({ title, unit: 'share' as const, interval: WILSON })),
    { title: `share of the final ${names[0]}`, unit: 'share' as const, interval: '' },
  ]
  const { haltMaxSteps: steps, hCycles: T } = model
  const reportedAt = (step: number): Reported[] => {
    if (data.kind !== 'arc') return []
    return [...(step === 1 ? [AFTER_ONE_STEP] : []), ...(step === steps ? [AFTER_ALL_STEPS] : [])]
  }
  const bySteps: StudyTable = {
    title: 'After supervision step',
    columns,
    rows: Array.from({ length: steps }, (_, i) => row(`step ${i + 1}`, (i + 1) * T - 1, reportedAt(i + 1))),
  }
  const inside: StudyTable = {
    title: 'After cycle',
    columns,
    rows: scores.map((_, i) => row(`step ${Math.floor(i / T) + 1}, cycle ${(i % T) + 1} of ${T}`, i, [])),
  }
  return {
    asked: `${description}; the answer after each of ${scores.length} cycles (${steps} steps of ${T})`,
    tables: T === 1 ? [bySteps] : [bySteps, inside],
    pictures: [
      {
        title: 'Accuracy along the recursion',
        along: T === 1 ? 'supervision steps' : `supervision steps, of ${T} cycles each`,
        kind: 'line',
        unit: 'share',
        scale: 'linear',
        labels: scores.map((_, i) => stepLabel(i, T)),
        series: names.map((name, column) => ({ name, points: measured.map((own) => own[column] ?? null) })),
        reported:
          comparable && data.kind === 'arc'
            ? [{ name: `after step 1, pass@1, ${AFTER_ONE_STEP.by}`, value: 0.3825 }]
            : [],
      },
    ],
    notes: notes(model),
  }
}

/** Where a step is whole its number, inside it the fraction. */
const stepLabel = (cycle: number, T: number): string =>
  (cycle + 1) % T === 0 ? String((cycle + 1) / T) : `${Math.floor(cycle / T)}+${(cycle % T) + 1}/${T}`

const notes = ({ haltMaxSteps, hCycles, lCycles }: ModelConfig): string[] => [
  `All from one pass with a fresh carry and averaged weights: step k is what an evaluation of k steps gives. Inside a step the answer y changes ${hCycles === 1 ? 'once' : `${hCycles} times`}, each time after ${lCycles} updates of the latent z.`,
  `The network was trained for up to ${haltMaxSteps} steps. What its first step gives is not what a network trained for one step gives: ARC Prize's reading of HRM found the latter more than 15 points worse.`,
  'Points along the curve are of the same test set: their differences are surer than their intervals.',
]

export const recursion: Study = {
  name: 'recursion',
  question: 'Where along the recursion does accuracy appear?',
  cost: 'one evaluation that reads an answer after every cycle',
  async run({ config, wishes, ask }): Promise<Findings> {
    const inquiry = recursionInquiry()
    const { augmentations = config.evaluate.augmentations } = wishes
    await ask(inquiry, { ...config, evaluate: { ...config.evaluate, augmentations } })
    return recursionFindings(inquiry.found(), config, onArc1(config))
  },
}
