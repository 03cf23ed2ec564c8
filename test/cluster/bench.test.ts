// Every benchmark works, in its smallest size: what it prints as JSON is figures. How fast is not asked here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withoutNats } from '../helpers/cluster.js'

const MAIN = fileURLToPath(new URL('../bench/main.js', import.meta.url))
const bench = (...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8', timeout: 120_000 })

for (const name of ['allreduce', 'feed', 'checkpoint', 'memory', 'voting'])
  test(`npm run bench -- ${name} --json`, { skip: withoutNats }, () => {
    const { status, stdout, stderr } = bench(name, '--json', '--quick', '--backend', 'wasm')
    assert.equal(status, 0, String(stderr))
    const figures = String(stdout)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.ok(figures.length >= 5)
    for (const figure of figures) {
      assert.deepEqual(Object.keys(figure), ['bench', 'config', 'value', 'unit', 'ratio'])
      assert.equal(figure['bench'], name)
      assert.ok(Number(figure['value']) > 0)
      assert.ok(figure['ratio'] === null || Number(figure['ratio']) > 0)
    }
  })

test('a benchmark that is none ends with status 2 and the names there are', () => {
  const { status, stderr } = bench('speed')
  assert.equal(status, 2)
  assert.match(String(stderr), /no benchmark speed; there are .*allreduce/)
})
