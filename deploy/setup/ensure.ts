// What `npm start` needs on this machine, found or installed: a nats-server, and TensorFlow where it can be had soon.
import { BackendUnavailable, RunError } from '../../shared/errors.js'
import type { TensorflowInstall } from '../../worker/backends/tensorflow.js'
import { ensureNatsServer, type NatsServer } from './nats-server.js'
import { currentTensorflow, installTensorflow } from './tensorflow.js'

export interface EnsureOptions {
  /** The project root. */
  root: string
  log: (line: string) => void
  /** What to do where TensorFlow is missing: leave it so, try to install it, or end with an error if that fails. */
  tensorflow: 'leave' | 'try' | 'must'
  /** A TensorFlow wheel already on this machine (TRMESH_TENSORFLOW_WHEEL). */
  wheel?: string | undefined
}

export interface Ensured {
  nats: NatsServer
  tensorflow: TensorflowInstall | undefined
}

/** A start must not wait longer than this for a download that makes it faster. */
const FETCH_MS = 180_000

/**
 * @throws SystemRefused with the one command to run if there is no nats-server and none can be installed
 * @throws BackendUnavailable if TensorFlow must be there and cannot be installed; if it is only tried, that is said loudly
 */
export async function ensureForStart(options: EnsureOptions): Promise<Ensured> {
  const { root, log, wheel } = options
  const nats = await ensureNatsServer({ root, log })
  const current = currentTensorflow(root)
  if (current !== undefined) return { nats, tensorflow: current }
  if (options.tensorflow === 'leave') {
    log('TensorFlow is not set up here')
    return { nats, tensorflow: undefined }
  }
  try {
    const limits = { root, log, limitMs: FETCH_MS, ...(wheel === undefined ? {} : { wheel }) }
    return { nats, tensorflow: await installTensorflow('cpu', limits) }
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    if (options.tensorflow === 'must') throw new BackendUnavailable(error.message, error.remedy, { cause: error })
    log('NO TENSORFLOW: training on wasm, several times slower')
    log(`  ${error.message}`)
    log(`  to get it: ${error.remedy}`)
    return { nats, tensorflow: undefined }
  }
}
