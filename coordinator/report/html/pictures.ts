// ARC grids as pictures.
import { html, type Markup } from './markup.js'

/** The colours ARC is known by, 0..9. */
const COLOURS = ['#000', '#0074d9', '#ff4136', '#2ecc40', '#ffdc00', '#aaa', '#f012be', '#ff851b', '#7fdbff', '#870c25'] // prettier-ignore
const LARGEST_PX = 132
const CELL_PX = 22

type Rows = readonly string[]

/**
 * @param truth marks the cells that differ from it, where the sizes agree
 * @param largest pixels of the longer side, at most
 */
export function picture(rows: Rows, name: string, truth?: Rows | null, largest = LARGEST_PX): Markup {
  const [height, width] = [rows.length, rows[0]?.length ?? 0]
  if (height === 0 || width === 0) return html`<div class="no-grid">empty</div>`
  const cell = Math.min(CELL_PX, largest / Math.max(height, width))
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
