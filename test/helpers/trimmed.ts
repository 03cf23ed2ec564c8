// Trimmed replicas beside one that computes the whole canvas with attention in which the cells that are not kept are masked:
// written in plain tfjs ops and differentiated by tfjs itself, on its cpu backend.
import '@tensorflow/tfjs-backend-cpu'
import * as tf from '@tensorflow/tfjs-core'
import { gridOf } from '../../shared/arc/grid.js'
import { encode } from '../../shared/arc/tokens.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf, type SlotId } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import { registerGradients } from '../../worker/backends/gradients.js'
import type { AttentionKernel, AttentionShape } from '../../worker/ops/attention.js'
import type { Weight } from '../../worker/ops/linear.js'
import { registerKernel } from '../../worker/ops/registry.js'
import type { Example } from '../../worker/train/carry.js'
import { keptOf as keptCellsOf } from '../../worker/train/kept.js'
import { MODEL, Run, SEED } from './replica.js'

export const CANVAS = 5
/** ARC on a small canvas; a gradient that reaches everything. */
export const WHOLE = { ...MODEL, vocab: 12, seqLen: CANVAS * CANVAS, lCycles: 1, gradedCycles: 2 }
export const TRIMMED = { ...WHOLE, trim: 4 }
/** With random margins. */
export const WIDER = { ...TRIMMED, trimMargin: 2 }

const SLOTS = [0, 1, 2, 3, 4].map(slotId)

/** A pair of grids of 1 to 4 rows and columns, somewhere on the canvas. */
export function smallExample(slot: SlotId, step: number): Example {
  const rng = rngFor(SEED, 'examples', slot, step)
  const upTo = (most: number): number => Math.floor(rng.uniform() * (most + 1))
  const grid = (): ReturnType<typeof gridOf> => {
    const cols = 1 + upTo(3)
    return gridOf(Array.from({ length: 1 + upTo(3) }, () => Array.from({ length: cols }, () => upTo(9))))
  }
  const [input, output] = [grid(), grid()]
  const row = upTo(CANVAS - Math.max(input.rows, output.rows))
  const col = upTo(CANVAS - Math.max(input.cols, output.cols))
  const tokens = (of: typeof input): Uint8Array => encode(of, CANVAS, row, col)
  return { draw: drawOf(step), puzzle: slot, inputs: tokens(input), labels: tokens(output) }
}

/** What the slot keeps of an example; TRIMMED keeps something of each. */
export const keptOf = (slot: SlotId, example: Example, model = TRIMMED): Int32Array =>
  keptCellsOf(model, SEED, slot, example)!

/** Attention in which every sample attends only to the positions that `mask` (B, S) leaves: 0, or minus much. */
export function registerMasked(mask: () => Float32Array): void {
  const attend = (x: tf.Tensor, weights: readonly tf.Tensor[], shape: AttentionShape): tf.Tensor2D => {
    const { batch, positions: S, heads, rope } = shape
    const D = x.shape[1] as number
    const [q, k, v] = weights.slice(0, 3).map((w) => {
      const projected = tf.matMul(x, w, false, true)
      return tf.transpose(tf.reshape(projected, [batch, S, heads, D / heads]), [0, 2, 1, 3])
    }) as [tf.Tensor, tf.Tensor, tf.Tensor]
    const turn = (t: tf.Tensor): tf.Tensor => {
      if (rope === null) return t
      const [low, high] = tf.split(t, 2, 3) as [tf.Tensor, tf.Tensor]
      return tf.add(tf.mul(t, rope.cos), tf.mul(tf.concat([high, low], 3), rope.sin))
    }
    const scores = tf.mul(tf.matMul(turn(q), turn(k), false, true), Math.sqrt(heads / D))
    const masked = tf.add(scores, tf.tensor(mask(), [batch, 1, 1, S]))
    const context = tf.transpose(tf.matMul(tf.softmax(masked), v), [0, 2, 1, 3])
    return tf.matMul(tf.reshape(context, [batch * S, D]), weights[3] as tf.Tensor2D, false, true)
  }
  const kernel: AttentionKernel = {
    forward: (x, w, shape) => {
      const y = tf.tidy(() => attend(x, [w.q.w, w.k.w, w.v.w, w.o.w], shape))
      const none = (): tf.Tensor3D => tf.zeros([1, 1, 1])
      return { y, saved: { x, q: none(), k: none(), v: none(), context: none(), p: null } }
    },
    backward: ({ x }, dy, w, shape, gradients) =>
      tf.tidy(() => {
        const weights: Weight[] = [w.q, w.k, w.v, w.o]
        const back = tf.grads((...[from, ...others]) => attend(from as tf.Tensor, others, shape))
        const [dx, ...dw] = back([x, ...weights.map((weight) => weight.w)], dy)
        dw.forEach((d, i) => gradients.add(weights[i]?.offset ?? 0, d))
        return dx as tf.Tensor2D
      }),
  }
  registerKernel('attention', 'cpu', kernel)
}

