// Where workers pull state from when nobody trains yet: the initial values of a fresh run, or a checkpoint. Answers byte
// ranges; the caller puts them on the bus.
import { bytesOf } from '../shared/bytes.js'
import type { RunConfig } from '../shared/config/run-config.js'
import {
  carryRange,
  CARRY_FILE,
  DENSE_FILE,
  denseRange,
  GATHERED_FILE,
  LOCAL_FILE,
  momentsOf,
  workersOf,
  type DenseSegment,
} from '../shared/checkpoint/contents.js'
import { initialParams, initialStates } from '../shared/gradients/init.js'
import type { Layout } from '../shared/gradients/layout.js'
import type { StateRange } from '../shared/bus/transfer.js'
import type { Checkpoint } from './store/checkpoint-reader.js'

export interface StateSource {
  /** The bytes, or the reason why there are none. */
  provide(range: StateRange): Promise<Uint8Array | string>
  /** Nobody will ask any more. */
  close(): Promise<void>
}

/** Step 0: drawn from the seed; moments are zero, the average is the parameters. */
export function freshState(config: RunConfig, layout: Layout): StateSource {
  const params = initialParams(layout, config.run.seed)
  const zeros = new Float32Array(layout.elements)
  const { hInit, lInit } = initialStates(config.model, config.run.seed)
  return heldState({ params, ema: params, m: zeros, v: zeros, hInit, lInit })
}

/** State in memory, before any slot has a carry. */
export function heldState(segments: Readonly<Record<DenseSegment, Float32Array>>): StateSource {
  return {
    provide({ segment, offset, length }) {
      if (segment === 'carry' || segment === 'mean') return Promise.resolve(`a fresh run has no ${segment}`)
      // No outer step has been taken yet, no gradient gathered.
      const bytes =
        segment === 'outer' || segment === 'gathered'
          ? new Uint8Array(segments.params.byteLength)
          : bytesOf(segments[segment])
      const fits = offset + length <= bytes.length
      return Promise.resolve(fits ? bytes.subarray(offset, offset + length) : `it ends at byte ${bytes.length}`)
    },
    close: () => Promise.resolve(),
  }
}

export function checkpointState(checkpoint: Checkpoint, config: RunConfig, layout: Layout): StateSource {
  const local = checkpoint.has(LOCAL_FILE) ? workersOf(checkpoint.tensors(LOCAL_FILE).length) : 0
  const dense = (range: StateRange): Promise<Uint8Array> | string => {
    if (range.segment === 'carry' || range.segment === 'mean') return 'not in a checkpoint'
    if (range.segment === 'outer') {
      if (local > 0) return checkpoint.readRange(LOCAL_FILE, 'outer', range.offset, range.length)
      return Promise.resolve(new Uint8Array(range.length)) // no outer step has been taken yet
    }
    if (range.segment === 'gathered') return checkpoint.readRange(GATHERED_FILE, 'gathered', range.offset, range.length)
    // More workers than before: the others begin with the moments of the first ones.
    const place = local > 0 ? range.slot % local : 0
    if ((range.segment === 'm' || range.segment === 'v') && place > 0)
      return checkpoint.readRange(LOCAL_FILE, momentsOf(range.segment, place), range.offset, range.length)
    const { offset, length } = denseRange(layout, config.model, range.segment)
    if (range.offset + range.length > length) return `it ends at byte ${length}`
    return checkpoint.readData(DENSE_FILE, offset + range.offset, range.length)
  }
  /** A carry on the bus is zH then zL of one slot; in the file they are two tensors. A range may reach over both. */
  const carry = async ({ slot, offset, length }: StateRange): Promise<Uint8Array | string> => {
    if (slot >= config.train.slots) return `there are ${config.train.slots} slots`
    const parts: Uint8Array[] = []
    let before = 0
    for (const tensor of ['zH', 'zL'] as const) {
      const place = carryRange(config.model, tensor, slot)
      const from = Math.max(0, offset - before)
      const to = Math.min(place.length, offset + length - before)
      if (to > from) parts.push(await checkpoint.readRange(CARRY_FILE, tensor, place.offset + from, to - from))
      before += place.length
    }
    if (offset + length > before) return `it ends at byte ${before}`
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
  return {
    provide: async (range) => (range.segment === 'carry' ? carry(range) : dense(range)),
    close: () => checkpoint.close(),
  }
}
