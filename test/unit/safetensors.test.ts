import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CheckpointRefused } from '../../shared/errors.js'
import { carryRange, carryTensors, denseRange, denseTensors, DENSE_COPIES } from '../../shared/checkpoint/contents.js'
import { headerLength, MAX_HEADER_BYTES, parseHeader, planFile } from '../../shared/checkpoint/safetensors.js'
import type { TensorFile } from '../../shared/checkpoint/safetensors.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'

const SPECS = [
  { name: 'weights', dtype: 'F32', shape: [2, 3] },
  { name: 'half "quoted" \\', dtype: 'BF16', shape: [4] },
  { name: 'none', dtype: 'F32', shape: [0, 512] },
  { name: 'ids', dtype: 'I32', shape: [2] },
  { name: 'scalar', dtype: 'U8', shape: [] },
] as const

const parse = (header: unknown, dataBytes: number): TensorFile => {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  return parseHeader(json, 8 + json.length + dataBytes, 'x.safetensors')
}
const tensor = (dtype: unknown, shape: unknown, offsets: unknown): unknown => ({ dtype, shape, data_offsets: offsets })

test('a planned header reads back as planned, and the data begins at a multiple of eight', () => {
  const { file, header } = planFile(SPECS, { format: 'x' })
  assert.equal(file.dataStart % 8, 0)
  assert.equal(file.bytes, file.dataStart + 24 + 8 + 8 + 1)
  const length = headerLength(header.subarray(0, 8), file.bytes, 'x')
  assert.equal(length, file.dataStart - 8)
  assert.deepEqual(parseHeader(header.subarray(8), file.bytes, 'x'), file)
})

test('names that clash and absurd shapes cannot be planned', () => {
  assert.throws(() => planFile([SPECS[0], SPECS[0]]), /'weights' is taken/)
  assert.throws(() => planFile([{ name: '__metadata__', dtype: 'U8', shape: [1] }]), RangeError)
  assert.throws(() => planFile([{ name: 'x', dtype: 'F32', shape: [-1] }]), RangeError)
  assert.throws(() => planFile([{ name: 'x', dtype: 'F32', shape: [2 ** 40, 2 ** 40] }]), RangeError)
})

test('a header length is checked before anything of that size is allocated', () => {
  const first = (n: bigint): Uint8Array => new Uint8Array(BigUint64Array.of(n).buffer)
  assert.throws(() => headerLength(new Uint8Array(3), 3, 'x'), /x has 3 bytes, too few/)
  assert.throws(() => headerLength(first(93n), 100, 'x'), /header of 93 bytes in a file of 100/)
  assert.throws(() => headerLength(first(2n ** 64n - 1n), 100, 'x'), CheckpointRefused)
  assert.throws(() => headerLength(first(BigInt(MAX_HEADER_BYTES) + 1n), 1e12, 'x'), CheckpointRefused)
  assert.equal(headerLength(first(92n), 100, 'x'), 92)
})

