// The ARC evaluator: every augmentation of a test pair votes for an answer; answers are ranked by votes, then by mean confidence.
// Source: spec 5.2. One object serves one evaluation, so no vote outlives its checkpoint, unless the next object is told of it:
// the official code counts the votes of all evaluations so far (spec 9.1, B5).
import { unaugment, type Augmentation } from './augment.js'
import { hashGrid, type Grid } from './grid.js'
import type { Task } from './task.js'
import { crop } from './tokens.js'

export const PASS_K = [1, 2, 5, 10, 100, 1000] as const

/**
 * A grid as a string of one byte a cell, after its rows and columns: a key that needs no hash, and a third of the memory of a
 * typed array. An evaluation of ARC-AGI-1 holds some 400,000 of them.
 */
type Packed = string

const pack = ({ rows, cols, cells }: Grid): Packed => String.fromCharCode(rows, cols, ...cells)

function unpack(packed: Packed): Grid {
  const cells = Uint8Array.from({ length: packed.length - 2 }, (_, i) => packed.charCodeAt(i + 2))
  return { rows: packed.charCodeAt(0), cols: packed.charCodeAt(1), cells }
}

/** An answer that was voted for. Its grid is unpacked when somebody looks at it. */
export class Candidate {
  constructor(
    private readonly packed: Packed,
    readonly votes: number,
    /** Mean of sigmoid(q_halt) of its votes. */
    readonly confidence: number,
  ) {}

  get grid(): Grid {
    return unpack(this.packed)
  }

  get hash(): string {
    return hashGrid(this.grid)
  }

  is(grid: Grid): boolean {
    return this.packed === pack(grid)
  }
}

interface Tally {
  votes: number
  sum: number
}

export interface PairScore {
  readonly task: string
  /** 0-based among the test pairs of the task. */
  readonly pair: number
  readonly votes: number
  readonly candidates: readonly Candidate[]
  /** Place of the right answer among the candidates, from 0; -1 if it is not there or not known. */
  readonly rank: number
  readonly known: boolean
}

export interface TaskScore {
  readonly task: string
  /** Share of the test pairs solved within the first K answers, by K. */
  readonly pass: Readonly<Record<number, number>>
}

export interface ArcScore {
  /** Mean over tasks, by K. The paper's number is pass[2]. */
  readonly pass: Readonly<Record<number, number>>
  readonly tasks: readonly TaskScore[]
  readonly pairs: readonly PairScore[]
  /** Test pairs whose answer is known, and how many of them the first two answers solve. */
  readonly knownPairs: number
  readonly solvedPairs: number
}

/** A task and which of its test pairs are asked for. */
export interface Asked {
  readonly task: Task
  /** Indices into the test pairs of the task. */
  readonly pairs: readonly number[]
}

const sigmoid = (q: number): number => 1 / (1 + Math.exp(-q))

export class Votes {
  /** task -> input -> answer, in the order first seen. */
  private readonly tallies = new Map<string, Map<Packed, Map<Packed, Tally>>>()

  /**
   * @param asked all test tasks, in the order of the test set
   * @param before votes of an earlier evaluation that count too; it is left as it is
   */
  constructor(
    private readonly asked: readonly Asked[],
    private readonly canvas: number,
    private readonly before?: Votes,
  ) {
    for (const { task } of asked) this.tallies.set(task.name, new Map())
  }

  /**
   * One prediction; the test pair is found by its input. Votes for tasks that were not asked for are ignored.
   * @param task name of the task, without augmentation
   * @param input,prediction canvas * canvas tokens in the frame of the augmentation
   * @param q q_halt logit
   */
  add(
    task: string,
    augmentation: Augmentation,
    input: ArrayLike<number>,
    prediction: ArrayLike<number>,
    q: number,
  ): void {
    const inputs = this.tallies.get(task)
    if (inputs === undefined) return
    const asked = pack(unaugment(crop(input, this.canvas), augmentation))
    const answer = pack(unaugment(crop(prediction, this.canvas), augmentation))
    const answers = inputs.get(asked) ?? new Map<Packed, Tally>()
    inputs.set(asked, answers)
    const tally = answers.get(answer) ?? { votes: 0, sum: 0 }
    tally.votes++
    tally.sum += sigmoid(q)
    answers.set(answer, tally)
  }

  /** Answers to one input, best first; ties keep the order first seen. */
  candidates(task: string, input: Grid): Candidate[] {
    return [...this.talliesOf(task, pack(input))]
      .map(([packed, { votes, sum }]) => new Candidate(packed, votes, sum / votes))
      .sort((a, b) => b.votes - a.votes || b.confidence - a.confidence)
  }

  /** With those of the evaluations before, the oldest first. */
  private talliesOf(task: string, input: Packed): ReadonlyMap<Packed, Tally> {
    const own = this.tallies.get(task)?.get(input) ?? new Map<Packed, Tally>()
    if (this.before === undefined) return own
    const all = new Map(this.before.talliesOf(task, input))
    for (const [answer, { votes, sum }] of own) {
      const older = all.get(answer)
      all.set(answer, { votes: votes + (older?.votes ?? 0), sum: (older?.sum ?? 0) + sum })
    }
    return all
  }

  /** Pairs without a known answer count for nothing; a task without any is left out of the means. */
  score(): ArcScore {
    const pairs = this.asked.flatMap(({ task, pairs: wanted }) => {
      const tests = task.pairs.filter((pair) => pair.split === 'test')
      return wanted.map((index): PairScore => {
        const test = tests[index] as Task['pairs'][number]
        const candidates = this.candidates(task.name, test.input)
        const { output } = test
        return {
          task: task.name,
          pair: index,
          votes: candidates.reduce((sum, candidate) => sum + candidate.votes, 0),
          candidates,
          rank: output === undefined ? -1 : candidates.findIndex((candidate) => candidate.is(output)),
          known: output !== undefined,
        }
      })
    })
    const hit = (pair: PairScore, k: number): boolean => pair.rank >= 0 && pair.rank < k
    const byK = (value: (k: number) => number): Record<number, number> =>
      Object.fromEntries(PASS_K.map((k) => [k, value(k)]))
    const known = pairs.filter((pair) => pair.known)
    const tasks = [...new Set(known.map((pair) => pair.task))].map((task) => {
      const own = known.filter((pair) => pair.task === task)
      return { task, pass: byK((k) => own.filter((pair) => hit(pair, k)).length / own.length) }
    })
    return {
      pass: byK((k) => tasks.reduce((sum, { pass }) => sum + (pass[k] as number), 0) / Math.max(1, tasks.length)),
      tasks,
      pairs,
      knownPairs: known.length,
      solvedPairs: known.filter((pair) => hit(pair, 2)).length,
    }
  }
}
