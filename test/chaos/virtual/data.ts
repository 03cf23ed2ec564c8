// Data of a run in virtual time: examples that follow from slot and draw, a few rows to answer.
import type { EncodedExample } from '../../../coordinator/data/example-source.js'
import type { OpenedSource } from '../../../coordinator/data/open.js'
import { RowAccuracy } from '../../../coordinator/data/row-accuracy.js'
import { rngFor } from '../../../shared/rng/counter.js'
import { below } from '../../fuzz/mutate.js'

const VOCAB = 12
const PUZZLES = 24
const ROWS = 12

export function virtualData(seed: number, seqLen: number): OpenedSource {
  const make = (stream: string, ...keys: number[]): EncodedExample => {
    const rng = rngFor(seed, stream, ...keys)
    const puzzle = 1 + below(rng, PUZZLES - 1)
    const tokens = (): Uint8Array => Uint8Array.from({ length: seqLen }, () => 1 + below(rng, VOCAB - 1))
    return { puzzle, inputs: tokens(), labels: tokens() }
  }
  const known = new Map<string, EncodedExample>()
  const example = (slot: number, draw: number): EncodedExample => {
    const key = `${slot}:${draw}`
    const made = known.get(key) ?? make('example', slot, draw)
    known.set(key, made)
    return made
  }
  const rows = Array.from({ length: ROWS }, (_, row) => ({ ...make('row', row), task: `t${row}`, pair: 0 }))
  return {
    vocab: VOCAB,
    seqLen,
    numPuzzles: PUZZLES,
    dataHash: `virtual-${seed}`,
    description: 'examples of a run in virtual time',
    example: (slot, draw) => Promise.resolve(example(slot, draw)),
    prefetch: () => undefined,
    close: () => Promise.resolve(),
    evaluation: {
      rows: ROWS,
      description: `${ROWS} rows`,
      row: (index) => rows[index]!,
      scorer: () => {
        const right = new RowAccuracy()
        return {
          add: (row, preds) => right.add(rows[row]!.labels, preds),
          arc: () => undefined,
          finish: () => ({
            score: right.cells,
            accuracies: [{ name: 'cells', value: right.cells, trials: right.known }],
          }),
        }
      },
    },
  }
}
