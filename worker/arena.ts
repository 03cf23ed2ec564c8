// The arena: one SharedArrayBuffer that the worker's two threads have in common. The compute thread writes gradients and
// updates weights; the I/O thread reads the gradient, writes the mean, and loads state into it. Who may touch what when is
// the step's order (design section 5): nobody writes what the other is reading.
import type { RunConfig } from '../shared/config/run-config.js'
import type { Layout } from '../shared/gradients/layout.js'

export interface Arena {
  readonly buffer: SharedArrayBuffer
  /** f32 [layout.elements] each. */
  readonly params: Float32Array
  readonly ema: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  readonly grad: Float32Array
  readonly mean: Float32Array
  /** Momentum of the outer step, f32 [layout.elements]; empty without local steps. */
  readonly outer: Float32Array
  /** Gradients since the weights last moved, f32 [layout.elements]; empty unless train.moveEvery is above 1. Local steps exclude it. */
  readonly gathered: Float32Array
  /** Puzzle rows, f32 [puzzles of a round, puzzleDim], as `begin` lists them; room for all slots of the run. */
  readonly rows: Float32Array
  /** Gradients of the rows that a step used, f32 [owned slots, puzzleDim], in slot order. */
  readonly rowGradients: Float32Array
}

const DENSE = ['params', 'ema', 'm', 'v', 'grad', 'mean'] as const

/** Views of a new arena, or of one made by the other thread. */
export function arenaOf(
  layout: Layout,
  { model, train, reduce }: Pick<RunConfig, 'model' | 'train' | 'reduce'>,
  buffer?: SharedArrayBuffer,
): Arena {
  const outer = reduce.localSteps > 1 ? layout.elements : 0
  const gathered = train.moveEvery > 1 ? layout.elements : 0
  const rows = train.slots * model.puzzleEmbDim
  const floats = layout.elements * DENSE.length + outer + gathered + rows * (reduce.localSteps + 1)
  const shared = buffer ?? new SharedArrayBuffer(floats * Float32Array.BYTES_PER_ELEMENT)
  let at = 0
  const take = (length: number): Float32Array => {
    const view = new Float32Array(shared, at * Float32Array.BYTES_PER_ELEMENT, length)
    at += length
    return view
  }
  const [params, ema, m, v, grad, mean] = DENSE.map(() => take(layout.elements)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return {
    buffer: shared,
    params,
    ema,
    m,
    v,
    grad,
    mean,
    outer: take(outer),
    gathered: take(gathered),
    rows: take(rows * reduce.localSteps),
    rowGradients: take(rows),
  }
}
