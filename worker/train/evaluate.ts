// Answers without gradient: a fresh carry, then all supervision steps, or cycles, asked for (spec 1.8, evaluation). Answers of earlier
// steps, and those at which early halting would have stopped, are read on the way: one pass gives them all.
import * as tf from '@tensorflow/tfjs-core'
import { blocksOf, type Answers, type Question } from '../../shared/question.js'
import { encode } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import type { Trm } from '../model/trm.js'
import { argmax } from '../ops/stablemax.js'
import type { FreshRows } from './carry.js'
import { chunkBounds, startOf } from './carry.js'

/** Test rows: `rows` (batch, puzzleEmbDim) of the puzzle table, `inputs` (batch, S0) tokens. */
export interface AskedRows {
  readonly rows: Float32Array
  readonly inputs: Uint8Array
  readonly batch: number
}

export function answersOf(
  trm: Trm,
  parameters: Parameters,
  fresh: FreshRows,
  { rows, inputs, batch }: AskedRows,
  question: Question,
  microBatch: number,
): Answers {
  const { seqLen, puzzleEmbDim, hidden } = trm.model
  const { steps, early, cycles } = question
  const last = steps.at(-1) ?? 0
  const blocks = blocksOf(question)
  const answers: Answers = {
    preds: new Uint8Array(blocks * batch * seqLen),
    q: new Float32Array(blocks * batch),
    halts: new Uint16Array(early ? batch : 0),
  }
  for (const { from, to } of chunkBounds(batch, microBatch)) {
    const size = to - from
    tf.tidy(() => {
      const tokens = inputs.subarray(from * seqLen, to * seqLen)
      const x = encode(trm.model, parameters, tokens, rows.subarray(from * puzzleEmbDim, to * puzzleEmbDim), size)
      let thought = startOf(new Array<boolean>(size).fill(true), fresh, hidden)
      for (let step = 1; step <= last; step++) {
        const next = trm.think(parameters, x, thought, size, cycles === true ? 1 : undefined)
        tf.dispose([...thought])
        thought = next
        const block = steps.indexOf(step)
        if (block < 0 && !early) continue
        tf.tidy(() => {
          const read = new Heads(trm, parameters, next[0], size)
          for (let i = 0; i < size; i++) {
            const row = from + i
            if (block >= 0) read.into(answers, block * batch + row, i)
            if (!early || answers.halts[row] !== 0 || (step < last && !read.halts(i))) continue
            answers.halts[row] = step
            read.into(answers, steps.length * batch + row, i)
          }
        })
      }
    })
  }
  return answers
}

/** What both heads say of the answer states y of `size` rows. The tokens are read from the device only if somebody asks. */
class Heads {
  private readonly out: tf.Tensor2D
  private readonly columns: number
  private readonly qs: Float32Array
  private values: Float32Array | undefined

  constructor(
    private readonly trm: Trm,
    parameters: Parameters,
    y: tf.Tensor2D,
    size: number,
  ) {
    this.out = trm.heads(parameters, y)
    this.columns = trm.model.vocab + 2
    const perRow = tf.reshape(this.out, [size, trm.positions * this.columns])
    const bias = parameters.qBias.values
    const read = tf.slice(perRow, [0, trm.model.vocab], [size, 2]).dataSync<'float32'>()
    this.qs = read.map((q, i) => q + (bias[i % 2] as number))
  }

  /** The q_halt logit of row i. */
  q(i: number): number {
    return this.qs[2 * i] as number
  }

  /** Would row i halt here, by the rule that the model was trained with? */
  halts(i: number): boolean {
    return this.q(i) > (this.trm.model.halting === 'continue' ? (this.qs[2 * i + 1] as number) : 0)
  }

  /** Writes the answer of row i as answer number `at`. */
  into({ preds, q }: Answers, at: number, i: number): void {
    const { seqLen, vocab, puzzleEmbLen } = this.trm.model
    const values = (this.values ??= this.out.dataSync<'float32'>())
    const first = (i * this.trm.positions + puzzleEmbLen) * this.columns
    for (let cell = 0; cell < seqLen; cell++)
      preds[at * seqLen + cell] = argmax(values, first + cell * this.columns, vocab)
    q[at] = this.q(i)
  }
}
