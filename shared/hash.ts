// SHA-256, the one Node builtin that shared code uses.
import { createHash } from 'node:crypto'

/** SHA-256 of bytes, or of the UTF-8 of a text, as 64 hex digits. */
export const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

/** A SHA-256 that is fed piece by piece; `hex()` ends it. */
export class Sha256 {
  private readonly state = createHash('sha256')

  update(data: Uint8Array | string): this {
    this.state.update(data)
    return this
  }

  hex(): string {
    return this.state.digest('hex')
  }
}
