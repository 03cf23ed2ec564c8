// Answers without gradient: a fresh carry, then always the full number of supervision steps (spec 1.8, evaluation).
import * as tf from '@tensorflow/tfjs-core'
import { encode } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import type { Trm } from '../model/trm.js'
import { argmax } from '../ops/stablemax.js'
import type { FreshRows } from './carry.js'
import { chunkBounds, startOf } from './carry.js'

/** rows (batch, puzzleEmbDim), inputs (batch, S0) -> preds (batch, S0) and the q_halt logit of the last step. */
export function answersOf(
  trm: Trm,
  parameters: Parameters,
  fresh: FreshRows,
  rows: Float32Array,
  inputs: Uint8Array,
  batch: number,
  microBatch: number,
): { preds: Uint8Array; qHalt: Float32Array } {
  const { seqLen, vocab, puzzleEmbDim, puzzleEmbLen, haltMaxSteps, hidden } = trm.model
  const preds = new Uint8Array(batch * seqLen)
  const qHalt = new Float32Array(batch)
  const columns = vocab + 2
  for (const { from, to } of chunkBounds(batch, microBatch)) {
    const size = to - from
    const out = tf.tidy(() => {
      const tokens = inputs.subarray(from * seqLen, to * seqLen)
      const x = encode(trm.model, parameters, tokens, rows.subarray(from * puzzleEmbDim, to * puzzleEmbDim), size)
      let thought = startOf(new Array<boolean>(size).fill(true), fresh, hidden)
      for (let step = 0; step < haltMaxSteps; step++) {
        const next = trm.think(parameters, x, thought, size)
        tf.dispose([thought.y, thought.z])
        thought = next
      }
      return trm.heads(parameters, thought.y)
    })
    const values = out.dataSync<'float32'>()
    out.dispose()
    for (let i = 0; i < size; i++) {
      const row = i * trm.positions * columns
      qHalt[from + i] = (values[row + vocab] as number) + parameters.qBias.values[0]
      for (let cell = 0; cell < seqLen; cell++)
        preds[(from + i) * seqLen + cell] = argmax(values, row + (puzzleEmbLen + cell) * columns, vocab)
    }
  }
  return { preds, qHalt }
}
