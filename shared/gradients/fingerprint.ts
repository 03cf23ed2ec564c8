// A 64-bit fingerprint of the bits of f32 numbers: what replicas compare before they commit. Fast, not cryptographic: it
// guards against accidents, not against a liar. It sees the bits: -0 differs from 0, and one NaN from another.
// Four multiply-rotate lanes, two for even and two for odd words, so that every word goes into 64 bits of state and the
// processor can work on four chains at once. Each lane step is a bijection of the state and of the word.
import type { Layout } from './layout.js'

const C1 = 0x9e3779b1 | 0
const C2 = 0x85ebca77 | 0

/** Every output bit depends on every input bit (the finalizer of MurmurHash3, A. Appleby). */
function avalanche(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}

const hex = (h: number): string => (h >>> 0).toString(16).padStart(8, '0')

/** Fingerprint of a sequence given in ranges; how it was cut does not matter. */
export class Fingerprint {
  private even1 = 0x243f6a88
  private even2 = 0x13198a2e
  private odd1 = 0x452821e6
  private odd2 = 0x38d01377
  private words = 0

  add(values: Float32Array): this {
    const w = new Uint32Array(values.buffer, values.byteOffset, values.length)
    let { even1, even2, odd1, odd2 } = this
    let i = 0
    if (this.words % 2 === 1 && w.length > 0) {
      odd1 ^= w[0]!
      odd1 = Math.imul((odd1 << 13) | (odd1 >>> 19), C1)
      odd2 ^= w[0]!
      odd2 = Math.imul((odd2 << 17) | (odd2 >>> 15), C2)
      i = 1
    }
    for (; i + 1 < w.length; i += 2) {
      const x = w[i]!
      const y = w[i + 1]!
      even1 ^= x
      even1 = Math.imul((even1 << 13) | (even1 >>> 19), C1)
      even2 ^= x
      even2 = Math.imul((even2 << 17) | (even2 >>> 15), C2)
      odd1 ^= y
      odd1 = Math.imul((odd1 << 13) | (odd1 >>> 19), C1)
      odd2 ^= y
      odd2 = Math.imul((odd2 << 17) | (odd2 >>> 15), C2)
    }
    if (i < w.length) {
      even1 ^= w[i]!
      even1 = Math.imul((even1 << 13) | (even1 >>> 19), C1)
      even2 ^= w[i]!
      even2 = Math.imul((even2 << 17) | (even2 >>> 15), C2)
    }
    Object.assign(this, { even1, even2, odd1, odd2 })
    this.words += w.length
    return this
  }

  /** 16 hexadecimal digits; more ranges may follow. */
  digest(): string {
    const lanes = [this.even1, this.odd1, this.even2, this.odd2, this.words | 0, Math.floor(this.words / 2 ** 32)]
    const high = lanes.reduce((h, lane) => avalanche(Math.imul(h, C1) ^ lane), 1)
    const low = lanes.reduceRight((h, lane) => avalanche(Math.imul(h, C2) ^ lane), 2)
    return hex(high) + hex(low)
  }
}

/** 16 hexadecimal digits. */
export const fingerprint = (values: Float32Array): string => new Fingerprint().add(values).digest()

export interface TensorFingerprint {
  readonly name: string
  readonly hash: string
}

/** One fingerprint per tensor of the layout: to say where two replicas differ. */
export const fingerprintByTensor = (layout: Layout, flat: Float32Array): TensorFingerprint[] =>
  layout.entries.map(({ name, offset, elements }) => ({
    name,
    hash: fingerprint(flat.subarray(offset, offset + elements)),
  }))

/** Names of the tensors that are not the same in both. */
export function differingTensors(ours: readonly TensorFingerprint[], theirs: readonly TensorFingerprint[]): string[] {
  const other = new Map(theirs.map(({ name, hash }) => [name, hash]))
  const names = new Set(ours.map(({ name }) => name))
  return [
    ...ours.filter(({ name, hash }) => other.get(name) !== hash).map(({ name }) => name),
    ...theirs.filter(({ name }) => !names.has(name)).map(({ name }) => name),
  ]
}
