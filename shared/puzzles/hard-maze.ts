// Mazes with loops whose shortest path is long and the only one: a random tree of corridors in which walls are broken through,
// each only where the shortest path stays the only one and long enough.
import { below, range, shuffled, type Words } from '../rng/draws.js'
import { generateMaze } from './generate-maze.js'
import { FREE, PATH, WALL } from './maze.js'
import type { PathCounter } from './shortest-paths.js'

export interface RatedMaze {
  readonly question: Uint8Array
  readonly answer: Uint8Array
  /** Moves of the shortest path. */
  readonly rating: number
}

/** Of the walls between two corridors, the part that may be broken through, at most: a quarter. */
const PART = 4
/** Trees tried for one that is long enough, at most. */
const TREES = 200

/** A tree of corridors, on a board one cell larger where the side is even: its rooms may begin at line 0 or at line 1. */
function tree(rng: Words, side: number): Uint8Array {
  const inner = side % 2 === 0 ? side - 1 : side
  const [down, right] = side % 2 === 0 ? [below(rng, 2), below(rng, 2)] : [0, 0]
  const { question } = generateMaze(rng, inner)
  const board = new Uint8Array(side * side).fill(WALL)
  for (let row = 0; row < inner; row++)
    board.set(question.subarray(row * inner, (row + 1) * inner), (row + down) * side + right)
  return board
}

/** Walls whose opening joins two corridors: both cells beside them, or both above and below, are open. */
const between = (board: Uint8Array, side: number): number[] =>
  range(side * side).filter((cell) => {
    const open = (other: number): boolean => board[other] !== undefined && board[other] !== WALL
    const col = cell % side
    const across = col > 0 && col < side - 1 && open(cell - 1) && open(cell + 1)
    return board[cell] === WALL && (across || (open(cell - side) && open(cell + side)))
  })

/**
 * A maze with exactly one shortest path.
 * @param counter of that side @param least moves of the shortest path, at least
 * @returns undefined where none was found: the side is too small for so long a path
 */
export function hardMaze(rng: Words, counter: PathCounter, side: number, least: number): RatedMaze | undefined {
  for (let i = 0; i < TREES; i++) {
    const question = tree(rng, side)
    const longest = counter.count(question)?.steps ?? 0
    if (longest < least) continue
    // Short cuts would bring every path down to `least`; so the lengths are spread.
    const floor = least + below(rng, longest - least + 1)
    const walls = shuffled(rng, between(question, side))
    for (const wall of walls.slice(0, below(rng, Math.floor(walls.length / PART) + 1))) {
      question[wall] = FREE
      const found = counter.count(question)
      if (found === undefined || found.ways > 1 || found.steps < floor) question[wall] = WALL
    }
    const rating = counter.count(question)?.steps ?? 0
    const answer = question.slice()
    for (const cell of counter.path(question)) if (answer[cell] === FREE) answer[cell] = PATH
    return { question, answer, rating }
  }
  return undefined
}
