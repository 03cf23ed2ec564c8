// PyTorch for the yardstick: a Python environment of its own in .trmesh/peer, made once with venv and pip. Nothing of the
// product depends on it; without Python or the network the benchmarks that need it say so and are skipped.
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from '../../../deploy/setup/command.js'
import { withLock } from '../../../deploy/setup/lock.js'
import { RunHalted, SystemRefused } from '../../../shared/errors.js'

const TORCH = 'torch==2.13.0'
const MINUTE_MS = 60_000

/** The Python program that trains the twin, in the sources: Python is not built. */
export const twinProgram = (): string => resolve('test', 'bench', 'peer', 'twin.py')

/** Path of a Python that has PyTorch. @throws SystemRefused if it cannot be had */
export async function ensureTorch(root: string, log: (line: string) => void): Promise<string> {
  const folder = join(root, '.trmesh', 'peer')
  const python = join(folder, 'venv', 'bin', 'python')
  const complete = join(folder, 'venv', TORCH)
  if (existsSync(complete)) return python
  await withLock(folder, log, async () => {
    if (existsSync(complete)) return
    rmSync(join(folder, 'venv'), { recursive: true, force: true })
    log(`installing ${TORCH} in ${folder}, for this benchmark only`)
    await must('python3', ['-m', 'venv', join(folder, 'venv')], 2 * MINUTE_MS)
    await must(python, ['-m', 'pip', 'install', '--quiet', TORCH], 20 * MINUTE_MS)
    writeFileSync(complete, '')
  })
  return python
}

/**
 * The Python of this machine, if it has a PyTorch that sees the GPU: one for CUDA takes gigabytes, so none is fetched.
 * @throws SystemRefused with what it says
 */
export async function cudaTorch(gpu: number): Promise<string> {
  const program = `import torch; print(torch.cuda.get_device_name(${gpu}))`
  const { failure } = await run('python3', ['-c', program], { timeoutMs: 2 * MINUTE_MS })
  if (failure === undefined) return 'python3'
  throw new SystemRefused(
    `python3 here has no PyTorch that sees GPU ${gpu}: ${failure}`,
    `see \`nvidia-smi\`; \`pip install ${TORCH}\` gets one for CUDA`,
  )
}

/** Files of the official implementation's numbers that the twin can be held against. */
const GOLDEN = ['att', 'mlp', 'att-b', 'mlp-b'].map((name) => resolve('..', 'shared', 'parity', `model-${name}.json`))

/** Says whether the twin is the model, where the golden files are at hand. @throws RunHalted if it is not */
export async function checkTwin(python: string, log: (line: string) => void, gpu?: number): Promise<void> {
  const files = GOLDEN.filter((path) => existsSync(path))
  if (files.length === 0) return log('the twin is not checked: no golden files in ../shared/parity')
  const where = gpu === undefined ? [] : [`--gpu=${gpu}`]
  const { status, stdout, failure } = await run(python, ['-B', twinProgram(), '--check', ...where, ...files], {
    timeoutMs: 5 * MINUTE_MS,
  })
  for (const line of stdout.trimEnd().split('\n')) log(`twin: ${line.replace(/^.*\//, '')}`)
  if (status !== 0)
    throw new RunHalted(
      `the twin in PyTorch is not the model: ${failure}`,
      'see above; the comparison would be worthless',
    )
}

async function must(program: string, args: readonly string[], timeoutMs: number): Promise<void> {
  const { failure } = await run(program, args, { timeoutMs })
  if (failure !== undefined)
    throw new SystemRefused(
      `no PyTorch here: ${failure}`,
      `this benchmark needs python3 with venv, g++ and ${TORCH}; the product does not`,
    )
}
