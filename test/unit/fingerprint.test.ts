import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layoutOf } from '../../shared/gradients/layout.js'
import { differingTensors, Fingerprint, fingerprint, fingerprintByTensor } from '../../shared/gradients/fingerprint.js'
import { crc32, crc32ByTables } from '../../shared/protocol/crc32.js'

const values = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(i + 1))

test('a frozen value: replicas of two versions must not disagree by accident', () => {
  assert.equal(fingerprint(values(1001)), '362f6795b8667f7c')
  assert.match(fingerprint(new Float32Array(0)), /^[0-9a-f]{16}$/)
})

test('how the sequence is cut does not matter', () => {
  const all = values(50)
  for (let a = 0; a <= 50; a++) {
    for (let b = a; b <= 50; b += 7) {
      const cut = new Fingerprint().add(all.subarray(0, a)).add(all.subarray(a, b)).add(all.subarray(b))
      assert.equal(cut.digest(), fingerprint(all))
    }
  }
})

test('every single bit, the order, the length and the sign of zero count', () => {
  const seen = new Set<string>()
  const base = values(9)
  const add = (v: Float32Array): void => {
    const hash = fingerprint(v)
    assert.ok(!seen.has(hash), hash)
    seen.add(hash)
  }
  add(base)
  for (let i = 0; i < 9; i++) {
    for (let bit = 0; bit < 32; bit++) {
      const changed = base.slice()
      new Uint32Array(changed.buffer)[i]! ^= 1 << bit
      add(changed)
    }
  }
  for (let i = 0; i < 9; i++) {
    for (let j = 0; j < i; j++) {
      const swapped = base.slice()
      swapped[i] = base[j]!
      swapped[j] = base[i]!
      add(swapped)
    }
  }
  for (let n = 0; n < 20; n++) add(new Float32Array(n))
  add(Float32Array.of(-0))
})

test('one flipped bit turns about half of the 64 output bits', () => {
  const base = values(64)
  const hash = BigInt(`0x${fingerprint(base)}`)
  let turned = 0
  for (let i = 0; i < 64; i++) {
    const changed = base.slice()
    new Uint32Array(changed.buffer)[i]! ^= 1 << (i % 32)
    turned += (BigInt(`0x${fingerprint(changed)}`) ^ hash).toString(2).replaceAll('0', '').length
  }
  assert.ok(Math.abs(turned / 64 - 32) < 2, `${turned / 64} of 64`)
})

test('the tensor that differs is named', () => {
  const layout = layoutOf({
    hidden: 8,
    heads: 2,
    expansion: 1,
    layers: 1,
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
    puzzleEmbLen: 0,
    puzzleEmbDim: 0,
    haltMaxSteps: 4,
    haltExplorationProb: 0,
    rmsNormEps: 1e-5,
    ropeTheta: 1e4,
    precision: 'f32',
    vocab: 5,
    seqLen: 9,
  })
  const ours = values(layout.elements)
  const theirs = ours.slice()
  const entry = layout.entries[3]!
  theirs[entry.offset + entry.elements - 1]! += 1e-3
  const [a, b] = [fingerprintByTensor(layout, ours), fingerprintByTensor(layout, theirs)]
  assert.deepEqual(differingTensors(a, b), [entry.name])
  assert.deepEqual(differingTensors(a, a), [])
  assert.deepEqual(differingTensors(a, a.slice(1)), [layout.entries[0]!.name])
  assert.deepEqual(differingTensors(a.slice(1), a), [layout.entries[0]!.name])
})

test('crc32 equals the bitwise definition at every alignment and length', () => {
  const slow = (bytes: Uint8Array): number => {
    let crc = 0xffffffff
    for (const byte of bytes) {
      crc ^= byte
      for (let k = 0; k < 8; k++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    }
    return ~crc >>> 0
  }
  for (const crc of [crc32, crc32ByTables]) assert.equal(crc(new TextEncoder().encode('123456789')), 0xcbf43926)
  const buffer = Uint8Array.from({ length: 64 }, (_, i) => (i * 73 + 11) & 255)
  for (let from = 0; from < 9; from++) {
    for (let to = from; to <= 64; to++)
      for (const crc of [crc32, crc32ByTables])
        assert.equal(crc(buffer.subarray(from, to)), slow(buffer.subarray(from, to)))
  }
})
