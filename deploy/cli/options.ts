// Options that are no settings of a run but of this machine: which device, how many processes.
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { RunConfig } from '../../shared/config/run-config.js'
import { DEFAULT_BUS_URL, type Setting } from '../../shared/config/schema.js'
import { ConfigError } from '../../shared/errors.js'
import type { EngineSetup, WorkerOptions } from '../../shared/ports.js'

export type Backend = WorkerOptions['backend']
const BACKENDS: readonly Backend[] = ['auto', 'tensorflow', 'wasm', 'native']

/** Parses a count or an index typed by the user. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min) throw new InvalidArgumentError(`It must be an integer of at least ${min}.`)
    return value
  }
}

/** Parses an amount typed by the user. */
export function numberFrom(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value) || value < min)
      throw new InvalidArgumentError(`It must be a number of at least ${min}.`)
    return value
  }
}

/** Workers to start on this machine; with a server that somebody named, its workers may be elsewhere. @throws ConfigError */
export function crewOf(asked: number | undefined, { bus }: Pick<RunConfig, 'bus'>): number {
  const remote = bus.url !== DEFAULT_BUS_URL
  const workers = asked ?? (remote ? 0 : 2)
  if (workers > 0 || remote) return workers
  throw new ConfigError('there is nobody to compute', 'give --workers 1 or more, or --nats with workers there')
}

export const addBackend = (command: Command): Command =>
  command.addOption(
    new Option('--backend <NAME>', 'tensor library; auto takes the best that works here, and says which')
      .choices(BACKENDS)
      .default('auto'),
  )

export const addRecompute = (command: Command): Command =>
  command.option('--recompute', 'keep less of each sample for backward and compute it again: less memory, more time')

export const addThreads = (command: Command): Command =>
  command.option('--threads <N>', 'compute threads of each worker (default: its share of the cores)', wholeNumber(1))

/** Settings that a worker may be told; the rest it learns from the coordinator. */
export const isWorkerSetting = ({ key, section }: Setting): boolean =>
  section === 'bus' || section === 'metrics' || key === 'run.id'

/** Only what may be used is set up; what was asked for must be there. */
export function engineSetup(backend: Backend, noTensorflow: string | undefined): EngineSetup {
  const refused = noTensorflow !== undefined && noTensorflow !== '' && noTensorflow !== '0'
  switch (backend) {
    case 'auto':
      return { native: 'try', tensorflow: refused ? 'leave' : 'try' }
    case 'native':
      return { native: 'must', tensorflow: 'leave' }
    case 'tensorflow':
      return { native: 'leave', tensorflow: refused ? 'leave' : 'must' }
    case 'wasm':
      return { native: 'leave', tensorflow: 'leave' }
  }
}
