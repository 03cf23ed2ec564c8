// Carries between host and device: a snapshot holds a slot's states on the whole canvas, a chunk those of the kept cells.
import * as tf from '@tensorflow/tfjs-core'
import { carryOf } from '../../shared/carry.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import type { Thought } from '../model/trm.js'
import type { CarryState, Lane } from './carry.js'
import type { Chunk } from './chunks.js'

/** A state of all positions (S, D) to that of the P first ones and the kept cells alone, or back; what is not kept stays. */
function move(from: Float32Array, to: Float32Array, kept: Int32Array | null, model: ModelConfig, back: boolean): void {
  if (kept === null) return to.set(from)
  const { puzzleEmbLen: P, hidden: D } = model
  to.set(from.subarray(0, P * D))
  kept.forEach((cell, k) => {
    const [source, target] = back ? [P + k, P + cell] : [P + cell, P + k]
    to.set(from.subarray(source * D, (source + 1) * D), target * D)
  })
}

/** State number `state` of a carry: the answer, then the latent ones. */
const stateOf = ({ zH, zL }: CarryState, state: number): Float32Array =>
  state === 0 ? zH : zL.subarray((state - 1) * zH.length, state * zH.length)

/** The chunks of these carries. Slots without an example have no states yet. @param plan places of the slots of each chunk */
export function uploadCarries(
  model: ModelConfig,
  plan: readonly (readonly number[])[],
  lanes: readonly Lane[],
  carries: readonly CarryState[],
): Chunk[] {
  const { puzzleEmbLen: P, hidden: D, seqLen } = model
  const { zH, zL } = carryOf(model)
  return plan.flatMap((planned): Chunk[] => {
    const places = planned.filter((place) => lanes[place]?.example !== null)
    if (places.length === 0) return []
    const S = P + (lanes[places[0] as number]?.kept?.length ?? seqLen)
    const upload = (state: number): tf.Tensor2D => {
      const flat = new Float32Array(places.length * S * D)
      places.forEach((place, i) => {
        const own = flat.subarray(i * S * D, (i + 1) * S * D)
        move(stateOf(carries[place] as CarryState, state), own, lanes[place]?.kept ?? null, model, false)
      })
      return tf.tensor2d(flat, [places.length * S, D])
    }
    const thought = Array.from({ length: 1 + zL / zH }, (_, state) => upload(state)) as unknown as Thought
    return [{ places, thought }]
  })
}

/** The carries of all lanes, copied to the host. */
export function downloadCarries(model: ModelConfig, lanes: readonly Lane[], chunks: readonly Chunk[]): CarryState[] {
  const { zH, zL } = carryOf(model)
  const carries = lanes.map(({ slot, steps, halted, example }): CarryState => ({
    slot,
    steps,
    halted,
    example,
    zH: new Float32Array(zH),
    zL: new Float32Array(zL),
  }))
  for (const { places, thought } of chunks)
    thought.forEach((tensor, state) => {
      const values = tensor.dataSync<'float32'>()
      const size = values.length / places.length
      places.forEach((place, i) => {
        const own = values.subarray(i * size, (i + 1) * size)
        move(own, stateOf(carries[place] as CarryState, state), lanes[place]?.kept ?? null, model, true)
      })
    })
  return carries
}
