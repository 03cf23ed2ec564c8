// Writes msgpack by hand, so that a field may also be bytes that no writer would make.

/** Stands in a tree for bytes that are written as they are. */
export class Raw {
  constructor(readonly bytes: Uint8Array) {}
}

export function written(value: unknown): Uint8Array {
  const parts: Buffer[] = []
  const put = (...bytes: readonly number[]): void => void parts.push(Buffer.from(bytes))
  const length = (code: number, n: number): void => put(code, n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255)
  const write = (one: unknown): void => {
    if (one instanceof Raw) parts.push(Buffer.from(one.bytes))
    else if (one instanceof Uint8Array) {
      length(0xc6, one.length)
      parts.push(Buffer.from(one))
    } else if (typeof one === 'string') {
      const text = Buffer.from(one)
      length(0xdb, text.length)
      parts.push(text)
    } else if (typeof one === 'number') {
      const float = Buffer.alloc(9)
      float[0] = 0xcb
      float.writeDoubleBE(one, 1)
      parts.push(float)
    } else if (typeof one === 'boolean') put(one ? 0xc3 : 0xc2)
    else if (Array.isArray(one)) {
      length(0xdd, one.length)
      one.forEach(write)
    } else if (typeof one === 'object' && one !== null) {
      const entries = Object.entries(one)
      length(0xdf, entries.length)
      for (const [key, inner] of entries) {
        write(key)
        write(inner)
      }
    } else put(0xc0)
  }
  write(value)
  return Buffer.concat(parts)
}
