// npm run parity -- [FOLDER] [--backend auto|native|tensorflow|wasm] [--precision f32|bf16] [--gpu N]: our numbers against the
// reference's, file by file. --gpu emulated: the native engine's kernels for GPUs, played on the host.
// Exits 1 if any value misses its tolerance.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { ConfigError, describe } from '../../shared/errors.js'
import type { BackendAsked, BackendOptions } from '../../worker/backends/choose.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { emulatedCuda } from '../helpers/cuda.js'
import { checkFolder } from './run.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    backend: { type: 'string', default: 'auto' },
    precision: { type: 'string', default: 'f32' },
    gpu: { type: 'string' },
  },
})

/** @throws ConfigError on what is neither a number nor `emulated` */
async function gpuOf(text: string | undefined): Promise<Pick<BackendOptions, 'gpu' | 'cuda'>> {
  if (text === undefined) return {}
  if (text === 'emulated') return { gpu: 0, cuda: await emulatedCuda(process.cwd()) }
  if (/^\d+$/.test(text)) return { gpu: Number(text) }
  throw new ConfigError(`--gpu ${text} is no number of a GPU`, 'give one that `nvidia-smi` shows, such as --gpu 0')
}

try {
  const folder = resolve(positionals[0] ?? '../shared/parity')
  const backend = await selectBackend(values.backend as BackendAsked, {
    root: process.cwd(),
    precision: values.precision === 'bf16' ? 'bf16' : 'f32',
    ...(await gpuOf(values.gpu)),
    ...(process.env['TRMESH_ISA'] === undefined ? {} : { isa: process.env['TRMESH_ISA'] }),
  })
  console.log(
    `${folder}\non ${backend.name}, ${backend.device}, ${backend.precision}: ${backend.detail} (${backend.why})`,
  )
  let missed = 0
  for (const { name, outcome, line } of checkFolder(folder, backend.precision)) {
    if (outcome === 'missed') missed++
    console.log(`${outcome === 'missed' ? 'MISS' : outcome === 'passed' ? 'ok  ' : '--  '} ${name.padEnd(24)} ${line}`)
  }
  if (missed > 0) console.log(`${missed} file${missed === 1 ? '' : 's'} missed`)
  process.exitCode = missed > 0 ? 1 : 0
} catch (error) {
  console.error(describe(error))
  process.exitCode = 1
}
