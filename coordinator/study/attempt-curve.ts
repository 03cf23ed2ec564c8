// Accuracy and cost against the number of attempts: each number is tried on as many disjoint blocks of the attempts as there are,
// so that a question counts by the mean of its blocks. Pure.
import { bestQ, firstToHalt, majority, type Choice, type CopyAnswer } from '../evaluate/choices.js'
import type { Attempted, AttemptKind } from './attempts.js'
import type { Measured } from './record.js'
import { bootstrapMean, meanOf, share } from './statistics.js'

/** Ways to choose, as they are shown. */
export const WAYS = ['best q', 'majority', 'first to halt', 'any right'] as const
export type Way = (typeof WAYS)[number]

export interface CurvePoint {
  readonly attempts: number
  readonly accuracy: Readonly<Record<Way, Measured | null>>
  /** Supervision steps per question: of all attempts to their end, and until the first of them halts. */
  readonly fullSteps: number
  readonly firstSteps: Measured | null
}

/** 1, 2, 4, ... and `most`. */
export function doublings(most: number): number[] {
  const numbers: number[] = []
  for (let n = 1; n < most; n *= 2) numbers.push(n)
  return [...numbers, most]
}

/** Disjoint blocks of n, one after the other; all of the items where there are fewer. */
export function blocksOf<T>(items: readonly T[], n: number): (readonly T[])[] {
  if (items.length <= n) return [items]
  return Array.from({ length: Math.floor(items.length / n) }, (_, i) => items.slice(i * n, (i + 1) * n))
}

export interface CurveOptions {
  /** Supervision steps of an attempt. */
  readonly steps: number
  readonly seed: number
  readonly resamples: number
}

/** @returns a point for every number of attempts; none where nothing can be chosen between */
export function attemptCurve(all: readonly Attempted[], kind: AttemptKind, options: CurveOptions): CurvePoint[] {
  const known = all.filter(({ right }) => right !== undefined)
  const most = Math.max(0, ...known.map(({ attempts }) => attempts[kind].length))
  return most === 0 ? [] : doublings(most).map((n) => point(known, kind, n, options))
}

function point(known: readonly Attempted[], kind: AttemptKind, n: number, options: CurveOptions): CurvePoint {
  const { steps, seed, resamples } = options
  const mean = (name: string, of: (block: readonly CopyAnswer[], right: string) => number): Measured | null => {
    const values = known.map(({ right = '', attempts }) =>
      meanOf(blocksOf(attempts[kind], n).map((block) => of(block, right))),
    )
    const drawn = bootstrapMean(values, seed, `${kind}:${n}:${name}`, resamples)
    // Where all questions agree, resamples say nothing.
    return name !== 'steps' && drawn?.low === drawn?.high ? share(meanOf(values), values.length) : drawn
  }
  const by = (way: Way, choose: (block: readonly CopyAnswer[]) => Choice): Measured | null =>
    mean(way, (block, right) => Number(choose(block).key === right))
  return {
    attempts: n,
    accuracy: {
      'best q': by('best q', (block) => bestQ(block, steps)),
      majority: by('majority', (block) => majority(block, steps)),
      'first to halt': by('first to halt', firstToHalt),
      'any right': mean('any right', (block, right) => Number(block.some(({ key }) => key === right))),
    },
    fullSteps: meanOf(known.map(({ attempts }) => Math.min(n, attempts[kind].length) * steps)),
    firstSteps: mean('steps', (block) => firstToHalt(block).steps),
  }
}
