// Two sites with a slow line between them: 40 ms and 1 % loss in each direction, as test/helpers/line.ts makes it. The servers run
// deploy/nats/hub.conf and leaf.conf as they are; a coordinator at the hub, workers on both sides. Skipped with the reason where
// network namespaces are not allowed. What a step takes is said, not judged, but for the line's own delay.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { nats } from '../helpers/nats-conf.js'
import {
  afterwards,
  asArguments,
  lastStep,
  SMALL,
  temporaryFolder,
  trmesh,
  until,
  withoutNats,
  type Flags,
} from '../helpers/cluster.js'
import { HUB, lineFor, withoutLine } from '../helpers/line.js'

/** nats-server in a namespace, on a file of deploy/nats, until the test ends; resolves when it serves. */
async function serveIn(t: TestContext, site: string, conf: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
  const log = join(temporaryFolder(t), 'log')
  const args = ['netns', 'exec', site, nats?.path ?? '', '-c', join('deploy', 'nats', conf), '-l', log]
  const child = spawn('ip', args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const ended = new Promise((resolve) => child.once('close', resolve))
  afterwards(t, async () => {
    child.kill()
    await ended
  })
  const said = (): string => {
    try {
      return readFileSync(log, 'utf8')
    } catch {
      return ''
    }
  }
  await until(
    () => `${conf} to serve: ${said()}`,
    () => (env['NATS_HUB'] === undefined ? /Server is ready/ : /Leafnode connection created/).test(said()),
  )
}

/** Milliseconds a step, of the steps after the first three, which begin with connections and caches that are cold. */
function stepMs(folder: string, steps: number): number {
  const times = readFileSync(join(folder, 'journal.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{"step"'))
    .map((line) => Date.parse((JSON.parse(line) as { time: string }).time))
  assert.equal(times.length, steps)
  return ((times.at(-1) ?? NaN) - (times[3] ?? NaN)) / (steps - 4)
}

test(
  'a run crosses a line with 40 ms and 1 % loss each way: hub, leaf, and a worker on both sides',
  { skip: withoutNats || withoutLine, timeout: 300_000 },
  async (t) => {
    const line = await lineFor(t)
    const { hub, site } = line
    await serveIn(t, hub, 'hub.conf')
    await serveIn(t, site, 'leaf.conf', { NATS_HUB: `nats://${HUB}:7422` })
    const dir = temporaryFolder(t)
    const measured: Record<string, number> = {}
    const steps = 16
    const run = async (id: string, flags: Flags): Promise<void> => {
      const settings = {
        ...SMALL,
        ...{ 'model.hidden': 64, 'train.steps': steps, 'cluster.minWorkers': 3, 'cluster.deadAfterMs': 20_000 },
        ...{ 'run.dir': dir, ...flags },
      }
      const at = ['--nats', 'nats://127.0.0.1:4222', '--run', id]
      const lead = trmesh(t, ['coordinator', ...at, ...asArguments(settings)], {}, hub)
      const worker = ['worker', ...at, '--backend', 'wasm', '--threads', '1']
      const crew = [hub, site, site].map((where) => trmesh(t, worker, {}, where))
      assert.equal(await lead.ended, 0, lead.said())
      for (const { ended, said } of crew) assert.equal(await ended, 0, said())
      assert.equal(lastStep(join(dir, id)), steps)
      assert.doesNotMatch(lead.said(), /replay|died|complains/)
      measured[id] = stepMs(join(dir, id), steps)
    }
    await run('quick', {})
    await line.slow(40, 0.01)
    await run('slow-bf16', {})
    await run('slow-int8', { 'reduce.wire': 'int8' })
    for (const [id, ms] of Object.entries(measured))
      t.diagnostic(`${id}: ${ms.toFixed(0)} ms a step (measured here, ${line.by})`)
    // Parts there, means back, at least: the line was in between.
    assert.ok((measured['slow-bf16'] ?? 0) > (measured['quick'] ?? 0) + 80)
  },
)
