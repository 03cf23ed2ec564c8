// Augmentations of a task: a dihedral transform and a permutation of colours 1..9, their names and inverses. Source: spec 4.2, 5.2.
import { DataError } from '../errors.js'
import { dihedral, inverseDihedral, recolour, type Grid } from './grid.js'
import { SAME_COLOURS } from './tokens.js'

export interface Augmentation {
  readonly transform: number
  /** colours[c] is the new colour of c; 0 stays 0. */
  readonly colours: Uint8Array
}

export const IDENTITY: Augmentation = { transform: 0, colours: SAME_COLOURS }

/** dihedral(colours[grid]). */
export const augment = (grid: Grid, { transform, colours }: Augmentation): Grid =>
  dihedral(recolour(grid, colours), transform)

/** The grid that `augment` made this one of. */
export function unaugment(grid: Grid, { transform, colours }: Augmentation): Grid {
  const back = new Uint8Array(colours.length)
  colours.forEach((to, from) => (back[to] = from))
  return recolour(dihedral(grid, inverseDihedral(transform)), back)
}

const SEPARATOR = '|||'

/** `task|||t3|||0856249713`. */
export const augmentedName = (task: string, { transform, colours }: Augmentation): string =>
  `${task}${SEPARATOR}t${transform}${SEPARATOR}${colours.join('')}`

/** Task and augmentation of an identifier; one without separator is the original. @throws DataError */
export function parseName(name: string): { task: string; augmentation: Augmentation } {
  const parts = name.split(SEPARATOR)
  const task = parts[0] as string
  if (parts.length === 1) return { task, augmentation: IDENTITY }
  const [transform, digits] = parts.slice(-2) as [string, string]
  if (parts.length < 3 || !/^t[0-7]$/.test(transform) || !/^\d{10}$/.test(digits) || new Set(digits).size !== 10)
    throw new DataError(`"${name}" is not the name of an augmented task`, 'the form is task|||t3|||0856249713')
  return { task, augmentation: { transform: Number(transform.slice(1)), colours: Uint8Array.from(digits, Number) } }
}

const FACTORIALS = [1, 1, 2, 6, 24, 120, 720, 5040, 40320] as const
const MOVED = 9

/** A colour map and a transform as one number, 0 .. 8 * 9! - 1; 0 is the identity. */
export function packAugmentation(transform: number, colours: Uint8Array): number {
  let rank = 0
  for (let i = 1; i <= MOVED; i++) {
    let smaller = 0
    for (let j = i + 1; j <= MOVED; j++) if ((colours[j] as number) < (colours[i] as number)) smaller++
    rank += smaller * (FACTORIALS[MOVED - i] as number)
  }
  return rank * 8 + transform
}

/** Undoes packAugmentation; writes the colour map over `colours` (10 entries). Returns the transform. */
export function unpackAugmentationInto(code: number, colours: Uint8Array): number {
  let rank = code >>> 3
  let free = 0b1111111110
  colours[0] = 0
  for (let i = 1; i <= MOVED; i++) {
    const unit = FACTORIALS[MOVED - i] as number
    let skip = Math.floor(rank / unit)
    rank -= skip * unit
    let rest = free
    while (skip-- > 0) rest &= rest - 1
    const colour = 31 - Math.clz32(rest & -rest)
    colours[i] = colour
    free &= ~(1 << colour)
  }
  return code & 7
}

export function unpackAugmentation(code: number): Augmentation {
  const colours = new Uint8Array(10)
  return { transform: unpackAugmentationInto(code, colours), colours }
}
