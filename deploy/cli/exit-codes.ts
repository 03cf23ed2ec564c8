// What the exit status of a command means; `--help` shows it. The numbers of errors are those of shared/errors.ts.

export const EXIT = { ok: 0, bug: 1, usage: 2, interrupted: 130 } as const

export const EXIT_CODES: readonly (readonly [number, string])[] = [
  [EXIT.ok, 'done, or stopped politely (SIGINT or SIGTERM)'],
  [EXIT.bug, 'a bug in trmesh'],
  [EXIT.usage, 'wrong command line or configuration'],
  [3, 'data missing or damaged'],
  [4, 'backend not available on this machine'],
  [5, 'NATS cannot be reached'],
  [6, 'checkpoint refused'],
  [7, 'worker refused by the coordinator'],
  [8, 'run halted: replicas disagree, or numbers are not finite'],
  [9, 'refused by the operating system: port in use, disk full, program missing'],
  [10, 'bytes from outside that mean nothing'],
  [EXIT.interrupted, 'stopped at once by a second signal'],
]

export const exitCodesText = (): string =>
  `Exit codes:\n${EXIT_CODES.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}`
