// The outcomes so far, in a JSON file: a long comparison goes on where it stopped. An outcome counts for exactly the configuration
// that it was measured with, and for the engine's numbers.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { canonicalJson, identityOf } from '../../../shared/config/identity.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { sha256 } from '../../../shared/hash.js'

/** Grows whenever the same seed draws other boards or tasks: the configuration does not tell. */
const GENERATORS = 2

/** @param engine backend and precision, which decide the bits */
export const keyOf = (config: RunConfig, engine: string): string =>
  sha256(canonicalJson([identityOf(config), config.train.steps, engine, GENERATORS]))

type Entries<Outcome> = Record<string, Outcome & { readonly what: string }>

export class Book<Outcome extends object> {
  private readonly outcomes: Entries<Outcome>

  constructor(private readonly path: string) {
    this.outcomes = read<Outcome>(path)
  }

  find(key: string): Outcome | undefined {
    return this.outcomes[key]
  }

  /** @param what for people who read the file */
  add(key: string, what: string, outcome: Outcome): void {
    // Another comparison may have written since: what it found is kept.
    Object.assign(this.outcomes, read<Outcome>(this.path), { [key]: { what, ...outcome } })
    mkdirSync(dirname(this.path), { recursive: true })
    const beside = `${this.path}.${process.pid}`
    writeFileSync(beside, `${JSON.stringify(this.outcomes, null, 1)}\n`)
    renameSync(beside, this.path)
  }
}

function read<Outcome>(path: string): Entries<Outcome> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Entries<Outcome>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}
