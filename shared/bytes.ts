// The bytes of a typed array, without a copy: every machine this runs on is little-endian, so they are its wire form too.

export const bytesOf = (view: ArrayBufferView): Uint8Array =>
  new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
