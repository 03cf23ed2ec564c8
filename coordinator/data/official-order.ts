// The order in which the published loader visits examples: the `official` sampler. Source: spec 4.5.
import { ConfigError } from '../../shared/errors.js'
import { Mt19937 } from '../../shared/rng/mt19937.js'
import { Philox } from '../../shared/rng/philox.js'
import type { Lot } from './sampler.js'

export interface OfficialConfig {
  /** Global batch: rows of every batch. */
  readonly batch: number
  /** Chunk k draws from Philox(seed + k). */
  readonly seed: number
  /** Visits of every group per chunk (official eval_interval). */
  readonly epochsPerChunk: number
  /** Seed of np.random, which picks examples inside a puzzle; the published runs did not fix it. */
  readonly choiceSeed: number
}

/** One batch: row i is example `example[i]` of puzzle `puzzle[i]`. */
export interface OfficialBatch {
  readonly lot: Uint32Array
  readonly puzzle: Uint32Array
  readonly example: Uint16Array
}

/** The groups in the order of one chunk: epochsPerChunk permutations, one after the other. */
function chunkOrder(rng: Philox, lots: number, epochs: number): Uint16Array | Uint32Array {
  const order = lots <= 0x10000 ? new Uint16Array(lots * epochs) : new Uint32Array(lots * epochs)
  for (let epoch = 0; epoch < epochs; epoch++) rng.permutationInto(order, epoch * lots, lots)
  return order
}

/** Full batches of chunk `chunk` (from 1); a surplus that does not fit is lost, a last partial batch is dropped. */
export function countBatches(lots: readonly Lot[], config: OfficialConfig, chunk: number): number {
  const sizes = Uint16Array.from(lots, (lot) => lot.examples)
  let batches = 0
  let filled = 0
  for (const lot of chunkOrder(new Philox(config.seed + chunk), lots.length, config.epochsPerChunk)) {
    filled += sizes[lot] as number
    if (filled >= config.batch) {
      batches++
      filled = 0
    }
  }
  return batches
}

/** Batches that stay at hand for slots that run ahead or lag behind. */
const KEPT = 32

export class OfficialOrder {
  private chunk = 0
  private rng = new Philox(0)
  private order: Uint16Array | Uint32Array = new Uint16Array(0)
  private at = 0
  private choices: Mt19937
  private done = 0
  private readonly kept = new Map<number, OfficialBatch>()

  constructor(
    private readonly lots: readonly Lot[],
    private readonly config: OfficialConfig,
  ) {
    this.choices = new Mt19937(config.choiceSeed)
    const perEpoch = lots.reduce((sum, lot) => sum + lot.examples, 0)
    // A surplus can be lost with every puzzle, so twice a batch is sure to fill one.
    if (perEpoch * config.epochsPerChunk < 2 * config.batch)
      throw new ConfigError(
        `the data gives ${perEpoch * config.epochsPerChunk} examples a chunk, too few for batches of ${config.batch}`,
        'set data.sampler to slots, or train.slots lower',
      )
  }

  /** Batch of a step, counted from 1. Forwards to it where needed: ARC takes some seconds per 50,000 steps. */
  batch(step: number): OfficialBatch {
    const ready = this.kept.get(step)
    if (ready !== undefined) return ready
    if (step <= this.done) this.rewind()
    while (this.done < step - 1) this.advance(undefined)
    const { batch } = this.config
    const made = { lot: new Uint32Array(batch), puzzle: new Uint32Array(batch), example: new Uint16Array(batch) }
    this.advance(made)
    this.kept.set(step, made)
    for (const old of this.kept.keys()) if (this.kept.size > KEPT) this.kept.delete(old)
    return made
  }

  private rewind(): void {
    this.chunk = 0
    this.order = new Uint16Array(0)
    this.at = 0
    this.done = 0
    this.choices = new Mt19937(this.config.choiceSeed)
  }

  /** Draws one full batch; without `out`, only the generators move. */
  private advance(out: OfficialBatch | undefined): void {
    let filled = 0
    while (filled < this.config.batch) {
      if (this.at === this.order.length) {
        this.chunk++
        this.rng = new Philox(this.config.seed + this.chunk)
        this.order = chunkOrder(this.rng, this.lots.length, this.config.epochsPerChunk)
        this.at = 0
        filled = 0
      }
      const index = this.order[this.at++] as number
      const { from, to, examples } = this.lots[index] as Lot
      const puzzle = this.rng.integers(from, to)
      const taken = Math.min(examples, this.config.batch - filled)
      const chosen = this.choices.permutation(examples)
      if (out !== undefined)
        for (let i = 0; i < taken; i++) {
          out.lot[filled + i] = index
          out.puzzle[filled + i] = puzzle
          out.example[filled + i] = chosen[i] as number
        }
      filled += taken
    }
    this.done++
  }
}
