// The identity of a run: the part of its configuration that defines its mathematics. Two processes may train together, and
// a checkpoint may be resumed, only if it is equal. Paths, ports, intervals and URLs are not in it, so they may differ.
import { sha256 } from '../hash.js'
import type { LocalConfig, RunConfig } from './run-config.js'
import { isNamedSource, sidesOf } from './settings-data.js'

/** Settings of the network that came later, and what every run had before: so identities from then still hold. */
const NEWER = {
  hLayers: 0,
  networks: 'shared',
  states: 'two',
  gradient: 'cycle',
  gradedCycles: 1,
  gradedCalls: 0,
  halting: 'halt',
  start: 'fixed',
  startStd: 1,
  stepNoise: 0,
  chains: 1,
  chainStarts: 'drawn',
  trim: 0,
  trimMargin: 0,
  swiglu: 'plain',
  scan: 'causal',
  stateSize: 128,
  stateHead: 64,
} as const

/** The same of training. */
const NEWER_TRAIN = {
  optimizer: 'adam-atan2',
  muonLr: 0.02,
  muonMomentum: 0.95,
  muonWeightDecay: 0.005,
  moveEvery: 1,
  clipNorm: 0,
  labelSmoothing: 0,
  haltLossWeight: 0.5,
  supervisionDecay: 1,
  curriculum: 'off',
} as const

/** The same of the data. */
const NEWER_DATA = {
  firstPuzzle: 1,
  sizes: '',
  minDifficulty: 0,
  subsample: 1000,
  generatedMinDifficulty: 0,
  generatedTestBoards: 0,
} as const

/** Of boards that are made here; what nothing is made of decides nothing. Values: those of every run before they had any others. */
const UNUSED = {
  generatedFamilies: 20,
  generatedTasksPerFamily: 4,
  generatedMinDifficulty: 0,
  generatedTestBoards: 0,
} as const
const decisive = (data: RunConfig['data']): RunConfig['data'] =>
  data.source === 'generated' || data.kind === 'arc' ? data : { ...data, ...UNUSED }

/** Without the settings of `newer` that have the value given there. */
const without = (settings: object, newer: object): object =>
  Object.fromEntries(
    Object.entries(settings).filter(([key, value]) => (newer as Record<string, unknown>)[key] !== value),
  )

export interface RunIdentity {
  readonly seed: number
  /** Without the settings of `NEWER` where they have the value that was the only one before they existed. */
  readonly model: Omit<RunConfig['model'], keyof typeof NEWER> & Partial<Pick<RunConfig['model'], keyof typeof NEWER>>
  /** Without the settings of `NEWER_DATA`, likewise. `source` is `folder` for every folder: where the tasks lie may differ; that they are the same, the data hash says. */
  readonly data: Omit<RunConfig['data'], keyof typeof NEWER_DATA> &
    Partial<Pick<RunConfig['data'], keyof typeof NEWER_DATA>>
  /**
   * Without `minutes` and `freezeDense`: when dense training began is noted in the checkpoint. Without `steps` where neither learning
   * rate nor depth depend on it, so that a run can be prolonged. And without `NEWER_TRAIN`, as above.
   */
  readonly train: Omit<RunConfig['train'], 'steps' | 'minutes' | 'freezeDense' | keyof typeof NEWER_TRAIN> &
    Partial<Pick<RunConfig['train'], 'steps' | keyof typeof NEWER_TRAIN>>
  /** What gradients are rounded to. Topology and bucket size do not change a bit of the sum. */
  readonly wire: RunConfig['reduce']['wire']
  /** Slots of a group in mode exact; absent in mode fast. */
  readonly exact?: number
  /** What moves the weights where not every step does; runs from when gradients gathered in the moments lack it. */
  readonly moves?: 'mean'
  /** Absent where every gradient is exchanged. */
  readonly local?: LocalConfig
}

export function identityOf({ run, model, data, train, reduce }: RunConfig): RunIdentity {
  const { steps, minutes: _minutes, freezeDense: _freezeDense, ...rest } = train
  const { localSteps, outerLr, outerMomentum } = reduce
  return {
    seed: run.seed,
    model: without(model, NEWER) as RunIdentity['model'],
    data: {
      ...(without(decisive(data), NEWER_DATA) as RunIdentity['data']),
      source: isNamedSource(data.source) ? data.source : 'folder',
      ...(data.sizes === '' ? {} : { sizes: sidesOf(data).join() }),
    },
    train: {
      ...(without(rest, NEWER_TRAIN) as RunIdentity['train']),
      ...(train.lrMinRatio === 1 && train.curriculum === 'off' ? {} : { steps }),
    },
    wire: reduce.wire,
    ...(reduce.mode === 'exact' ? { exact: reduce.group } : {}),
    ...(train.moveEvery === 1 ? {} : { moves: 'mean' as const }),
    ...(reduce.localSteps === 1 ? {} : { local: { localSteps, outerLr, outerMomentum } }),
  }
}

/** JSON with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value as Record<string, unknown>)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`
}

/** SHA-256 of the identity, for `hello` and the checkpoint manifest. */
export const identityHash = (config: RunConfig): string => sha256(canonicalJson(identityOf(config)))

/** Keys whose values differ between two identities, as `model.hidden (64, here 128)`; for the message that refuses. */
export function identityDifferences(theirs: RunIdentity, ours: RunIdentity): string[] {
  const leavesOf = (identity: RunIdentity): Map<string, string> =>
    new Map(
      Object.entries(identity).flatMap(([section, node]): [string, string][] =>
        typeof node === 'object' && node !== null
          ? Object.entries(node as object).map(([key, value]): [string, string] => [
              `${section}.${key}`,
              canonicalJson(value),
            ])
          : [[section, canonicalJson(node)]],
      ),
    )
  const a = leavesOf(theirs)
  const b = leavesOf(ours)
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key))
    .map((key) => `${key} (${a.get(key) ?? 'absent'}, here ${b.get(key) ?? 'absent'})`)
}
