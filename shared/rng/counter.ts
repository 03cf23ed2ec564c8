// Random numbers as a pure function of (seed, stream, keys): no generator is stored or advanced, so replays, resumes and
// other worker counts draw the same numbers. Philox4x32-10 (Salmon et al. 2011) both hashes the arguments into a 128-bit
// state (Davies-Meyer chain) and then runs as the counter-mode generator.

export interface Rng {
  /** Uniform 32-bit unsigned integer. */
  u32(): number
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number
}

type Words = readonly [number, number, number, number]

/** High 32 bits of the 64-bit product of two unsigned 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const rest = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(rest / 0x10000)) >>> 0
}

/** One block of Philox4x32-10: 128-bit counter and 64-bit key to 128 bits. */
export function philox(counter: Words, key0: number, key1: number): Words {
  let [c0, c1, c2, c3] = counter
  let k0 = key0
  let k1 = key1
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(0xd2511f53, c0)
    const low0 = Math.imul(0xd2511f53, c0) >>> 0
    const high1 = mulHigh(0xcd9e8d57, c2)
    const low1 = Math.imul(0xcd9e8d57, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** The two halves of an integer of up to 53 bits, negative ones in two's complement. */
function halves(n: number): [number, number] {
  if (!Number.isSafeInteger(n)) throw new RangeError(`${n} is not an integer: it cannot name a random stream`)
  return [n >>> 0, Math.floor(n / 0x100000000) >>> 0]
}

function absorb(state: Words, low: number, high: number): Words {
  const mixed = philox(state, low, high)
  return [
    (mixed[0] ^ state[0]) >>> 0,
    (mixed[1] ^ state[1]) >>> 0,
    (mixed[2] ^ state[2]) >>> 0,
    (mixed[3] ^ state[3]) >>> 0,
  ]
}

/** Same arguments, same numbers, on every machine. Keys are integers (steps, slots, indices). */
export function rngFor(seed: number, stream: string, ...keys: readonly number[]): Rng {
  // The lengths go in first, so that ('a', 1) and ('a1') or (1, 2) and (12) never share a state.
  let state: Words = absorb([0x74726d65, 0x7368, 0, 0], stream.length, keys.length)
  state = absorb(state, ...halves(seed))
  for (let i = 0; i < stream.length; i++) state = absorb(state, stream.charCodeAt(i), i)
  for (const key of keys) state = absorb(state, ...halves(key))

  const [s0, s1, s2, s3] = state
  let block = 0
  let left = 0
  let words: Words = [0, 0, 0, 0]
  const u32 = (): number => {
    if (left === 0) {
      words = philox([(s0 + block) >>> 0, (s1 + Math.floor(block / 0x100000000)) >>> 0, s2, s3], s3, s2)
      block++
      left = 4
    }
    left--
    return words[3 - left] ?? 0
  }
  return {
    u32,
    uniform: () => {
      const high = u32() >>> 5
      const low = u32() >>> 6
      return (high * 0x4000000 + low) / 0x20000000000000
    },
  }
}
