// The loops of the wire format as WebAssembly SIMD, eight numbers at a time: in JavaScript they cost 2 to 4 ns a number, which
// was most of what an all-reduce cost. The module is assembled here from its instructions. Data is copied into its memory
// piece by piece, small enough to stay in the processor's cache, so the copies cost little and no caller has to allocate
// there. Bit for bit the arithmetic that bf16.ts documents.
import { bytesOf } from '../bytes.js'

/** What we use of the engine's own WebAssembly; Node's types leave it out. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}
declare const WebAssembly: Engine

interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** f32 at `from` to bf16 at `into`; `end` is where `from` ends, rounded up to eight numbers. Likewise the others. */
  encode(this: void, from: number, into: number, end: number): void
  decode(this: void, from: number, into: number, end: number): void
  /** bf16 at `from`, added to f32 at `into`. */
  addHalves(this: void, from: number, into: number, end: number): void
  addFloats(this: void, from: number, into: number, end: number): void
}

/** Numbers per piece. */
const PIECE = 16384
const FLOATS_AT = 0
const OTHER_AT = PIECE * 4
/** 64 KiB each: floats, and as many again. */
const PAGES = (2 * PIECE * 4) / 65536

// --- a very small assembler -------------------------------------------------------------------------------------------

type Code = readonly number[]

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}
function signed(value: number): number[] {
  const done = value >= -64 && value < 64
  return done ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)]
}
const simd = (opcode: number, ...operands: readonly Code[]): Code => [...operands.flat(), 0xfd, ...unsigned(opcode)]
const get = (local: number): Code => [0x20, local]
const set = (local: number, value: Code): Code => [...value, 0x21, local]
const int = (value: number): Code => [0x41, ...signed(value)]
const all = (value: number): Code => simd(17, int(value | 0))
const load = (address: Code, offset: number): Code => [...simd(0, address), 0, ...unsigned(offset)]
const store = (address: Code, offset: number, value: Code): Code => [
  ...simd(11, address, value),
  0,
  ...unsigned(offset),
]

const I32_ADD = 0x6a
const I32_LT_U = 0x49
const and = (a: Code, b: Code): Code => simd(78, a, b)
const or = (a: Code, b: Code): Code => simd(80, a, b)
const choose = (a: Code, b: Code, mask: Code): Code => simd(82, a, b, mask)
const greater = (a: Code, b: Code): Code => simd(59, a, b)
const narrow = (low: Code, high: Code): Code => simd(134, low, high)
const widenLow = (halves: Code): Code => simd(169, halves)
const widenHigh = (halves: Code): Code => simd(170, halves)
const left = (a: Code, bits: number): Code => simd(171, a, int(bits))
const right = (a: Code, bits: number): Code => simd(173, a, int(bits))
const add = (a: Code, b: Code): Code => simd(174, a, b)
const addFloat = (a: Code, b: Code): Code => simd(228, a, b)

/** Locals of every kernel: the parameters, then one vector. */
const [FROM, INTO, END, V] = [0, 1, 2, 3]

/** Upper halves of the four numbers in V, rounded to nearest even; a NaN becomes quiet. */
const rounded: Code = choose(
  or(right(get(V), 16), all(0x40)),
  right(add(add(get(V), all(0x7fff)), and(right(get(V), 16), all(1))), 16),
  greater(and(get(V), all(0x7fffffff)), all(0x7f800000)),
)
const halfOf = (offset: number): Code => [...set(V, load(get(FROM), offset)), ...rounded]
const low = left(widenLow(get(V)), 16)
const high = left(widenHigh(get(V)), 16)
const toSum = (offset: number, value: Code): Code => store(get(INTO), offset, addFloat(load(get(INTO), offset), value))

/** A loop over `body`, which takes eight numbers: that many bytes of each side. */
function kernel(body: Code, fromBytes: number, intoBytes: number): Code {
  const step = (local: number, bytes: number): Code => [...get(local), ...int(bytes), I32_ADD, 0x21, local]
  const again: Code = [...get(FROM), ...get(END), I32_LT_U, 0x0d, 0]
  return [1, 1, 0x7b, 0x03, 0x40, ...body, ...step(FROM, fromBytes), ...step(INTO, intoBytes), ...again, 0x0b, 0x0b]
}

