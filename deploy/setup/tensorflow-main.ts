// The program behind deploy/tensorflow.sh: `tensorflow.sh cpu|gpu [--no-gpu-here] [WHEEL]`.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, RunError } from '../../shared/errors.js'
import { installTensorflow } from './tensorflow.js'

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url))))) // .build/deploy/setup/this file
const NO_GPU = '--no-gpu-here'
const gpuHere = !process.argv.includes(NO_GPU)
const [variant, wheel = process.env.TRMESH_TENSORFLOW_WHEEL] = process.argv.slice(2).filter((word) => word !== NO_GPU)
const log = (line: string): void => {
  process.stderr.write(`trmesh: ${line}\n`)
}

if (variant === 'cpu' || variant === 'gpu') {
  try {
    await installTensorflow(variant, { root, log, gpuHere, ...(wheel === undefined || wheel === '' ? {} : { wheel }) })
  } catch (error) {
    process.stderr.write(`trmesh: ${describe(error)}\n`)
    process.exitCode = error instanceof RunError ? error.exitCode : 1
  }
} else {
  process.stderr.write(
    'usage: deploy/tensorflow.sh cpu|gpu [--no-gpu-here] [WHEEL]\n' +
      '  Installs the library the backend `tensorflow` runs on, under .trmesh/tensorflow. WHEEL (or TRMESH_TENSORFLOW_WHEEL)\n' +
      '  is a TensorFlow wheel file already here; without it the wheel is fetched with pip, or from PyPI.\n' +
      '  --no-gpu-here: for an image built on a machine without a GPU; its worker tries the GPU when it starts.\n',
  )
  process.exitCode = variant === '--help' || variant === '-h' ? 0 : 2
}
