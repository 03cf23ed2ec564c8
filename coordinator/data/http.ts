// Bytes from a server, given up where none come for a while.
import { SystemRefused } from '../../shared/errors.js'

export interface Fetching {
  /** What comes before the path. */
  readonly baseUrl: string
  /** Milliseconds without a byte until it is given up. */
  readonly patience: number
  readonly signal?: AbortSignal
  readonly onBytes?: (bytes: number) => void
}

/**
 * The answer of a server, and its body piece by piece.
 * @param most bytes that may come
 * @throws Error in the words of what went wrong; see unreachable
 */
export async function* bytesFrom(url: string, fetching: Fetching, most: number): AsyncGenerator<Uint8Array> {
  const stalled = new AbortController()
  const watch = setTimeout(() => stalled.abort(new Error('nothing arrives')), fetching.patience)
  try {
    const response = await fetch(url, { signal: signalOf(stalled, fetching) })
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
    let bytes = 0
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      watch.refresh()
      bytes += chunk.length
      if (bytes > most) throw new Error(`more than ${most} bytes arrived`)
      fetching.onBytes?.(bytes)
      yield chunk
    }
  } finally {
    clearTimeout(watch)
  }
}

/** What a server says of a file without sending it; a redirection is not followed, for its headers are those that count. */
export async function headersOf(url: string, fetching: Fetching): Promise<Headers> {
  const stalled = new AbortController()
  const watch = setTimeout(() => stalled.abort(new Error('nothing arrives')), fetching.patience)
  try {
    const response = await fetch(url, { method: 'HEAD', redirect: 'manual', signal: signalOf(stalled, fetching) })
    if (response.status >= 400) throw new Error(`the server answered ${response.status}`)
    return response.headers
  } finally {
    clearTimeout(watch)
  }
}

const signalOf = (stalled: AbortController, { signal }: Fetching): AbortSignal =>
  AbortSignal.any([stalled.signal, ...(signal === undefined ? [] : [signal])])

/** The error for people. */
export function unreachable(url: string, cause: unknown, remedy: string): SystemRefused {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const why = inner instanceof Error ? inner.message : String(inner)
  return new SystemRefused(`cannot fetch ${url}: ${why}`, `check the network and try again; ${remedy}`, { cause })
}
