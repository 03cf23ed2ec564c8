// A reproduction in the report of its runs: reported and measured in columns of their own, and everything that differs.
import type { Reproduction } from '../../reproduce/record.js'
import { ALWAYS } from '../../reproduce/rows.js'
import { intervalOf, measuredOf } from '../../reproduce/terminal.js'
import { html, type Markup } from './markup.js'
import { moment } from './numbers.js'

export const reproductionSection = ({ recipe, title, claim, measure, rows }: Reproduction): Markup =>
  html`<h2 id="reproduction">Reproduction: ${recipe}</h2>
    <p class="words">Recipe: ${title}. The claim: ${claim}. Compared: ${measure}, share of unseen puzzles.</p>
    <br />
    <div class="sheet">
      <table class="stacks">
        <thead>
          <tr>
            <th>run</th>
            <th>reported</th>
            <th>measured here, as published</th>
            <th>measured here, otherwise</th>
            <th>95 % interval</th>
            <th>what differs (published; here)</th>
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ({ what, reported, asPublished, otherwise, differs }) =>
              html`<tr>
                <td data-of="run"><b>${what}</b></td>
                <td data-of="reported" class="number">${reported.figure} %</td>
                <td data-of="measured here, as published" class="number">${measuredOf(asPublished)}</td>
                <td data-of="measured here, otherwise" class="number">${measuredOf(otherwise)}</td>
                <td data-of="95 % interval" class="number">${intervalOf(asPublished ?? otherwise)}</td>
                <td data-of="what differs">${differs.length === 0 ? 'nothing' : differs.join(', ')}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      <ul class="notes">
        ${rows.map(
          ({ what, reported, data, step, created, workers, run }) =>
            html`<li>
              ${what}: run ${run}, step ${step}, measured ${moment(created)} with ${workers}; ${data}. Reported:
              ${reported.what}, ${reported.source} (${reported.grade}).
            </li>`,
        )}
      </ul>
      <p class="words">
        A figure stands under "as published" only if the run differs from the published one in no setting, saw all of
        its steps and was asked the whole test set. ${ALWAYS}
      </p>
    </div>`
