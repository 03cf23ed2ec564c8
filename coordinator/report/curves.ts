// The journal as curves: one point per step, the later line where a step was done twice; smoothed for the eye. Pure.
import type { Accuracy } from '../evaluate/result.js'

export interface StepLine {
  readonly step: number
  /** Milliseconds since 1970; NaN if not told. */
  readonly at: number
  readonly workers: number
  readonly loss: number
  /** Shares over slots that halted; NaN where none did. */
  readonly cells: number
  readonly exact: number
  readonly haltSteps: number
  readonly halted: number
  /** Seconds since the step before; NaN after a pause or a resume. */
  readonly seconds: number
}

export interface EvaluationLine {
  readonly step: number
  readonly accuracies: readonly Accuracy[]
}

export interface Journal {
  readonly steps: readonly StepLine[]
  readonly evaluations: readonly EvaluationLine[]
  /** Lines that could not be read: the last one of a run that was killed, say. */
  readonly unreadable: number
}

export type Point = readonly [x: number, y: number]

const numberOr = (value: unknown): number => (typeof value === 'number' ? value : NaN)

/** A step that took this many times the usual is no step but a pause. */
const PAUSE = 8

export function parseJournal(text: string): Journal {
  const steps = new Map<number, StepLine>()
  const evaluations = new Map<number, EvaluationLine>()
  let unreadable = 0
  let before: StepLine | undefined
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const value = recordOf(line)
    if (value === undefined) unreadable++
    else if (typeof value['step'] === 'number') {
      const at = typeof value['time'] === 'string' ? Date.parse(value['time']) : NaN
      const follows = before !== undefined && value['step'] === before.step + 1
      const made: StepLine = {
        step: value['step'],
        at,
        workers: numberOr(value['workers']),
        loss: numberOr(value['loss']),
        cells: numberOr(value['cellAccuracy']),
        exact: numberOr(value['exactAccuracy']),
        haltSteps: numberOr(value['haltSteps']),
        halted: numberOr(value['halted']),
        seconds: follows && before !== undefined ? (at - before.at) / 1000 : NaN,
      }
      steps.set(made.step, made)
      before = made
    } else if (typeof value['evaluation'] === 'number') {
      evaluations.set(value['evaluation'], {
        step: value['evaluation'],
        accuracies: accuraciesOf(value['accuracies']),
      })
    } else unreadable++
  }
  const byStep = (a: { step: number }, b: { step: number }): number => a.step - b.step
  const ordered = [...steps.values()].sort(byStep)
  const usual = median(ordered.map(({ seconds }) => seconds))
  return {
    steps: ordered.map((line) => (line.seconds > PAUSE * usual ? { ...line, seconds: NaN } : line)),
    evaluations: [...evaluations.values()].sort(byStep),
    unreadable,
  }
}

function recordOf(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function accuraciesOf(value: unknown): Accuracy[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return []
    const { name, value: share, trials } = entry as Record<string, unknown>
    return typeof name === 'string' ? [{ name, value: numberOr(share), trials: numberOr(trials) }] : []
  })
}

/** Of the numbers among the values; NaN without any. */
export function median(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  const half = sorted.length / 2
  return sorted.length === 0 ? NaN : ((sorted[Math.floor(half)] ?? 0) + (sorted[Math.ceil(half) - 1] ?? 0)) / 2
}

/** Mean over a window that ends at each point, weighted; values that are no numbers weigh nothing. */
export function smoothed(
  lines: readonly StepLine[],
  window: number,
  value: (line: StepLine) => number,
  weight: (line: StepLine) => number = () => 1,
): Point[] {
  const counted = lines.map((line) => {
    const [v, w] = [value(line), weight(line)]
    return Number.isFinite(v) && Number.isFinite(w) ? { sum: v * w, weight: w } : { sum: 0, weight: 0 }
  })
  let [sum, total, live] = [0, 0, 0]
  return lines.map((line, i): Point => {
    const [entering, leaving] = [counted[i], counted[i - window]]
    sum += (entering?.sum ?? 0) - (leaving?.sum ?? 0)
    total += (entering?.weight ?? 0) - (leaving?.weight ?? 0)
    live += Number((entering?.weight ?? 0) > 0) - Number((leaving?.weight ?? 0) > 0)
    return [line.step, live === 0 ? NaN : sum / total]
  })
}

/** Samples per second, as the slots over the median time of a step in a window; at most `most` points, evenly taken. */
export function throughput(lines: readonly StepLine[], window: number, slots: number, most: number): Point[] {
  const count = Math.min(most, lines.length)
  return Array.from({ length: count }, (_, i): Point => {
    const end = Math.floor(((i + 1) * lines.length) / count)
    const seconds = lines.slice(Math.max(0, end - window), end).map((line) => line.seconds)
    return [lines[end - 1]?.step ?? NaN, slots / median(seconds)]
  })
}

/** At most `most` points, each the mean of its stretch: a curve of 500,000 steps is still a small picture. */
export function thinned(points: readonly Point[], most: number): Point[] {
  if (points.length <= most) return [...points]
  return Array.from({ length: most }, (_, i): Point => {
    const stretch = points.slice(Math.floor((i * points.length) / most), Math.floor(((i + 1) * points.length) / most))
    const known = stretch.filter(([, y]) => Number.isFinite(y))
    const last = stretch.at(-1)?.[0] ?? 0
    return [last, known.length === 0 ? NaN : known.reduce((sum, [, y]) => sum + y, 0) / known.length]
  })
}
