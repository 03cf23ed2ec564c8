// Random numbers by the million: a small fast generator (sfc32 of PractRand, C. Doty-Humphrey), started from a counter stream, so
// that its numbers are still a pure function of (seed, stream, keys). Philox itself takes some 100 ns a word here, this a few.
import type { Rng } from './counter.js'

/** Words that sfc32 needs to forget how it was started. */
const WARM_UP = 12

/** A fast stream named by the next words of `rng`. Its uniforms have 32 bits. */
export function bulkOf(rng: Rng): Rng {
  let [a, b, c] = [rng.u32(), rng.u32(), rng.u32()]
  let counter = 1
  const u32 = (): number => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (let i = 0; i < WARM_UP; i++) u32()
  return { u32, uniform: () => u32() / 0x100000000 }
}

/** Adds independent draws of N(0, std²) to all of `into` (Box and Muller 1958: two of them from two uniforms). */
export function addNormals(into: Float32Array, std: number, rng: Rng): void {
  for (let i = 0; i < into.length; i += 2) {
    // In (0, 1]: the logarithm is finite.
    const radius = std * Math.sqrt(-2 * Math.log(1 - rng.uniform()))
    const angle = 2 * Math.PI * rng.uniform()
    into[i] = (into[i] as number) + radius * Math.cos(angle)
    if (i + 1 < into.length) into[i + 1] = (into[i + 1] as number) + radius * Math.sin(angle)
  }
}
