// With a real torch, where there is one: what it saves now is read, and what we export it opens with equal numbers.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import test from 'node:test'
import { exportWeights } from '../../coordinator/import/export-weights.js'
import { importWeights } from '../../coordinator/import/import-weights.js'
import { openWeights } from '../../coordinator/import/open-weights.js'
import { folderOf } from '../helpers/checkpoints.js'
import { exportOptions, importOptions, smallConfig } from '../helpers/imports.js'

const VENV = resolve('.build', 'python-torch')
const HOW = `no torch here; to have this test: python3 -m venv .build/python-torch && .build/python-torch/bin/pip install torch numpy safetensors`

const python = (program: string, script: string, ...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(program, ['-c', script, ...args], { encoding: 'utf8', timeout: 50_000 })
const found = ['python3', join(VENV, 'bin', 'python')].find(
  (program) => python(program, 'import torch, numpy, safetensors.torch').status === 0,
)

test('torch opens our export with equal numbers, and we read what it saves of that', async (t) => {
  if (found === undefined) return t.skip(HOW)
  const folder = folderOf(t)
  await importWeights(importOptions(smallConfig(folder, 'run'), 'test/golden/pt/step_7'))
  await exportWeights(exportOptions(folder, join(folder, 'run'), { prefix: '_orig_mod.model.inner.' }))
  const script = `
import sys, torch, safetensors.torch
ours, official, again = sys.argv[1:]
a = safetensors.torch.load_file(ours)
b = torch.load(official, weights_only=True)
assert a.keys() == b.keys(), a.keys() ^ b.keys()
for name in b:
    assert a[name].dtype == b[name].dtype and torch.equal(a[name], b[name]), name
grid = torch.randn(5, 7)
torch.save({'turned': grid.t(), 'half': grid.half(), 'part': grid[1:4, ::2], 'same': torch.nn.Parameter(grid)}, again)
print(grid.ravel().tolist())
`
  const again = join(folder, 'again.pt')
  const run = python(found, script, join(folder, 'out.safetensors'), resolve('test/golden/pt/step_7'), again)
  assert.equal(run.status, 0, String(run.stderr))
  const grid = (JSON.parse(String(run.stdout)) as number[]).map(Math.fround)
  const file = await openWeights(again)
  try {
    const expected: Record<string, number[]> = {
      turned: Array.from({ length: 35 }, (_, i) => grid[(i % 5) * 7 + Math.floor(i / 5)] as number),
      part: Array.from({ length: 12 }, (_, i) => grid[(1 + Math.floor(i / 4)) * 7 + (i % 4) * 2] as number),
      same: grid,
    }
    for (const tensor of file.tensors) {
      const values = new Float32Array(tensor.shape.reduce((product, length) => product * length, 1))
      await tensor.read(0, values)
      if (tensor.name === 'half') assert.ok(values.every((value, i) => Math.abs(value - (grid[i] as number)) <= 2e-3))
      else assert.deepEqual([...values], expected[tensor.name], tensor.name)
    }
    assert.equal(file.tensors.length, 4)
  } finally {
    await file.close()
  }
})
