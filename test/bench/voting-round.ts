// One process of the voting benchmark: as many predictions as the parent says go through the voting code, as an evaluation
// hands them over; then the score, the record's candidates and the answer sheet are made. Told over the IPC channel.
import { generateTasks } from '../../shared/arc/generator/generate.js'
import { IDENTITY } from '../../shared/arc/augment.js'
import type { Task } from '../../shared/arc/task.js'
import { submission } from '../../shared/arc/submission.js'
import { crop, encode } from '../../shared/arc/tokens.js'
import { Votes } from '../../shared/arc/vote.js'
import { below } from '../../shared/rng/draws.js'
import { rngFor } from '../../shared/rng/counter.js'
import { readFolder } from '../../coordinator/data/folder.js'

export interface VotingOrder {
  /** Folder of ARC-AGI-1; undefined: generated tasks. */
  readonly source: string | undefined
  readonly predictions: number
  /** Share of the predictions that are wrong, each in its own way. */
  readonly differ: number
  /** Scores fed by the same pass: 2 with early halting, whose answers then differ again. */
  readonly scores: number
}

export interface VotingDone {
  /** Votes of one score a second, hashing included. */
  readonly rate: number
  readonly different: number
  readonly solved: number
}

const CANVAS = 30
/** Cells that are wrong in a wrong answer, at most. */
const WRONG_CELLS = 20

async function tasksOf(source: string | undefined): Promise<readonly Task[]> {
  if (source === undefined) {
    const size = { seed: 1, families: 10, tasksPerFamily: 4, canvas: CANVAS, trainPairs: 2, testPairs: 1 }
    return generateTasks(size, (family, task) => rngFor(1, 'bench-task', family, task))
  }
  const { subsets, testSubset } = await readFolder(source)
  return subsets.find(({ name }) => name === testSubset)?.tasks ?? []
}

async function vote({ source, predictions, differ, scores }: VotingOrder): Promise<VotingDone> {
  const tests = (await tasksOf(source)).map((task) => ({
    task,
    pairs: task.pairs.filter(({ split }) => split === 'test').map((_, i) => i),
  }))
  const asked = tests.flatMap(({ task }) => task.pairs.filter(({ split }) => split === 'test').map((pair) => ({ task, pair }))) // prettier-ignore
  const votes = Array.from({ length: scores }, () => new Votes(tests, CANVAS))
  let seconds = 0
  for (let i = 0; i < predictions; i++) {
    // The rows of a pair come one after the other, as from an evaluation.
    const { task, pair } = asked[Math.floor((i * asked.length) / predictions)]!
    const input = encode(pair.input, CANVAS)
    for (const [score, box] of votes.entries()) {
      const rng = rngFor(7, 'bench-answer', i, score)
      const answer = encode(pair.output ?? pair.input, CANVAS)
      if (rng.uniform() < differ) {
        const { rows, cols } = crop(answer, CANVAS)
        for (let wrong = 1 + below(rng, WRONG_CELLS); wrong > 0; wrong--)
          answer[below(rng, rows) * CANVAS + below(rng, cols)] = 2 + below(rng, 10)
      }
      const began = performance.now()
      box.add(task.name, IDENTITY, input, answer, 8 * rng.uniform() - 4)
      seconds += (performance.now() - began) / 1000
    }
  }
  const results = votes.map((box) => box.score())
  const [first] = results
  submission(first!)
  return {
    rate: (predictions * scores) / seconds,
    different: first!.pairs.reduce((sum, { candidates }) => sum + candidates.length, 0),
    solved: first!.solvedPairs,
  }
}

process.on('message', (order: VotingOrder) => {
  vote(order).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      throw error
    },
  )
})
