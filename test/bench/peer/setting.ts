// What all contestants are given: one configuration, the same weights in a file, the same examples at the same step.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compileConfig } from '../../../shared/config/compile.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { PRESET_NAMES, type PresetName } from '../../../shared/config/schema.js'
import { ConfigError } from '../../../shared/errors.js'
import { initialParams, initialStates } from '../../../shared/gradients/init.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { rngFor } from '../../../shared/rng/counter.js'
import type { Batch, Build } from './protocol.js'

const isPreset = (name: string): name is PresetName => (PRESET_NAMES as readonly string[]).includes(name)

/** The preset with this many slots. @throws ConfigError */
export function presetConfig(name: string, slots: number, flags: Readonly<Record<string, string>> = {}): RunConfig {
  if (!isPreset(name)) throw new ConfigError(`there is no preset ${name}`, `take one of ${PRESET_NAMES.join(', ')}`)
  return compileConfig({ preset: name, env: {}, flags: { 'train.slots': String(slots), ...flags } })
}

/** Lends a file with the initial weights of the configuration, each times 1 + or - `nudge`. */
export async function withWeights<T>(
  config: RunConfig,
  work: (weights: Build['weights']) => Promise<T>,
  nudge = 0,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-peer-'))
  try {
    const path = join(folder, 'weights.f32')
    const layout = layoutOf(config.model)
    const { hInit, lInit } = initialStates(config.model, config.run.seed)
    const params = initialParams(layout, config.run.seed)
    const rng = rngFor(0, 'bench-nudge', 0, 0)
    if (nudge > 0) params.forEach((value, i) => (params[i] = value * (1 + (rng.uniform() < 0.5 ? nudge : -nudge))))
    const parts = [params, hInit, lInit]
    writeFileSync(path, Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))))
    return await work({ path, entries: layout.entries })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Exploration of a step, as every replica draws it (worker/train/replica.ts): steps each slot must do before it may halt. */
export function leastOf({ model, run, train }: RunConfig, step: number): number[] {
  return Array.from({ length: train.slots }, (_, slot) => {
    const rng = rngFor(run.seed, 'halt', slot, step)
    const explores = rng.uniform() < Math.fround(model.haltExplorationProb)
    const randint = 2 + Math.floor(rng.uniform() * (model.haltMaxSteps - 1))
    return explores ? randint : 0
  })
}

/** Random tokens: their values do not change the time of a step. */
export function randomBatch(config: RunConfig, step: number): Batch {
  const { model, train } = config
  const slots = Array.from({ length: train.slots }, (_, slot) => slot)
  const cells = (slot: number, what: number): number[] => {
    const rng = rngFor(0, 'bench', slot, 2 * step + what)
    return Array.from({ length: model.seqLen }, () => 1 + Math.floor(rng.uniform() * (model.vocab - 1)))
  }
  return {
    inputs: slots.map((slot) => cells(slot, 0)),
    labels: slots.map((slot) => cells(slot, 1)),
    puzzles: slots,
    least: leastOf(config, step),
  }
}
