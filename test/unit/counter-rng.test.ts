// The counter-based generator: the published answers of Philox, and streams that never share numbers.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { initialParams, initialStates, roundToBf16, truncatedNormal } from '../../shared/gradients/init.js'
import { philox, rngFor } from '../../shared/rng/counter.js'

describe('philox', () => {
  it('gives the known answers of Random123', () => {
    assert.deepEqual(philox([0, 0, 0, 0], 0, 0), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
    const ones = 0xffffffff
    assert.deepEqual(philox([ones, ones, ones, ones], ones, ones), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  })
})

describe('rngFor', () => {
  it('is a function of its arguments alone', () => {
    const draw = (): number[] => {
      const rng = rngFor(7, 'halt', 3, 41)
      return Array.from({ length: 9 }, () => rng.u32())
    }
    rngFor(7, 'halt', 3, 40).u32()
    assert.deepEqual(draw(), draw())
  })

  it('separates seeds, streams and keys', () => {
    const streams = [
      rngFor(1, 'a'),
      rngFor(2, 'a'),
      rngFor(1, 'b'),
      rngFor(1, 'a', 0),
      rngFor(1, 'a', 1),
      rngFor(1, 'a', 0, 1),
      rngFor(1, 'a', 1, 0),
      rngFor(1, 'a', 2 ** 32),
      rngFor(1, 'a', -1),
      rngFor(1, 'ab'),
      rngFor(1, 'a', 98),
    ]
    const first = streams.map((rng) => `${rng.u32()} ${rng.u32()}`)
    assert.equal(new Set(first).size, streams.length)
  })

  it('is uniform in [0, 1): mean, variance and the share of each tenth', () => {
    const rng = rngFor(5, 'uniform')
    const n = 20000
    const tenths = new Array<number>(10).fill(0)
    let sum = 0
    let squares = 0
    for (let i = 0; i < n; i++) {
      const u = rng.uniform()
      assert.ok(u >= 0 && u < 1)
      sum += u
      squares += u * u
      tenths[Math.floor(u * 10)]! += 1
    }
    assert.ok(Math.abs(sum / n - 0.5) < 0.01)
    assert.ok(Math.abs(squares / n - 1 / 3) < 0.01)
    for (const count of tenths) assert.ok(Math.abs(count - n / 10) < 5 * Math.sqrt(n / 10))
  })

  it('refuses keys that are not integers', () => {
    assert.throws(() => rngFor(1, 'a', 0.5), /not an integer/)
  })
})

describe('initial values', () => {
  it('have the standard deviation asked for, within the clip', () => {
    const rng = rngFor(11, 'normal')
    const n = 50000
    let squares = 0
    let most = 0
    for (let i = 0; i < n; i++) {
      const x = truncatedNormal(0.25, rng)
      squares += x * x
      most = Math.max(most, Math.abs(x))
    }
    assert.ok(Math.abs(Math.sqrt(squares / n) / 0.25 - 1) < 0.02)
    assert.ok(most <= 2.273694468677113 * 0.25 && most > 2.2 * 0.25)
  })

  it('follow the layout: constants, and normals of their own stream', () => {
    const layout = {
      elements: 12,
      entries: [
        { name: 'bias', shape: [2], offset: 0, elements: 2, init: { constant: -5 } },
        { name: 'one', shape: [5], offset: 2, elements: 5, init: { std: 1 } },
        { name: 'two', shape: [5], offset: 7, elements: 5, init: { std: 1 } },
      ],
    }
    const flat = initialParams(layout, 3)
    assert.deepEqual(Array.from(flat.slice(0, 2)), [-5, -5])
    assert.notDeepEqual(flat.slice(2, 7), flat.slice(7, 12))
    assert.deepEqual(flat, initialParams(layout, 3))
    assert.notDeepEqual(flat, initialParams(layout, 4))
  })

  it('round the states to bfloat16, ties to even', () => {
    assert.equal(roundToBf16(1 + 2 ** -8), 1)
    assert.equal(roundToBf16(1 + 3 * 2 ** -8), 1 + 2 ** -6)
    assert.equal(roundToBf16(-0.1), -0.10009765625)
    const { model } = compileConfig({ preset: 'tiny', env: {}, flags: {} })
    const { hInit, lInit } = initialStates(model, 1)
    assert.equal(hInit.length, 64)
    assert.notDeepEqual(hInit, lInit)
    assert.deepEqual(hInit, hInit.map(roundToBf16))
  })
})
