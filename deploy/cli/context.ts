// What main.ts hands to the commands: the world, so that no command reads it for itself.
import type { StopSignal, Terminal } from '../../shared/ports.js'

export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Paths typed by the user are relative to this folder. */
  readonly cwd: string
  /** The checkout: what trmesh installs or writes by itself lies under it. */
  readonly root: string
  readonly version: string
  readonly signal: StopSignal
  readonly out: Terminal
}
