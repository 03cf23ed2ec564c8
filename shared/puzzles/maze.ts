// Mazes as tokens: wall, free, start, goal, path. Source: spec 4.4.

export const MAZE_SIDE = 30
export const MAZE_VOCAB = 6
/** Token of a character is its place here + 1; 0 is PAD. */
const CHARACTERS = '# SGo'

export const WALL = 1
export const FREE = 2
export const START = 3
export const GOAL = 4
export const PATH = 5

/** Token of a character; undefined for any other. */
export function mazeToken(character: string): number | undefined {
  const place = CHARACTERS.indexOf(character)
  return place < 0 || character.length !== 1 ? undefined : place + 1
}
