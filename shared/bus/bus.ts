// The message bus: NATS behind one small interface. The only file that knows the nats package. The client has no write
// back-pressure of its own, so this one counts what it published and can wait until the server has taken it; and it
// reconnects for ever, telling its owner, because core NATS loses what was in flight.
import { readFile } from 'node:fs/promises'
import { connect, credsAuthenticator, Events, type NatsConnection, type Subscription as NatsSubscription } from 'nats'
import { BusUnreachable, ConfigError } from '../errors.js'
import type { WireKind } from '../metrics.js'
import { wireKindOf } from '../protocol/subjects.js'
import { seatIn } from './seat.js'

export type BusStatus =
  | { readonly type: 'disconnected' | 'reconnected' }
  | { readonly type: 'error'; readonly why: string }
  /** The server sends us away for good: our key was taken back. */
  | { readonly type: 'refused'; readonly error: BusUnreachable }

/** Payload bytes by kind. */
export type WireBytes = Readonly<Record<'in' | 'out', Readonly<Record<WireKind, number>>>>

export interface BusStats {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly messagesIn: number
  readonly messagesOut: number
  readonly reconnects: number
  readonly wire: WireBytes
}

/** `respond` is there when the sender waits for a reply. The data is only valid during the call: copy what you keep. */
export type Handler = (data: Uint8Array, subject: string, respond: ((reply: Uint8Array) => void) | undefined) => void

export interface Bus {
  /** Bytes of the largest message that the server takes. */
  readonly maxPayload: number
  publish(subject: string, data: Uint8Array): void
  /** Resolves at once while fewer than inFlightBytes are unacknowledged, else when the server has taken them. */
  credit(): Promise<void>
  /** Resolves when the server has taken what was published so far, or is too slow to wait for. */
  flush(): Promise<void>
  subscribe(subject: string, handler: Handler): { close(): void }
  /** @throws BusUnreachable if nobody answers in time. */
  request(subject: string, data: Uint8Array, timeoutMs: number): Promise<Uint8Array>
  onStatus(handler: (status: BusStatus) => void): { close(): void }
  stats(): BusStats
  close(): Promise<void>
}

export interface BusOptions {
  readonly url: string
  /** Path of a NATS credentials file, or empty. */
  readonly credentials: string
  /** Path of the certificate authority that must have signed the server's certificate; without it the server decides about TLS. */
  readonly ca?: string
  /** Whose replies nobody else may read. */
  readonly role?: 'coordinator' | 'worker'
  /** Shown by the server's monitoring. */
  readonly name: string
  readonly inFlightBytes: number
}

/** How long a goodbye may take. */
const FLUSH_MS = 1000
const patience = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms).unref())

/** @throws BusUnreachable naming the URL and the remedy. */
export async function connectBus(options: BusOptions): Promise<Bus> {
  const { credentials, ca = '' } = options
  const key = await readCredentials(credentials)
  const authenticator = key === undefined ? {} : { authenticator: credsAuthenticator(new TextEncoder().encode(key)) }
  const tls = ca === '' ? {} : { tls: { ca: await readAuthority(ca) } }
  let connection: NatsConnection
  try {
    connection = await connect({
      servers: options.url.split(','),
      name: options.name,
      ...(options.role === undefined ? {} : { inboxPrefix: inboxOf(options.role, key) }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      pingInterval: 10_000,
      ...authenticator,
      ...tls,
    })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new BusUnreachable(`no NATS server at ${options.url} (${reason})`, remedyFor(cause, ca), { cause })
  }
  return natsBus(connection, options)
}

/**
 * @param path of a credentials file, or empty
 * @throws ConfigError
 */
export async function readCredentials(path: string): Promise<string | undefined> {
  if (path === '') return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(`cannot read the NATS credentials ${path}`, 'name a file that exists with --credentials', {
      cause,
    })
  }
}

/** @throws ConfigError */
async function readAuthority(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new ConfigError(`cannot read the certificate authority ${path}`, 'name a file that exists with --ca', {
      cause,
    })
  }
}

/** Under which replies come: deploy/nats/permissions.ts gives each to one role, or one seat, alone. */
const inboxOf = (role: 'coordinator' | 'worker', key: string | undefined): string =>
  role === 'coordinator' ? '_INBOX.coordinator' : `_INBOX.worker.${seatIn(key ?? '')}`

const refusal = (url: string, cause: Error): BusUnreachable =>
  new BusUnreachable(
    `the NATS server at ${url} does not let us in any more (${cause.message})`,
    'its keys have changed: ask whoever keeps them for credentials that are good',
    { cause },
  )

