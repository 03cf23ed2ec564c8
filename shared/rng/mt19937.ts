// Legacy NumPy randomness: MT19937 with the draws of `np.random.seed(n)` and its shuffle, permutation, randint and rand.
// Source: spec 4.8. The official ARC and Sudoku builds are functions of this stream.

const N = 624
const M = 397

export class Mt19937 {
  private readonly state = new Uint32Array(N)
  private next = N

  /** @param seed 0 .. 2^32-1, as given to `np.random.seed`. */
  constructor(seed: number) {
    let word = seed >>> 0
    this.state[0] = word
    for (let i = 1; i < N; i++) {
      word = (Math.imul(1812433253, word ^ (word >>> 30)) + i) >>> 0
      this.state[i] = word
    }
  }

  /** Uniform on 0 .. 2^32-1. */
  u32(): number {
    if (this.next === N) this.refill()
    let y = this.state[this.next++] as number
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    y ^= y >>> 18
    return y >>> 0
  }

  /** Uniform on 0 .. max by masked rejection; max 0 draws nothing. */
  interval(max: number): number {
    if (max === 0) return 0
    const mask = 0xffffffff >>> Math.clz32(max)
    for (;;) {
      const value = (this.u32() & mask) >>> 0
      if (value <= max) return value
    }
  }

  /** Uniform on low .. high-1. */
  randint(low: number, high: number): number {
    return low + this.interval(high - 1 - low)
  }

  /** Uniform on [0, 1) with 53 bits. */
  uniform(): number {
    const high = this.u32() >>> 5
    const low = this.u32() >>> 6
    return (high * 67108864 + low) / 9007199254740992
  }

  /** Shuffles in place, like `np.random.shuffle`. */
  shuffle<T>(items: { readonly length: number; [index: number]: T }): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.interval(i)
      const held = items[i] as T
      items[i] = items[j] as T
      items[j] = held
    }
  }

  /** `np.random.permutation(n)`; `np.random.choice(n, k, replace=False)` is its first k. */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, i) => i)
    this.shuffle(order)
    return order
  }

  private refill(): void {
    const s = this.state
    for (let i = 0; i < N; i++) {
      const y = ((s[i] as number) & 0x80000000) | ((s[(i + 1) % N] as number) & 0x7fffffff)
      s[i] = (s[(i + M) % N] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0)
    }
    this.next = 0
  }
}
