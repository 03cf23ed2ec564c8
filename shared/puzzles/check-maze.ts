// Is a drawn maze solved? Not whether it is the labelled answer, but whether it is a shortest way: mazes may have several.
import { FREE, GOAL, PATH, START, WALL } from './maze.js'

/** What a prediction is: a shortest path, a path with more cells than it needs, none at all, or another maze. */
export type MazeVerdict = 'shortest' | 'longer' | 'no path' | 'other maze'

/**
 * A shortest path marks just as many cells as a breadth-first search needs steps, and those marked connect start and goal.
 * @param question,prediction side * side tokens
 */
export function checkMaze(question: ArrayLike<number>, prediction: ArrayLike<number>, side: number): MazeVerdict {
  let marked = 0
  for (let cell = 0; cell < side * side; cell++) {
    const [asked, drawn] = [question[cell], prediction[cell]]
    if (asked === FREE && drawn === PATH) marked++
    else if (asked !== drawn) return 'other maze'
  }
  const drawn = distance(prediction, side, (token) => token === PATH || token === GOAL)
  if (drawn === undefined) return 'no path'
  const shortest = distance(question, side, (token) => token !== WALL)
  return marked === (shortest ?? 0) - 1 ? 'shortest' : 'longer'
}

/** Steps from start to goal over cells that are open, undefined where there is no way; breadth first. */
function distance(maze: ArrayLike<number>, side: number, open: (token: number) => boolean): number | undefined {
  const steps = new Int32Array(side * side).fill(-1)
  const start = Array.prototype.indexOf.call(maze, START)
  if (start < 0) return undefined
  steps[start] = 0
  const queue = [start]
  for (const cell of queue) {
    if (maze[cell] === GOAL) return steps[cell]
    const col = cell % side
    for (const next of [cell - side, cell + side, col > 0 ? cell - 1 : -1, col < side - 1 ? cell + 1 : -1]) {
      if (next < 0 || next >= side * side || steps[next] !== -1 || !open(maze[next] as number)) continue
      steps[next] = (steps[cell] as number) + 1
      queue.push(next)
    }
  }
  return undefined
}
