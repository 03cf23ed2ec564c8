// Puzzle rows in checkpoints, only those that changed: whatever happens to the folders in between, the newest one opens by itself
// and holds every row as the table had it.
import assert from 'node:assert/strict'
import { cpSync, readdirSync, rmSync, statSync, writeFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import { openCheckpoint, readManifest } from '../../coordinator/store/checkpoint-reader.js'
import { CheckpointWriter } from '../../coordinator/store/checkpoint-writer.js'
import { planPuzzleFiles, writePuzzles, type Saved } from '../../coordinator/store/puzzle-files.js'
import { TrainedRows } from '../../coordinator/store/trained-rows.js'
import { CheckpointRefused } from '../../shared/errors.js'
import { rngFor } from '../../shared/rng/counter.js'
import { folderOf, manifestFor } from '../helpers/checkpoints.js'

const [PUZZLES, DIM] = [400, 3]

async function save(root: string, step: number, table: PuzzleTable, before: Saved | undefined): Promise<Saved> {
  const writer = await CheckpointWriter.begin(root, step, [])
  const snapshot = table.freeze()
  await writePuzzles(DIM, before, snapshot, writer)
  const dir = await writer.finish(manifestFor(step))
  snapshot.saved()
  snapshot.release()
  return { dir, files: (await readManifest(dir)).files }
}

async function rowsIn(dir: string): Promise<PuzzleTable> {
  const checkpoint = await openCheckpoint(dir)
  try {
    const trained = await TrainedRows.of(checkpoint, DIM)
    const table = new PuzzleTable(PUZZLES, DIM)
    for await (const { ids, rows } of trained.pieces()) table.restore(ids, rows)
    return table
  } finally {
    await checkpoint.close()
  }
}

const train = (table: PuzzleTable, ids: readonly number[]): void =>
  table.apply(
    ids,
    Float32Array.from({ length: ids.length * DIM }, (_, i) => (i % 2) - 0.5),
    0.01,
    0.1,
  )

const puzzleFilesIn = (dir: string): string[] =>
  readdirSync(dir)
    .filter((name) => name.startsWith('puzzles'))
    .sort()

function assertSame(found: PuzzleTable, wanted: PuzzleTable): void {
  assert.equal(found.memory.rows, wanted.memory.rows)
  for (let id = 0; id < PUZZLES; id++) assert.deepEqual(found.row(id), wanted.row(id))
}

test('a checkpoint writes the rows that changed beside links to the others, and holds all of them', async (t) => {
  const root = folderOf(t)
  const table = new PuzzleTable(PUZZLES, DIM)
  train(
    table,
    Array.from({ length: 300 }, (_, i) => i),
  )
  const first = await save(root, 1, table, undefined)
  assert.deepEqual(puzzleFilesIn(first.dir), ['puzzles.safetensors'])
  train(table, [7, 399])
  const second = await save(root, 2, table, first)
  assert.deepEqual(puzzleFilesIn(second.dir), ['puzzles-2.safetensors', 'puzzles.safetensors'])
  assert.equal(
    statSync(join(second.dir, 'puzzles.safetensors')).ino,
    statSync(join(first.dir, 'puzzles.safetensors')).ino,
  )
  assert.ok(statSync(join(second.dir, 'puzzles-2.safetensors')).size < 400)
  // Nothing changed: nothing is written.
  const third = await save(root, 3, table, second)
  assert.deepEqual(puzzleFilesIn(third.dir), puzzleFilesIn(second.dir))
  // The same step once more, built on itself.
  train(table, [8])
  const again = await save(root, 3, table, third)
  assert.equal(puzzleFilesIn(again.dir).length, 3)
  rmSync(first.dir, { recursive: true })
  rmSync(second.dir, { recursive: true })
  assertSame(await rowsIn(again.dir), table)
  // A copy of the folder, elsewhere, needs nothing beside it.
  const copy = join(root, 'copy')
  cpSync(again.dir, copy, { recursive: true })
  assertSame(await rowsIn(copy), table)
})

test('a hundred checkpoints in a row, with failures, deletions and restarts: each holds what the table held', async (t) => {
  const root = folderOf(t)
  const rng = rngFor(5, 'test')
  const draw = (n: number): number => Math.floor(rng.uniform() * n)
  let table = new PuzzleTable(PUZZLES, DIM)
  let before: Saved | undefined
  const shapes = new Set<string>()
  for (let step = 1; step <= 100; step++) {
    train(
      table,
      Array.from({ length: 1 + draw(step % 10 === 0 ? 200 : 12) }, () => draw(PUZZLES)),
    )
    if (draw(5) === 0) table.freeze().release() // one that was never written
    if (before !== undefined && draw(8) === 0) rmSync(before.dir, { recursive: true })
    before = await save(root, step, table, before)
    shapes.add(puzzleFilesIn(before.dir).length > 1 ? 'changed' : 'all')
    const read = await rowsIn(before.dir)
    assertSame(read, table)
    // A restart goes on with what it read.
    if (draw(6) === 0) table = read
  }
  assert.deepEqual([...shapes].sort(), ['all', 'changed'])
})

test('all rows are written again before the changes weigh half as much, or the files are many', () => {
  const file = (name: string, bytes: number) => ({ name, bytes, sha256: '' })
  const before = (...sizes: number[]): Saved => ({
    dir: '',
    files: [file('dense.safetensors', 9), ...sizes.map((bytes, i) => file(i === 0 ? 'puzzles.safetensors' : `puzzles-${i + 1}.safetensors`, bytes))], // prettier-ignore
  })
  const plan = (saved: Saved | undefined, changed: number): string[] => {
    const { linked, written } = planPuzzleFiles(saved, changed, 10)
    return [...linked.map(({ name }) => name), `+${written}`]
  }
  assert.deepEqual(plan(undefined, 5), ['+puzzles.safetensors'])
  assert.deepEqual(plan(before(1000, 300), 20), [
    'puzzles.safetensors',
    'puzzles-2.safetensors',
    '+puzzles-3.safetensors',
  ])
  assert.deepEqual(plan(before(1000, 300), 21), ['+puzzles.safetensors'])
  assert.deepEqual(plan(before(1000, 300), 0), ['puzzles.safetensors', 'puzzles-2.safetensors', '+undefined'])
  assert.deepEqual(plan(before(1000, ...Array.from({ length: 15 }, () => 1)), 1), ['+puzzles.safetensors'])
})

test('a linked file that was damaged is found out, and a file that is not what it was is written anew', async (t) => {
  const root = folderOf(t)
  const table = new PuzzleTable(PUZZLES, DIM)
  train(
    table,
    Array.from({ length: 300 }, (_, i) => i),
  )
  const first = await save(root, 1, table, undefined)
  const path = join(first.dir, 'puzzles.safetensors')
  const good = readFileSync(path)
  writeFileSync(path, good.subarray(0, good.length - 8))
  train(table, [3])
  const second = await save(root, 2, table, first)
  assert.deepEqual(puzzleFilesIn(second.dir), ['puzzles.safetensors'])
  assertSame(await rowsIn(second.dir), table)
  train(table, [4])
  const third = await save(root, 3, table, second)
  const linked = join(third.dir, 'puzzles.safetensors')
  const bytes = readFileSync(linked)
  bytes[bytes.length - 5]! ^= 1
  writeFileSync(linked, bytes)
  await assert.rejects(openCheckpoint(third.dir), CheckpointRefused)
})
