// The accuracies of an evaluation as a table; beside them what early halting would have answered, and what it would save.
import type { EvaluationRecord } from '../../evaluate/record.js'
import { html, type Markup } from './markup.js'
import { DASH, moment, percent, plain } from './numbers.js'

type Accuracies = EvaluationRecord['accuracies']

export function results({ accuracies, early, asked, step, created, evaluations }: EvaluationRecord): Markup {
  const arc = accuracies[0]?.name.startsWith('pass@') === true
  return html`<h2>${arc ? 'Unseen test pairs' : 'Unseen puzzles'}</h2>
    <div class="sheet">
      ${table(accuracies, early?.accuracies)}
      <p class="words">
        Step ${step}, ${moment(created)}: ${asked.description}; ${asked.weights} weights, ${asked.steps} supervision
        steps. ${arc && 'pass@K: the right answer is among the K with most votes, as a mean over tasks.'}
        ${evaluations > 1 && `Votes of ${evaluations} evaluations are counted together, as the official code does.`}
        Wilson intervals.
      </p>
      ${early !== null && earlyWords(early)}
    </div>`
}

function table(accuracies: Accuracies, early: Accuracies | undefined): Markup {
  const other = new Map(early?.map((accuracy) => [accuracy.name, accuracy]))
  const interval = (one: Accuracies[number] | undefined): string =>
    one === undefined || one.trials === 0 ? DASH : `${percent(one.low)} to ${percent(one.high)}`
  return html`<table class="${early !== undefined && 'stacks'}">
    <thead>
      <tr>
        <th>measured here</th>
        <th>value</th>
        <th>95 % interval</th>
        ${
          early !== undefined &&
          html`<th>halting early</th>
            <th>95 % interval</th>`
        }
        <th>n</th>
      </tr>
    </thead>
    <tbody>
      ${accuracies.map(
        (one) =>
          html`<tr>
            <td data-of="what">${one.name}</td>
            <td class="number" data-of="value"><b>${percent(one.value)}</b></td>
            <td class="number" data-of="95 % interval">${interval(one)}</td>
            ${
              early !== undefined &&
              html`<td class="number" data-of="halting early">${percent(other.get(one.name)?.value ?? NaN)}</td>
                <td class="number" data-of="95 % interval">${interval(other.get(one.name))}</td>`
            }
            <td class="number" data-of="n">${one.trials}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

const earlyWords = ({ meanSteps, fullSteps }: NonNullable<EvaluationRecord['early']>): Markup =>
  html`<p class="words">
    Halting early: each row answers at the first step at which the network's own halting output q is above 0, as in
    training. A row took ${plain(meanSteps)} of ${fullSteps} supervision steps on average, which would save
    ${percent(1 - meanSteps / fullSteps)} of them. Both columns are of the same pass: every row was run to the end.
  </p>`
