// What a benchmark says to a contestant (a child process that trains: ours.ts, twin.py), as JSON, one object a line, and what
// it answers. Both are told the same configuration, weights and examples.
import { DataError } from '../../../shared/errors.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import type { LayoutEntry } from '../../../shared/gradients/layout.js'
import type { BackendAsked } from '../../../worker/backends/choose.js'

export type Precision = 'f32' | 'bf16'

/** What reaches the slots in one step; only halted ones take it. */
export interface Batch {
  readonly inputs: readonly (readonly number[])[]
  /** 0: no loss. */
  readonly labels: readonly (readonly number[])[]
  readonly puzzles: readonly number[]
  /** Supervision steps that a slot must have done before it may halt in this step; 0: none. */
  readonly least: readonly number[]
}

export interface Build {
  readonly do: 'build'
  readonly config: RunConfig
  readonly backend: BackendAsked
  /** Number of a GPU; null: the CPU. */
  readonly gpu: number | null
  readonly precision: Precision
  readonly compiled: boolean
  /** Ours on a GPU: the recursion as a graph. Default: yes. */
  readonly graphs?: boolean
  readonly threads: number
  /** Rows of the puzzle table; zeros at first. */
  readonly puzzles: number
  /** A file of f32: the tensors of `entries` one after the other, then both initial states. */
  readonly weights: { readonly path: string; readonly entries: readonly LayoutEntry[] }
}

export interface Matmul {
  readonly do: 'matmul'
  readonly backend: BackendAsked
  readonly gpu: number | null
  readonly precision: Precision
  readonly size: number
  readonly repeats: number
  readonly threads: number
}

export type Order =
  | Build
  | Matmul
  | { readonly do: 'steps'; readonly batches: readonly Batch[] }
  /** All supervision steps without gradient, with the averaged weights, tokens and q_halt read at the end; one value a repeat. */
  | {
      readonly do: 'evaluate'
      readonly inputs: Batch['inputs']
      readonly puzzles: Batch['puzzles']
      readonly repeats: number
    }

/** Total, lm and q_halt loss, summed over the slots. */
export type Losses = readonly [number, number, number]

export type Answer =
  | { readonly is: 'ready'; readonly engine: string; readonly precision: Precision }
  | { readonly is: 'stepped'; readonly seconds: readonly number[]; readonly losses: readonly Losses[] }
  | { readonly is: 'evaluated'; readonly seconds: readonly number[] }
  | { readonly is: 'matmul'; readonly gflopPerSecond: number; readonly precision: Precision }
  | { readonly is: 'failed'; readonly message: string; readonly remedy: string }

export type AnswerTo<O extends Order['do']> = Extract<
  Answer,
  {
    is: O extends 'build' ? 'ready' : O extends 'steps' ? 'stepped' : O extends 'evaluate' ? 'evaluated' : 'matmul'
  }
>

const KINDS: readonly Answer['is'][] = ['ready', 'stepped', 'evaluated', 'matmul', 'failed']

const numbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'number')

/** @throws DataError with the line if it is no answer */
export function parseAnswer(line: string): Answer {
  const refuse = (why: string): DataError =>
    new DataError(`a contestant answered ${JSON.stringify(line.slice(0, 200))}: ${why}`, 'see what it printed before')
  let found: unknown
  try {
    found = JSON.parse(line)
  } catch {
    throw refuse('that is not JSON')
  }
  if (typeof found !== 'object' || found === null) throw refuse('that is no object')
  const answer = found as Readonly<Record<string, unknown>>
  if (!KINDS.some((kind) => kind === answer['is'])) throw refuse('`is` is none of ' + KINDS.join(', '))
  if (answer['is'] === 'stepped') {
    const { seconds, losses } = answer
    if (!numbers(seconds) || !Array.isArray(losses) || losses.length !== seconds.length || !losses.every(numbers))
      throw refuse('seconds and losses must be one of each a step')
  }
  if (answer['is'] === 'evaluated' && !numbers(answer['seconds'])) throw refuse('seconds must be numbers')
  if (answer['is'] === 'matmul' && typeof answer['gflopPerSecond'] !== 'number')
    throw refuse('it has no gflopPerSecond')
  return answer as unknown as Answer
}
