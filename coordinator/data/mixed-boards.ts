// Boards of several sizes on one canvas, the same number of each, one size after the other in turn (after the mixed Sudokus of
// nano-trm, github.com/olivkoch/nano-trm, which puts an end mark below a smaller board; here padding alone says where it ends).
import type { DataConfig } from '../../shared/config/run-config.js'
import { sidesOf } from '../../shared/config/settings-data.js'
import type { BoardSplits } from './board-dataset.js'
import type { BoardList } from './csv.js'
import type { Boards } from './encode.js'
import { generateBoardSplits } from './generated-boards.js'

/** Boards of each of data.sizes as a run of that size alone makes them. @param threads as there @throws DataError */
export async function generateMixedBoards(kind: Boards['kind'], config: DataConfig, threads = 0): Promise<BoardSplits> {
  const parts: BoardSplits[] = []
  for (const canvas of sidesOf(config))
    parts.push(await generateBoardSplits(kind, { ...config, canvas, sizes: '' }, threads))
  const [train, test] = [joined(parts, 'train', config.canvas), joined(parts, 'test', config.canvas)]
  const { origin = '', rating = '' } = parts[0] ?? {}
  const sides = { train: train.sides, test: test.sides }
  return { side: config.canvas, train: train.list, test: test.list, sides, origin, rating }
}

function joined(
  parts: readonly BoardSplits[],
  split: 'train' | 'test',
  canvas: number,
): { readonly list: BoardList; readonly sides: Uint8Array } {
  const count = parts.reduce((sum, part) => sum + part[split].count, 0)
  const of = (i: number): BoardSplits => parts[i % parts.length]!
  const place = (i: number): number => Math.floor(i / parts.length)
  const boards = (what: 'questions' | 'answers'): Uint8Array => {
    const all = new Uint8Array(count * canvas * canvas)
    for (let i = 0; i < count; i++) {
      const { side, [split]: list } = of(i)
      const from = place(i) * side * side
      all.set(list[what].subarray(from, from + side * side), i * canvas * canvas)
    }
    return all
  }
  const numbers = Array.from({ length: count }, (_, i) => i)
  return {
    list: {
      count,
      questions: boards('questions'),
      answers: boards('answers'),
      ratings: numbers.map((i) => of(i)[split].ratings[place(i)] ?? NaN),
    },
    sides: Uint8Array.from(numbers, (i) => of(i).side),
  }
}
