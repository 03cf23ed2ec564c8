// The ways of reducing under which faults are inflicted, and what each promises of the bits at the end.
import type { Flags } from '../helpers/cluster.js'

export interface Mode {
  readonly flags: Flags
  /** Steps that are committed together. */
  readonly round: number
  /** `team`: the same bits for the same workers; `any`: for any; `none`: what rounding took is in no checkpoint. */
  readonly bits: 'team' | 'any' | 'none'
}

const EXACT = { 'reduce.wire': 'f32', 'reduce.mode': 'exact', 'reduce.group': 2 } as const

export const MODES = {
  f32: { flags: { 'reduce.wire': 'f32' }, round: 1, bits: 'team' },
  bf16: { flags: { 'reduce.wire': 'bf16' }, round: 1, bits: 'team' },
  int8: { flags: { 'reduce.wire': 'int8' }, round: 1, bits: 'none' },
  exact: { flags: EXACT, round: 1, bits: 'any' },
  balanced: { flags: { ...EXACT, 'cluster.balance': 'speed' }, round: 1, bits: 'any' },
  local: {
    flags: { 'reduce.wire': 'f32', 'reduce.localSteps': 4, 'reduce.outerLr': 1, 'reduce.outerMomentum': 0 },
    round: 4,
    bits: 'team',
  },
} as const satisfies Readonly<Record<string, Mode>>

export type ModeName = keyof typeof MODES

/** @throws Error naming the known ones */
export function modeNamed(name: string): ModeName {
  if (Object.hasOwn(MODES, name)) return name as ModeName
  throw new Error(`there is no mode ${name}: choose among ${Object.keys(MODES).join(', ')}`)
}
