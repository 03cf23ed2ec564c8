// The studies of a run in its report: each with its question, pictures, one table of both kinds of figures, and what to mind.
import { drawStudy } from '../../study/draw.js'
import { measuredText } from '../../study/figures.js'
import type { Reported, StudyRecord, StudyTable } from '../../study/record.js'
import { html, type Markup } from './markup.js'
import { DASH, moment, plain } from './numbers.js'

export const studySections = (studies: readonly StudyRecord[]): Markup => html`${studies.map(section)}`

function section({ findings, ...facts }: StudyRecord): Markup {
  const { tables, pictures, notes, asked } = findings
  return html`<h2 id="study-${facts.study}">Study: ${facts.study}</h2>
    <p class="words">${facts.question} Asked: ${asked}.</p>
    <br />
    <div class="studies">${pictures.map((picture) => html`<div class="sheet">${drawStudy(picture)}</div>`)}</div>
    <div class="sheet">
      ${tables.map(sheet)}
      <ul class="notes">
        ${notes.map((note) => html`<li>${note}</li>`)}
      </ul>
      <p class="words">
        Measured ${moment(facts.created)} of step ${facts.step}, seed ${facts.seed}, in ${plain(facts.seconds)} s on
        ${facts.machine}, load ${facts.load.toFixed(1)};
        ${facts.workers.map(({ label, backend, device, precision }) => `${label}: ${backend}, ${precision}, ${device}`).join('; ')}.
      </p>
    </div>`
}

function sheet({ title, columns, rows }: StudyTable): Markup {
  const intervals = [...new Set(columns.map(({ interval }) => interval).filter((interval) => interval !== ''))]
  const sources = [
    ...new Map(rows.flatMap(({ reported }) => reported.map((one) => [keyOf(one), one] as const))).values(),
  ]
  const number = (one: Reported): number => sources.findIndex((source) => keyOf(source) === keyOf(one)) + 1
  return html`<table class="stacks">
      <thead>
        <tr>
          <th>${title}</th>
          ${columns.map((column) => html`<th>${column.title}, measured here</th>`)}
          <th>reported by others</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ what, measured, reported }) =>
            html`<tr>
              <td data-of="what"><b>${what}</b></td>
              ${columns.map((column, i) => html`<td data-of="${column.title}, measured here" class="figure">${measuredText(measured[i] ?? null, column.unit)}</td>`)}
              <td data-of="reported by others" class="faint">
                ${reported.length === 0 && DASH}${reported.map((one, i) => html`${i > 0 && html`<br />`}${one.figure} [${number(one)}]`)}
              </td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${intervals.length > 0 && html`<p class="words">In brackets: ${intervals.join('; ')}.</p>`}
    ${sources.map((one) => html`<p class="words">[${number(one)}] ${one.by} (${one.grade}): ${one.mind}</p>`)}`
}

const keyOf = ({ by, grade, mind }: Reported): string => `${by}\n${grade}\n${mind}`
