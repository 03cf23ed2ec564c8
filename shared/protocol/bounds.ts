// Looks through a msgpack message before it is decoded: one value, nothing announced that is not there, no depth and no
// extension that no message of ours has. Extensions make big integers, regular expressions, dates and errors, which nobody
// here expects; and what is announced is checked whatever the decoder allocates by it. Formats: msgpack specification.

/** Deeper than any message. */
const MAX_DEPTH = 16

const ONE_BYTE = 1
/** Bytes behind the first byte of each fixed format from 0xc0 on: a size of the value, or undefined for what is not ours. */
const FIXED: Readonly<Record<number, number>> = {
  ...{ 0xc0: 0, 0xc2: 0, 0xc3: 0, 0xca: 4, 0xcb: 8, 0xcc: 1, 0xcd: 2, 0xce: 4, 0xcf: 8 },
  ...{ 0xd0: 1, 0xd1: 2, 0xd2: 4, 0xd3: 8 },
}
/** Width of the length of bin, str, array and map; an array holds one value an element, a map two. */
const SIZED: Readonly<Record<number, { readonly width: 1 | 2 | 4; readonly values: 0 | 1 | 2 }>> = {
  0xc4: { width: 1, values: 0 },
  0xc5: { width: 2, values: 0 },
  0xc6: { width: 4, values: 0 },
  0xd9: { width: 1, values: 0 },
  0xda: { width: 2, values: 0 },
  0xdb: { width: 4, values: 0 },
  0xdc: { width: 2, values: 1 },
  0xdd: { width: 4, values: 1 },
  0xde: { width: 2, values: 2 },
  0xdf: { width: 4, values: 2 },
}

/** Why these bytes are not decoded; undefined if they may be. Bytes behind the value are the decoder's to refuse. */
export function outOfBounds(data: Uint8Array): string | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  /** Values still to come, for each open list or map. */
  const open: number[] = [1]
  let at = 0
  for (;;) {
    while (open.at(-1) === 0) open.pop()
    if (open.length === 0) return undefined
    if (at >= data.length) return 'it was cut off'
    open[open.length - 1]!--
    const code = data[at]!
    let bytes = 0
    let values = 0
    if (code < 0x80 || code >= 0xe0) bytes = 0
    else if (code < 0x90) values = (code & 15) * 2
    else if (code < 0xa0) values = code & 15
    else if (code < 0xc0) bytes = code & 31
    else if (SIZED[code] !== undefined) {
      const { width, values: each } = SIZED[code]
      if (at + ONE_BYTE + width > data.length) return 'it was cut off'
      const length = width === 1 ? view.getUint8(at + 1) : width === 2 ? view.getUint16(at + 1) : view.getUint32(at + 1)
      bytes = each === 0 ? width + length : width
      values = each * length
    } else if (FIXED[code] !== undefined) bytes = FIXED[code]
    else return `it has the format 0x${code.toString(16)}, which no message of ours has`
    at += ONE_BYTE + bytes
    // Every value takes a byte at least.
    if (at + values > data.length) return 'it announces more than it holds'
    if (values > 0 && open.push(values) > MAX_DEPTH) return 'it is nested too deeply'
  }
}
