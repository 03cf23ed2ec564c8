// Slots follow measured speed: what each worker took per unit of slots lately, how many units each should own, and who is so
// slow that all wait for it. A unit is a slot, or a group of them in mode exact. Pure: the same measurements, the same shares.
import type { WorkerId } from '../shared/ids.js'
import { STEP_PHASES, type StepPhase } from '../shared/protocol/messages.js'

/** Measurements that count, the last ones; none is judged by fewer. */
export const WINDOW = 8
/** A step must become shorter by this part of it, and by what the measurements are unsure of, or slots would flutter. */
const WORTH = 0.08
/** Part of all units that may change hands at once: each takes its carry along. */
const MOST_MOVED = 1 / 4
/** A worker that needs so many times as long as the next slowest, with the smallest share there is, holds everyone up. */
const HOLDS_UP = 2

/** Of a step: what depends on the slots that are owned, and on nobody else. */
const COMPUTING: ReadonlySet<StepPhase> = new Set(['upload', 'forward', 'backward', 'read'])

/** @param phases milliseconds, in the order of STEP_PHASES */
export const computeMsOf = (phases: readonly number[]): number =>
  STEP_PHASES.reduce((sum, phase, i) => sum + (COMPUTING.has(phase) ? (phases[i] ?? 0) : 0), 0)

/** Milliseconds per unit, the last ones of each worker. */
export type Speeds = ReadonlyMap<WorkerId, readonly number[]>

export function noted(speeds: Speeds, worker: WorkerId, msPerUnit: number): Speeds {
  if (!Number.isFinite(msPerUnit) || msPerUnit <= 0) return speeds
  return new Map(speeds).set(worker, [...(speeds.get(worker) ?? []), msPerUnit].slice(-WINDOW))
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Of a worker: the median, so that one step in which the machine did something else says nothing. Undefined: not enough is known. */
export function usualOf(speeds: Speeds, worker: WorkerId): number | undefined {
  const recent = speeds.get(worker) ?? []
  return recent.length < WINDOW ? undefined : median(recent)
}

/** How unsure the median of a worker is, as a part of it: the middle half of its measurements, over the root of their number. */
function doubtOf(speeds: Speeds, worker: WorkerId): number {
  const sorted = [...(speeds.get(worker) ?? [])].sort((a, b) => a - b)
  const quarter = sorted.length >> 2
  return (sorted[sorted.length - 1 - quarter]! - sorted[quarter]!) / median(sorted) / Math.sqrt(sorted.length)
}

/** Speed of each beside the median of those that are known: 2 is twice as fast as most. */
export function scores(speeds: Speeds, team: readonly WorkerId[]): ReadonlyMap<WorkerId, number> {
  const known = team.flatMap((id) => {
    const usual = usualOf(speeds, id)
    return usual === undefined ? [] : [[id, usual] as const]
  })
  const typical = median(known.map(([, usual]) => usual))
  return new Map(known.map(([id, usual]) => [id, typical / usual]))
}

/** Units whose owner is another, where owners follow one another in order. */
export function movedBetween(before: readonly number[], after: readonly number[]): number {
  const owners = (shares: readonly number[]): number[] => shares.flatMap((units, i) => Array<number>(units).fill(i))
  const [was, is] = [owners(before), owners(after)]
  return was.reduce((moved, owner, unit) => moved + Number(owner !== is[unit]), 0)
}

const longest = (shares: readonly number[], ms: readonly number[]): number =>
  Math.max(...shares.map((units, i) => units * ms[i]!))

/** One unit after the other from whoever takes longest to whoever would still take shortest; everybody keeps one. */
function improved(before: readonly number[], ms: readonly number[], most: number): number[] {
  let shares = [...before]
  for (;;) {
    const takes = shares.map((units, i) => units * ms[i]!)
    const slow = takes.indexOf(Math.max(...takes))
    const would = shares.map((units, i) => (i === slow ? Infinity : (units + 1) * ms[i]!))
    const fast = would.indexOf(Math.min(...would))
    if (shares[slow]! <= 1 || would[fast]! >= takes[slow]!) return shares
    const next = shares.map((units, i) => units + Number(i === fast) - Number(i === slow))
    if (movedBetween(before, next) > most) return shares
    shares = next
  }
}

/** Shares of a new team: as equal as speeds allow. Who is not known counts as typical. */
export function firstShares(equal: readonly number[], speeds: Speeds, team: readonly WorkerId[]): readonly number[] {
  const known = team.map((id) => usualOf(speeds, id))
  const usual = known.filter((ms) => ms !== undefined)
  if (usual.length === 0) return equal
  const ms = known.map((one) => one ?? median(usual))
  return improved(equal, ms, Infinity)
}

/** Better shares for the same team; undefined if there are none worth the move, or not enough is known. */
export function betterShares(
  shares: readonly number[],
  speeds: Speeds,
  team: readonly WorkerId[],
): readonly number[] | undefined {
  const ms = team.map((id) => usualOf(speeds, id))
  if (ms.some((one) => one === undefined)) return undefined
  const known = ms as number[]
  const units = shares.reduce((sum, one) => sum + one, 0)
  const better = improved(shares, known, Math.max(team.length - 1, Math.floor(units * MOST_MOVED)))
  const now = longest(shares, known)
  // Of whoever computes a tenth of the time it does not matter how much that tenth scatters.
  const weight = team.map((_, i) => (Math.max(shares[i]!, better[i]!) * known[i]!) / now)
  const doubt = Math.max(...team.map((id, i) => doubtOf(speeds, id) * Math.min(1, weight[i]!)))
  return longest(better, known) <= (1 - WORTH - doubt) * now ? better : undefined
}

/** Who holds everyone up although it owns as little as one can; undefined: nobody. */
export function stragglerOf(
  shares: readonly number[],
  speeds: Speeds,
  team: readonly WorkerId[],
): { readonly worker: WorkerId; readonly times: number } | undefined {
  const takes = team.map((id, i) => (usualOf(speeds, id) ?? NaN) * shares[i]!)
  if (team.length < 2 || takes.some(Number.isNaN)) return undefined
  const slow = takes.indexOf(Math.max(...takes))
  const times = takes[slow]! / Math.max(...takes.filter((_, i) => i !== slow))
  return shares[slow] === 1 && times >= HOLDS_UP ? { worker: team[slow]!, times } : undefined
}

/** For people. */
export const sharesInWords = (team: readonly WorkerId[], shares: readonly number[], unit: number): string =>
  team.map((id, i) => `${id} ${shares[i]! * unit}`).join(', ')
