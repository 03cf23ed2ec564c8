// The report of a run: one HTML page that needs nothing else, no network, no script. A pure function of what is known.
import { modelName } from '../../../shared/config/model-name.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { wilson } from '../../../shared/wilson.js'
import type { EvaluationRecord, RecordedPair, WatchedPair } from '../../evaluate/record.js'
import { PICTURE_STYLE } from '../../study/draw.js'
import { smoothed, thinned, throughput, type Journal, type Point, type StepLine } from '../curves.js'
import { chooseHalf, pairCard, solvedAtLast, watchedCard } from './cards.js'
import { chart, type Series } from './chart.js'
import { facts, honesty, settings, shape } from './facts.js'
import { html, Markup, type Markup as Part } from './markup.js'
import { DASH, moment, percent, plain, short } from './numbers.js'
import { measuredText, publishedRows, publishedTable, type PublishedRow } from './published.js'
import { reproductionSection } from './reproduction.js'
import { results } from './results.js'
import type { RunReport } from './run-report.js'
import { studySections } from './studies.js'
import { STYLE } from './style.js'

const SMOOTHING = 20
const MOST_POINTS = 300
const MOST_PAIRS = 12
const ROWS_OF_NUMBERS = 12

/** The page. No script may run in it and nothing be loaded, whatever stands in its names. */
export function reportPage(report: RunReport): string {
  const { name, journal, evaluation, config } = report
  const body = html`<main>
    <header>
      <h1>Run ${name}</h1>
      <p>${shape(report)}</p>
    </header>
    ${tiles(report)} ${evaluation !== undefined && results(evaluation)}
    ${report.reproduction !== undefined && reproductionSection(report.reproduction)}
    <h2>Training</h2>
    ${curves(journal, config?.train.slots ?? 0)}
    ${evaluation !== undefined && evaluation.pairs.length + evaluation.watched.length > 0 && pictures(evaluation)}
    ${studySections(report.studies)}
    <h2>Reported by others, and measured here</h2>
    <div class="sheet">
      ${config === undefined ? html`<p class="none">the run has no checkpoint yet, so nobody knows what to compare it with</p>` : publishedTable([ours(report, config), ...publishedRows(config, evaluation)])}
    </div>
    <h2>What is honest about these numbers</h2>
    <div class="sheet">
      <ul>
        ${honesty(report).map((line) => html`<li>${line}</li>`)}
      </ul>
    </div>
    <h2>The run</h2>
    <div class="sheet">
      <table class="facts">
        <tbody>
          ${facts(report).map(
            ([key, value]) =>
              html`<tr>
                <td>${key}</td>
                <td>${value}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    ${
      config !== undefined &&
      html`<details>
        <summary>All settings</summary>
        <dl>
          ${settings(config).map(
            ([key, value]) =>
              html`<div>
                <dt>${key}</dt>
                <dd>${value}</dd>
              </div>`,
          )}
        </dl>
      </details>`
    }
    <p class="words">Written by trmesh on ${moment(report.date)}. One file, no network, no script.</p>
  </main>`
  const head = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta
          http-equiv="Content-Security-Policy"
          content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"
        />
        <link rel="icon" href="data:," />
        <title>${name} · trmesh</title>
        <style>
          ${new Markup(STYLE + PICTURE_STYLE)}
        </style>
      </head>
      <body>
        ${body}
      </body>
    </html> `
  return head.text
}

function tiles({ journal, evaluation, config }: RunReport): Part {
  const last = journal.steps.at(-1)
  const recent = journal.steps.slice(-SMOOTHING)
  const [rate] = throughput(recent, SMOOTHING, config?.train.slots ?? NaN, 1)
  const exact = lastOf(smoothed(recent, SMOOTHING, (line) => line.exact, (line) => line.halted)) // prettier-ignore
  const halted = recent.reduce((sum, line) => sum + (Number.isFinite(line.exact) ? line.halted : 0), 0)
  const { low, high } = wilson(Number.isFinite(exact) ? exact * halted : 0, halted)
  const tile = (value: string, what: string, more: string): Part =>
    html`<div class="tile"><span>${what}</span><b>${value}</b><span>${more}</span></div>`
  const main = evaluation?.accuracies[0]
  return html`<div class="tiles">
    ${tile(main === undefined ? DASH : percent(main.value), `unseen, ${main?.name ?? 'not evaluated yet'}`, main === undefined ? '' : `${percent(main.low)} to ${percent(main.high)}, n\u00a0=\u00a0${main.trials}`)}
    ${tile(percent(exact), 'training, exact', halted === 0 ? '' : `${percent(low)} to ${percent(high)}, last ${recent.length} steps`)}
    ${tile(last === undefined ? DASH : plain(last.step), 'steps', config === undefined ? '' : `of ${plain(config.train.steps)}, ${config.train.slots} samples each`)}
    ${tile(plain(rate?.[1] ?? NaN), 'samples/s', last === undefined || !Number.isFinite(last.workers) ? '' : `${last.workers} worker${last.workers === 1 ? '' : 's'}`)}
  </div>`
}

const lastOf = (points: readonly Point[]): number => points.at(-1)?.[1] ?? NaN

