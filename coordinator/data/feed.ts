// Encodes examples ahead of need: wishes of one turn of the event loop become one batch, batches go to piscina threads, and
// results wait, bounded, until they are taken. With 0 threads the same happens in this thread.
import { Piscina } from 'piscina'
import { encodeReferences, sideOf, WORDS, type Grids, type Reference } from './encode.js'

export interface Tokens {
  /** u8, side * side */
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

interface Wish {
  readonly reference: Reference
  readonly resolve: (tokens: Tokens) => void
  readonly reject: (error: unknown) => void
}

/** Examples per message to a thread: enough that the message costs little, few enough that threads share the work. */
const BATCH = 64

export class Feed {
  private readonly pool: Piscina | undefined
  private readonly size: number
  private wishes: Wish[] = []
  private readonly ready = new Map<string, Promise<Tokens>>()
  private closed = false

  /**
   * @param threads piscina threads; 0: encode in this thread
   * @param ahead examples that may wait to be taken, at most
   */
  constructor(
    private readonly grids: Grids,
    private readonly threads: number,
    private readonly ahead: number,
  ) {
    this.size = sideOf(grids) ** 2
    if (threads > 0)
      this.pool = new Piscina({
        filename: new URL('./encoder-thread.js', import.meta.url).href,
        name: 'encode',
        minThreads: threads,
        maxThreads: threads,
        workerData: grids,
      })
  }

  /** Examples encoded or being encoded that nobody has taken yet. */
  get waiting(): number {
    return this.ready.size
  }

  /** Begins to encode an example that will be taken as `key`; a hint, dropped where too many wait. */
  want(key: string, reference: Reference): void {
    if (this.closed || this.ready.has(key) || this.ready.size >= this.ahead) return
    const tokens = this.encode(reference)
    // A failure is told to whoever takes the example.
    tokens.catch(() => undefined)
    this.ready.set(key, tokens)
  }

  /** The example wanted as `key`, or encoded now. */
  take(key: string, reference: Reference): Promise<Tokens> {
    const wanted = this.ready.get(key)
    this.ready.delete(key)
    return wanted ?? this.encode(reference)
  }

  async close(): Promise<void> {
    this.closed = true
    this.ready.clear()
    await this.pool?.destroy()
  }

  private encode(reference: Reference): Promise<Tokens> {
    return new Promise((resolve, reject) => {
      this.wishes.push({ reference, resolve, reject })
      if (this.wishes.length === 1) setImmediate(() => this.flush())
    })
  }

  private flush(): void {
    const wishes = this.wishes
    this.wishes = []
    const batch = Math.min(BATCH, Math.ceil(wishes.length / Math.max(1, this.threads)))
    for (let from = 0; from < wishes.length; from += batch) void this.run(wishes.slice(from, from + batch))
  }

  private async run(wishes: readonly Wish[]): Promise<void> {
    const references = new Uint32Array(wishes.length * WORDS)
    wishes.forEach(({ reference }, i) => references.set(reference, i * WORDS))
    try {
      const tokens =
        this.pool === undefined
          ? encodeReferences(this.grids, references)
          : new Uint8Array((await this.pool.run(references)) as ArrayBuffer)
      const part = (index: number): Uint8Array => tokens.subarray(index * this.size, (index + 1) * this.size)
      wishes.forEach(({ resolve }, i) => resolve({ inputs: part(i), labels: part(wishes.length + i) }))
    } catch (error) {
      for (const { reject } of wishes) reject(error)
    }
  }
}
