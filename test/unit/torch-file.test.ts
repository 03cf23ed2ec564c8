// Files that torch 2.13 wrote (test/golden/make-pt.py): every number comes out, everything that is no plain state_dict is
// refused in words, and so is every kind of damage.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { openWeights } from '../../coordinator/import/open-weights.js'
import type { WeightFile } from '../../coordinator/import/weight-file.js'
import { CheckpointRefused } from '../../shared/errors.js'
import { folderOf } from '../helpers/checkpoints.js'
import { zipArchive } from '../native/zip-archive.js'

const golden = (name: string): string => resolve('test/golden/pt', name)

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1)

async function numbersOf(file: WeightFile, name: string): Promise<number[]> {
  const tensor = file.tensors.find((each) => each.name === name)
  assert.ok(tensor, name)
  const into = new Float32Array(sizeOf(tensor.shape))
  await tensor.read(0, into)
  return [...into]
}

/** What make-pt.py calls `grid`: 4 rows of 6. */
const LINE = Array.from({ length: 24 }, (_, i) => i / 8 - 1)
const at = (row: number, column: number): number => LINE[row * 6 + column] as number
const rows = (count: number, columns: number, value: (i: number, j: number) => number): number[] =>
  Array.from({ length: count * columns }, (_, i) => value(Math.floor(i / columns), i % columns))

const KINDS: readonly [string, number[], number[]][] = [
  ['f32', [4, 6], LINE],
  ['f64', [4, 6], LINE],
  ['f16', [4, 6], LINE],
  ['bf16', [4, 6], LINE],
  ['extremes', [6], [2 ** -14, 2 ** -24, 65504, -0, Infinity, NaN]],
  ['turned', [6, 4], rows(6, 4, (i, j) => at(j, i))],
  ['turned bf16', [6, 4], rows(6, 4, (i, j) => at(j, i))],
  ['part', [2, 3], rows(2, 3, (i, j) => at(1 + i, 2 + j))],
  ['every other', [12], Array.from({ length: 12 }, (_, i) => LINE[1 + 2 * i] as number)],
  ['row', [6], rows(1, 6, (_, j) => at(2, j))],
  ['same row', [1, 6], rows(1, 6, (_, j) => at(2, j))],
  ['stretched', [4, 3], rows(4, 3, (i) => at(i, 0))],
  ['scalar', [], [2.5]],
  ['empty', [0, 6], []],
  ['parameter', [4, 6], LINE],
]

test('all floats, views with gaps and turned axes, shared storages, parameters', async () => {
  const file = await openWeights(golden('kinds.pt'))
  try {
    assert.equal(file.format, 'PyTorch')
    for (const [name, shape, values] of KINDS) {
      assert.deepEqual(file.tensors.find((tensor) => tensor.name === name)?.shape, shape, name)
      assert.deepEqual(await numbersOf(file, name), values, name)
      if (values.length < 4) continue
      const some = new Float32Array(2)
      await file.tensors.find((tensor) => tensor.name === name)?.read(1, some)
      assert.deepEqual([...some], values.slice(1, 3), `${name} from element 1 on`)
    }
    await assert.rejects(numbersOf(file, 'i64'), /"i64" holds I64, not floats/)
    await assert.rejects(async () => file.tensors[0]?.read(20, new Float32Array(5)), RangeError)
  } finally {
    await file.close()
  }
})

test('the official names, in the order of the official code', async () => {
  const file = await openWeights(golden('step_7'))
  await file.close()
  assert.equal(file.tensors.length, 11)
  assert.ok(file.tensors.every(({ name }) => name.startsWith('_orig_mod.model.inner.')))
  assert.equal(file.tensors[0]?.dtype, 'BF16')
})

const refusals: [string, RegExp][] = [
  ['refused-code.pt', /names "(posix|nt) system", which no plain state_dict needs/],
  ['refused-module.pt', /names "torch\.nn\.modules\.linear Linear"/],
  ['refused-nested.pt', /"epoch" of its state_dict is the value 3, not a tensor/],
  ['refused-sparse.pt', /_rebuild_sparse_tensor/],
  ['refused-complex.pt', /ComplexFloatStorage/],
  ['refused-conjugate.pt', /a tensor has metadata/],
  ['refused-protocol.pt', /pickle protocol 4/],
  ['refused-legacy.pt', /PyTorch before 1\.6/],
]
for (const [name, why] of refusals) {
  test(`torch wrote it, and it is refused: ${name}`, async () => {
    await assert.rejects(
      openWeights(golden(name)),
      (error) => error instanceof CheckpointRefused && why.test(error.message),
    )
  })
}

test('what is no file of weights at all is refused', async (t) => {
  const path = join(folderOf(t), 'x')
  const tryWith = (bytes: Uint8Array): Promise<unknown> => {
    writeFileSync(path, bytes)
    return openWeights(path)
  }
  await assert.rejects(tryWith(Buffer.alloc(0)), /neither a file of torch\.save nor of safetensors/)
  await assert.rejects(tryWith(Buffer.from('hello, world, how are you')), CheckpointRefused)
  await assert.rejects(
    tryWith(zipArchive([{ name: 'word/document.xml', data: Buffer.from('<a/>') }])),
    /not one that torch/,
  )
  const packed = zipArchive([{ name: 'a/data.pkl', data: Buffer.alloc(500, 0x5d) }])
  await assert.rejects(tryWith(packed), /is compressed, which torch\.save never does/)
  const twice = { name: 'a/data.pkl', data: Buffer.from('}.'), stored: true }
  await assert.rejects(tryWith(zipArchive([twice, twice])), /holds "a\/data\.pkl" twice/)
  const big = { name: 'a/byteorder', data: Buffer.from('big'), stored: true }
  await assert.rejects(tryWith(zipArchive([twice, big])), /big-endian/)
  await assert.rejects(openWeights(join(path, 'y')), /there is no file/)
  await assert.rejects(openWeights(resolve('test')), /is no file/)
})

test('cut off, or one byte changed, anywhere: the same numbers or a refusal', async (t) => {
  const whole = readFileSync(golden('kinds.pt'))
  const path = join(folderOf(t), 'kinds.pt')
  const all = async (bytes: Uint8Array): Promise<string> => {
    writeFileSync(path, bytes)
    const file = await openWeights(path)
    try {
      const read: string[] = []
      for (const [name] of KINDS) read.push(`${name} ${(await numbersOf(file, name)).join()}`)
      return read.join('\n')
    } finally {
      await file.close()
    }
  }
  const truth = await all(whole)
  let refusedCount = 0
  for (let i = 0; i < whole.length; i += 7) {
    await assert.rejects(all(whole.subarray(0, i)), CheckpointRefused, `${i} bytes`)
    const changed = Buffer.from(whole)
    changed[i] = changed.readUInt8(i) ^ (1 << (i % 8))
    try {
      assert.equal(await all(changed), truth, `byte ${i}`)
    } catch (error) {
      if (!(error instanceof CheckpointRefused)) throw error
      refusedCount++
    }
  }
  assert.ok(refusedCount > whole.length / 7 / 2, `${refusedCount} refused`)
})