function curves({ steps, evaluations }: Journal, slots: number): Part {
  const line = (points: readonly Point[]): Point[] => thinned(points, MOST_POINTS)
  const raw = (value: (step: StepLine) => number): Point[] => line(steps.map((at) => [at.step, value(at)]))
  const mean = (value: (step: StepLine) => number, weight?: (step: StepLine) => number): Point[] =>
    line(smoothed(steps, SMOOTHING, value, weight))
  const halted = (step: StepLine): number => step.halted
  const share = (value: number): string => percent(value, 0)
  const unseen = (name: string, colour: 1 | 2): Series => {
    const found = evaluations.flatMap(({ step, accuracies }) =>
      accuracies.filter((accuracy) => accuracy.name === name).map(({ value, trials }) => ({ step, value, trials })),
    )
    return {
      name,
      colour,
      points: found.map(({ step, value }) => [step, value]),
      intervals: found.map(({ step, value, trials }) => {
        const { low, high } = wilson(value * trials, trials)
        return [step, low, high]
      }),
    }
  }
  const names = evaluations.some(({ accuracies }) => accuracies.some(({ name }) => name === 'pass@2'))
    ? (['pass@2', 'cells right'] as const)
    : (['exact', 'cells right'] as const)
  return html`<div class="charts">
      ${chart({ title: 'Loss', format: short, series: [{ name: `mean of ${SMOOTHING} steps`, colour: 1, points: mean((at) => at.loss), raw: raw((at) => at.loss) }] })}
      ${chart({
        title: 'Accuracy on training samples',
        format: share,
        range: [0, 1],
        series: [
          { name: 'cells', colour: 1, points: mean((at) => at.cells, halted) },
          { name: 'exact', colour: 2, points: mean((at) => at.exact, halted) },
        ],
      })}
      ${chart({ title: 'Accuracy on unseen pairs', format: share, range: [0, 1], series: [unseen(names[1], 1), unseen(names[0], 2)] })}
      ${chart({ title: 'Supervision steps until halting', format: short, series: [{ name: 'mean', colour: 1, points: mean((at) => at.haltSteps, halted) }] })}
      ${chart({ title: 'Samples per second', format: short, series: [{ name: `median of ${SMOOTHING} steps`, colour: 1, points: slots > 0 ? throughput(steps, SMOOTHING, slots, MOST_POINTS) : [] }] })}
      ${chart({ title: 'Workers', format: short, from: 0, series: [{ name: 'at work', colour: 1, points: raw((at) => at.workers) }] })}
    </div>
    ${steps.length > 0 && numbers(steps, slots)}`
}

/** The curves as a table, for those who cannot see them. */
function numbers(steps: readonly StepLine[], slots: number): Part {
  const count = Math.min(ROWS_OF_NUMBERS, steps.length)
  const rows = Array.from({ length: count }, (_, i) => Math.floor(((i + 1) * steps.length) / count) - 1)
  const rates = throughput(steps, SMOOTHING, slots, count)
  const columns = [
    smoothed(steps, SMOOTHING, (at) => at.loss),
    smoothed(steps, SMOOTHING, (at) => at.cells, (at) => at.halted), // prettier-ignore
    smoothed(steps, SMOOTHING, (at) => at.exact, (at) => at.halted), // prettier-ignore
  ]
  const format = [plain, percent, percent]
  return html`<details>
    <summary>The curves in numbers</summary>
    <table>
      <thead>
        <tr>
          <th>step</th>
          <th>loss</th>
          <th>cells</th>
          <th>exact</th>
          <th>samples/s</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (i, row) =>
            html`<tr>
              <td class="number">${steps[i]?.step}</td>
              ${columns.map((column, c) => html`<td class="number">${format[c]?.(column[i]?.[1] ?? NaN)}</td>`)}
              <td class="number">${plain(rates[row]?.[1] ?? NaN)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </details>`
}

/** Pairs that were watched step by step, where there are any; of other puzzles, which have no votes, the puzzles. */
function pictures({ pairs, watched, asked }: EvaluationRecord): Part {
  const byName = new Map(watched.map((one) => [`${one.task} ${one.pair}`, one]))
  const watchedOf = ({ task, pair }: RecordedPair): WatchedPair | undefined => byName.get(`${task} ${pair}`)
  const isSolved = ({ rank }: RecordedPair): boolean => rank >= 0 && rank < 2
  const seen = pairs.filter((pair) => watchedOf(pair) !== undefined)
  const chosen = chooseHalf(seen.length > 0 ? seen : pairs, isSolved, MOST_PAIRS)
  const puzzles = pairs.length > 0 ? [] : chooseHalf(watched, solvedAtLast, MOST_PAIRS)
  return html`<h2>${pairs.length > 0 ? 'Test pairs and their votes' : 'Puzzles, step by step'}</h2>
    <p class="words">
      ${
        pairs.length > 0
          ? `${chosen.length} of ${pairs.length} pairs (${pairs.filter(isSolved).length} solved by one of two answers)`
          : `${puzzles.length} of ${plain(asked.rows)} puzzles`
      },
      chosen half from the solved and half from the others, spread over the test set.
      ${watched.length > 0 && `Answers after some of the ${asked.steps} supervision steps are those to the question as it stands, without augmentation.`}
      A dot marks a cell that differs from the truth. q is the network's own confidence.
    </p>
    <br />
    <div class="pairs">${chosen.map((pair) => pairCard(pair, watchedOf(pair)))}${puzzles.map(watchedCard)}</div>`
}

function ours({ evaluation, checkpoint, name }: RunReport, { data, model }: RunConfig): PublishedRow {
  const measure = data.kind === 'arc' ? 'pass@2' : 'exact'
  return {
    what: `This run (${name}): ${modelName(model)}, ${data.source === 'generated' ? 'generated tasks' : data.source}, ${measure}`,
    published: DASH,
    measured: measuredText(evaluation, measure),
    source:
      evaluation === undefined
        ? 'not evaluated yet'
        : `measured ${moment(evaluation.created)}, step ${checkpoint?.step ?? evaluation.step}`,
    grade: '',
    mind: data.source === 'generated' ? 'Its own generated tasks: to be compared with none of the rows below' : '',
  }
}
