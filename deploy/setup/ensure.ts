// What `npm start` needs on this machine, found or made: a nats-server, and an engine: our own where there is a compiler, else
// TensorFlow where it can be had soon.
import { BackendUnavailable, RunError } from '../../shared/errors.js'
import type { EngineSetup } from '../../shared/ports.js'
import type { TensorflowInstall } from '../../worker/backends/tensorflow.js'
import { ensureNatsServer, type NatsServer } from './nats-server.js'
import { ensureNative } from './native-build.js'
import { currentTensorflow, installTensorflow } from './tensorflow.js'

export interface EnsureOptions {
  /** The project root. */
  root: string
  log: (line: string) => void
  engines: EngineSetup
  /** A TensorFlow wheel already on this machine (TRMESH_TENSORFLOW_WHEEL). */
  wheel?: string | undefined
}

export interface Ensured {
  nats: NatsServer
  /** Whether our own engine is there now. */
  native: boolean
  tensorflow: TensorflowInstall | undefined
}

/** A start must not wait longer than this for a download that makes it faster. */
const FETCH_MS = 180_000

/**
 * @throws SystemRefused with the one command to run if there is no nats-server and none can be installed
 * @throws BackendUnavailable if an engine must be there and cannot be made; if it is only tried, that is said loudly
 */
export async function ensureForStart(options: EnsureOptions): Promise<Ensured> {
  const { root, log, wheel, engines } = options
  const nats = await ensureNatsServer({ root, log })
  const native = engines.native !== 'leave' && (await ensureNative({ root, log, must: engines.native === 'must' }))
  const current = currentTensorflow(root)
  const wanted = engines.tensorflow === 'must' || (engines.tensorflow === 'try' && !native)
  if (current !== undefined || !wanted) return { nats, native, tensorflow: current }
  try {
    const limits = { root, log, limitMs: FETCH_MS, ...(wheel === undefined ? {} : { wheel }) }
    return { nats, native, tensorflow: await installTensorflow('cpu', limits) }
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    if (engines.tensorflow === 'must') throw new BackendUnavailable(error.message, error.remedy, { cause: error })
    log('NO TENSORFLOW: training on wasm, several times slower')
    log(`  ${error.message}`)
    log(`  to get it: ${error.remedy}`)
    return { nats, native, tensorflow: undefined }
  }
}
