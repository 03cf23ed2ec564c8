// The terminal: lines that stay and one live line. On a TTY the live line is replaced in place; elsewhere (a log file, CI)
// it is printed now and then.
import type { Terminal } from '../../shared/ports.js'

/** The part of a stream that is used; process.stdout is one. */
export interface Output {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

export interface ClosableTerminal extends Terminal {
  /** Leaves the live line as it is and ends it; call before the process ends. */
  close(): void
}

/** Milliseconds between two live lines where they cannot be replaced. */
const STATUS_EVERY_MS = 10_000
const CLEAR_LINE = '\r\u001b[2K'

/** `now` in milliseconds, monotonic. */
export function createTerminal(output: Output, now: () => number): ClosableTerminal {
  const isTTY = output.isTTY === true
  let live = ''
  let printedAt = -Infinity
  const columns = (): number => output.columns ?? 80

  const draw = (): void => {
    const fitting = live.length < columns() ? live : `${live.slice(0, Math.max(0, columns() - 2))}…`
    output.write(`${CLEAR_LINE}${fitting}`)
  }
  return {
    isTTY,
    get columns() {
      return columns()
    },
    line(text) {
      if (isTTY && live !== '') output.write(CLEAR_LINE)
      output.write(`${text}\n`)
      if (isTTY && live !== '') draw()
    },
    status(text) {
      live = text
      if (isTTY) return draw()
      if (now() - printedAt < STATUS_EVERY_MS) return
      printedAt = now()
      output.write(`${text}\n`)
      live = ''
    },
    close() {
      if (live !== '') output.write(isTTY ? '\n' : `${live}\n`)
      live = ''
    },
  }
}
