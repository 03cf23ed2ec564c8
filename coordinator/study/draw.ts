// A picture of a study as SVG: lines or bars over named places, intervals as whiskers, what others reported as dashed levels.
// It stands alone as a file, with its own colours for light and dark, and looks the same inside the HTML report.
import { ticks } from '../report/html/chart.js'
import { html, type Markup } from '../report/html/markup.js'
import { valueText } from './figures.js'
import type { Measured, StudyPicture, Unit } from './record.js'

const WIDTH = 440
const PLOT = 220
const LEFT = 58
const RIGHT = 14
const LINE = 18
const MOST_LABELS = 10

/** Colours as custom properties, so that the page and the file agree. */
export const PICTURE_STYLE = `
.study{display:block;width:100%;height:auto;max-width:660px;font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;--s1:#1f5fd6;--s2:#c2410c;--s3:#15803d;--s4:#7c3aed;--ink:#1b1c1e;--pale:#5d6066;--grid:#e2e1db;--paper:#fff}
@media(prefers-color-scheme:dark){.study{--s1:#7fa8ff;--s2:#ff9f68;--s3:#4ade80;--s4:#c4a1ff;--ink:#e9e9e6;--pale:#a3a7ae;--grid:#2f3238;--paper:#1b1d21}}
.study .paper{fill:var(--paper)}.study .title{fill:var(--ink);font-weight:600;font-size:14px}.study text{fill:var(--pale)}
.study .grid{stroke:var(--grid);stroke-width:1}.study .curve{fill:none;stroke-width:2;stroke-linejoin:round}
.study .whisker{stroke-width:1.5;opacity:.7}.study .level{stroke:var(--pale);stroke-width:1.5;stroke-dasharray:5 4;fill:none}
.study .s1{fill:var(--s1);stroke:var(--s1)}.study .s2{fill:var(--s2);stroke:var(--s2)}.study .s3{fill:var(--s3);stroke:var(--s3)}.study .s4{fill:var(--s4);stroke:var(--s4)}
.study .curve.s1,.study .curve.s2,.study .curve.s3,.study .curve.s4{fill:none}.study rect.bar{stroke:none}.study .over{stroke:var(--ink)}
.study circle{stroke:none}
`

const at = (value: number): string => String(Number(value.toFixed(1)))

interface Axis {
  readonly marks: readonly number[]
  readonly y: (value: number) => number
}

/** From 0 (or below, where values are) to a round number; on a log scale whole powers of ten. */
function axisOf({ series, reported, unit, scale }: StudyPicture, top: number): Axis {
  const values = [
    ...series.flatMap(({ points }) => points.flatMap((point) => (point === null ? [] : ends(point)))),
    ...reported.map(({ value }) => value),
  ].filter(Number.isFinite)
  const bottom = top + PLOT
  if (scale === 'log') {
    const positive = values.filter((value) => value > 0)
    const low = Math.floor(Math.log10(Math.min(...positive)))
    const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive))))
    const marks = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
    const y = (value: number): number => bottom - ((Math.log10(value) - low) / (high - low)) * PLOT
    return { marks, y }
  }
  const most = Math.max(...values, 0)
  const marks = unit === 'share' && most > 0.5 ? [0, 0.25, 0.5, 0.75, 1] : ticks(Math.min(0, ...values), most, 4)
  const [from, to] = [marks[0] ?? 0, marks.at(-1) ?? 1]
  return { marks, y: (value) => bottom - ((value - from) / (to - from)) * PLOT }
}

const ends = ({ value, low, high }: Measured): number[] => [value, low ?? value, high ?? value]

