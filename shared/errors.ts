// One error class per decision the caller makes. Each has a code for machines, a remedy for the reader, and the exit
// status a command ends with. A message names the offending value; the remedy says what to do next.

export abstract class RunError extends Error {
  abstract readonly code: string
  abstract readonly exitCode: number
  constructor(
    message: string,
    readonly remedy: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = new.target.name
  }
}

/** The configuration or the command line is wrong: edit it. */
export class ConfigError extends RunError {
  override readonly code = 'config'
  override readonly exitCode = 2
}

/** A data file is missing, damaged or not of the expected form: fix or fetch it. */
export class DataError extends RunError {
  override readonly code = 'data'
  override readonly exitCode = 3
}

/** The backend asked for is not available here: install it or ask for another. */
export class BackendUnavailable extends RunError {
  override readonly code = 'backend'
  override readonly exitCode = 4
}

/** NATS cannot be reached, or lets us do nothing: start it or correct the URL. */
export class BusUnreachable extends RunError {
  override readonly code = 'bus'
  override readonly exitCode = 5
}

/** A checkpoint is damaged, incomplete or of another run: choose another or start over. */
export class CheckpointRefused extends RunError {
  override readonly code = 'checkpoint'
  override readonly exitCode = 6
}

/** The coordinator does not take this worker: the reason is in the message. */
export class JoinRefused extends RunError {
  override readonly code = 'refused'
  override readonly exitCode = 7
}

/** Replicas disagree, or numbers are not finite: the run stopped before it could be hurt. */
export class RunHalted extends RunError {
  override readonly code = 'halted'
  override readonly exitCode = 8
}

/** The operating system refused something: a port in use, a disk full, a program missing. */
export class SystemRefused extends RunError {
  override readonly code = 'system'
  override readonly exitCode = 9
}

/** Bytes from outside that do not mean what they should; counted and dropped, or refused, by the caller. */
export class WireError extends RunError {
  override readonly code = 'wire'
  override readonly exitCode = 10
}

/** One line for the terminal: what is wrong, and what to do. */
export function describe(error: unknown): string {
  if (error instanceof RunError) return `${error.message}\n  -> ${error.remedy}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
