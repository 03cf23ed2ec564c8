// The ground under a benchmark: a folder that goes away, and a nats-server in it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNatsServer, type RunningNats } from '../../deploy/local/nats.js'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { SystemRefused } from '../../shared/errors.js'

export interface Ground {
  readonly folder: string
  readonly nats: RunningNats
}

/** @throws SystemRefused where there is no nats-server */
export async function onGround(work: (ground: Ground) => Promise<void>): Promise<void> {
  const server = await findNatsServer(process.cwd())
  if (server === undefined)
    throw new SystemRefused('there is no nats-server', 'run `npm start` once, or `apt-get install nats-server`')
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-bench-'))
  const nats = await startNatsServer({ binary: server.path, storeDir: folder })
  try {
    await work({ folder, nats })
  } finally {
    await nats.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