const one = { a: tensor('F32', [1], [0, 4]) }
const bad: [string, unknown, number, RegExp][] = [
  ['no JSON', '{', 0, /no JSON/],
  ['a list', '[]', 0, /no JSON object/],
  ['bytes that are no UTF-8', '"\ud800"', 0, /no JSON object/],
  ['data too short', one, 3, /need 4\d+|need \d+ bytes, the file has/],
  ['data too long', one, 5, /the file has/],
  ['an unknown dtype', { a: tensor('F8', [1], [0, 1]) }, 1, /tensor 'a' has dtype "F8"; we read F32/],
  ['a prototype as dtype', { a: tensor('constructor', [1], [0, 1]) }, 1, /dtype/],
  ['a negative length', { a: tensor('F32', [-1], [0, 4]) }, 4, /no valid shape/],
  ['a shape of text', { a: tensor('F32', ['1'], [0, 4]) }, 4, /no valid shape/],
  ['a fraction', { a: tensor('F32', [0.5], [0, 2]) }, 2, /no valid shape/],
  ['offsets backwards', { a: tensor('F32', [1], [4, 0]) }, 4, /span -4/],
  ['three offsets', { a: tensor('F32', [1], [0, 4, 8]) }, 4, /data_offsets/],
  ['a size that does not fit the shape', { a: tensor('F32', [2], [0, 4]) }, 4, /needs 8 bytes, its offsets span 4/],
  ['a shape that overflows', { a: tensor('F32', [2 ** 52, 2 ** 52], [0, 4]) }, 4, /needs/],
  ['an overlap', { a: tensor('F32', [1], [0, 4]), b: tensor('F32', [1], [2, 6]) }, 6, /'b' begins at byte 2 where 4/],
  ['a hole', { a: tensor('F32', [1], [0, 4]), b: tensor('F32', [1], [5, 9]) }, 9, /'b' begins at byte 5 where 4/],
  ['data before the first', { a: tensor('F32', [1], [4, 8]) }, 8, /begins at byte 4 where 0/],
  [
    'a name twice',
    '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
    1,
    /"a" twice/,
  ],
  ['a field twice', '{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1, /"dtype" twice/],
  ['metadata that is no text', { __metadata__: { a: 1 } }, 0, /__metadata__.a is no text/],
]
for (const [what, header, dataBytes, why] of bad) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parse(header, dataBytes),
      (error) =>
        error instanceof CheckpointRefused && error.message.startsWith('x.safetensors') && why.test(error.message),
    )
  })
}

test('a header with a text of many megabytes, or nested deeply, needs no stack', () => {
  const long = '\\"'.repeat(10_000_000)
  assert.equal(parse(`{"__metadata__":{"a":"${long}"}}`, 0).metadata['a']?.length, 10_000_000)
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  assert.throws(() => parse(`{"a":{"dtype":${deep}}}`, 0), CheckpointRefused)
})

test('tensors of others in any order of names are read in the order of their bytes', () => {
  const { tensors } = parse(
    { z: tensor('U8', [1], [4, 5]), a: tensor('F32', [1], [0, 4]), e: tensor('U8', [0], [4, 4]) },
    5,
  )
  assert.deepEqual(
    tensors.map(({ name }) => name),
    ['a', 'e', 'z'],
  )
})

test('each copy of the layout is one contiguous range of the dense file', () => {
  const model: ModelConfig = {
    hidden: 8,
    heads: 2,
    expansion: 4,
    layers: 2,
    hLayers: 0,
    networks: 'shared',
    states: 'two',
    gradient: 'cycle',
    gradedCycles: 1,
    trim: 0,
    trimMargin: 0,
    gradedCalls: 0,
    halting: 'halt',
    start: 'fixed',
    startStd: 1,
    stepNoise: 0,
    chains: 1,
    chainStarts: 'drawn',
    hCycles: 1,
    lCycles: 1,
    mixer: 'attention',
    swiglu: 'plain',
    scan: 'causal',
    stateSize: 128,
    stateHead: 64,
    positions: 'rope',
    puzzleEmbLen: 2,
    puzzleEmbDim: 8,
    haltMaxSteps: 4,
    haltExplorationProb: 0,
    rmsNormEps: 1e-5,
    ropeTheta: 1e4,
    precision: 'f32',
    vocab: 5,
    seqLen: 9,
  }
  const layout = layoutOf(model)
  const { file } = planFile(denseTensors(layout, model))
  const place = new Map(file.tensors.map((entry) => [entry.name, entry]))
  for (const [segment, prefix] of DENSE_COPIES) {
    const { offset, length } = denseRange(layout, model, segment)
    assert.equal(length, layout.elements * 4)
    for (const entry of layout.entries) {
      assert.equal(place.get(prefix + entry.name)?.begin, offset + entry.offset * 4)
    }
  }
  assert.equal(denseRange(layout, model, 'hInit').offset, place.get('inner.H_init')?.begin)
  assert.equal(denseRange(layout, model, 'lInit').offset, place.get('inner.L_init')?.begin)
  const carry = planFile(carryTensors(model, 3)).file.tensors[1]!
  const last = carryRange(model, 'zL', 2)
  assert.equal(last.offset + last.length, carry.end - carry.begin)
})
