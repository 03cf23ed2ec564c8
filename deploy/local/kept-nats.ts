// The nats-server of a run on this machine: when it dies it is started again on its port, where everybody finds it again; when
// we die, however that is, it ends too.
import { spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { SystemRefused, type RunError } from '../../shared/errors.js'
import type { Terminal } from '../../shared/ports.js'
import { startNatsServer, type NatsOptions, type RunningNats } from './nats.js'
import { Restarts } from './restarts.js'

const PAUSE_MS = 500

export interface KeptNats {
  readonly url: string
  /** Of the server that runs now. */
  readonly pid: () => number
  stop(): Promise<void>
}

/**
 * Ends `pid` when this process ends, even by kill -9: the other end of a pipe finds that out, and nothing else does.
 * @returns undoes it, and resolves when nothing of it is left
 */
function leash(pid: number): () => Promise<void> {
  // `read` is of the shell itself: a program of its own would outlive it for a moment.
  const holder = spawn('sh', ['-c', 'read line; kill "$1"', 'leash', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => {
    holder.once('exit', () => resolve())
    holder.once('error', () => resolve()) // no shell: then it may stay behind
  })
  holder.stdin.on('error', () => undefined)
  holder.unref()
  return () => {
    holder.ref()
    // First the shell, or it would take the end of the pipe for our death.
    holder.kill('SIGKILL')
    holder.stdin.destroy()
    return gone
  }
}

/** @throws SystemRefused as startNatsServer */
export async function keepNatsServer(
  options: NatsOptions,
  out: Terminal,
  onHopeless: (error: RunError) => void,
): Promise<KeptNats> {
  const restarts = new Restarts()
  let server: RunningNats = await startNatsServer(options)
  let release = leash(server.pid)
  let closing = false
  const { url } = server
  const port = Number(new URL(url).port)
  const keep = async (): Promise<void> => {
    for (;;) {
      const status = await server.ended
      await release()
      if (closing) return
      const how = status === null ? 'was killed' : `ended with status ${status}`
      if (!restarts.mayStart(performance.now()))
        throw new SystemRefused(`nats-server ${how}, again and again`, `its log is ${server.logFile}`)
      out.line(`nats-server ${how}, log in ${server.logFile}; starting it again at ${url}`)
      await sleep(PAUSE_MS)
      if (closing) return
      server = await startNatsServer({ ...options, port })
      release = leash(server.pid)
      if (closing) await server.stop()
    }
  }
  const kept = keep().catch((error: unknown) => {
    if (!closing) onHopeless(error as RunError)
  })
  return {
    url,
    pid: () => server.pid,
    async stop() {
      closing = true
      await server.stop()
      await kept
    },
  }
}