/** What is wrong with the certificate, by the code that Node gives it, or that the server has none. */
function remedyFor(cause: unknown, ca: string): string {
  const { code = '', message = '' } = cause as { code?: string; message?: string }
  if (ca !== '' && code === 'SERVER_OPT_NA')
    return 'the server speaks no TLS: start it with deploy/nats/tls.conf, or leave --ca out and be read by everyone'
  if (/CERT|SIGNATURE|SELF_SIGNED|ISSUER/.test(code) || /certificate/i.test(message))
    return "name the authority that signed the server's certificate with --ca, and the server by a name that the certificate holds"
  return 'start one with `nats-server`, or name another with --nats nats://HOST:4222'
}

function natsBus(connection: NatsConnection, options: BusOptions): Bus {
  let unflushed = 0
  let flushing: Promise<void> | undefined
  let reconnects = 0
  let down = false
  const noBytes = (): Record<WireKind, number> => ({ parts: 0, means: 0, state: 0, messages: 0 })
  const wire = { in: noBytes(), out: noBytes() }
  const went = (direction: 'in' | 'out', subject: string, data: Uint8Array): void => {
    wire[direction][wireKindOf(subject)] += data.byteLength
  }
  const watchers = new Set<(status: BusStatus) => void>()
  const tell = (status: BusStatus): void => watchers.forEach((watcher) => watcher(status))
  const watch = async (): Promise<void> => {
    for await (const status of connection.status()) {
      if (status.type === Events.Disconnect) {
        down = true
        tell({ type: 'disconnected' })
      }
      if (status.type === Events.Error) tell({ type: 'error', why: JSON.stringify(status.data) })
      if (status.type !== Events.Reconnect) continue
      reconnects++
      down = false
      tell({ type: 'reconnected' })
    }
  }
  void watch()
  void connection.closed().then((error) => {
    if (error instanceof Error) tell({ type: 'refused', error: refusal(options.url, error) })
  })

  const taken = (): Promise<void> => {
    if (flushing !== undefined) return flushing
    const covered = unflushed
    const done = (): void => {
      flushing = undefined
      unflushed -= covered
    }
    // A flush that fails means a lost connection; the status handler deals with that.
    flushing = connection.flush().then(done, done)
    return flushing
  }
  const deliver = (subscription: { handler: Handler }): ((error: Error | null, message: NatsMessage) => void) => {
    return (error, message) => {
      if (error !== null) return tell({ type: 'error', why: error.message })
      const { data, subject, reply } = message
      went('in', subject, data)
      const respond = (answer: Uint8Array): void => {
        went('out', subject, answer)
        message.respond(answer)
      }
      try {
        subscription.handler(data, subject, reply === undefined ? undefined : respond)
      } catch (error) {
        // The client would take it for a broken connection and connect again: a bug of ours must be seen.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  return {
    maxPayload: connection.info?.max_payload ?? 1 << 20,
    publish(subject, data) {
      // What is still under way when we say goodbye has nobody to be told to.
      if (connection.isClosed() || connection.isDraining()) return
      unflushed += data.byteLength
      went('out', subject, data)
      connection.publish(subject, data)
    },
    credit: () => (unflushed < options.inFlightBytes ? Promise.resolve() : taken()),
    flush: () => Promise.race([connection.flush().catch(() => undefined), patience(FLUSH_MS)]),
    subscribe(subject, handler) {
      const subscription: NatsSubscription = connection.subscribe(subject, { callback: deliver({ handler }) })
      return { close: () => subscription.unsubscribe() }
    },
    async request(subject, data, timeoutMs) {
      try {
        went('out', subject, data)
        const reply = (await connection.request(subject, data, { timeout: timeoutMs })).data
        went('in', subject, reply)
        return reply
      } catch (cause) {
        throw new BusUnreachable(`nobody answers on ${subject}`, 'start the coordinator, and check --run and --nats', {
          cause,
        })
      }
    },
    onStatus(handler) {
      watchers.add(handler)
      return { close: () => void watchers.delete(handler) }
    },
    stats: () => {
      const { inBytes, outBytes, inMsgs, outMsgs } = connection.stats()
      return { bytesIn: inBytes, bytesOut: outBytes, messagesIn: inMsgs, messagesOut: outMsgs, reconnects, wire }
    },
    async close() {
      if (connection.isClosed()) return
      // Drain sends what is queued; a dead server must not hold us up.
      if (!down) await Promise.race([connection.drain().catch(() => undefined), patience(FLUSH_MS)])
      await connection.close()
    },
  }
}

type NatsMessage = { data: Uint8Array; subject: string; reply?: string; respond(data: Uint8Array): boolean }