export interface TrimmedStep {
  readonly loss: number
  readonly halted: readonly boolean[]
  readonly grad: Float32Array
  readonly rowGrads: Float32Array
  /** The states of the kept cells, and those of the puzzle positions, slot by slot. */
  readonly states: Float32Array
}

/**
 * Some steps of the slots of `model`, every one committed. `before` is told the examples that a step works on.
 * @param as the model that trims, whose cells are looked at
 */
export function stepsOf(
  model: typeof WHOLE,
  steps: number,
  before: (examples: readonly Example[]) => void = () => undefined,
  as = TRIMMED,
): TrimmedStep[] {
  const run = new Run(SLOTS, model, {}, undefined, smallExample)
  const { hidden: D, puzzleEmbLen: P } = model
  // Without its bias of -5 the q head lets some slots halt early.
  const bias = layoutOf(model).entries.find(({ name }) => name === 'q_head.bias')?.offset ?? NaN
  run.arena.params.fill(0, bias, bias + 2)
  run.replica.reload()
  const rows = Float32Array.from({ length: SLOTS.length * model.puzzleEmbDim }, (_, k) => Math.sin(k * k))
  const results = Array.from({ length: steps }, (_, i): TrimmedStep => {
    const examples = run.replica
      .carries()
      .map(({ slot, halted, example }) => (halted || example === null ? smallExample(slot, i + 1) : example))
    before(examples)
    const takes = new Map(run.slots.map((slot) => [slot, smallExample(slot, i + 1)]))
    const { sums, halted, rowGrads } = run.replica.step(stepOf(i + 1), rows, takes)
    const grad = run.arena.grad.slice()
    run.commit(i + 1)
    const states = run.replica.carries().flatMap(({ slot, zH, zL }, place) => {
      const positions = [...Array(P).keys(), ...keptOf(slot, examples[place] as Example, as).map((cell) => P + cell)]
      return [zH, zL].flatMap((state) => positions.flatMap((s) => [...state.subarray(s * D, (s + 1) * D)]))
    })
    return { loss: sums.lossTotal, halted, grad, rowGrads, states: Float32Array.from(states) }
  })
  run.replica.dispose()
  return results
}

/** The same steps on the whole canvas, with the cells masked that `as` does not keep. */
export async function maskedSteps(steps: number, as = TRIMMED): Promise<TrimmedStep[]> {
  let examples: readonly Example[] = []
  const { puzzleEmbLen: P, seqLen } = WHOLE
  registerMasked(() => {
    const mask = new Float32Array(examples.length * (P + seqLen)).fill(-1e9)
    examples.forEach((example, i) => {
      mask.fill(0, i * (P + seqLen), i * (P + seqLen) + P)
      for (const cell of keptOf(SLOTS[i] as SlotId, example, as)) mask[i * (P + seqLen) + P + cell] = 0
    })
    return mask
  })
  registerGradients()
  await tf.setBackend('cpu')
  await tf.ready()
  return stepsOf(WHOLE, steps, (now) => (examples = now), as)
}

/** Root mean square of the difference over that of the expected values. */
export function offBy(actual: Float32Array, expected: Float32Array): number {
  let [difference, size] = [0, 0]
  expected.forEach((value, i) => {
    difference += ((actual[i] ?? NaN) - value) ** 2
    size += value ** 2
  })
  return Math.sqrt(difference / size)
}
