// A line chart as SVG: one axis, ticks at round numbers, gaps where there is no number. Colours come from the page's style.
import type { Point } from '../curves.js'
import { html, type Markup } from './markup.js'
import { DASH, short } from './numbers.js'

export interface Series {
  readonly name: string
  /** Class of its colour: 1 or 2. */
  readonly colour: 1 | 2
  readonly points: readonly Point[]
  /** Drawn pale behind the line: what the line is the mean of. */
  readonly raw?: readonly Point[]
  /** Drawn at every point: an interval, low to high. */
  readonly intervals?: readonly (readonly [x: number, low: number, high: number])[]
}

export interface Chart {
  readonly title: string
  readonly series: readonly Series[]
  readonly format: (value: number) => string
  /** Ends of the axis; without it they follow from the values. */
  readonly range?: readonly [number, number]
  /** The axis begins no higher than here. */
  readonly from?: number
}

const WIDTH = 360
const HEIGHT = 208
const LEFT = 46
const RIGHT = 10
const TOP = 8
const BOTTOM = 26

const known = ([x, y]: Point): boolean => Number.isFinite(x) && Number.isFinite(y)

/** Round numbers from at most `low` to at least `high`, about `count` of them. */
export function ticks(low: number, high: number, count: number): number[] {
  if (!(high > low))
    return ticks(low - Math.max(1e-9, Math.abs(low) / 2), low + Math.max(1e-9, Math.abs(low) / 2), count)
  const rough = (high - low) / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  const [first, last] = [Math.floor(low / step + 1e-9), Math.ceil(high / step - 1e-9)]
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)))
}

export function chart({ title, series, format, range, from: lowest = Infinity }: Chart): Markup {
  const points = series.flatMap(({ points: own, raw = [] }) => [...own, ...raw]).filter(known)
  if (points.length === 0)
    return html`<figure class="chart">
      <figcaption>${title}</figcaption>
      <p class="none">nothing measured yet</p>
    </figure>`
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b))
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b))
  const yTicks = range === undefined ? ticks(Math.min(lowest, least(ys)), most(ys), 4) : ticks(range[0], range[1], 4)
  const [bottom, top] = range ?? [yTicks[0] ?? 0, yTicks.at(-1) ?? 1]
  const [from, to] = [Math.min(least(xs), most(xs) - 1), most(xs)]
  const x = (step: number): number => LEFT + ((step - from) / (to - from)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number => HEIGHT - BOTTOM - ((value - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM)
  const xTicks = ticks(from, to, 4).filter((tick) => tick >= from && tick <= to && Number.isInteger(tick))
  return html`<figure class="chart">
    <figcaption>${title}</figcaption>
    <ul class="legend">
      ${series.map((one) => legend(one, format))}
    </ul>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}, by step">
      ${yTicks.map((tick) => html`<line class="rule" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(tick))}" y2="${at(y(tick))}" /><text class="tick" x="${LEFT - 6}" y="${at(y(tick) + 4)}" text-anchor="end">${format(tick)}</text>`)}
      ${xTicks.map((tick) => html`<text class="tick" x="${at(x(tick))}" y="${HEIGHT - 8}" text-anchor="${x(tick) > WIDTH - RIGHT - 14 ? 'end' : 'middle'}">${short(tick)}</text>`)}
      ${series.map(
        ({ colour, raw = [], points: own, intervals = [] }) =>
          html`<g class="c${colour}">
            <path class="raw" d="${path(raw, x, y)}" />
            ${intervals.map(([step, low, high]) => html`<line class="whisker" x1="${at(x(step))}" x2="${at(x(step))}" y1="${at(y(low))}" y2="${at(y(high))}" />`)}
            <path class="line" d="${path(own, x, y)}" />
            ${(intervals.length > 0 || own.filter(known).length === 1) && own.filter(known).map(([step, value]) => html`<circle cx="${at(x(step))}" cy="${at(y(value))}" r="3.5" />`)}</g
          >`,
      )}
    </svg>
  </figure>`
}

function legend({ name, colour, points }: Series, format: (value: number) => string): Markup {
  const last = points.filter(known).at(-1)
  return html`<li class="c${colour}"><i></i>${name} <b>${last === undefined ? DASH : format(last[1])}</b></li>`
}

/** Tenths of a unit are enough, and keep the page small. */
const at = (value: number): string => String(Number(value.toFixed(1)))

function path(points: readonly Point[], x: (step: number) => number, y: (value: number) => number): string {
  let pen = 'M'
  return points
    .map((point) => {
      if (!known(point)) {
        pen = 'M'
        return ''
      }
      const move = `${pen}${at(x(point[0]))} ${at(y(point[1]))}`
      pen = 'L'
      return move
    })
    .join('')
}
