// ARC grids as pictures, and a test pair as a row of them: the question, the answer, what came first and second in the votes.
import { PASS_K } from '../../../shared/arc/vote.js'
import type { RecordedPair } from '../../evaluate/record.js'
import { html, type Markup } from './markup.js'
import { percent } from './numbers.js'

/** The colours ARC is known by, 0..9. */
const COLOURS = ['#000', '#0074d9', '#ff4136', '#2ecc40', '#ffdc00', '#aaa', '#f012be', '#ff851b', '#7fdbff', '#870c25'] // prettier-ignore
const LARGEST_PX = 132
const CELL_PX = 22

type Rows = readonly string[]

/** @param truth marks the cells that differ from it, where the sizes agree */
export function picture(rows: Rows, name: string, truth?: Rows | null): Markup {
  const [height, width] = [rows.length, rows[0]?.length ?? 0]
  if (height === 0 || width === 0) return html`<div class="no-grid">empty</div>`
  const cell = Math.min(CELL_PX, LARGEST_PX / Math.max(height, width))
  const bars = rows.flatMap((row, r) =>
    [...row.matchAll(/(.)\1*/g)].map(
      ({ 0: run, 1: colour, index }) =>
        html`<rect
          x="${index}"
          y="${r}"
          width="${run.length}"
          height="1"
          fill="${COLOURS[Number(colour)] ?? '#fff'}"
        />`,
    ),
  )
  const sameSize = truth?.length === height && truth[0]?.length === width
  const wrong = sameSize
    ? rows.flatMap((row, r) => [...row].flatMap((colour, c) => (truth[r]?.[c] === colour ? [] : [[r, c] as const])))
    : []
  const lines = [
    ...Array.from({ length: height - 1 }, (_, r) => `M0 ${r + 1}h${width}`),
    ...Array.from({ length: width - 1 }, (_, c) => `M${c + 1} 0v${height}`),
  ].join('')
  return html`<svg
    class="grid"
    viewBox="0 0 ${width} ${height}"
    width="${Math.round(cell * width)}"
    height="${Math.round(cell * height)}"
    role="img"
    aria-label="${name}: ${height} rows, ${width} columns${wrong.length > 0 && `, ${wrong.length} cells wrong`}"
  >
    <g shape-rendering="crispEdges">${bars}</g>
    <path class="lines" d="${lines}" />
    ${wrong.map(([r, c]) => html`<circle class="wrong" cx="${c + 0.5}" cy="${r + 0.5}" r=".2" />`)}
  </svg>`
}

const place = (rank: number): string => (rank === 0 ? 'solved first' : rank === 1 ? 'solved second' : `right answer at ${rank + 1}`) // prettier-ignore

export function pairCard({ task, pair, votes, known, rank, input, solution, candidates }: RecordedPair): Markup {
  const state = !known ? 'answer not known' : rank < 0 ? 'not found' : place(rank)
  const good = known && rank >= 0 && rank < 2
  const [first, second] = candidates
  const answer = (candidate: typeof first, order: string): Markup => {
    if (candidate === undefined)
      return html`<figure>
        <div class="no-grid">none</div>
        <figcaption>${order}</figcaption>
      </figure>`
    const right = known && candidates[rank] === candidate
    const mark = known && html`<span class="${right ? 'right' : 'miss'}">${right ? '✓ right' : '✗ wrong'}</span>`
    return html`<figure>
      ${candidate.grid === null ? html`<div class="no-grid">not kept</div>` : picture(candidate.grid, order, solution)}
      <figcaption>
        ${order} ${mark}<br /><span>${candidate.votes} of ${votes} votes,</span>
        <span>q ${percent(candidate.confidence, 0)}</span>
      </figcaption>
    </figure>`
  }
  return html`<article class="pair">
    <h3>${task} <small>test ${pair + 1}</small> <span class="badge${good ? ' good' : ''}">${state}</span></h3>
    <div class="pictures">
      <figure>
        ${picture(input, 'input')}
        <figcaption>input</figcaption>
      </figure>
      <figure>
        ${solution === null ? html`<div class="no-grid">not known</div>` : picture(solution, 'truth')}
        <figcaption>truth</figcaption>
      </figure>
      ${answer(first, 'first')} ${answer(second, 'second')}
    </div>
    ${votes > 0 && voteBar(votes, known ? rank : -1, candidates)}
  </article>`
}

/** Shares of the votes, the right answer's marked. */
function voteBar(votes: number, rank: number, candidates: RecordedPair['candidates']): Markup {
  const shown = candidates.slice(0, 8)
  const rest = votes - shown.reduce((sum, candidate) => sum + candidate.votes, 0)
  const words = `${candidates.length} different ${candidates.length === 1 ? 'answer' : 'answers'} in ${votes} votes`
  const segment = (share: number, kind: string): Markup => html`<i class="${kind}" style="flex:${share}"></i>`
  return html`<div class="votes" role="img" aria-label="${words}">
      ${shown.map((candidate, i) => segment(candidate.votes, i === rank ? 'right' : ''))}${rest > 0 && segment(rest, 'rest')}
    </div>
    <p class="words">${words}</p>`
}

/** Up to `most` pairs: half solved, half not, spread over the test set and in its order. */
export function choosePairs(pairs: readonly RecordedPair[], most: number): RecordedPair[] {
  const solved = pairs.filter(({ rank }) => rank >= 0 && rank < PASS_K[1])
  const others = pairs.filter((pair) => !solved.includes(pair))
  const half = Math.ceil(most / 2)
  const fromSolved = Math.min(solved.length, Math.max(half, most - others.length))
  const spread = (list: readonly RecordedPair[], count: number): RecordedPair[] =>
    Array.from({ length: count }, (_, i) => list[Math.floor((i * list.length) / count)] as RecordedPair)
  const chosen = new Set([...spread(solved, fromSolved), ...spread(others, Math.min(others.length, most - fromSolved))])
  return pairs.filter((pair) => chosen.has(pair))
}