/** The picture, with its legend in it. */
export function drawStudy(picture: StudyPicture): Markup {
  const { title, along, labels, series, reported, unit } = picture
  const top = 44 + LINE * (series.length + reported.length)
  const height = top + PLOT + 48
  const points = series.flatMap(({ points }) => points).filter((point) => point !== null)
  const frame = (inside: Markup): Markup =>
    html`<svg
      class="study"
      xmlns="http://www.w3.org/2000/svg"
      viewBox="0 0 ${WIDTH} ${height}"
      role="img"
      aria-label="${title}, by ${along}"
    >
      <rect class="paper" width="${WIDTH}" height="${height}" rx="8" />
      <text class="title" x="14" y="22">${title}</text>
      ${inside}
    </svg>`
  if (points.length === 0) return frame(html`<text x="14" y="60">nothing measured</text>`)
  const { marks, y } = axisOf(picture, top)
  const place = (WIDTH - LEFT - RIGHT) / labels.length
  const x = (i: number): number => LEFT + (i + 0.5) * place
  const every = Math.ceil(labels.length / MOST_LABELS)
  return frame(html`
    ${series.map(({ name }, i) => html`<rect class="s${i + 1}" x="14" y="${33 + i * LINE}" width="14" height="4" rx="2" /><text x="36" y="${39 + i * LINE}">${name}, measured here</text>`)}
    ${reported.map(({ name, value }, i) => html`<path class="level" d="M14 ${35 + (series.length + i) * LINE}h16" /><text x="36" y="${39 + (series.length + i) * LINE}">${name}: ${valueText(value, unit)}, reported</text>`)}
    ${marks.map((mark) => html`<path class="grid" d="M${LEFT} ${at(y(mark))}H${WIDTH - RIGHT}" /><text x="${LEFT - 7}" y="${at(y(mark) + 4)}" text-anchor="end">${markText(mark, unit)}</text>`)}
    ${labels.map((label, i) => i % every === 0 && html`<text x="${at(x(i))}" y="${top + PLOT + 17}" text-anchor="middle">${label}</text>`)}
    <text x="${at((LEFT + WIDTH - RIGHT) / 2)}" y="${height - 10}" text-anchor="middle">${along}</text>
    ${reported.map(({ value }) => html`<path class="level" d="M${LEFT} ${at(y(value))}H${WIDTH - RIGHT}" />`)}
    ${series.map((one, i) => (picture.kind === 'bars' ? bars(one.points, i, series.length, x, y, place, marks) : line(one.points, i, series.length - 1 - i, x, y)))}
  `)
}

const markText = (mark: number, unit: Unit): string =>
  unit === 'share' ? `${Number((100 * mark).toPrecision(3))} %` : valueText(mark, unit)

type Points = StudyPicture['series'][number]['points']

/** @param above curves drawn over this one: it is broader, so that it can be seen below them where they are equal */
function line(
  points: Points,
  i: number,
  above: number,
  x: (i: number) => number,
  y: (value: number) => number,
): Markup {
  let pen = 'M'
  const path = points.map((point, place) => {
    const move = point === null ? '' : `${pen}${at(x(place))} ${at(y(point.value))}`
    pen = point === null ? 'M' : 'L'
    return move
  })
  const dots = points.length <= 24
  // Whiskers of several curves, or of many points, would hide each other.
  const every = Math.ceil(points.length / 12)
  const aside = (place: number): number => x(place) + 3 * i
  return html`<path class="curve s${i + 1}" style="stroke-width:${2 + 2 * above}" d="${path.join('')}" />${points.map(
      (point, place) =>
        point !== null &&
        html`${place % every === 0 && whisker(point, aside(place), y, `s${i + 1}`)}${dots && html`<circle class="s${i + 1}" cx="${at(x(place))}" cy="${at(y(point.value))}" r="${3.5 + 1.5 * above}" />`}`,
    )}`
}

function bars(
  points: Points,
  i: number,
  count: number,
  x: (i: number) => number,
  y: (value: number) => number,
  place: number,
  marks: readonly number[],
): Markup {
  const width = Math.min(46, (0.78 * place) / count)
  const ground = y(Math.max(0, marks[0] ?? 0) || (marks[0] ?? 0))
  return html`${points.map((point, at_) => {
    if (point === null) return ''
    const left = x(at_) + (i - count / 2) * width
    const tip = y(point.value)
    return html`<rect
        class="bar s${i + 1}"
        x="${at(left + 1)}"
        y="${at(Math.min(tip, ground))}"
        width="${at(width - 2)}"
        height="${at(Math.max(1, Math.abs(ground - tip)))}"
        rx="2"
      />${whisker(point, left + width / 2, y, 'over')}`
  })}`
}

function whisker({ low, high }: Measured, x: number, y: (value: number) => number, colour: string): Markup | false {
  if (low === null || high === null) return false
  return html`<path class="whisker ${colour}" d="M${at(x)} ${at(y(low))}V${at(y(high))}" />`
}

/** The picture as a file. */
export function pictureFile(picture: StudyPicture): string {
  const style = `<style>${PICTURE_STYLE}</style>`
  return `<?xml version="1.0" encoding="UTF-8"?>\n${drawStudy(picture).text.replace(/(<svg[^>]*>)/, `$1${style}`)}\n`
}
