// A network of a few thousand weights, data for it, and the options of `trmesh import` and `trmesh export`.
import { join, resolve } from 'node:path'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { ExportOptions, ImportOptions, StopSignal, Terminal } from '../../shared/ports.js'

/** Fits test/golden/pt/step_7; its data has four puzzles. */
export const smallConfig = (folder: string, id: string, more: Readonly<Record<string, string>> = {}): RunConfig =>
  compileConfig({
    preset: 'tiny',
    env: {},
    flags: {
      'run.dir': folder,
      'run.id': id,
      'model.hidden': '4',
      'model.heads': '2',
      'model.layers': '1',
      'model.puzzleEmbDim': '4',
      'data.generatedFamilies': '1',
      'data.generatedTasksPerFamily': '1',
      'data.augmentations': '2',
      'train.slots': '3',
      ...more,
    },
  })

export const going: StopSignal = { requested: false, onStop: () => undefined }
export const stopped: StopSignal = { requested: true, onStop: (handler) => handler() }

export interface Kept extends Terminal {
  readonly lines: string[]
}

export function keepLines(): Kept {
  const lines: string[] = []
  return { isTTY: false, columns: 100, line: (text) => void lines.push(text), status: () => undefined, lines }
}

export const importOptions = (config: RunConfig, file: string, more: Partial<ImportOptions> = {}): ImportOptions => ({
  config,
  file: resolve(file),
  step: undefined,
  root: config.run.dir,
  signal: going,
  out: keepLines(),
  ...more,
})

export const exportOptions = (
  folder: string,
  checkpoint: string,
  more: Partial<ExportOptions> = {},
): ExportOptions => ({
  checkpoint,
  raw: false,
  to: join(folder, 'out.safetensors'),
  prefix: 'model.inner.',
  data: undefined,
  puzzles: undefined,
  cwd: folder,
  root: folder,
  signal: going,
  out: keepLines(),
  ...more,
})
