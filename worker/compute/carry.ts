// Size of what a slot carries from step to step.
import type { RunConfig } from '../../shared/config/run-config.js'
import { positionsOf } from '../../shared/gradients/layout.js'

/** f32 elements of one slot's carry: zH and zL, [2, S, D]. */
export const carryElements = ({ model }: RunConfig): number => 2 * positionsOf(model) * model.hidden
