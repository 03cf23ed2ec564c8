// A nats-server of our own: on a free port of this machine, with its log in a folder, ended when we end.
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SystemRefused } from '../../shared/errors.js'

export interface NatsOptions {
  /** The program, as `findNatsServer` tells it. */
  binary: string
  /** Folder for the log and the server's own files; made if missing. */
  storeDir: string
  /** TCP port; a free one if unset. */
  port?: number
  /** Address to listen on. Default 127.0.0.1: this machine only. */
  host?: string
  /** A nats-server configuration; its listen address is overruled by ours. */
  configFile?: string
}

export interface RunningNats {
  url: string
  pid: number
  logFile: string
  /** Resolves with the exit status when the server ends, for whatever reason. */
  ended: Promise<number | null>
  /** SIGTERM, and SIGKILL after five seconds; resolves when it is gone. */
  stop(): Promise<void>
}

const READY_MS = 10_000
const STOP_MS = 5_000
const POLL_MS = 20

/** @throws SystemRefused if the port is taken, the program is missing, or the server ends before it is ready */
export async function startNatsServer(options: NatsOptions): Promise<RunningNats> {
  const { binary, storeDir, configFile, host = '127.0.0.1' } = options
  if (options.port !== undefined) await refuseTakenPort(options.port, host)
  mkdirSync(storeDir, { recursive: true })
  const logFile = join(storeDir, 'nats-server.log')
  const config = configFile === undefined ? [] : ['-c', configFile]
  const log = openSync(logFile, 'a')
  // A process group of its own: Ctrl-C in the terminal must reach the run first, which still needs the server to stop cleanly.
  const child = spawn(binary, [...config, '-a', host, '-p', String(options.port ?? -1), '--ports_file_dir', storeDir], {
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (status) => resolve(status))
    child.once('error', () => resolve(null))
  })
  const { pid } = await started(child, binary)
  const abandon = (): void => kill(child, 'SIGTERM')
  process.once('exit', abandon)
  void ended.then(() => process.off('exit', abandon))
  const stop = async (): Promise<void> => {
    kill(child, 'SIGTERM')
    const timer = setTimeout(() => kill(child, 'SIGKILL'), STOP_MS)
    await ended
    clearTimeout(timer)
    rmSync(join(storeDir, `nats-server_${pid}.ports`), { force: true })
  }
  try {
    const url = await ready(child, join(storeDir, `nats-server_${pid}.ports`), logFile)
    return { url, pid, logFile, ended, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function refuseTakenPort(port: number, host: string): Promise<void> {
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const probe = createServer()
    probe.once('error', resolve)
    probe.listen(port, host, () => probe.close(() => resolve(undefined)))
  })
  if (error === undefined) return
  if (error.code === 'EADDRINUSE') {
    throw new SystemRefused(
      `port ${port} on ${host} is in use`,
      `choose another port, use the server that is there (--nats nats://${host}:${port}), or see who has it: ss -ltnp 'sport = :${port}'`,
    )
  }
  throw new SystemRefused(`cannot listen on ${host}:${port}: ${error.message}`, 'choose another port or address', {
    cause: error,
  })
}

function started(child: ChildProcess, binary: string): Promise<{ pid: number }> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve({ pid: child.pid ?? NaN }))
    child.once('error', (cause) =>
      reject(
        new SystemRefused(
          `cannot start ${binary}: ${cause.message}`,
          'see `trmesh doctor` for how to get nats-server',
          { cause },
        ),
      ),
    )
  })
}

/** The URL, once the server has written its ports and answers on them with its greeting. */
async function ready(child: ChildProcess, portsFile: string, logFile: string): Promise<string> {
  for (let waited = 0; waited < READY_MS; waited += POLL_MS) {
    if (child.exitCode !== null || child.signalCode !== null) break
    const url = existsSync(portsFile) ? urlIn(readFileSync(portsFile, 'utf8')) : undefined
    if (url !== undefined && (await greets(new URL(url)))) return url
    await sleep(POLL_MS)
  }
  const said = readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  throw new SystemRefused(`nats-server did not become ready: ${said}`, `see ${logFile}`)
}

function urlIn(ports: string): string | undefined {
  try {
    const { nats } = JSON.parse(ports) as { nats?: string[] }
    // Listening on all addresses lists them all; the first one is as good as any for this machine.
    return nats?.[0]
  } catch {
    return undefined // half written
  }
}

function greets(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) })
    const done = (good: boolean): void => {
      socket.destroy()
      resolve(good)
    }
    socket.setTimeout(1_000, () => done(false))
    socket.once('error', () => done(false))
    socket.once('data', (data) => done(data.toString('latin1').startsWith('INFO ')))
  })
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal)
}
