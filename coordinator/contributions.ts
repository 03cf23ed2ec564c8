// What the workers report of the round under way, step by step: sums, halted slots, puzzle row gradients. Kept until the
// round is committed or discarded. Reports of any other round never get here; reports of the wrong size are refused.
import { WireError } from '../shared/errors.js'
import type { WorkerId } from '../shared/ids.js'
import { floatsOf } from '../shared/protocol/codec.js'
import type { StepSums, WorkerMessage } from '../shared/protocol/messages.js'

export interface Contribution {
  /** Of all its slots, or of one group after the other. */
  readonly sums: readonly StepSums[]
  /** u8 per owned slot, in order. */
  readonly halted: Uint8Array
  readonly steps: Uint8Array
  /** f32 [owned slots, dim]. */
  readonly rowGradients: Float32Array
}

const WRONG_SIZE = 'run one version of trmesh everywhere'

interface Gathering {
  readonly rows: Float32Array
  got: number
  readonly firsts: Set<number>
}

export class Contributions {
  /** Of each worker, step by step. */
  private readonly gathering = new Map<WorkerId, Gathering[]>()
  private readonly complete = new Map<WorkerId, Contribution[]>()

  /** @param steps of a round */
  constructor(
    private readonly dim: number,
    private readonly steps = 1,
  ) {}

  /** Forgets the last round. */
  begin(): void {
    this.gathering.clear()
    this.complete.clear()
  }

  addRows(
    worker: WorkerId,
    slots: number,
    { inner, first, data }: Extract<WorkerMessage, { type: 'rowGradients' }>,
  ): void {
    const values = floatsOf(data)
    const entries = this.entriesOf(this.gathering, worker, inner)
    const entry = (entries[inner] ??= { rows: new Float32Array(slots * this.dim), got: 0, firsts: new Set() })
    // What comes twice counts once, or it would stand in for what was lost.
    if (entry.firsts.has(first)) return
    if (first * this.dim + values.length > entry.rows.length)
      throw new WireError(`${worker} sent row gradients beyond its ${slots} slots`, WRONG_SIZE)
    entry.firsts.add(first)
    entry.rows.set(values, first * this.dim)
    entry.got += values.length
  }

  addResult(worker: WorkerId, slots: number, message: Extract<WorkerMessage, { type: 'result' }>): void {
    const { inner } = message
    const rows = this.entriesOf(this.gathering, worker, inner)[inner] ?? { rows: new Float32Array(0), got: 0 }
    if (rows.got !== slots * this.dim || message.halted.length !== slots || message.steps.length !== slots)
      throw new WireError(
        `${worker} reported ${message.halted.length} slots and ${rows.got} row gradients for ${slots} slots`,
        WRONG_SIZE,
      )
    const { sums, halted, steps } = message
    const contribution = { sums, halted: halted.slice(), steps: steps.slice(), rowGradients: rows.rows }
    this.entriesOf(this.complete, worker, inner)[inner] = contribution
  }

  /** All steps of the round are here. */
  isWhole(worker: WorkerId): boolean {
    const known = this.complete.get(worker) ?? []
    return known.filter((contribution) => contribution !== undefined).length === this.steps
  }

  of(worker: WorkerId, inner = 0): Contribution {
    const contribution = this.complete.get(worker)?.[inner]
    if (contribution === undefined) throw new RangeError(`no contribution of ${worker} to step ${inner} of the round`)
    return contribution
  }

  private entriesOf<T>(all: Map<WorkerId, T[]>, worker: WorkerId, inner: number): T[] {
    if (inner >= this.steps)
      throw new WireError(`${worker} reported step ${inner} of a round of ${this.steps}`, WRONG_SIZE)
    const known = all.get(worker) ?? []
    all.set(worker, known)
    return known
  }
}
