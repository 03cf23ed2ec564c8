// Mazes without data: a random tree of corridors, so that there is exactly one path from start to goal.
import { below, pick, type Words } from '../rng/draws.js'
import { FREE, GOAL, PATH, START, WALL } from './maze.js'

/** A maze and its solution as tokens. @param side rows and columns, 3 or more */
export function generateMaze(rng: Words, side: number): { question: Uint8Array; answer: Uint8Array } {
  // Rooms lie on even rows and columns; corridors open the cell between two of them.
  const rooms = Math.ceil(side / 2)
  const cellOf = (room: number): number => 2 * Math.floor(room / rooms) * side + 2 * (room % rooms)
  const question = new Uint8Array(side * side).fill(WALL)
  const parent = new Int32Array(rooms * rooms).fill(-1)
  const depth = new Int32Array(rooms * rooms)
  const start = below(rng, rooms * rooms)
  parent[start] = start
  question[cellOf(start)] = FREE
  const trail = [start]
  let goal = start
  for (let room = trail.at(-1); room !== undefined; room = trail.at(-1)) {
    const [row, col] = [Math.floor(room / rooms), room % rooms]
    const next = [
      row > 0 ? room - rooms : -1,
      row < rooms - 1 ? room + rooms : -1,
      col > 0 ? room - 1 : -1,
      col < rooms - 1 ? room + 1 : -1,
    ].filter((other) => other >= 0 && parent[other] === -1)
    if (next.length === 0) {
      trail.pop()
      continue
    }
    const other = pick(rng, next)
    parent[other] = room
    depth[other] = (depth[room] as number) + 1
    question[(cellOf(room) + cellOf(other)) / 2] = FREE
    question[cellOf(other)] = FREE
    if ((depth[other] ?? 0) > (depth[goal] ?? 0)) goal = other
    trail.push(other)
  }
  question[cellOf(start)] = START
  question[cellOf(goal)] = GOAL
  const answer = question.slice()
  for (let room = goal; room !== start; room = parent[room] as number) {
    answer[(cellOf(room) + cellOf(parent[room] as number)) / 2] = PATH
    if (room !== goal) answer[cellOf(room)] = PATH
  }
  return { question, answer }
}
