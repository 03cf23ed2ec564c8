// One test pair or puzzle as a card: the question, the truth, what the network answered after some of its supervision steps
// where that was recorded, and how its augmented copies voted.
import { PASS_K } from '../../../shared/arc/vote.js'
import type { RecordedPair, WatchedPair } from '../../evaluate/record.js'
import { html, type Markup } from './markup.js'
import { percent } from './numbers.js'
import { picture } from './pictures.js'

type Rows = readonly string[]

/** Answers listed of those that were voted for. */
const LISTED = 5
const SMALL_PX = 46

const place = (rank: number): string => (rank === 0 ? 'solved first' : rank === 1 ? 'solved second' : `right answer at ${rank + 1}`) // prettier-ignore
const same = (a: Rows, b: Rows | null): boolean => b !== null && a.join('/') === b.join('/')
const marked = (right: boolean): Markup => html`<span class="${right ? 'right' : 'miss'}">${right ? '✓ right' : '✗ wrong'}</span>` // prettier-ignore

const figure = (content: Markup, words: Markup): Markup =>
  html`<figure>
    ${content}
    <figcaption>${words}</figcaption>
  </figure>`

const question = (input: Rows, solution: Rows | null): Markup =>
  html`${figure(picture(input, 'input'), html`input`)}
  ${figure(solution === null ? html`<div class="no-grid">not known</div>` : picture(solution, 'truth'), html`truth`)}`

const stepByStep = ({ after, solution }: WatchedPair): Markup =>
  html`${after.map(({ step, confidence, grid }) => {
    const name = `after ${step} ${step === 1 ? 'step' : 'steps'}`
    return figure(
      picture(grid, name, solution),
      html`${name}${solution !== null && html` ${marked(same(grid, solution))}`}<br /><span
          >q ${percent(confidence, 0)}</span
        >`,
    )
  })}`

/** @param watched the same pair step by step, where that was recorded */
export function pairCard(pair: RecordedPair, watched: WatchedPair | undefined): Markup {
  const { task, votes, known, rank, input, solution, candidates } = pair
  const state = !known ? 'answer not known' : rank < 0 ? 'not found' : place(rank)
  const good = known && rank >= 0 && rank < PASS_K[1]
  return html`<article class="pair">
    <h3>${task} <small>test ${pair.pair + 1}</small> <span class="badge${good ? ' good' : ''}">${state}</span></h3>
    <div class="pictures${watched !== undefined && ' steps'}">
      ${question(input, solution)}
      ${watched === undefined ? [voted(pair, 0, 'first'), voted(pair, 1, 'second')] : stepByStep(watched)}
    </div>
    ${votes > 0 && html`${voteBar(votes, known ? rank : -1, candidates)} ${voteTable(pair)}`}
  </article>`
}

/** A puzzle without votes. */
export function watchedCard(watched: WatchedPair): Markup {
  const { task, input, solution } = watched
  const right = solvedAtLast(watched)
  return html`<article class="pair">
    <h3>${task} <span class="badge${right && ' good'}">${right ? 'as labelled' : 'not as labelled'}</span></h3>
    <div class="pictures steps">${question(input, solution)} ${stepByStep(watched)}</div>
  </article>`
}

export const solvedAtLast = ({ after, solution }: WatchedPair): boolean => same(after.at(-1)?.grid ?? [], solution)

function voted({ candidates, votes, known, rank, solution }: RecordedPair, index: number, order: string): Markup {
  const candidate = candidates[index]
  if (candidate === undefined) return figure(html`<div class="no-grid">none</div>`, html`${order}`)
  return figure(
    candidate.grid === null ? html`<div class="no-grid">not kept</div>` : picture(candidate.grid, order, solution),
    html`${order} ${known && marked(rank === index)}<br /><span>${candidate.votes} of ${votes} votes,</span>
      <span>q ${percent(candidate.confidence, 0)}</span>`,
  )
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

function voteTable({ candidates, votes, known, rank, solution }: RecordedPair): Markup {
  const listed = candidates.flatMap((candidate, i) => (i < LISTED || i === rank ? [{ ...candidate, i }] : []))
  return html`<table class="ballot">
    <thead>
      <tr>
        <th>place</th>
        <th>answer</th>
        <th>votes</th>
        <th>mean q</th>
        <th>${known && 'truth'}</th>
      </tr>
    </thead>
    <tbody>
      ${listed.map(
        ({ grid, votes: own, confidence, i }) =>
          html`<tr>
            <td class="number">${i + 1}</td>
            <td>
              ${grid === null ? html`<span class="faint">not kept</span>` : picture(grid, `answer ${i + 1}`, solution, SMALL_PX)}
            </td>
            <td class="number">${own} <span class="faint">${percent(own / votes, 0)}</span></td>
            <td class="number">${percent(confidence, 0)}</td>
            <td>${known && marked(i === rank)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}

/** Up to `most` of a list: half solved, half not, spread over the test set and in its order. */
export function chooseHalf<T>(list: readonly T[], solvedBy: (one: T) => boolean, most: number): T[] {
  const solved = list.filter(solvedBy)
  const others = list.filter((one) => !solvedBy(one))
  const half = Math.ceil(most / 2)
  const fromSolved = Math.min(solved.length, Math.max(half, most - others.length))
  const spread = (from: readonly T[], count: number): T[] =>
    Array.from({ length: count }, (_, i) => from[Math.floor((i * from.length) / count)] as T)
  const chosen = new Set([...spread(solved, fromSolved), ...spread(others, Math.min(others.length, most - fromSolved))])
  return list.filter((one) => chosen.has(one))
}
