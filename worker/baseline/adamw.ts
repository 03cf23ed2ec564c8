// AdamW on the device, one parameter after the other: what a fine-tune of the usual kind does after each batch (learning rate
// 2e-4 and decay 0.01 as in the published study; moments in f32, where the study packs them into 8 bits).
import * as tf from '@tensorflow/tfjs-core'
import { primitives } from '../ops/primitives.js'
import type { ParameterGradients } from './projection.js'
import { replaceValue, type Parameter } from './weights.js'

const RATE = 2e-4
const DECAY = 0.01
const BETA1 = 0.9
const BETA2 = 0.999
const EPS = 1e-8

interface Moments {
  m: tf.Tensor2D
  v: tf.Tensor2D
}

export class AdamW {
  private readonly moments = new Map<number, Moments>()
  private step = 0

  /** Consumes the gradients of all trained parameters. */
  update(parameters: readonly Parameter[], gradients: ParameterGradients): void {
    this.step++
    const rate = (RATE * Math.sqrt(1 - BETA2 ** this.step)) / (1 - BETA1 ** this.step)
    const eps = EPS * Math.sqrt(1 - BETA2 ** this.step)
    for (const parameter of parameters) {
      if (!parameter.trained) continue
      const { add, addReal, mul, mulReal, square, sub } = primitives()
      const g = gradients.take(parameter)
      const before = this.moments.get(parameter.id)
      const { m, v, value } = tf.tidy(() => {
        const m = before === undefined ? mulReal(g, 1 - BETA1) : add(mulReal(before.m, BETA1), mulReal(g, 1 - BETA1))
        const g2 = mulReal(square(g), 1 - BETA2)
        const v = before === undefined ? g2 : add(mulReal(before.v, BETA2), g2)
        const change = mul(m, tf.reciprocal(addReal(tf.sqrt(v), eps)))
        const value = sub(mulReal(parameter.value, 1 - RATE * DECAY), mulReal(change, rate))
        return { m, v, value }
      })
      g.dispose()
      if (before !== undefined) tf.dispose([before.m, before.v])
      this.moments.set(parameter.id, { m, v })
      replaceValue(parameter, value)
    }
  }

  dispose(): void {
    for (const { m, v } of this.moments.values()) tf.dispose([m, v])
    this.moments.clear()
  }
}
