// The ARC evaluator: every augmentation of a test pair votes for an answer; answers are ranked by votes, then by mean confidence.
// Source: spec 5.2. One object serves one evaluation, so no vote outlives its checkpoint, unless the next object is told of it:
// the official code counts the votes of all evaluations so far (spec 9.1, B5).
import { unaugment, type Augmentation } from './augment.js'
import { hashGrid, type Grid } from './grid.js'
import type { Task } from './task.js'
import { crop } from './tokens.js'

export const PASS_K = [1, 2, 5, 10, 100, 1000] as const

export interface Candidate {
  readonly hash: string
  readonly grid: Grid
  readonly votes: number
  /** Mean of sigmoid(q_halt) of its votes. */
  readonly confidence: number
}

interface Tally {
  readonly grid: Grid
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
  /** task -> hash of the input -> hash of the answer, in the order first seen. */
  private readonly tallies = new Map<string, Map<string, Map<string, Tally>>>()

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
    const inputHash = hashGrid(unaugment(crop(input, this.canvas), augmentation))
    const grid = unaugment(crop(prediction, this.canvas), augmentation)
    const hash = hashGrid(grid)
    const answers = inputs.get(inputHash) ?? new Map<string, Tally>()
    inputs.set(inputHash, answers)
    const tally = answers.get(hash) ?? { grid, votes: 0, sum: 0 }
    tally.votes++
    tally.sum += sigmoid(q)
    answers.set(hash, tally)
  }

  /** Answers to one input, best first; ties keep the order first seen. */
  candidates(task: string, input: Grid): Candidate[] {
    return [...this.talliesOf(task, hashGrid(input))]
      .map(([hash, { grid, votes, sum }]) => ({ hash, grid, votes, confidence: sum / votes }))
      .sort((a, b) => b.votes - a.votes || b.confidence - a.confidence)
  }

  /** With those of the evaluations before, the oldest first. */
  private talliesOf(task: string, input: string): ReadonlyMap<string, Tally> {
    const own = this.tallies.get(task)?.get(input) ?? new Map<string, Tally>()
    if (this.before === undefined) return own
    const all = new Map(this.before.talliesOf(task, input))
    for (const [hash, tally] of own) {
      const older = all.get(hash)
      all.set(
        hash,
        older === undefined ? tally : { ...older, votes: older.votes + tally.votes, sum: older.sum + tally.sum },
      )
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
        const solution = test.output === undefined ? undefined : hashGrid(test.output)
        return {
          task: task.name,
          pair: index,
          votes: candidates.reduce((sum, candidate) => sum + candidate.votes, 0),
          candidates,
          rank: candidates.findIndex((candidate) => candidate.hash === solution),
          known: solution !== undefined,
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
