// What the compute thread holds between two commands.
import type { RunConfig } from '../../shared/config/run-config.js'
import type { Layout } from '../../shared/gradients/layout.js'
import type { Arena } from '../arena.js'
import type { Contender } from '../baseline/contender.js'
import type { Replica } from '../train/replica.js'
import type { PuzzleRows } from './puzzle-rows.js'

export interface Performer {
  /** What is being measured, between `measure-open` and `measure-close`. */
  contender?: Contender | undefined
  readonly config: RunConfig
  readonly layout: Layout
  readonly arena: Arena
  readonly recompute: boolean
  /** Our own kernels on a GPU: they take many slots at once. */
  readonly onGpu: boolean
  /** Made by the first `adopt`. */
  replica: Replica | undefined
  rows?: PuzzleRows
  readonly clock: () => number
}
