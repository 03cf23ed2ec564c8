// State over the bus: whoever needs it pulls byte ranges by request and reply, a few at a time, each with its checksum. The
// puller sets the pace, a lost reply is asked for again, and nobody sends what was not asked for. Used by joining workers
// (dense state, carries) and by the coordinator (checkpoints).
import { PULL_MS, pullAgainAfter, PULLS } from '../deadlines.js'
import { WireError } from '../errors.js'
import type { SlotId } from '../ids.js'
import { decode, encode, ENVELOPE_BYTES } from '../protocol/codec.js'
import { crc32 } from '../protocol/crc32.js'
import type { Segment, SnapshotId } from '../protocol/messages.js'
import type { Bus } from './bus.js'

export interface StateRange {
  readonly snapshot: SnapshotId
  readonly segment: Segment
  /** Only for `carry`. */
  readonly slot: SlotId
  /** Bytes. */
  readonly offset: number
  readonly length: number
}

const WINDOW = 6
/** Bytes per request at most, whatever the server allows. */
const CHUNK_BYTES = 512 * 1024

export const chunkBytes = (bus: Bus): number => Math.min(CHUNK_BYTES, bus.maxPayload - ENVELOPE_BYTES) & ~7

/** Of one pull: ranges that have come so far. */
interface Progress {
  arrived: number
}

interface Source {
  readonly bus: Bus
  readonly subject: string
  readonly given: AbortSignal | undefined
}

const STALLED = Symbol('nothing has come for a while')

/** Resolves when nothing of the pull has come for so long. */
async function stalled(progress: Progress, ms: number): Promise<typeof STALLED> {
  for (let seen = -1; seen !== progress.arrived;) {
    seen = progress.arrived
    await new Promise((resolve) => void setTimeout(resolve, ms).unref())
  }
  return STALLED
}

/** @throws WireError if it arrives damaged; BusUnreachable if nobody answers */
async function ask(bus: Bus, subject: string, range: StateRange): Promise<{ bytes: Uint8Array } | { gone: string }> {
  const reply = decode('pullReply', await bus.request(subject, encode('pull', { type: 'pull', ...range }), PULL_MS))
  if (reply.type === 'gone') return { gone: reply.why }
  if (reply.data.length === range.length && crc32(reply.data) === reply.crc) return { bytes: reply.data }
  throw new WireError(`a range of ${range.segment} arrived damaged`, 'check the network')
}

/** Whichever answer comes first is taken. @throws WireError if the source does not serve it; BusUnreachable if it does not answer. */
async function pullChunk({ bus, subject, given }: Source, range: StateRange, progress: Progress): Promise<Uint8Array> {
  let failure: unknown
  const asked: ReturnType<typeof ask>[] = []
  for (let attempt = 0; attempt < PULLS && given?.aborted !== true; attempt++) {
    asked.push(ask(bus, subject, range))
    const last = attempt === PULLS - 1
    try {
      const answers = Promise.any(asked)
      const answer = await (last ? answers : Promise.race([answers, stalled(progress, pullAgainAfter(attempt))]))
      if (answer === STALLED) continue
      if ('gone' in answer)
        throw new WireError(
          `${range.segment} of snapshot ${range.snapshot} is gone: ${answer.gone}`,
          'it will be asked for anew',
        )
      progress.arrived++
      return answer.bytes
    } catch (error) {
      if (!(error instanceof AggregateError)) throw error
      failure = error.errors.at(-1)
    }
  }
  throw failure
}

/**
 * Pulls `length` bytes from `offset` on into `into`, a few chunks at a time.
 * @param given aborted when whoever is asked will not answer any more
 * @throws WireError, BusUnreachable; the signal's reason
 */
export async function pull(
  bus: Bus,
  subject: string,
  range: StateRange,
  into: Uint8Array,
  given?: AbortSignal,
): Promise<void> {
  given?.throwIfAborted()
  const size = chunkBytes(bus)
  const chunks = Math.ceil(range.length / size)
  let next = 0
  const progress: Progress = { arrived: 0 }
  const source = { bus, subject, given }
  const puller = async (): Promise<void> => {
    while (next < chunks && given?.aborted !== true) {
      const at = next++ * size
      const length = Math.min(size, range.length - at)
      into.set(await pullChunk(source, { ...range, offset: range.offset + at, length }, progress), at)
    }
  }
  const pulled = Promise.all(Array.from({ length: Math.min(WINDOW, chunks) }, puller))
  await (given === undefined ? pulled : unlessAborted(pulled, given))
}

/** Does not wait any more once the signal is aborted. @throws the signal's reason */
async function unlessAborted(work: Promise<unknown>, given: AbortSignal): Promise<void> {
  let stop = (): void => undefined
  const aborted = new Promise<void>((resolve) => {
    stop = resolve
    given.addEventListener('abort', stop, { once: true })
  })
  try {
    await Promise.race([work, aborted])
  } finally {
    given.removeEventListener('abort', stop)
  }
  given.throwIfAborted()
}

/** Answers pulls on a subject. `provide` returns the bytes, or the reason why there are none. */
export function serveState(
  bus: Bus,
  subject: string,
  provide: (range: StateRange) => Promise<Uint8Array | string>,
  onGarbage: () => void,
): { close(): void } {
  const answer = async (data: Uint8Array, respond: (reply: Uint8Array) => void): Promise<void> => {
    const { type: _, ...range } = decode('pull', data)
    const bytes = range.length > chunkBytes(bus) ? `${range.length} bytes at once are too many` : await provide(range)
    if (typeof bytes === 'string') respond(encode('pullReply', { type: 'gone', why: bytes }))
    else respond(encode('pullReply', { type: 'range', crc: crc32(bytes), data: bytes }))
  }
  return bus.subscribe(subject, (data, _subject, respond) => {
    if (respond !== undefined) answer(data, respond).catch(onGarbage)
  })
}
