// What came of the faults, by kind and phase.
import Table from 'cli-table3'
import { MEANING } from './faults.js'
import type { Suffered } from './round.js'

/** On one machine. */
export const DETECT_MS = 3000
export const RECOVER_MS = 10_000

const worst = (values: readonly (number | undefined)[]): string => {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? '-' : (Math.max(...known) / 1000).toFixed(2)
}

export function tableOf(suffered: readonly Suffered[]): string {
  const table = new Table({
    head: ['fault', 'to', 'phase', 'times', 'noticed within s', 'recovered within s', 'meaning'],
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
    table.push([kind, victim, phase, all.length, worst(all.map((one) => one.detected)), worst(all.map((one) => one.recovered)), MEANING[kind]]) // prettier-ignore
  }
  return table.toString()
}
