// The identity of a run: the part of its configuration that defines its mathematics. Two processes may train together, and
// a checkpoint may be resumed, only if it is equal. Paths, ports, intervals and URLs are not in it, so they may differ.
import { sha256 } from '../hash.js'
import type { RunConfig } from './run-config.js'
import { isNamedSource } from './settings-data.js'

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
  trim: 0,
  swiglu: 'plain',
  scan: 'causal',
  stateSize: 128,
  stateHead: 64,
} as const

export interface RunIdentity {
  readonly seed: number
  /** Without the settings of `NEWER` where they have the value that was the only one before they existed. */
  readonly model: Omit<RunConfig['model'], keyof typeof NEWER> & Partial<Pick<RunConfig['model'], keyof typeof NEWER>>
  /** Without `firstPuzzle` where it is 1, so that identities from before that setting still hold. `source` is `folder` for every folder: where the tasks lie may differ; that they are the same, the data hash says. */
  readonly data: Omit<RunConfig['data'], 'firstPuzzle'> & { readonly firstPuzzle?: number }
  /** Without `minutes` and `freezeDense`: when dense training began is noted in the checkpoint. And without `steps` where the learning rate does not depend on it, so that a run can be prolonged. */
  readonly train: Omit<RunConfig['train'], 'steps' | 'minutes' | 'freezeDense'> & { readonly steps?: number }
  /** What gradients are rounded to. Topology and bucket size do not change a bit of the sum. */
  readonly wire: RunConfig['reduce']['wire']
  /** Slots of a group in mode exact; absent in mode fast. */
  readonly exact?: number
}

export function identityOf({ run, model, data, train, reduce }: RunConfig): RunIdentity {
  const { steps, minutes: _minutes, freezeDense: _freezeDense, ...rest } = train
  const { firstPuzzle, ...tasks } = data
  return {
    seed: run.seed,
    model: Object.fromEntries(
      Object.entries(model).filter(([key, value]) => (NEWER as Record<string, unknown>)[key] !== value),
    ) as unknown as RunIdentity['model'],
    data: {
      ...tasks,
      source: isNamedSource(data.source) ? data.source : 'folder',
      ...(firstPuzzle === 1 ? {} : { firstPuzzle }),
    },
    train: train.lrMinRatio === 1 ? rest : { ...rest, steps },
    wire: reduce.wire,
    ...(reduce.mode === 'exact' ? { exact: reduce.group } : {}),
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
