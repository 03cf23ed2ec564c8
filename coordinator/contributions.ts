// What the workers report of the step under way: sums, halted slots, puzzle row gradients. Kept until the step is committed
// or discarded. Reports of any other step never get here; reports of the wrong size are refused.
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

export class Contributions {
  private readonly gathering = new Map<WorkerId, { rows: Float32Array; got: number; firsts: Set<number> }>()
  private readonly complete = new Map<WorkerId, Contribution>()

  constructor(private readonly dim: number) {}

  /** Forgets the last step. */
  begin(): void {
    this.gathering.clear()
    this.complete.clear()
  }

  addRows(worker: WorkerId, slots: number, { first, data }: Extract<WorkerMessage, { type: 'rowGradients' }>): void {
    const values = floatsOf(data)
    const entry = this.gathering.get(worker) ?? { rows: new Float32Array(slots * this.dim), got: 0, firsts: new Set() }
    // What comes twice counts once, or it would stand in for what was lost.
    if (entry.firsts.has(first)) return
    if (first * this.dim + values.length > entry.rows.length)
      throw new WireError(`${worker} sent row gradients beyond its ${slots} slots`, WRONG_SIZE)
    entry.firsts.add(first)
    entry.rows.set(values, first * this.dim)
    entry.got += values.length
    this.gathering.set(worker, entry)
  }

  addResult(worker: WorkerId, slots: number, message: Extract<WorkerMessage, { type: 'result' }>): void {
    const rows = this.gathering.get(worker) ?? { rows: new Float32Array(0), got: 0 }
    if (rows.got !== slots * this.dim || message.halted.length !== slots || message.steps.length !== slots)
      throw new WireError(
        `${worker} reported ${message.halted.length} slots and ${rows.got} row gradients for ${slots} slots`,
        WRONG_SIZE,
      )
    const { sums, halted, steps } = message
    this.complete.set(worker, { sums, halted: halted.slice(), steps: steps.slice(), rowGradients: rows.rows })
  }

  of(worker: WorkerId): Contribution {
    const contribution = this.complete.get(worker)
    if (contribution === undefined) throw new RangeError(`no contribution of ${worker}`)
    return contribution
  }
}
