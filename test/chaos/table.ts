// What came of the faults, by kind and phase.
import Table from 'cli-table3'
import { MEANING } from './faults.js'
import type { Suffered } from './sequence.js'

/** On one machine. */
export const DETECT_MS = 3000
export const RECOVER_MS = 10_000

/** Median and worst, in seconds. */
function spread(values: readonly (number | undefined)[]): string {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  const seconds = (at: number): string => ((known[at] ?? NaN) / 1000).toFixed(2)
  return known.length === 0 ? '-' : `${seconds((known.length - 1) >> 1)} / ${seconds(known.length - 1)}`
}

export function tableOf(suffered: readonly Suffered[]): string {
  const table = new Table({
    head: ['fault', 'to', 'phase', 'times', 'noticed within s, median / worst', 'recovered within s', 'meaning'],
    style: { head: [], border: [], compact: true },
  })
  const groups = new Map<string, Suffered[]>()
  for (const one of suffered) {
    const { kind, victim, phase } = one.fault
    const key = `${kind} ${victim} ${phase}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  for (const [, all] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { kind, victim, phase } = (all[0] as Suffered).fault
    table.push([kind, victim, phase, all.length, spread(all.map((one) => one.detected)), spread(all.map((one) => one.recovered)), MEANING[kind]]) // prettier-ignore
  }
  return table.toString()
}

/** Those that took longer than the targets, in words. */
export function slowOf(suffered: readonly Suffered[]): string {
  const slow = suffered.filter(({ detected = 0, recovered = 0 }) => detected > DETECT_MS || recovered > RECOVER_MS)
  const groups = new Map<string, Suffered[]>()
  for (const one of slow) {
    const { kind, victim, phase } = one.fault
    const key = `${kind} ${victim} while ${phase}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  const told = [...groups].map(
    ([key, all]) =>
      `${key}: ${all.length}, noticed ${spread(all.map((one) => one.detected))}, recovered ${spread(all.map((one) => one.recovered))}`,
  )
  const targets = `slower than the targets (notice ${DETECT_MS / 1000} s, recover ${RECOVER_MS / 1000} s)`
  return `${targets}: ${slow.length === 0 ? 'none' : `${slow.length} of ${suffered.length}; ${told.join('; ')}`}`
}
