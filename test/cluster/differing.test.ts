// A replica that is not like the others: one bit of a mean is changed on its way, with a checksum that is right, so that nothing
// but the comparison of the votes can notice. The run stops with the step, the tensor and both fingerprints, and what both
// workers held is on the disk.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { layoutOf } from '../../shared/gradients/layout.js'
import { parseHeader, headerLength } from '../../shared/checkpoint/safetensors.js'
import { firstDifference } from '../../coordinator/differing.js'
import { RunHalted } from '../../shared/errors.js'
import { encode } from '../../shared/protocol/codec.js'
import { crc32 } from '../../shared/protocol/crc32.js'
import type { MessageOf } from '../../shared/protocol/messages.js'
import { around } from '../chaos/frames.js'
import { Link } from '../chaos/link.js'
import {
  afterwards,
  configOf,
  coordinate,
  lastStep,
  natsFor,
  temporaryFolder,
  withoutNats,
  work,
} from '../helpers/cluster.js'

type Mean = Extract<MessageOf<'gradients'>, { type: 'mean' }>

test(
  'a replica that differs stops the run, which names the tensor and saves both states',
  { skip: withoutNats, timeout: 120_000 },
  async (t) => {
    const { url } = await natsFor(t)
    let changed: Mean | undefined
    const link = await Link.open(Number(new URL(url).port), (seen, direction, frame) => {
      if (changed !== undefined || seen.type !== 'mean' || direction !== 'in' || (seen.step ?? 0) < 3) return undefined
      const mean = { type: 'mean', ...seen.fields } as Mean
      const data = Uint8Array.from(mean.data)
      data[0]! ^= 1
      changed = mean
      return { frames: [around(frame, Buffer.from(encode('gradients', { ...mean, data, crc: crc32(data) })))] }
    })
    afterwards(t, () => link.close())
    const dir = temporaryFolder(t)
    const flags = { 'run.id': 'r', 'run.dir': dir, 'bus.url': url, 'train.steps': 40, 'cluster.minWorkers': 2, 'reduce.wire': 'f32', 'reduce.bucketBytes': 8192 } as const // prettier-ignore
    const config = configOf(flags)
    const lead = coordinate(t, config)
    const crew = [work(t, link.url, 'r', 'a'), work(t, url, 'r', 'b')]
    let message = ''
    await assert.rejects(lead.done, (error: unknown) => {
      assert.ok(error instanceof RunHalted)
      message = error.message
      return true
    })
    await Promise.all(crew.map(({ done }) => done.catch(() => undefined)))
    const step = changed?.step ?? NaN
    const folder = join(dir, 'r', `differs-step-${step - 1}`)
    const layout = layoutOf(config.model)
    const at = (changed?.bucket ?? NaN) * 2048
    const tensor = layout.entries.find(({ offset, shape }) => at < offset + shape.reduce((a, b) => a * b, 1))
    assert.match(
      message,
      new RegExp(`replicas differ at step ${step}: w-\\S+ has [0-9a-f]{16}, w-\\S+ has [0-9a-f]{16}`),
    )
    assert.ok(message.includes(`the mean gradient of ${tensor?.name} is `), message)
    assert.match(message, /\(1 of \d+ tensors differ\)/)
    assert.ok(message.endsWith(`the states are saved in ${folder}`), message)
    assert.ok(lastStep(join(dir, 'r')) < step, 'nothing of the step was committed')

    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)))
    assert.equal(files.length, 2)
    const differing = files.map((file) => {
      const start = 8 + headerLength(file.subarray(0, 8), file.length, 'state')
      const { tensors } = parseHeader(file.subarray(8, start), file.length, 'state')
      return new Map(tensors.map(({ name, begin, end }) => [name, file.subarray(start + begin, start + end)]))
    })
    const [one, other] = differing
    const names = [...(one?.keys() ?? [])].filter(
      (name) => !one?.get(name)?.equals(other?.get(name) ?? Buffer.alloc(0)),
    )
    assert.deepEqual(names, [`mean.${tensor?.name}`])
    assert.ok(!existsSync(join(dir, 'r', `step-${String(step).padStart(8, '0')}`)))
  },
)

test('of states that differ the first tensor is named: weights before moments, in the order of the layout', () => {
  const layout = layoutOf(configOf({}).model)
  const state = (): Record<'params' | 'ema' | 'm' | 'v' | 'mean', Float32Array> => ({
    ...{ params: new Float32Array(layout.elements), ema: new Float32Array(layout.elements) },
    ...{ m: new Float32Array(layout.elements), v: new Float32Array(layout.elements) },
    mean: new Float32Array(layout.elements),
  })
  const [first, second, third] = layout.entries
  const [one, other] = [state(), state()]
  assert.match(firstDifference(layout, one, other, ['a', 'b']), /same bits now/)
  other.mean[first!.offset] = 1
  assert.match(firstDifference(layout, one, other, ['a', 'b']), new RegExp(`the mean gradient of ${first!.name} is .* at a and .* at b \\(1 of`)) // prettier-ignore
  other.m[second!.offset] = -0
  assert.match(firstDifference(layout, one, other, ['a', 'b']), new RegExp(`the first moment of ${second!.name} is`))
  other.params[third!.offset] = NaN
  other.params[second!.offset + 1] = NaN
  assert.match(
    firstDifference(layout, one, other, ['a', 'b']),
    new RegExp(`the weights of ${second!.name} is .*\\(2 of`),
  )
})
