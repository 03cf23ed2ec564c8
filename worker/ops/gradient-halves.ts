// The gradient as it goes over the wire, in bf16, made where the sums are: half the bytes leave the device, and nobody rounds them
// on the host. An op without a reference: a backend that computes in host memory has nothing to gain.
import type * as tf from '@tensorflow/tfjs-core'
import { ownKernel } from './registry.js'

/**
 * halves <- each sum from its offset on, rounded to the nearest bf16, ties to even (shared/gradients/bf16.ts); zeros elsewhere.
 * @returns false if one of them is no finite number
 */
export type GradientHalvesKernel = (
  sums: readonly (readonly [offset: number, tf.Tensor])[],
  halves: Uint16Array,
) => boolean

/** Undefined where the backend does not have it. */
export const gradientHalves = (): GradientHalvesKernel | undefined => ownKernel('gradientHalves')
