// Entry of the compute thread: holds the tensor library and the replica, does one command after the other, and never waits
// for the network. It reads its set-up from workerData.
import { parentPort, workerData } from 'node:worker_threads'
import { layoutOf } from '../../shared/gradients/layout.js'
import { describe, RunError } from '../../shared/errors.js'
import { arenaOf } from '../arena.js'
import { selectBackend } from '../backends/choose.js'
import { matmulSpeed } from '../backends/probe.js'
import { performCommand } from './perform.js'
import type { Performer } from './performer.js'
import type { ComputeSetup, FromCompute, ToCompute } from './port.js'

const setup = workerData as ComputeSetup
const port = parentPort
if (port === null) throw new Error('worker/compute/main.js is a thread, not a program')
const say = (message: FromCompute, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer)

function fail(id: number, error: unknown): void {
  const known = error instanceof RunError
  say({
    kind: 'failed',
    id,
    code: known ? error.code : 'compute',
    message: known ? error.message : describe(error),
    remedy: known ? error.remedy : 'this is a bug: please report it with the configuration of the run',
    exitCode: known ? error.exitCode : 1,
  })
}

/** Of one large product: 512 wide, and where that is no effort, 2048. */
function peakFlops(): number {
  const speed = (n: number): number => matmulSpeed(n, n, n, 2, () => performance.now()).gflopPerSecond * 1e9
  const first = speed(512)
  return first < 2e11 ? first : Math.max(first, speed(2048))
}

try {
  const { config, backend, gpu, threads, recompute, isa, graphs, root } = setup
  const chosen = await selectBackend(backend, {
    root,
    ...(gpu === undefined ? {} : { gpu }),
    ...(threads === undefined ? {} : { threads }),
    precision: config.model.precision,
    ...(isa === undefined ? {} : { isa }),
    ...(graphs === undefined ? {} : { graphs }),
  })
  const layout = layoutOf(config.model)
  const arena = arenaOf(layout, config)
  const onGpu = chosen.name === 'native' && chosen.device !== 'CPU'
  const performer: Performer = {
    config,
    layout,
    arena,
    recompute,
    onGpu,
    replica: undefined,
    clock: () => performance.now(),
  }
  port.on('message', ({ id, command }: ToCompute) => {
    try {
      say({ kind: 'reply', id, reply: performCommand(performer, command) })
    } catch (error) {
      fail(id, error)
    }
  })
  say({
    kind: 'up',
    backend: chosen.name,
    device: `${chosen.device}, ${chosen.detail}`,
    precision: chosen.precision,
    why: chosen.why,
    peakFlops: peakFlops(),
    arena: arena.buffer,
  })
} catch (error) {
  fail(0, error)
}
