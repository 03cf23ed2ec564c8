// Fetches one file over http(s) to disk: streamed, hashed on the way, given up when nothing arrives.
import { createHash } from 'node:crypto'
import { createWriteStream, rmSync } from 'node:fs'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { SystemRefused } from '../../shared/errors.js'

export interface DownloadOptions {
  /** Hex SHA-256 the file must have. */
  sha256: string
  /** Milliseconds without a single byte (or an answer) until it is given up. */
  stallMs?: number
  /** Milliseconds the whole may take. */
  limitMs?: number
  /** Called now and then with bytes so far and the total, where the server says it. */
  onProgress?: (bytes: number, total: number | undefined) => void
}

const DEFAULT_STALL_MS = 10_000
const DEFAULT_LIMIT_MS = 3_600_000
const PROGRESS_BYTES = 32 * 1024 * 1024

/** @throws SystemRefused if the server cannot be reached, refuses, stalls, or the bytes are not the expected ones */
export async function download(url: string, path: string, options: DownloadOptions): Promise<void> {
  try {
    const hash = await stream(url, path, options)
    if (hash === options.sha256.toLowerCase()) return
    throw new SystemRefused(
      `${url} has SHA-256 ${hash}, expected ${options.sha256}`,
      'the file was damaged on the way or replaced: try again, or fetch it another way and check it',
    )
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

/** The JSON document at `url`. */
export async function fetchJson(url: string, stallMs = DEFAULT_STALL_MS): Promise<unknown> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(stallMs) })
    if (!response.ok) throw new Error(`the server answered ${response.status}`)
    return await response.json()
  } catch (cause) {
    throw unreachable(url, cause)
  }
}

async function stream(url: string, path: string, options: DownloadOptions): Promise<string> {
  const stall = new AbortController()
  const patience = (): NodeJS.Timeout =>
    setTimeout(() => stall.abort(new Error('nothing arrives')), options.stallMs ?? DEFAULT_STALL_MS)
  let timer = patience()
  const limit = setTimeout(
    () => stall.abort(new Error(`not done in ${options.limitMs} ms`)),
    options.limitMs ?? DEFAULT_LIMIT_MS,
  )
  const hash = createHash('sha256')
  let bytes = 0
  let told = 0
  try {
    const response = await fetch(url, { signal: stall.signal })
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`)
    const total = Number(response.headers.get('content-length') ?? NaN)
    const meter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        clearTimeout(timer)
        timer = patience()
        hash.update(chunk)
        bytes += chunk.length
        if (bytes - told >= PROGRESS_BYTES) {
          told = bytes
          options.onProgress?.(bytes, Number.isFinite(total) ? total : undefined)
        }
        done(null, chunk)
      },
    })
    await pipeline(Readable.fromWeb(response.body as ReadableStream<Uint8Array>), meter, createWriteStream(path))
    return hash.digest('hex')
  } catch (cause) {
    throw unreachable(url, cause)
  } finally {
    clearTimeout(timer)
    clearTimeout(limit)
  }
}

function unreachable(url: string, cause: unknown): SystemRefused {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const reason = inner instanceof Error ? inner.message : String(inner)
  return new SystemRefused(
    `cannot fetch ${url}: ${reason}`,
    'check the network of this machine (a proxy is not used)',
    { cause },
  )
}
