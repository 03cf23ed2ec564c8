// Size of what a slot carries from step to step.
import type { RunConfig } from '../../shared/config/run-config.js'
import { carryOf } from '../../shared/carry.js'

/** f32 elements of one slot's carry: zH, then zL. */
export function carryElements({ model }: RunConfig): number {
  const { zH, zL } = carryOf(model)
  return zH + zL
}
