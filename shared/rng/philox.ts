// NumPy's Generator(Philox(seed)): the order in which the official loader visits puzzles. Source: spec 4.8.
// Numbers of 64 bits are pairs of 32-bit words, products are made of 16-bit halves: some thirty times faster than BigInt.

const POOL = 4
const MASK16 = 0xffff

/** The first `words` u32 of NumPy's SeedSequence(seed).generate_state. */
export function seedSequence(seed: number, words: number): Uint32Array {
  let hashConst = 0x43b0d7e5
  const hash = (input: number): number => {
    let value = input ^ hashConst
    hashConst = Math.imul(hashConst, 0x931e8875)
    value = Math.imul(value, hashConst)
    return (value ^ (value >>> 16)) >>> 0
  }
  const mix = (x: number, y: number): number => {
    const value = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0
    return (value ^ (value >>> 16)) >>> 0
  }
  const entropy = [seed >>> 0, Math.floor(seed / 0x100000000) >>> 0]
  const pool = Array.from({ length: POOL }, (_, i) => hash(entropy[i] ?? 0))
  for (let from = 0; from < POOL; from++)
    for (let to = 0; to < POOL; to++) if (from !== to) pool[to] = mix(pool[to] as number, hash(pool[from] as number))
  let outConst = 0x8b51f9dd
  return Uint32Array.from({ length: words }, (_, i) => {
    let value = (pool[i % POOL] as number) ^ outConst
    outConst = Math.imul(outConst, 0x58f38ded)
    value = Math.imul(value, outConst)
    return (value ^ (value >>> 16)) >>> 0
  })
}

/** High word of the product of two unsigned 32-bit numbers. */
function mulHigh(a: number, b: number): number {
  const aLow = a & MASK16
  const aHigh = a >>> 16
  const bLow = b & MASK16
  const bHigh = b >>> 16
  const middle = Math.imul(aHigh, bLow) >>> 0
  const cross = (Math.imul(aLow, bLow) >>> 16) + (middle & MASK16) + (Math.imul(aLow, bHigh) >>> 0)
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + Math.floor(cross / 65536)) >>> 0
}

export class Philox {
  private readonly key: Uint32Array
  /** Counter of blocks; 53 bits are enough for any run. */
  private counter = 0
  /** The eight u32 of the current block, low half of each u64 first. */
  private readonly block = new Uint32Array(8)
  private used = 8

  /** @param seed a whole number, 0 .. 2^53-1. */
  constructor(seed: number) {
    this.key = seedSequence(seed, 4)
  }

  /** Uniform on 0 .. 2^32-1: low half of each 64-bit word first. */
  u32(): number {
    if (this.used === 8) this.refill()
    return this.block[this.used++] as number
  }

  /** The next raw 64-bit word; only before any odd number of u32 draws. */
  u64(): bigint {
    const low = this.u32()
    return (BigInt(this.u32()) << 32n) | BigInt(low)
  }

  /** Uniform on 0 .. max by masked rejection. */
  interval(max: number): number {
    if (max === 0) return 0
    const mask = 0xffffffff >>> Math.clz32(max)
    for (;;) {
      const value = (this.u32() & mask) >>> 0
      if (value <= max) return value
    }
  }

  /** `rng.permutation(n)`, written over `order[from .. from+n)`. */
  permutationInto(order: Uint16Array | Uint32Array, from: number, n: number): void {
    for (let i = 0; i < n; i++) order[from + i] = i
    for (let i = n - 1; i > 0; i--) {
      const j = this.interval(i)
      const held = order[from + i] as number
      order[from + i] = order[from + j] as number
      order[from + j] = held
    }
  }

  /** `rng.integers(low, high)`: Lemire's method on u32; a range of one value draws nothing. */
  integers(low: number, high: number): number {
    const range = high - low
    if (range === 1) return low
    for (;;) {
      const draw = this.u32()
      const left = Math.imul(draw, range) >>> 0
      // The exact threshold 2^32 mod range is only computed where it can matter.
      if (left >= range || left >= 0x100000000 % range) return low + mulHigh(draw, range)
    }
  }

  private refill(): void {
    this.counter++
    let c0 = this.counter >>> 0
    let c1 = Math.floor(this.counter / 0x100000000)
    let c2 = 0
    let c3 = 0
    let c4 = 0
    let c5 = 0
    let c6 = 0
    let c7 = 0
    let k0 = this.key[0] as number
    let k1 = this.key[1] as number
    let k2 = this.key[2] as number
    let k3 = this.key[3] as number
    for (let round = 0; round < 10; round++) {
      // (hi0, lo0) = 0xD2E7470EE14C6C93 * word 0; (hi1, lo1) = 0xCA5A826395121157 * word 2, each as two u32.
      const a00 = mulHigh(0xe14c6c93, c0)
      const a10 = Math.imul(0xd2e7470e, c0) >>> 0
      const a01 = Math.imul(0xe14c6c93, c1) >>> 0
      const midA = a00 + a10 + a01
      const lowA = Math.imul(0xe14c6c93, c0)
      const sumA = mulHigh(0xd2e7470e, c0) + mulHigh(0xe14c6c93, c1) + Math.floor(midA / 0x100000000)
      const topA = sumA + (Math.imul(0xd2e7470e, c1) >>> 0)
      const highA = mulHigh(0xd2e7470e, c1) + Math.floor(topA / 0x100000000)

      const b00 = mulHigh(0x95121157, c4)
      const b10 = Math.imul(0xca5a8263, c4) >>> 0
      const b01 = Math.imul(0x95121157, c5) >>> 0
      const midB = b00 + b10 + b01
      const lowB = Math.imul(0x95121157, c4)
      const sumB = mulHigh(0xca5a8263, c4) + mulHigh(0x95121157, c5) + Math.floor(midB / 0x100000000)
      const topB = sumB + (Math.imul(0xca5a8263, c5) >>> 0)
      const highB = mulHigh(0xca5a8263, c5) + Math.floor(topB / 0x100000000)

      const n0 = (topB ^ c2 ^ k0) >>> 0
      const n1 = (highB ^ c3 ^ k1) >>> 0
      const n4 = (topA ^ c6 ^ k2) >>> 0
      const n5 = (highA ^ c7 ^ k3) >>> 0
      c2 = lowB >>> 0
      c3 = midB >>> 0
      c6 = lowA >>> 0
      c7 = midA >>> 0
      c0 = n0
      c1 = n1
      c4 = n4
      c5 = n5
      // Weyl sequence: both 64-bit keys grow, with carry, before the next round.
      const low0 = k0 + 0x7f4a7c15
      k1 = (k1 + 0x9e3779b9 + (low0 > 0xffffffff ? 1 : 0)) >>> 0
      k0 = low0 >>> 0
      const low1 = k2 + 0x84caa73b
      k3 = (k3 + 0xbb67ae85 + (low1 > 0xffffffff ? 1 : 0)) >>> 0
      k2 = low1 >>> 0
    }
    this.block.set([c0, c1, c2, c3, c4, c5, c6, c7])
    this.used = 0
  }
}
