// Size of what a slot carries from step to step: the answer (zH), and all latent states one after the other (zL).
import type { ModelConfig } from './config/run-config.js'
import { positionsOf } from './gradients/layout.js'
import { latentsOf } from './recursion.js'

/** f32 elements of each. */
export function carryOf(model: ModelConfig): { readonly zH: number; readonly zL: number } {
  const state = positionsOf(model) * model.hidden
  return { zH: state, zL: state * latentsOf(model) }
}
