// The arrays of the official build, as a stream: what they would hold, hashed and never written. Source: spec 4.1, 4.2.
import { Sha256 } from '../hash.js'
import { unpackAugmentationInto } from './augment.js'
import { gridOf } from './grid.js'
import type { Pool } from './pool.js'
import type { Pair, Split } from './task.js'
import { encodeInto } from './tokens.js'

export interface SplitFigures {
  readonly groups: number
  readonly puzzles: number
  readonly examples: number
  /** SHA-256 of raw array bytes, by the official name of the array. */
  readonly sha256: Readonly<Record<ArrayName, string>>
}
export type ArrayName = 'inputs' | 'labels' | 'puzzle_identifiers' | 'puzzle_indices' | 'group_indices'

/** Rows per piece of work: 3.7 MB of tokens on the official canvas. */
const ROWS = 4096
const DUMMY = gridOf([[0]])

/** A growing little-endian i32 array that is hashed as it grows. */
class Indices {
  private readonly hash = new Sha256()
  private readonly block = new Uint8Array(4 * ROWS)
  private readonly view = new DataView(this.block.buffer)
  private at = 0

  push(value: number): void {
    this.view.setInt32(this.at, value, true)
    this.at += 4
    if (this.at === this.block.length) this.flush()
  }

  hex(): string {
    this.flush()
    return this.hash.hex()
  }

  private flush(): void {
    this.hash.update(this.block.subarray(0, this.at))
    this.at = 0
  }
}

/** Calls `row(tokens of inputs, tokens of labels)` for every example of a split in the official order; yields examples done. */
export function* officialRows(
  pool: Pool,
  split: Split,
  sink: (inputs: Uint8Array, labels: Uint8Array) => void,
): Generator<number, void> {
  const { canvas } = pool.config
  const size = canvas * canvas
  const inputs = new Uint8Array(ROWS * size)
  const labels = new Uint8Array(ROWS * size)
  const colours = new Uint8Array(10)
  let rows = 0
  let done = 0
  let example = 0
  for (const group of split === 'train' ? pool.groups : pool.testGroups) {
    const indices = group[split]
    for (let puzzle = group.from; puzzle < group.to; puzzle++) {
      const transform = unpackAugmentationInto(pool.codes[puzzle] as number, colours)
      for (const index of indices) {
        const { input, output = DUMMY } = group.task.pairs[index] as Pair
        const row = split === 'train' ? (pool.offsets[2 * example] as number) : 0
        const col = split === 'train' ? (pool.offsets[2 * example + 1] as number) : 0
        example++
        encodeInto(inputs, rows * size, canvas, input, transform, colours, row, col)
        encodeInto(labels, rows * size, canvas, output, transform, colours, row, col)
        if (++rows < ROWS) continue
        sink(inputs, labels)
        done += rows
        rows = 0
        yield done
      }
    }
  }
  sink(inputs.subarray(0, rows * size), labels.subarray(0, rows * size))
  yield done + rows
}

/** Hashes all arrays of a split; yields the number of examples done, for whoever shows progress. */
export function* hashSplit(pool: Pool, split: Split): Generator<number, SplitFigures> {
  const groups = split === 'train' ? pool.groups : pool.testGroups
  const identifiers = new Indices()
  const puzzleIndices = new Indices()
  const groupIndices = new Indices()
  puzzleIndices.push(0)
  groupIndices.push(0)
  let puzzles = 0
  let examples = 0
  for (const group of groups) {
    for (let puzzle = group.from; puzzle < group.to; puzzle++) {
      identifiers.push(puzzle + 1)
      examples += group[split].length
      puzzleIndices.push(examples)
    }
    puzzles += group.to - group.from
    groupIndices.push(puzzles)
  }
  const inputs = new Sha256()
  const labels = new Sha256()
  yield* officialRows(pool, split, (input, label) => {
    inputs.update(input)
    labels.update(label)
  })
  return {
    groups: groups.length,
    puzzles,
    examples,
    sha256: {
      inputs: inputs.hex(),
      labels: labels.hex(),
      puzzle_identifiers: identifiers.hex(),
      puzzle_indices: puzzleIndices.hex(),
      group_indices: groupIndices.hex(),
    },
  }
}

/** SHA-256 of the text of identifiers.json: a JSON list with ", " between the names. */
export function hashIdentifiers(pool: Pool): string {
  const hash = new Sha256()
  let text = '['
  for (let id = 0; id < pool.numIdentifiers; id++) {
    text += `${id === 0 ? '' : ', '}"${pool.name(id)}"`
    if (text.length < 1 << 16) continue
    hash.update(text)
    text = ''
  }
  return hash.update(`${text}]`).hex()
}
