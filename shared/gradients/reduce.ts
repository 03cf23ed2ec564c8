// The sum of one bucket. Floating-point addition is not associative, so the order of the sources is part of the
// contract: by their lowest slot, whatever the order of arrival. Equal inputs then give equal bits on every machine. A part
// that comes before its turn is copied and waits (the network owns the original); the copies are reused step after step.
import type { ReduceConfig } from '../config/run-config.js'
import { WireError } from '../errors.js'
import { addWire, decodeWire } from './bf16.js'
import { wireLength } from './buckets.js'

/** What became of an offered part. Only the first two changed anything. */
export type Offered = 'added' | 'waiting' | 'duplicate' | 'unknown'

interface Part<Source> {
  readonly source: Source
  given: boolean
}

export class BucketSum<Source extends string> {
  private parts: Part<Source>[] = []
  private next = 0
  private readonly copies: (Uint8Array | undefined)[] = []
  private readonly copyBytes: number

  /** @param into where the sum grows, f32 [bucket]; meaningful once `done` */
  constructor(
    private readonly into: Float32Array,
    private readonly wire: ReduceConfig['wire'],
  ) {
    this.copyBytes = wireLength(into.length, wire)
  }

  /** Forgets the last sum and awaits one part from each source, to be added in this order. */
  begin(sources: readonly Source[]): void {
    this.parts = sources.map((source) => ({ source, given: false }))
    this.next = 0
    if (sources.length === 0) this.into.fill(0)
  }

  get done(): boolean {
    return this.next === this.parts.length
  }

  /** Sources that have not offered their part yet; each has one, which is of no node of a tree. */
  missing(): { readonly source: Source; readonly node: number }[] {
    return this.parts.filter((part) => !part.given).map(({ source }) => ({ source, node: 0 }))
  }

  /**
   * Takes the part of one source, as wire bytes (the caller may reuse them afterwards).
   * @throws WireError when the length is not that of the bucket; the source may then offer again
   */
  offer(source: Source, bytes: Uint8Array): Offered {
    const index = this.parts.findIndex((part) => part.source === source)
    const part = this.parts[index]
    if (part === undefined) return 'unknown'
    if (part.given) return 'duplicate'
    if (bytes.length !== this.copyBytes) {
      throw new WireError(
        `the part of ${source} has ${bytes.length} bytes, the bucket ${this.copyBytes}`,
        'start every process from the same version and run',
      )
    }
    part.given = true
    if (index !== this.next) {
      const copy = (this.copies[index] ??= new Uint8Array(this.copyBytes))
      copy.set(bytes)
      return 'waiting'
    }
    this.add(bytes)
    while (this.parts[this.next]?.given) this.add(this.copies[this.next]!)
    return 'added'
  }

  private add(bytes: Uint8Array): void {
    if (this.next === 0) decodeWire(bytes, this.wire, this.into)
    else addWire(bytes, this.wire, this.into)
    this.next++
  }
}
