// Sudoku and mazes: the official shuffle (spec 12.1 row 18), tokens, and generated puzzles with one solution.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { countSolutions, generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { FREE, GOAL, mazeToken, PATH, START, WALL } from '../../shared/puzzles/maze.js'
import { drawShuffle, shuffleInto } from '../../shared/puzzles/sudoku.js'
import { rngFor } from '../../shared/rng/counter.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'

test('the Sudoku shuffle of legacy seed 0', () => {
  const shuffle = drawShuffle(new Mt19937(0))
  const shuffled = (board: Uint8Array): number[] => {
    const out = new Uint8Array(81)
    shuffleInto(out, 0, board, 0, shuffle)
    return [...out].map((token) => token - 1)
  }
  const board = shuffled(Uint8Array.from({ length: 81 }, (_, i) => i % 10))
  const solution = shuffled(Uint8Array.from({ length: 81 }, (_, i) => (i % 9) + 1))
  assert.deepEqual(board.slice(0, 9), [5, 2, 9, 7, 1, 4, 6, 8, 0])
  assert.deepEqual(board.slice(72), [6, 1, 0, 8, 2, 3, 5, 7, 9])
  assert.deepEqual(solution.slice(0, 9), [3, 8, 2, 5, 7, 9, 4, 6, 1])
})

test('maze tokens', () => {
  assert.deepEqual([...'# SGo'].map(mazeToken), [WALL, FREE, START, GOAL, PATH])
  assert.equal(mazeToken('x'), undefined)
  assert.equal(mazeToken(''), undefined)
})

test('generated Sudokus are solved, unique, and another for another stream', () => {
  const made = [0, 1, 2].map((i) => generateSudoku(rngFor(1, 'sudoku', i), 40))
  for (const { question, answer } of made) {
    assert.equal(countSolutions(question), 1)
    assert.ok(question.filter((digit) => digit === 0).length >= 30)
    question.forEach((digit, i) => assert.ok(digit === 0 || digit === answer[i]))
    for (let i = 0; i < 9; i++) {
      const unit = (cell: (j: number) => number): number => new Set(Array.from({ length: 9 }, (_, j) => answer[cell(j)])).size // prettier-ignore
      assert.equal(unit((j) => 9 * i + j), 9) // prettier-ignore
      assert.equal(unit((j) => 9 * j + i), 9) // prettier-ignore
      assert.equal(
        unit((j) => 27 * Math.floor(i / 3) + 3 * (i % 3) + 9 * Math.floor(j / 3) + (j % 3)),
        9,
      )
    }
  }
  assert.deepEqual(generateSudoku(rngFor(1, 'sudoku', 0), 40), made[0])
  assert.notDeepEqual(made[0], made[1])
  assert.equal(countSolutions(new Uint8Array(81)), 2, 'an empty board has more than one')
})

test('generated mazes have one path, and the answer is it', () => {
  for (const side of [5, 8, 30]) {
    const { question, answer } = generateMaze(rngFor(1, 'maze', side), side)
    assert.deepEqual([START, GOAL].map((token) => question.filter((cell) => cell === token).length), [1, 1]) // prettier-ignore
    const open = (cell: number): boolean => question[cell] !== WALL
    const neighbours = (cell: number): number[] =>
      [
        cell >= side ? cell - side : -1,
        cell + side < side * side ? cell + side : -1,
        cell % side > 0 ? cell - 1 : -1,
        cell % side < side - 1 ? cell + 1 : -1,
      ].filter((other) => other >= 0 && open(other))
    // A connected graph with one edge less than cells is a tree: one path between any two cells.
    const cells = [...question.keys()].filter(open)
    const reached = new Set([question.indexOf(START)])
    for (const cell of reached) for (const next of neighbours(cell)) reached.add(next)
    assert.equal(reached.size, cells.length)
    assert.equal(cells.reduce((sum, cell) => sum + neighbours(cell).length, 0) / 2, cells.length - 1) // prettier-ignore
    // The answer is a chain from start to goal.
    let [at, before, steps] = [question.indexOf(START), -1, 0]
    while (question[at] !== GOAL) {
      const next = neighbours(at).filter((c) => c !== before && (answer[c] === PATH || answer[c] === GOAL))
      assert.equal(next.length, 1)
      ;[before, at] = [at, next[0] as number]
      steps++
    }
    assert.equal(steps - 1, answer.filter((cell) => cell === PATH).length)
    answer.forEach((cell, i) => assert.ok(cell === question[i] || (cell === PATH && question[i] === FREE)))
  }
})
