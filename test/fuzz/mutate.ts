// Makes damaged input out of good input: bits, bytes, numbers, cuts, copies, tokens of the format, deep nesting and long
// repetition. What is damaged follows from the random numbers alone.
import type { Rng } from '../../shared/rng/counter.js'

/** Bytes of the longest input. */
export const LONGEST = 1 << 18

export const below = (rng: Rng, n: number): number => Math.floor(rng.uniform() * n)
export const pick = <T>(rng: Rng, choices: readonly T[]): T => choices[below(rng, choices.length)] as T
export const chance = (rng: Rng, share: number): boolean => rng.uniform() < share

export const bytesOfText = (text: string): Uint8Array => new TextEncoder().encode(text)

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Lengths and counts at which readers go wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]

function overwritten(rng: Rng, bytes: Uint8Array, token: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes) // slice() of a Buffer would share its bytes
  copy.set(token.subarray(0, Math.max(0, copy.length - at)), Math.min(at, copy.length))
  return copy
}

function edge(rng: Rng): Uint8Array {
  const view = new DataView(new ArrayBuffer(pick(rng, [1, 2, 4, 8])))
  const value = pick(rng, EDGES)
  const little = chance(rng, 0.5)
  if (view.byteLength === 1) view.setUint8(0, value & 255)
  if (view.byteLength === 2) view.setUint16(0, value & 0xffff, little)
  if (view.byteLength === 4) view.setUint32(0, value, little)
  if (view.byteLength === 8) view.setBigUint64(0, chance(rng, 0.3) ? 2n ** 53n : BigInt(value), little)
  return new Uint8Array(view.buffer)
}

function repeated(token: Uint8Array, times: number): Uint8Array {
  const all = new Uint8Array(token.length * times)
  for (let i = 0; i < times; i++) all.set(token, i * token.length)
  return all
}

/** One change. @param tokens pieces that mean something to the format; the first opens a nesting, if any does */
function change(rng: Rng, bytes: Uint8Array, others: readonly Uint8Array[], tokens: readonly Uint8Array[]): Uint8Array {
  const at = below(rng, bytes.length + 1)
  const length = below(rng, Math.min(bytes.length - at, chance(rng, 0.8) ? 8 : 4096) + 1)
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, at + length), bytes.subarray(at + length)]
  const kind = below(rng, 12)
  switch (kind) {
    case 0:
    case 1:
      return overwritten(rng, bytes, Uint8Array.of((bytes[at] ?? 0) ^ (1 << below(rng, 8))), at)
    case 2:
      return overwritten(rng, bytes, Uint8Array.of(below(rng, 256)), at)
    case 3:
    case 4:
      return overwritten(rng, bytes, edge(rng), at)
    case 5:
      return joined(before, after)
    case 6:
      return joined(before, part, part, after)
    case 7:
      return before
    case 8: {
      const other = pick(rng, others)
      return joined(before, other.subarray(below(rng, other.length + 1)))
    }
    case 9:
      return overwritten(rng, bytes, pick(rng, tokens), at)
    case 10:
      return joined(before, pick(rng, tokens), bytes.subarray(at))
    default: {
      // Rare, because it is slow: long repetition, deep nesting.
      if (!chance(rng, 0.05)) return joined(before, pick(rng, tokens), after)
      const token = chance(rng, 0.5) ? pick(rng, tokens) : part.length > 0 ? part : bytes
      const most = Math.floor((LONGEST - bytes.length) / Math.max(1, token.length))
      return most <= 0 ? bytes : joined(before, repeated(token, below(rng, most)), after)
    }
  }
}

/** One of `seeds`, with one to eight changes. */
export function mutated(rng: Rng, seeds: readonly Uint8Array[], tokens: readonly Uint8Array[]): Uint8Array {
  let bytes = pick(rng, seeds)
  const changes = 1 + below(rng, chance(rng, 0.7) ? 3 : 8)
  for (let i = 0; i < changes; i++) bytes = change(rng, bytes, seeds, tokens)
  return bytes.length > LONGEST ? bytes.subarray(0, LONGEST) : bytes
}

/** The tree with one to three of its values replaced by `odd`, doubled or dropped: right in form, wrong in content. */
export function distorted(rng: Rng, tree: unknown, odd: (rng: Rng) => unknown): unknown {
  let result = tree
  for (let i = 1 + below(rng, 3); i > 0; i--) result = replaceOne(rng, result, odd, 0.25)
  return result
}

function replaceOne(rng: Rng, tree: unknown, odd: (rng: Rng) => unknown, stop: number): unknown {
  if (typeof tree !== 'object' || tree === null || tree instanceof Uint8Array || chance(rng, stop)) return odd(rng)
  if (Array.isArray(tree)) {
    const copy: unknown[] = [...(tree as unknown[])]
    const at = below(rng, copy.length)
    const kind = below(rng, 8)
    if (kind === 0) copy.splice(at, 1)
    else if (kind === 1) copy.splice(at, 0, copy[at])
    else if (kind === 2) copy.push(odd(rng))
    else if (copy.length > 0) copy[at] = replaceOne(rng, copy[at], odd, stop)
    return copy
  }
  const entries = Object.entries(tree)
  const at = below(rng, entries.length)
  const [key, value] = (entries[at] ?? ['x', 0]) as [string, unknown]
  const kind = below(rng, 8)
  if (kind === 0) entries.splice(at, 1)
  else if (kind === 1) entries.push([pick(rng, ['__proto__', 'constructor', '', 'toString', '7']), odd(rng)])
  else entries[at] = [key, replaceOne(rng, value, odd, stop)]
  return Object.fromEntries(entries)
}
