// Examples by (slot, draw): the same with and without threads, before and after a restart; test rows and their scoring.
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readBoards } from '../../coordinator/data/csv.js'
import { Feed } from '../../coordinator/data/feed.js'
import { openExampleSource, type OpenedSource } from '../../coordinator/data/open.js'
import { crop } from '../../shared/arc/tokens.js'
import type { DataConfig } from '../../shared/config/run-config.js'
import { DataError } from '../../shared/errors.js'

const DATA: DataConfig = {
  kind: 'arc',
  source: 'generated',
  canvas: 7,
  sizes: '',
  augmentations: 5,
  poolSeed: 42,
  firstPuzzle: 1,
  sampler: 'slots',
  chunkEpochs: 50,
  minDifficulty: 0,
  subsample: 1000,
  generatedMinDifficulty: 0,
  generatedTestBoards: 0,
  generatedFamilies: 6,
  generatedTasksPerFamily: 2,
  generatedTrainPairs: 8,
  generatedTestPairs: 2,
}
let folder = ''
const open = (
  data: Partial<DataConfig> = {},
  threads = 0,
  limits = { augmentations: 2, maxPairs: 0 },
): Promise<OpenedSource> =>
  openExampleSource({ ...DATA, ...data }, 1, 4, { cacheDir: folder, threads, evaluate: limits })

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trmesh-data-'))
})
after(() => rm(folder, { recursive: true }))

describe('examples', () => {
  for (const sampler of ['slots', 'official'] as const)
    test(`${sampler}: threads and restarts change nothing`, async () => {
      const [here, there] = await Promise.all([open({ sampler }), open({ sampler }, 1)])
      assert.equal(here.dataHash, there.dataHash)
      const draws = [1, 2, 3, 60]
      for (const draw of draws) for (const slot of [0, 1, 2, 3]) there.prefetch(slot, draw)
      for (const draw of draws)
        for (const slot of [3, 0, 2, 1]) {
          const [a, b] = await Promise.all([here.example(slot, draw), there.example(slot, draw)])
          assert.deepEqual(a, b)
          assert.equal(a.inputs.length, here.seqLen)
          assert.ok(a.puzzle >= 1 && a.puzzle < here.numPuzzles)
          assert.ok(a.labels.some((token) => token >= 2) && a.labels.every((token) => token < here.vocab))
        }
      const again = await open({ sampler })
      assert.deepEqual(await again.example(2, 60), await here.example(2, 60), 'a resumed run draws the same')
      await Promise.all([here.close(), there.close(), again.close()])
    })

  test('what decides the data decides its hash', async () => {
    const hash = async (data: Partial<DataConfig>): Promise<string> => {
      const source = await open(data)
      await source.close()
      return source.dataHash
    }
    const changes: Partial<DataConfig>[] = [{}, { poolSeed: 43 }, { augmentations: 4 }, { canvas: 8 }, { generatedFamilies: 5 }, { sampler: 'official' }] // prettier-ignore
    const hashes = await Promise.all(changes.map(hash))
    assert.equal(new Set(hashes).size, changes.length)
    assert.equal(await hash({}), hashes[0])
  })

  test('Sudoku and mazes come as tokens of one puzzle', async () => {
    for (const [kind, vocab, size] of [
      ['sudoku', 11, 81],
      ['maze', 6, 49],
    ] as const) {
      // prettier-ignore
      const source = await open({ kind, canvas: Math.sqrt(size), generatedFamilies: 1, generatedTasksPerFamily: 4 })
      assert.deepEqual([source.vocab, source.seqLen, source.numPuzzles], [vocab, size, 1])
      const { puzzle, inputs, labels } = await source.example(0, 3)
      assert.equal(puzzle, 0)
      assert.ok(inputs.every((token) => token >= 1 && token < vocab) && labels.length === size)
      const { evaluation } = source
      const scorer = evaluation.scorer()
      for (let i = 0; i < evaluation.rows; i++) scorer.add(i, evaluation.row(i).labels, 0)
      assert.equal(scorer.finish().score, 1)
      await source.close()
    }
  })
})

test('test rows: right answers score 1, wrong ones 0; training never shows a test pair', async () => {
  const source = await open()
  const { evaluation } = source
  assert.equal(evaluation.rows, 12 * 2 * 3)
  const [right, wrong] = [evaluation.scorer(), evaluation.scorer()]
  for (let i = 0; i < evaluation.rows; i++) {
    const row = evaluation.row(i)
    right.add(i, row.labels, 1)
    wrong.add(i, row.inputs, 1)
  }
  assert.equal(right.finish().score, 1)
  assert.equal(right.finish().accuracies.find(({ name }) => name === 'rows exact')?.value, 1)
  assert.equal(wrong.finish().score, 0)
  assert.equal(right.arc()?.solvedPairs, 24)
  const tested = new Set<string>()
  for (let i = 0; i < evaluation.rows; i++) {
    const { puzzle, inputs } = evaluation.row(i)
    tested.add(`${puzzle}:${crop(inputs, DATA.canvas).cells.join('')}`)
  }
  for (let draw = 0; draw < 200; draw++) {
    const { puzzle, inputs } = await source.example(draw % 4, Math.floor(draw / 4))
    // Training grids lie anywhere on the canvas: compare what is coloured.
    const cells = [...inputs].filter((token) => token >= 2).map((token) => token - 2)
    assert.ok(!tested.has(`${puzzle}:${cells.join('')}`))
  }
  await source.close()
  const few = await open({}, 0, { augmentations: 0, maxPairs: 3 })
  assert.equal(few.evaluation.rows, 3)
  await few.close()
})

