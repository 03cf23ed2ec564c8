// Hard puzzles of our own: what their rating is, that each Sudoku has one solution and no given to spare, and that each maze has
// exactly one shortest path, counted by means of their own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BoardDataset } from '../../coordinator/data/board-dataset.js'
import { generateBoardSplits, makeBoards } from '../../coordinator/data/generated-boards.js'
import { compileConfig } from '../../shared/config/compile.js'
import { DataError } from '../../shared/errors.js'
import { generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { hardMaze } from '../../shared/puzzles/hard-maze.js'
import { hardSudoku, minimalSudoku } from '../../shared/puzzles/hard-sudoku.js'
import { FREE, GOAL, mazeToken, PATH, START, WALL } from '../../shared/puzzles/maze.js'
import { PathCounter } from '../../shared/puzzles/shortest-paths.js'
import { ratingOf, SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { rngFor } from '../../shared/rng/counter.js'
import { range, shuffled } from '../../shared/rng/draws.js'
import { countSolutions } from '../helpers/sudoku.js'

const digits = (text: string): Uint8Array => Uint8Array.from(text, (c) => (c === '.' ? 0 : Number(c)))
const search = new SudokuSearch(9)

test('the search finds the solutions there are, of 4 x 4 all 288', () => {
  assert.equal(new SudokuSearch(4).solve(new Uint8Array(16), Infinity).solutions, 288)
  for (let i = 0; i < 20; i++) {
    const { question, answer } = generateSudoku(rngFor(4, 'search', i), 50, search)
    const { solutions, first } = search.solve(question, 2)
    assert.equal(solutions, 1)
    assert.deepEqual(first, answer)
    const more = question.with(
      question.findIndex((digit) => digit > 0),
      0,
    )
    assert.equal(search.solve(more, 2).solutions, countSolutions(more))
  }
  const twice = digits(`11${'.'.repeat(79)}`)
  assert.equal(search.solve(twice, 2).solutions, 0)
  assert.deepEqual(search.solve(twice, 2).first, new Uint8Array(81))
})

test('the rating counts dead ends: none where singles are enough, the same whatever the digits are called', () => {
  // 4 x 4 with the two diagonal boxes full: two cells in a box can be swapped, so the search branches, and no branch fails.
  const small = new SudokuSearch(4)
  assert.deepEqual([small.solve(digits('12..34....21..43'), 9).deadEnds >= 0, small.solve(digits('1234341221434321'), 2).deadEnds], [true, 0]) // prettier-ignore
  const easy = generateSudoku(rngFor(1, 'easy', 0), 20, search)
  assert.equal(ratingOf(search, easy.question), 0)
  for (let i = 0; i < 10; i++) {
    const { question, rating } = hardSudoku(rngFor(1, 'renamed', i), search, 3)!
    const names = [
      0,
      ...shuffled(
        rngFor(2, 'names', i),
        range(9).map((d) => d + 1),
      ),
    ]
    assert.equal(ratingOf(search, question.map((digit) => names[digit]!)), rating) // prettier-ignore
    assert.ok(rating >= 3)
  }
})

test('hard Sudokus have one solution, no given to spare, the rating asked for, and are the same for the same stream', () => {
  for (const [side, least] of [
    [9, 8],
    [6, 1],
    [4, 0],
  ] as const) {
    const solver = new SudokuSearch(side)
    for (let i = 0; i < 4; i++) {
      const board = hardSudoku(rngFor(7, 'hard', i), solver, least)!
      const { question, answer, rating } = board
      assert.ok(rating >= least)
      assert.equal(countSolutions(question), 1, 'counted by the other solver')
      question.forEach((digit, cell) => assert.ok(digit === 0 || digit === answer[cell]))
      for (const [cell, digit] of question.entries())
        if (digit !== 0) assert.equal(countSolutions(question.with(cell, 0)), 2, 'minimal')
      assert.deepEqual(hardSudoku(rngFor(7, 'hard', i), solver, least), board)
    }
  }
  assert.notDeepEqual(minimalSudoku(rngFor(1, 'a', 0), search), minimalSudoku(rngFor(1, 'a', 1), search))
})

/** Shortest paths, all of them, by powers of the adjacency: nothing shared with the generator. */
function shortestPaths(maze: Uint8Array, side: number): { steps: number; ways: bigint } {
  const beside = (cell: number): number[] =>
    [[-1, 0], [1, 0], [0, -1], [0, 1]].flatMap(([dr, dc]) => {
      const [row, col] = [Math.floor(cell / side) + dr!, (cell % side) + dc!]
      return row < 0 || col < 0 || row >= side || col >= side || maze[row * side + col] === WALL ? [] : [row * side + col]
    }) // prettier-ignore
  let ways = new Map([[maze.indexOf(START), 1n]])
  for (let steps = 0; steps <= side * side; steps++) {
    const found = ways.get(maze.indexOf(GOAL))
    if (found !== undefined) return { steps, ways: found }
    const next = new Map<number, bigint>()
    for (const [cell, count] of ways) for (const other of beside(cell)) next.set(other, (next.get(other) ?? 0n) + count)
    ways = next
  }
  throw new Error('no path')
}

test('hard mazes have exactly one shortest path, longer than asked, and loops', () => {
  for (const [side, least] of [
    [30, 110],
    [15, 30],
    [9, 0],
  ] as const) {
    const counter = new PathCounter(side)
    let cells = 0
    let edges = 0
    for (let i = 0; i < 6; i++) {
      const maze = hardMaze(rngFor(3, 'maze', i), counter, side, least)!
      const { question, answer, rating } = maze
      const { steps, ways } = shortestPaths(question, side)
      assert.deepEqual([ways, steps], [1n, rating])
      assert.ok(rating >= least)
      assert.equal(answer.filter((cell) => cell === PATH).length, steps - 1)
      answer.forEach((cell, at) => assert.ok(cell === question[at] || (cell === PATH && question[at] === FREE)))
      // Walls off the path change nothing of it, so the answer is that path.
      assert.deepEqual(shortestPaths(answer.map((cell) => (cell === FREE ? WALL : cell)), side), { steps, ways: 1n }) // prettier-ignore
      assert.deepEqual(hardMaze(rngFor(3, 'maze', i), counter, side, least), maze)
      for (const [at, cell] of question.entries()) {
        if (cell === WALL) continue
        cells++
        for (const other of [at + side, ...((at + 1) % side > 0 ? [at + 1] : [])])
          if (question[other] !== undefined && question[other] !== WALL) edges++
      }
    }
    assert.ok(edges > cells - 6, 'a tree has one edge less than cells')
  }
})

test('paths are counted', () => {
  const maze = (...rows: string[]): Uint8Array => Uint8Array.from([...rows.join('')].map((c) => mazeToken(c)!))
  const counter = new PathCounter(3)
  assert.deepEqual(counter.count(maze('S  ', '   ', '  G')), { steps: 4, ways: 2 })
  assert.deepEqual(counter.count(maze('S  ', '## ', '  G')), { steps: 4, ways: 1 })
  assert.deepEqual(counter.count(maze('SG ', '   ', '   ')), { steps: 1, ways: 1 })
  assert.equal(counter.count(maze('S# ', '## ', '  G')), undefined)
  assert.equal(counter.count(maze('   ', '   ', '  G')), undefined)
  assert.equal(counter.count(maze('  S', '###', 'G  ')), undefined, 'the end of a row is no neighbour of the next')
})

test('threads make the boards that this thread makes; held-out ones are others; ratings are in the summary', async () => {
  for (const [preset, least, name] of [
    ['sudoku-mlp', 4, 'dead ends'],
    ['maze', 150, 'moves'],
  ] as const) {
    const flags = { 'data.source': 'generated', 'data.generatedTasksPerFamily': '40', 'data.generatedTestBoards': '7', 'data.generatedMinDifficulty': String(least) } // prettier-ignore
    const { data } = compileConfig({ preset, env: {}, flags })
    const kind = data.kind as 'sudoku' | 'maze'
    const [here, there] = [await generateBoardSplits(kind, data), await generateBoardSplits(kind, data, 1)]
    assert.deepEqual(there, here)
    assert.deepEqual([here.train.count, here.test.count], [40, 7])
    assert.ok([...here.train.ratings, ...here.test.ratings].every((rating) => rating >= least))
    const { description } = new BoardDataset(kind, here, data)
    const [, low, high] = /ratings (\d+) to (\d+), median \d+/.exec(description)!
    assert.deepEqual([Number(low), Number(high)], [Math.min(...here.train.ratings), Math.max(...here.train.ratings)])
    assert.match(description, new RegExp(name))
  }
})

test('what is not there is refused with a remedy', async () => {
  const order = { kind: 'sudoku', side: 4, seed: 0, split: 'train', least: 50, from: 0, to: 2 } as const
  assert.deepEqual(makeBoards(order), [])
  const flags = {
    'data.source': 'generated',
    'data.generatedMinDifficulty': '900',
    'data.generatedTasksPerFamily': '1',
  }
  const { data } = compileConfig({ preset: 'maze', env: {}, flags })
  await assert.rejects(generateBoardSplits('maze', data), (error) => error instanceof DataError && /no maze of 30 x 30 with a rating of 900/.test(error.message) && /generatedMinDifficulty lower/.test(error.remedy)) // prettier-ignore
})
