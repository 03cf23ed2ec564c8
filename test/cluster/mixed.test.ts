// Workers on different engines in one run: every vote holds the hash of the parameters, so a step that rounds differently
// somewhere would halt the run. Gradients may differ by the engine; their sum, and the update, are the same everywhere. And slots
// that follow speed change hands, carries and all, without a trace in the order of the data.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setsBuilt } from '../helpers/native.js'
import { configOf, contentsOf, coordinate, natsFor, temporaryFolder, withoutNats, work } from '../helpers/cluster.js'

const skip = withoutNats || (setsBuilt(process.cwd()).length === 0 && 'the native engine is not built here')

test(
  'wasm and native train together to the end, agree at every step, and own slots by their speed',
  { skip, timeout: 120_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const steps = 40
    const flags = { 'run.dir': dir, 'run.id': 'r', 'train.steps': steps, 'cluster.minWorkers': 2, 'reduce.wire': 'f32' }
    const crew = [work(t, url, 'r', 'wasm'), work(t, url, 'r', 'native', '', '', 'native')]
    const coordinator = coordinate(
      t,
      configOf({ ...flags, 'bus.url': url, 'cluster.balance': 'speed', 'cluster.deadAfterMs': 8000 }),
    )
    await coordinator.done
    await Promise.all(crew.map(({ done }) => done))
    const said = coordinator.out.text
    assert.match(said, /backend wasm/)
    assert.match(said, /backend native/)
    assert.match(said, new RegExp(`finished at step ${steps} of ${steps}`))
    assert.doesNotMatch(said, /replicas differ/)
    const { slots } = contentsOf(join(dir, 'r'), steps) as { slots: { draw: number; next: number }[] }
    for (const { draw, next } of slots) assert.equal(next, draw + 1)
    t.diagnostic(/slots follow speed[^\n]*/.exec(said)?.[0] ?? 'the two were as fast as each other')
  },
)
