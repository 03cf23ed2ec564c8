// The other side of the format: Python's own package opens our files and finds the same names, shapes and numbers.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { bytesFor, folderOf, PLANS, writeSmall } from '../helpers/checkpoints.js'

const IMPORT = 'import safetensors, numpy'

/** A Python that has the package: the system's, or an environment of our own made with pip; else why there is none. */
function pythonWithSafetensors(): { python: string } | { reason: string } {
  const works = (python: string): boolean => spawnSync(python, ['-c', IMPORT], { timeout: 60_000 }).status === 0
  if (works('python3')) return { python: 'python3' }
  const folder = resolve('.build', 'python-safetensors')
  const python = join(folder, 'bin', 'python')
  if (works(python)) return { python }
  if (spawnSync('python3', ['-m', 'venv', folder], { timeout: 60_000 }).status !== 0)
    return { reason: 'no python3 with venv' }
  const pip = spawnSync(python, ['-m', 'pip', 'install', '-q', 'safetensors', 'numpy'], { timeout: 120_000 })
  return pip.status === 0 && works(python) ? { python } : { reason: 'pip could not install safetensors and numpy' }
}

test("Python's safetensors opens a checkpoint", async (t) => {
  const found = pythonWithSafetensors()
  if ('reason' in found) return t.skip(found.reason)
  const dir = await writeSmall(folderOf(t), 60)
  const script = `
import json, sys
from safetensors.numpy import load_file
for path in sys.argv[1:]:
    print(json.dumps({k: [str(v.dtype), list(v.shape), v.ravel().tolist()] for k, v in load_file(path).items()}))
`
  const paths = PLANS.map(({ name }) => join(dir, name))
  const run = spawnSync(found.python, ['-c', script, ...paths], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(run.status, 0, run.stderr)
  const files = run.stdout.trim().split('\n')
  PLANS.forEach(({ tensors }, i) => {
    const read = JSON.parse(files[i]!) as Record<string, unknown>
    assert.deepEqual(Object.keys(read).sort(), tensors.map(({ name }) => name).sort())
    for (const tensor of tensors) {
      const { buffer } = bytesFor(60, tensor)
      const values = tensor.dtype === 'F32' ? new Float32Array(buffer) : new Int32Array(buffer)
      assert.deepEqual(read[tensor.name], [tensor.dtype === 'F32' ? 'float32' : 'int32', tensor.shape, [...values]])
    }
  })
})
