// Measured numbers as text: in tables for people, in CSV for programs.
import { DASH, percent, plain } from '../report/html/numbers.js'
import type { Measured, Unit } from './record.js'

const signed = (value: number): string => `${value < 0 ? '\u2212' : '+'}${(100 * Math.abs(value)).toFixed(1)}`

/** One value in its unit. */
export function valueText(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return DASH
  switch (unit) {
    case 'share':
      return percent(value)
    case 'points':
      return `${signed(value)} points`
    case 'per second':
      return `${plain(value)}/s`
    case 'bytes':
      return value >= 1e9 ? `${plain(value / 1e9)} GB` : `${plain(value / 1e6)} MB`
    case 'number':
      return plain(value)
    default:
      return unit satisfies never
  }
}

/** `40.0 % (35.3 to 44.9)`. */
export function measuredText(measured: Measured | null, unit: Unit): string {
  if (measured === null) return DASH
  const { value, low, high } = measured
  const end = (at: number): string => (unit === 'points' ? signed(at) : valueText(at, unit).replace(/( %|\/s)$/, ''))
  return low === null || high === null
    ? valueText(value, unit)
    : `${valueText(value, unit)} (${end(low)} to ${end(high)})`
}
