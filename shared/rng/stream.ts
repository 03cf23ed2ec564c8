// A stream of random words named by (seed, name, keys): the same everywhere, and unlike every other name's.
// Words are a scrambled counter, so a stream costs nothing to open.
import type { Words } from './draws.js'

const scramble = (word: number): number => {
  let x = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}

/** Four words that stand for (seed, name, keys). Keys are whole numbers 0 .. 2^53-1. */
export function keyOf(seed: number, name: string, ...keys: number[]): Uint32Array {
  const key = Uint32Array.of(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344)
  const absorb = (word: number): void => {
    for (let i = 0; i < 4; i++) {
      const before = key[(i + 3) & 3] as number
      key[i] = scramble((key[i] as number) ^ word ^ Math.imul(before, 0x9e3779b1)) + i
    }
  }
  for (const part of [seed, name.length, ...keys]) {
    absorb(part >>> 0)
    absorb(Math.floor(part / 0x100000000) >>> 0)
  }
  for (let i = 0; i < name.length; i++) absorb(name.charCodeAt(i))
  absorb(keys.length)
  return key
}

export function streamOf(seed: number, name: string, ...keys: number[]): Words {
  const [a, b, c, d] = keyOf(seed, name, ...keys) as unknown as [number, number, number, number]
  let counter = 0
  return {
    u32: () => {
      counter = (counter + 1) >>> 0
      const left = scramble(counter ^ a)
      const right = scramble(Math.imul(counter, 0x9e3779b1) ^ b)
      return scramble((left + Math.imul(right, c | 1)) ^ d)
    },
  }
}
