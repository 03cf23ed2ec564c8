// Puzzles judged by their rules: every shortest path of a maze counts, no other does; a Sudoku is full, lawful, and keeps its givens.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BoardEvaluation } from '../../coordinator/data/board-evaluation.js'
import { checkMaze } from '../../shared/puzzles/check-maze.js'
import { isSolvedSudoku } from '../../shared/puzzles/check-sudoku.js'
import { generateMaze } from '../../shared/puzzles/generate-maze.js'
import { generateSudoku } from '../../shared/puzzles/generate-sudoku.js'
import { FREE, GOAL, mazeToken, PATH, START } from '../../shared/puzzles/maze.js'
import { SudokuSearch } from '../../shared/puzzles/sudoku-search.js'
import { rngFor } from '../../shared/rng/counter.js'

const tokens = (rows: readonly string[]): Uint8Array => Uint8Array.from([...rows.join('')].map((c) => mazeToken(c) ?? NaN)) // prettier-ignore

const QUESTION = tokens(['S   #', ' ##  ', '    #', '# #  ', '#   G'])

describe('a maze', () => {
  const verdict = (...rows: string[]): string => checkMaze(QUESTION, tokens(rows), 5)

  test('is solved by each of its shortest paths', () => {
    assert.equal(verdict('S   #', 'o##  ', 'oo  #', '#o#  ', '#oooG'), 'shortest')
    assert.equal(verdict('S   #', 'o##  ', 'oooo#', '# #oo', '#   G'), 'shortest')
    assert.equal(verdict('Sooo#', ' ##o ', '   o#', '# #o ', '#  oG'), 'shortest')
  })

  test('is not solved by a detour, a gap, stray cells, a path through a wall, or by changing the maze', () => {
    assert.equal(verdict('Sooo#', 'o##o ', 'oooo#', '#o#o ', '#oooG'), 'longer', 'two ways at once')
    assert.equal(verdict('S  o#', 'o##  ', 'oo  #', '#o#  ', '#oooG'), 'longer', 'a stray cell')
    assert.equal(verdict('S   #', 'o##  ', 'oo  #', '# #  ', '#oooG'), 'no path', 'a gap')
    assert.equal(verdict('S   #', ' ##  ', '    #', '# #  ', '#   G'), 'no path', 'nothing drawn')
    assert.equal(verdict('S   #', 'o##  ', 'oo  #', '#oo  ', '#  oG'), 'other maze', 'through a wall')
    assert.equal(verdict('    #', 'o##  ', 'oo  #', '#o#  ', '#oooG'), 'other maze', 'without a start')
    assert.equal(verdict('S   #', 'o##  ', 'oo  #', '#o#  ', '#ooGo'), 'other maze', 'the goal moved')
    assert.equal(verdict('S   #', 'o##  ', 'oo  #', '#o##o', '#oooG'), 'other maze', 'a wall added')
  })

  test('does not let a path leave over one edge and come back over the other', () => {
    const question = tokens(['  S', 'G##', '###'])
    assert.equal(checkMaze(question, tokens(['ooS', 'G##', '###']), 3), 'shortest')
    assert.equal(checkMaze(question, question, 3), 'no path', 'the end of row 0 is no neighbour of the start of row 1')
  })

  test('that was generated has its answer as the only shortest path', () => {
    for (const side of [5, 12, 30]) {
      const { question, answer } = generateMaze(rngFor(4, 'maze', side), side)
      assert.equal(checkMaze(question, answer, side), 'shortest')
      const cell = answer.indexOf(PATH)
      assert.equal(checkMaze(question, answer.with(cell, FREE), side), 'no path')
      const free = answer.indexOf(FREE)
      if (free >= 0) assert.equal(checkMaze(question, answer.with(free, PATH), side), 'longer')
    }
  })
})

test('a Sudoku is solved if every unit has all digits and the givens stand', () => {
  const { question, answer } = generateSudoku(rngFor(2, 'sudoku', 0), 40, new SudokuSearch(9))
  const [asked, solved] = [question, answer].map((board) => board.map((digit) => digit + 1)) as [Uint8Array, Uint8Array]
  assert.ok(isSolvedSudoku(asked, solved, 9))
  assert.ok(!isSolvedSudoku(asked, asked, 9), 'empty cells')
  const empty = asked.indexOf(1)
  assert.ok(!isSolvedSudoku(asked, solved.with(empty, (solved[empty]! % 9) + 2), 9), 'a digit twice')
  assert.ok(!isSolvedSudoku(asked, solved.with(empty, 0), 9), 'no digit')
  // The same lawful board with two digits swapped everywhere is lawful, but not the givens' board.
  const swapped = solved.map((token) => (token === 2 ? 3 : token === 3 ? 2 : token))
  assert.ok(!isSolvedSudoku(asked, swapped, 9))
  assert.ok(isSolvedSudoku(new Uint8Array(81).fill(1), swapped, 9), 'nothing given: any lawful board will do')
})

describe('the evaluation of boards', () => {
  const accuracies = (evaluation: BoardEvaluation, answers: readonly Uint8Array[]): Record<string, number> => {
    const scorer = evaluation.scorer()
    answers.forEach((answer, row) => scorer.add(row, answer, 0))
    const { score, accuracies: list } = scorer.finish()
    assert.equal(score, list[0]?.value)
    assert.ok(list.every(({ trials }) => trials === answers.length))
    return Object.fromEntries(list.map(({ name, value }) => [name, value]))
  }

  test('counts other shortest paths apart from the labelled one', () => {
    const label = tokens(['S   #', 'o##  ', 'oo  #', '#o#  ', '#oooG'])
    const other = tokens(['Sooo#', ' ##o ', '   o#', '# #o ', '#  oG'])
    const longer = tokens(['Sooo#', 'o##o ', 'oooo#', '#o#o ', '#oooG'])
    const boards = { kind: 'maze', side: 5, questions: Buffer.concat([QUESTION, QUESTION, QUESTION, QUESTION]), answers: Buffer.concat([label, label, label, label]) } as const // prettier-ignore
    const found = accuracies(new BoardEvaluation(boards, 4, { maxPairs: 0 }), [label, other, longer, QUESTION])
    assert.equal(found['exact'], 0.25)
    assert.equal(found['valid, any shortest path'], 0.5)
    assert.equal(found['valid, other shortest path'], 0.25)
    const same = [other, longer, QUESTION].reduce((sum, answer) => sum + answer.filter((token, i) => token === label[i]).length, 25) // prettier-ignore
    assert.equal(found['cells right'], same / 100)
    assert.deepEqual([label.indexOf(START), label.indexOf(GOAL)], [0, 24])
  })

  test('counts valid boards beside exact ones', () => {
    const made = [0, 1, 2].map((i) => generateSudoku(rngFor(2, 'sudoku', i), 40, new SudokuSearch(9)))
    const boards = { kind: 'sudoku', side: 9, questions: Buffer.concat(made.map(({ question }) => question)), answers: Buffer.concat(made.map(({ answer }) => answer)) } as const // prettier-ignore
    const evaluation = new BoardEvaluation(boards, 3, { maxPairs: 2 })
    assert.equal(evaluation.rows, 2)
    const [first, second] = [evaluation.row(0), evaluation.row(1)]
    const found = accuracies(evaluation, [first.labels, second.inputs])
    assert.deepEqual([found['exact'], found['valid board, givens kept']], [0.5, 0.5])
    assert.ok(found['cells right']! > 0.5 && found['cells right']! < 1)
  })
})