test('the feed holds no more than it may, and a failing thread is heard', async () => {
  const grids = { kind: 'arc', canvas: 5, cells: Uint8Array.of(3), table: Uint32Array.of(0, 1, 1) } as const
  const feed = new Feed(grids, 0, 2)
  for (const key of ['a', 'b', 'c']) feed.want(key, [0, 0, 0, 0, 0])
  assert.equal(feed.waiting, 2)
  const [a, c] = await Promise.all([feed.take('a', [0, 0, 0, 0, 0]), feed.take('c', [0, 0, 0, 1, 1])])
  assert.equal(feed.waiting, 1)
  assert.deepEqual([a.inputs[0], c.inputs[6]], [5, 5])
  const threaded = new Feed(grids, 1, 2)
  await assert.rejects(threaded.take('x', [7, 7, 0, 0, 0]))
  assert.equal((await threaded.take('y', [0, 0, 0, 0, 0])).labels[0], 5)
  await threaded.close()
})

test('data that is not there, or broken, is one clear error', async () => {
  const refused = (data: Partial<DataConfig>, message: RegExp): Promise<void> =>
    assert.rejects(
      open(data),
      (error) => error instanceof DataError && message.test(`${error.message} ${error.remedy}`),
    )
  await refused({ source: 'arc-agi-1' }, /arc-agi-1 is not here.*trmesh data arc-agi-1/)
  await refused({ source: join(folder, 'nowhere') }, /cannot read the data folder.*ENOENT/)
  const make = async (name: string, files: Record<string, string>): Promise<string> => {
    const path = join(folder, name)
    for (const [file, text] of Object.entries(files)) {
      await mkdir(join(path, file, '..'), { recursive: true })
      await writeFile(join(path, file), text)
    }
    return path
  }
  const good = (cell: number): string => JSON.stringify({ train: [{ input: [[1]], output: [[cell]] }], test: [{ input: [[2]], output: [[3]] }] }) // prettier-ignore
  await refused({ source: await make('broken', { 'a.json': '{"train": [' }) }, /a\.json is not JSON.*damaged/)
  await refused(
    { source: await make('ten', { 'a.json': good(10) }) },
    /task a, train pair 1, output row 1 column 1 is 10/,
  )
  await refused({ source: await make('none', { 'readme.txt': '' }) }, /no ARC tasks/)
  await refused(
    { source: await make('twice', { 'training/a.json': good(1), 'evaluation/a.json': good(2) }) },
    /two tasks are named a/,
  )
  const wide = JSON.stringify({ train: [{ input: [[1]], output: [[1]] }], test: [{ input: [Array(9).fill(1)] }] })
  await refused({ source: await make('wide', { 'a.json': wide }) }, /none of the 1 tasks fits a canvas of 7/)
  const mixed = await open({ source: await make('mixed', { 'a.json': good(1), 'b.json': wide }) })
  assert.match(mixed.description, /1 tasks left out: larger than the canvas/)
  await mixed.close()
  const corpus = await open({ source: await make('corpus', { 'X/X1.json': good(4), 'Y/Y1.json': good(5) }) })
  assert.match(corpus.description, /2 tasks/)
  await corpus.close()
  const kaggle = { 'arc_training_challenges.json': `{"22": ${good(1)}, "a": ${good(2)}}`, 'arc_evaluation_challenges.json': `{"b": ${good(3)}}` } // prettier-ignore
  const combined = await open({ source: await make('kaggle', kaggle) })
  assert.match(combined.description, /3 tasks.* 1 test pairs held out/)
  await combined.close()
  const csv = (question: string): string => `source,question,answer,rating\nx,${question},${'123456789'.repeat(9)},1\n`
  const sudoku = (name: string, question: string): Promise<string> =>
    make(name, { 'train.csv': csv(question), 'test.csv': csv('.'.repeat(81)) })
  await refused(
    { kind: 'sudoku', source: await sudoku('short', '12') },
    /train\.csv line 2: the question has 2 cells, not 81/,
  )
  await refused({ kind: 'sudoku', source: await sudoku('odd', `x${'.'.repeat(80)}`) }, /has the cell "x"/)
  await refused({ kind: 'sudoku', source: await sudoku('other', `2${'.'.repeat(80)}`) }, /the answer does not fit/)
  await refused({ kind: 'maze', source: join(folder, 'short', 'none') }, /there is no .*train\.csv/)
  const read = await open({ kind: 'sudoku', source: await sudoku('fine', `1${'.'.repeat(80)}`) })
  assert.equal((await read.example(0, 0)).labels.length, 81)
  await read.close()
  const many = Array.from({ length: 5 }, (_, i) => `x,${String(i + 1)}${'.'.repeat(80)},${String(i + 1).repeat(81)},1`)
  const path = await make('many', { 'train.csv': `header\n${many.join('\r\n')}\n` })
  const sample = await readBoards(path, 'train', 'sudoku', { subsample: 2, seed: 0 })
  const kept = [sample.questions[0], sample.questions[81]]
  assert.equal(sample.count, 2)
  assert.ok(kept[0] !== kept[1] && kept.every((digit) => digit !== undefined && digit >= 1 && digit <= 5))
})
