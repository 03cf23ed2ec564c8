// Numbers as people read them. What is not a number is a dash, never NaN.

export const DASH = '\u2013'

export const percent = (share: number, digits = 1): string =>
  Number.isFinite(share) ? `${(100 * share).toFixed(digits)} %` : DASH

/** Three significant digits, thousands apart. */
export function plain(value: number): string {
  if (!Number.isFinite(value)) return DASH
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  if (size < 0.001) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}

/** For axes: 12k, 1.5M. */
export function short(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`
  return plain(value)
}

/** 2026-01-31T12:00:00.000Z as 2026-01-31 12:00 UTC; other text as it is. */
export const moment = (iso: string): string =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC` : iso
