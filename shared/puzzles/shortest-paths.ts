// How long is the shortest path of a maze, and is it the only one?
import { GOAL, START, WALL } from './maze.js'

export interface ShortestPaths {
  /** Moves from start to goal. */
  readonly steps: number
  /** 1, or 2 for two or more. */
  readonly ways: 1 | 2
}

/** Breadth first; reusable, it keeps its memory. */
export class PathCounter {
  private readonly steps: Int32Array
  private readonly ways: Uint8Array
  private readonly queue: Uint16Array

  constructor(private readonly side: number) {
    const cells = side * side
    this.steps = new Int32Array(cells)
    this.ways = new Uint8Array(cells)
    this.queue = new Uint16Array(cells)
  }

  /** @param maze side * side tokens @returns undefined where there is no path */
  count(maze: Uint8Array): ShortestPaths | undefined {
    const { side, steps, ways, queue } = this
    const start = maze.indexOf(START)
    const goal = maze.indexOf(GOAL)
    if (start < 0 || goal < 0) return undefined
    steps.fill(-1)
    steps[start] = 0
    ways[start] = 1
    queue[0] = start
    for (let at = 0, queued = 1; at < queued; at++) {
      const cell = queue[at] as number
      // All cells that lead to the goal by a shortest path come before it.
      if (cell === goal) return { steps: steps[goal] as number, ways: ways[goal] === 1 ? 1 : 2 }
      const next = (steps[cell] as number) + 1
      const col = cell % side
      for (let way = 0; way < 4; way++) {
        const other = way === 0 ? cell - side : way === 1 ? cell + side : way === 2 ? (col > 0 ? cell - 1 : -1) : col < side - 1 ? cell + 1 : -1 // prettier-ignore
        if (other < 0 || other >= maze.length || maze[other] === WALL) continue
        if (steps[other] === -1) {
          steps[other] = next
          ways[other] = ways[cell] as number
          queue[queued++] = other
        } else if (steps[other] === next) ways[other] = 2
      }
    }
    return undefined
  }

  /** The moves of the shortest path after count(): cells from the goal to the start, both included. */
  *path(maze: Uint8Array): Generator<number> {
    const { side, steps } = this
    let cell = maze.indexOf(GOAL)
    while (steps[cell] !== 0) {
      yield cell
      const col = cell % side
      const before = (steps[cell] as number) - 1
      cell = [cell - side, cell + side, ...(col > 0 ? [cell - 1] : []), ...(col < side - 1 ? [cell + 1] : [])].find(
        (other) => steps[other] === before,
      ) as number
    }
    yield cell
  }
}