const KERNELS: Readonly<Record<Exclude<keyof Kernels, 'memory'>, Code>> = {
  encode: kernel(store(get(INTO), 0, narrow(halfOf(0), halfOf(16))), 32, 16),
  decode: kernel([...set(V, load(get(FROM), 0)), ...store(get(INTO), 0, low), ...store(get(INTO), 16, high)], 16, 32),
  addHalves: kernel([...set(V, load(get(FROM), 0)), ...toSum(0, low), ...toSum(16, high)], 16, 32),
  addFloats: kernel([...toSum(0, load(get(FROM), 0)), ...toSum(16, load(get(FROM), 16))], 32, 32),
}

function assemble(): Uint8Array {
  const section = (id: number, ...items: readonly Code[]): Code => {
    const body = [...unsigned(items.length), ...items.flat()]
    return [id, ...unsigned(body.length), ...body]
  }
  const name = (text: string): Code => [text.length, ...Array.from(text, (letter) => letter.charCodeAt(0))]
  const codes = Object.values(KERNELS)
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [0x60, 3, 0x7f, 0x7f, 0x7f, 0]),
    ...section(3, ...codes.map(() => [0])),
    ...section(5, [0, PAGES]),
    ...section(7, [...name('memory'), 2, 0], ...Object.keys(KERNELS).map((text, i) => [...name(text), 0, i])),
    ...section(10, ...codes.map((code) => [...unsigned(code.length), ...code])),
  ])
}

// --- the kernels at work ------------------------------------------------------------------------------------------------

const kernels = new WebAssembly.Instance(new WebAssembly.Module(assemble())).exports as Kernels
const heap = new Uint8Array(kernels.memory.buffer)

/** Calls `piece` for ranges of at most PIECE numbers; `end` is their count rounded up to eight. */
function inPieces(length: number, piece: (from: number, to: number, end: number) => void): void {
  for (let from = 0; from < length; from += PIECE) {
    const to = Math.min(from + PIECE, length)
    piece(from, to, (to - from + 7) & ~7)
  }
}

/** bf16 of f32; `into` has two bytes for every number, at any address. */
export function encodeHalves(values: Float32Array, into: Uint8Array): void {
  const bytes = bytesOf(values)
  inPieces(values.length, (from, to, end) => {
    heap.set(bytes.subarray(from * 4, to * 4), FLOATS_AT)
    kernels.encode(FLOATS_AT, OTHER_AT, FLOATS_AT + end * 4)
    into.set(heap.subarray(OTHER_AT, OTHER_AT + (to - from) * 2), from * 2)
  })
}

/** f32 of bf16; `halves` has two bytes for every number, at any address. */
export function decodeHalves(halves: Uint8Array, into: Float32Array): void {
  const bytes = bytesOf(into)
  inPieces(into.length, (from, to, end) => {
    heap.set(halves.subarray(from * 2, to * 2), OTHER_AT)
    kernels.decode(OTHER_AT, FLOATS_AT, OTHER_AT + end * 2)
    bytes.set(heap.subarray(FLOATS_AT, FLOATS_AT + (to - from) * 4), from * 4)
  })
}

/** into += numbers of the given size (2: bf16, 4: f32) at any address, each sum rounded to f32. */
export function addBytes(data: Uint8Array, size: 2 | 4, into: Float32Array): void {
  const bytes = bytesOf(into)
  const run = size === 2 ? kernels.addHalves : kernels.addFloats
  inPieces(into.length, (from, to, end) => {
    heap.set(data.subarray(from * size, to * size), OTHER_AT)
    heap.set(bytes.subarray(from * 4, to * 4), FLOATS_AT)
    run(OTHER_AT, FLOATS_AT, OTHER_AT + end * size)
    bytes.set(heap.subarray(FLOATS_AT, FLOATS_AT + (to - from) * 4), from * 4)
  })
}
