// The matrices inside the network, where they lie in the flat buffer: every piece of a stored tensor that the model multiplies with.
// Q, K and V, gate and up are matrices of their own, though stored as one (so does Jordan with Q, K and V; gate and up are our
// choice). Embeddings, heads, biases and tables are not among them.
import type { ModelConfig } from '../config/run-config.js'
import { layersOf } from '../recursion.js'
import { subLayersOf } from '../sub-layers.js'
import type { Layout } from './layout.js'
import { positionsOf } from './layout.js'

/** Iterations in which Muon makes a matrix orthogonal (K. Jordan, 2024). */
export const NEWTON_SCHULZ_ITERATIONS = 5

export interface Matrix {
  /** First element in the flat buffer; row by row from there. */
  readonly offset: number
  readonly rows: number
  readonly columns: number
}

/** In the order of their offsets. */
export function matricesOf(model: ModelConfig, layout: Layout): Matrix[] {
  const offsets = new Map(layout.entries.map(({ name, offset }) => [name, offset]))
  const { H, L } = layersOf(model)
  const layers = [...Array(H).keys()].map((i) => `H_level.layers.${i}`).concat([...Array(L).keys()].map((i) => `L_level.layers.${i}`)) // prettier-ignore
  const found: Matrix[] = []
  for (const layer of layers)
    for (const { name, tensors } of subLayersOf(model, positionsOf(model)))
      for (const tensor of tensors) {
        if (tensor.use !== 'weight') continue
        const columns = tensor.shape.slice(1).reduce((product, size) => product * size, 1)
        let offset = offsets.get(`${layer}.${name}.${tensor.name}`)
        if (offset === undefined) throw new Error(`the layout has no ${layer}.${name}.${tensor.name}`)
        for (const [, rows] of tensor.pieces) {
          found.push({ offset, rows, columns })
          offset += rows * columns
        }
      }
  return found.sort((a, b) => a.offset - b.offset)
}

/** What lies between the matrices: [from, to) of the flat buffer. */
export function rangesBeside(matrices: readonly Matrix[], elements: number): (readonly [from: number, to: number])[] {
  const ranges: (readonly [number, number])[] = []
  let from = 0
  for (const { offset, rows, columns } of matrices) {
    if (offset > from) ranges.push([from, offset])
    from = offset + rows * columns
  }
  if (from < elements) ranges.push([from, elements])
  return ranges
}
