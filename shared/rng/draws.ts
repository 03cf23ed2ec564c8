// What one does with random words: whole numbers, choices, shuffles. Source of words: any stream of u32.

/** A stream of random words. */
export interface Words {
  /** Uniform on 0 .. 2^32-1. */
  u32(): number
}

/** Uniform on 0 .. n-1, n up to 2^32, without bias. */
export function below(rng: Words, n: number): number {
  const limit = 0x100000000 - (0x100000000 % n)
  for (;;) {
    const word = rng.u32()
    if (word < limit) return word % n
  }
}

/** Uniform on low .. high, both included. */
export const between = (rng: Words, low: number, high: number): number => low + below(rng, high - low + 1)

export const pick = <T>(rng: Words, items: readonly T[]): T => items[below(rng, items.length)] as T

export const chance = (rng: Words, oneIn: number): boolean => below(rng, oneIn) === 0

/** A shuffled copy. */
export function shuffled<T>(rng: Words, items: readonly T[]): T[] {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = below(rng, i + 1)
    const held = order[i] as T
    order[i] = order[j] as T
    order[j] = held
  }
  return order
}

/** `count` different items; fewer where there are fewer. */
export const sample = <T>(rng: Words, items: readonly T[], count: number): T[] => shuffled(rng, items).slice(0, count)

/** 0 .. n-1. */
export const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

const scramble = (word: number): number => {
  let x = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97)
  return (x ^ (x >>> 15)) >>> 0
}

/**
 * Where `index` goes in a random permutation of 0 .. size-1: any place at once, without a table.
 * A Feistel network on the smallest even number of bits, walked until it lands inside.
 * @param key four random words that name the permutation
 */
export function permuted(index: number, size: number, key: ArrayLike<number>): number {
  if (size <= 1) return 0
  const half = Math.ceil(Math.log2(size) / 2)
  const mask = 2 ** half - 1
  let place = index
  do {
    let left = Math.floor(place / (mask + 1))
    let right = place & mask
    for (let round = 0; round < 6; round++) {
      const word = scramble((right + Math.imul(round, 0x9e3779b9)) ^ (key[round & 3] as number))
      const next = (left ^ scramble(word + (key[(round + 1) & 3] as number))) & mask
      left = right
      right = next
    }
    place = left * (mask + 1) + right
  } while (place >= size)
  return place
}
