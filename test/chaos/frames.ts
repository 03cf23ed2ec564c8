// What passes between a NATS client and its server, cut into frames: a line, or a line and its payload. Client to server PUB
// and HPUB carry messages, server to client MSG and HMSG; everything else passes as it is. [NATS client protocol]
import { decode } from '../../shared/protocol/codec.js'
import type { Channel } from '../../shared/protocol/messages.js'
import { WireError } from '../../shared/errors.js'

export interface Frame {
  /** The line without its end. */
  readonly line: string
  /** undefined: a line alone. */
  readonly payload: Buffer | undefined
}

/** A message of ours, in whichever direction. */
export interface Seen {
  readonly subject: string
  readonly type: string
  readonly epoch: number | undefined
  readonly step: number | undefined
  readonly fields: Readonly<Record<string, unknown>>
}

const END = Buffer.from('\r\n')
const CARRIES = /^(PUB|HPUB|MSG|HMSG) /

export const bytesOfFrame = ({ line, payload }: Frame): Buffer =>
  payload === undefined
    ? Buffer.concat([Buffer.from(line), END])
    : Buffer.concat([Buffer.from(line), END, payload, END])

/** The same frame around other bytes. */
export function around({ line }: Frame, payload: Buffer): Frame {
  const tokens = line.split(' ')
  return { line: [...tokens.slice(0, -1), String(payload.length)].join(' '), payload }
}

/** Collects bytes of one direction of one connection. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0)

  push(chunk: Buffer): Frame[] {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk])
    const frames: Frame[] = []
    let at = 0
    for (;;) {
      const end = this.rest.indexOf(END, at)
      if (end < 0) break
      const line = this.rest.toString('latin1', at, end)
      const body = end + END.length
      if (!CARRIES.test(line)) {
        frames.push({ line, payload: undefined })
        at = body
        continue
      }
      const length = Number(line.slice(line.lastIndexOf(' ') + 1))
      if (this.rest.length < body + length + END.length) break
      frames.push({ line, payload: this.rest.subarray(body, body + length) })
      at = body + length + END.length
    }
    this.rest = this.rest.subarray(at)
    return frames
  }
}

/** trmesh.RUN.KIND[.REST] */
const CHANNEL_OF: Readonly<Record<string, Channel>> = {
  hello: 'hello',
  c: 'worker',
  w: 'coordinator',
  part: 'gradients',
  mean: 'gradients',
  state: 'pull',
  beacon: 'beacon',
}

/** Answers come back on subjects that the client library makes up; those that we look into are of pulls. */
const REPLY = '_INBOX.'
export const replyTo = (subject: string): string => `${REPLY}${subject}`

/** What a frame says, if it is a message of ours on a subject of ours, or an answer. */
export function seenIn({ line, payload }: Frame): Seen | undefined {
  const [verb, subject = ''] = line.split(' ')
  if (payload === undefined || verb?.startsWith('H') === true) return undefined
  return seenOf(subject, payload)
}

function channelOf(subject: string): Channel | undefined {
  if (subject.startsWith(REPLY)) return 'pullReply'
  return subject.startsWith('trmesh.') ? CHANNEL_OF[subject.split('.', 3)[2] ?? ''] : undefined
}

/** What a message says, if its subject is one of ours. */
export function seenOf(subject: string, payload: Uint8Array): Seen | undefined {
  const channel = channelOf(subject)
  if (channel === undefined) return undefined
  try {
    const { type, ...fields } = decode(channel, payload) as { type: string } & Record<string, unknown>
    const number = (key: string): number | undefined => (typeof fields[key] === 'number' ? fields[key] : undefined)
    return { subject, type, epoch: number('epoch'), step: number('step'), fields }
  } catch (error) {
    if (!(error instanceof WireError)) throw error
    return { subject, type: 'garbage', epoch: undefined, step: undefined, fields: {} }
  }
}
