// A projection with or without adapter, and where its gradients go. x: (N, in), y: (N, out), f32.
import * as tf from '@tensorflow/tfjs-core'
import { LORA } from '../../shared/language/shape.js'
import { linear } from '../ops/linear.js'
import { primitives } from '../ops/primitives.js'
import { matrixOf, type Parameter, type Projection } from './weights.js'

const SCALE = LORA.alpha / LORA.rank

/** Sums of gradients by parameter, on the device. */
export class ParameterGradients {
  private readonly sums = new Map<number, tf.Tensor2D>()

  /** Consumes `gradient`; survives an enclosing tidy. Frozen parameters are not asked for. */
  add({ id }: Parameter, gradient: tf.Tensor2D): void {
    const before = this.sums.get(id)
    const sum = before === undefined ? gradient : primitives().add(before, gradient)
    this.sums.set(id, tf.keep(sum))
    if (before === undefined) return
    before.dispose()
    gradient.dispose()
  }

  /** The caller disposes it. @throws if no gradient has arrived */
  take({ id }: Parameter): tf.Tensor2D {
    const sum = this.sums.get(id)
    if (sum === undefined) throw new Error(`parameter ${id} has no gradient`)
    this.sums.delete(id)
    return sum
  }

  dispose(): void {
    for (const sum of this.sums.values()) sum.dispose()
    this.sums.clear()
  }
}

export function project(x: tf.Tensor2D, { base, adapter }: Projection): tf.Tensor2D {
  const straight = linear().forward(x, matrixOf(base))
  if (adapter === null) return straight
  const { add, mulReal } = primitives()
  const low = linear().forward(x, matrixOf(adapter.down))
  return add(straight, mulReal(linear().forward(low, matrixOf(adapter.up)), SCALE))
}

/** dL/dx; the gradients of what is trained are added. */
export function projectBackward(
  x: tf.Tensor2D,
  dy: tf.Tensor2D,
  { base, adapter }: Projection,
  gradients: ParameterGradients,
): tf.Tensor2D {
  const dx = linear().gradInput(dy, matrixOf(base))
  if (base.trained) gradients.add(base, linear().gradWeight(dy, x))
  if (adapter === null) return dx
  const { add, mulReal } = primitives()
  const { down, up } = adapter
  const scaled = mulReal(dy, SCALE)
  const low = linear().forward(x, matrixOf(down))
  gradients.add(up, linear().gradWeight(scaled, low))
  const dLow = linear().gradInput(scaled, matrixOf(up))
  gradients.add(down, linear().gradWeight(dLow, x))
  return add(dx, linear().gradInput(dLow, matrixOf(down)))
}
