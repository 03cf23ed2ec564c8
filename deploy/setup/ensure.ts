// What `npm start` needs on this machine, found or installed: a nats-server, and TensorFlow where it can be had soon.
import { RunError } from '../../shared/errors.js'
import type { TensorflowInstall } from '../../worker/backends/tensorflow.js'
import { ensureNatsServer, type NatsServer } from './nats-server.js'
import { currentTensorflow, installTensorflow } from './tensorflow.js'

export interface EnsureOptions {
  /** The project root. */
  root: string
  log: (line: string) => void
  /** False: do not install TensorFlow (TRMESH_NO_TENSORFLOW=1). One that is there is still used. */
  tensorflow: boolean
  /** A TensorFlow wheel already on this machine (TRMESH_TENSORFLOW_WHEEL). */
  wheel?: string
}

export interface Ensured {
  nats: NatsServer
  tensorflow: TensorflowInstall | undefined
}

/** A start must not wait longer than this for a download that makes it faster. */
const FETCH_MS = 180_000

/**
 * @throws SystemRefused with the one command to run if there is no nats-server and none can be installed. TensorFlow that
 * cannot be installed is not an error: it is said, and training runs on wasm.
 */
export async function ensureForStart(options: EnsureOptions): Promise<Ensured> {
  const { root, log, wheel } = options
  const nats = await ensureNatsServer({ root, log })
  const current = currentTensorflow(root)
  if (current !== undefined) return { nats, tensorflow: current }
  if (!options.tensorflow) {
    log('TensorFlow is not set up (TRMESH_NO_TENSORFLOW is set): training on wasm, several times slower')
    return { nats, tensorflow: undefined }
  }
  try {
    const limits = { root, log, limitMs: FETCH_MS, ...(wheel === undefined ? {} : { wheel }) }
    return { nats, tensorflow: await installTensorflow('cpu', limits) }
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    log('NO TENSORFLOW: training on wasm, several times slower')
    log(`  ${error.message}`)
    log(`  to get it: ${error.remedy}`)
    return { nats, tensorflow: undefined }
  }
}
