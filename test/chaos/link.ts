// The cable between one process and nats-server: everything passes through it frame by frame, is seen, and may be dropped,
// doubled, changed, held up or cut by whoever holds the cable.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytesOfFrame, FrameReader, seenIn, type Frame, type Seen } from './frames.js'

/** `out`: from the process to the server. */
export type Direction = 'out' | 'in'

/** What becomes of a frame: what is sent instead of it, after so long. */
export interface Fate {
  readonly frames: readonly Frame[]
  readonly delayMs?: number
}

/** Sees every message of ours; undefined: it passes. */
export type Watcher = (seen: Seen, direction: Direction, frame: Frame) => Fate | undefined

export class Link {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly serverPort: number,
    private readonly watch: Watcher,
  ) {
    this.server = createServer((client) => this.join(client))
  }

  static async open(serverPort: number, watch: Watcher): Promise<Link> {
    const link = new Link(serverPort, watch)
    await new Promise<void>((resolve) => link.server.listen(0, '127.0.0.1', resolve))
    return link
  }

  get url(): string {
    const address = this.server.address()
    return `nats://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : NaN}`
  }

  /** Ends the connections there are; new ones may be made. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private join(client: Socket): void {
    const server = connect(this.serverPort, '127.0.0.1')
    const both = [client, server]
    for (const socket of both) {
      this.sockets.add(socket)
      socket.setNoDelay(true)
      // Whatever ends one side ends the other.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        this.sockets.delete(socket)
        for (const other of both) other.destroy()
      })
    }
    void this.carry(client, server, 'out')
    void this.carry(server, client, 'in')
  }

  private async carry(from: Socket, to: Socket, direction: Direction): Promise<void> {
    const reader = new FrameReader()
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        for (const frame of reader.push(chunk)) {
          const seen = seenIn(frame)
          const fate = seen === undefined ? undefined : this.watch(seen, direction, frame)
          if (fate?.delayMs !== undefined) await sleep(fate.delayMs)
          for (const one of fate?.frames ?? [frame]) if (!to.destroyed) to.write(bytesOfFrame(one))
        }
        if (to.writableNeedDrain && !to.destroyed) await Promise.race([once(to, 'drain'), once(to, 'close')])
      }
    } catch {
      // A connection that was torn down; both sides know.
    }
    to.destroy()
  }
}

const once = (socket: Socket, event: 'drain' | 'close'): Promise<void> =>
  new Promise((resolve) => void socket.once(event, resolve))
