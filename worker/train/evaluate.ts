// Answers without gradient: a fresh carry, then all supervision steps, or cycles, asked for (spec 1.8, evaluation). Answers of earlier
// steps, and those at which early halting would have stopped, are read on the way: one pass gives them all.
import * as tf from '@tensorflow/tfjs-core'
import { blocksOf, type Answers, type Noise, type Question } from '../../shared/question.js'
import { recursionOf } from '../../shared/recursion.js'
import { encode } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import type { Trm } from '../model/trm.js'
import { argmax } from '../ops/stablemax.js'
import type { FreshRows } from './carry.js'
import { pickTokens, shortened } from './carry.js'
import { freshChains } from './chains.js'
import { planChunks } from './chunks.js'
import { evaluationStir, stirred } from './noise.js'

/** Test rows: `rows` (batch, puzzleEmbDim) of the puzzle table, `inputs` (batch, S0) tokens. */
export interface AskedRows {
  readonly rows: Float32Array
  readonly inputs: Uint8Array
  readonly batch: number
  /** The cells computed of each row (shared/arc/trim.ts); absent: the whole canvas. */
  readonly kept?: readonly Int32Array[]
  /** Number of each row that its noise and its random start are drawn by; absent: 0 for all. */
  readonly draws?: readonly number[]
  /** The chain that answers each row, where the model has several; absent: the first. */
  readonly chains?: readonly number[]
}

const QUIET: Noise = { seed: 0, sigma: 0, states: 'answer' }

export function answersOf(
  trm: Trm,
  parameters: Parameters,
  fresh: FreshRows,
  { rows, inputs, batch, kept, draws, chains }: AskedRows,
  question: Question,
  microBatch: number,
): Answers {
  const { seqLen, puzzleEmbDim, hidden } = trm.model
  const { steps, early, cycles, noise = QUIET } = question
  const latents = recursionOf(trm.model).inits.length - 1
  const perStep = cycles === true ? trm.model.hCycles : 1
  const last = steps.at(-1) ?? 0
  const blocks = blocksOf(question)
  const answers: Answers = {
    preds: new Uint8Array(blocks * batch * seqLen),
    q: new Float32Array(blocks * batch),
    halts: new Uint16Array(early ? batch : 0),
  }
  const lengths = Array.from({ length: batch }, (_, row) => kept?.[row]?.length ?? seqLen)
  for (const places of planChunks(lengths, batch, (cells) => trm.alike(microBatch, cells)).flat()) {
    const size = places.length
    tf.tidy(() => {
      const cells = kept && places.map((row) => kept[row] as Int32Array)
      const asked = cells === undefined ? trm : trm.trimmed(cells)
      const length = asked.model.seqLen
      const tokens = new Uint8Array(size * length)
      const vectors = new Float32Array(size * puzzleEmbDim)
      places.forEach((row, i) => {
        tokens.set(pickTokens(inputs.subarray(row * seqLen, (row + 1) * seqLen), cells?.[i] ?? null), i * length)
        vectors.set(rows.subarray(row * puzzleEmbDim, (row + 1) * puzzleEmbDim), i * puzzleEmbDim)
      })
      const x = encode(asked.model, parameters, tokens, vectors, size)
      const own = places.map((row) => draws?.[row] ?? 0)
      let thought = freshChains(
        shortened(fresh, asked.positions * hidden),
        places.map((row) => chains?.[row] ?? 0),
        latents,
        hidden,
      )
      for (let step = 1; step <= last; step++) {
        // Before every supervision step, however many cycles of it are looked at.
        if ((step - 1) % perStep === 0)
          thought = stirred(thought, size, evaluationStir(trm.model, noise, (step - 1) / perStep + 1, own))
        const next = asked.think(parameters, x, thought, size, cycles === true ? 1 : undefined)
        tf.dispose([...thought])
        thought = next
        const block = steps.indexOf(step)
        if (block < 0 && !early) continue
        tf.tidy(() => {
          const read = new Heads(asked, parameters, next[0], size)
          places.forEach((row, i) => {
            const into = (answer: number): void => {
              const preds = answers.preds.subarray(answer * seqLen, (answer + 1) * seqLen)
              answers.q[answer] = read.answer(preds, i, cells?.[i])
            }
            if (block >= 0) into(block * batch + row)
            if (!early || answers.halts[row] !== 0 || (step < last && !read.halts(i))) return
            answers.halts[row] = step
            into(steps.length * batch + row)
          })
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

  /** Writes the answer of row i; what is not kept stays PAD. Returns its q_halt logit. */
  answer(preds: Uint8Array, i: number, kept: Int32Array | undefined): number {
    const { seqLen, vocab, puzzleEmbLen } = this.trm.model
    const values = (this.values ??= this.out.dataSync<'float32'>())
    const first = (i * this.trm.positions + puzzleEmbLen) * this.columns
    for (let cell = 0; cell < seqLen; cell++)
      preds[kept?.[cell] ?? cell] = argmax(values, first + cell * this.columns, vocab)
    return this.q(i)
  }
}
