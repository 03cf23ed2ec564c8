// Mazes without data: a random tree of corridors, so that there is exactly one path from start to goal. Turned and mirrored, a
// maze of an odd side is as likely as it is.
import { below, pick, range, shuffled, type Words } from '../rng/draws.js'
import { FREE, GOAL, PATH, START, WALL } from './maze.js'

/** Rooms lie on even rows and columns; corridors open the cell between two of them. The tree: of each room the one before it. */
interface Tree {
  readonly rooms: number
  /** Of the root: itself. */
  readonly parent: Int32Array
  /** All rooms, each after its parent. */
  readonly order: readonly number[]
}

/** Rooms beside a room. */
function beside(room: number, rooms: number): number[] {
  const [row, col] = [Math.floor(room / rooms), room % rooms]
  return [
    row > 0 ? room - rooms : -1,
    row < rooms - 1 ? room + rooms : -1,
    col > 0 ? room - 1 : -1,
    col < rooms - 1 ? room + 1 : -1,
  ].filter((other) => other >= 0)
}

/** Goes on from the newest room as long as it can: long corridors, few trees (3,820 of 4 x 4 rooms). */
function longCorridors(rng: Words, rooms: number): Tree {
  const parent = new Int32Array(rooms * rooms).fill(-1)
  const root = below(rng, rooms * rooms)
  parent[root] = root
  const trail = [root]
  const order = [root]
  for (let room = trail.at(-1); room !== undefined; room = trail.at(-1)) {
    const next = beside(room, rooms).filter((other) => parent[other] === -1)
    if (next.length === 0) {
      trail.pop()
      continue
    }
    const other = pick(rng, next)
    parent[other] = room
    trail.push(other)
    order.push(other)
  }
  return { rooms, parent, order }
}

/** Every tree as likely as any (Wilson's algorithm, STOC 1996): walks from room after room to the tree, loops left out. */
function anyTree(rng: Words, rooms: number): Tree {
  const parent = new Int32Array(rooms * rooms).fill(-1)
  const inTree = new Uint8Array(rooms * rooms)
  const root = below(rng, rooms * rooms)
  parent[root] = root
  inTree[root] = 1
  const order = [root]
  for (const start of shuffled(rng, range(parent.length))) {
    // What was noted of a room is written over when the walk comes back to it: so the loop is gone.
    for (let room = start; inTree[room] === 0; room = parent[room] as number)
      parent[room] = pick(rng, beside(room, rooms))
    const branch: number[] = []
    for (let room = start; inTree[room] === 0; room = parent[room] as number) {
      inTree[room] = 1
      branch.push(room)
    }
    order.push(...branch.reverse())
  }
  return { rooms, parent, order }
}

/**
 * A maze and its solution as tokens, from a random room to one of those farthest from it.
 * @param side rows and columns, 3 or more
 * @param trees `long`: long corridors; `any`: every tree of corridors is as likely
 */
export function generateMaze(
  rng: Words,
  side: number,
  trees: 'long' | 'any' = 'long',
): { question: Uint8Array; answer: Uint8Array } {
  const { rooms, parent, order } = (trees === 'long' ? longCorridors : anyTree)(rng, Math.ceil(side / 2))
  const cellOf = (room: number): number => 2 * Math.floor(room / rooms) * side + 2 * (room % rooms)
  const question = new Uint8Array(side * side).fill(WALL)
  const depth = new Int32Array(rooms * rooms)
  const start = order[0] as number
  let goal = start
  for (const room of order) {
    const before = parent[room] as number
    question[(cellOf(room) + cellOf(before)) / 2] = FREE
    question[cellOf(room)] = FREE
    if (room !== start) depth[room] = (depth[before] as number) + 1
    if ((depth[room] as number) > (depth[goal] as number)) goal = room
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
