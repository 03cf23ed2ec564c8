// Readers that are wrong in every way that the hunt must notice. One input in four is bad.
import { below } from './mutate.js'
import type { Target } from './target.js'

const kept: number[][] = []

const reader = (name: string, read: (input: Uint8Array) => boolean | Promise<boolean>): Target => ({
  name,
  weight: 1,
  input: (rng) => Uint8Array.of(below(rng, 4)),
  read,
})
const bad = (input: Uint8Array): boolean => input[0] === 0

export const TARGETS: readonly Target[] = [
  reader('right', (input) => !bad(input)),
  reader('throws', (input) => {
    if (bad(input)) throw new TypeError('not ours')
    return true
  }),
  reader('rejects', (input) => (bad(input) ? Promise.reject(new TypeError('not ours')) : Promise.resolve(true))),
  reader('hoards', (input) => {
    if (bad(input)) kept.push(new Array<number>(14_000_000).fill(0))
    return true
  }),
  reader('hangs', (input) => {
    while (bad(input));
    return true
  }),
]
