// Replicas that should be equal and are not: before the run ends, the state of one worker of each opinion is pulled and saved, and
// the first tensor in which they differ is named, so that a person has something to look into.
import { mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf } from '../shared/bytes.js'
import type { Bus } from '../shared/bus/bus.js'
import { chunkBytes, pull } from '../shared/bus/transfer.js'
import { denseTensors } from '../shared/checkpoint/contents.js'
import { planFile, type TensorSpec } from '../shared/checkpoint/safetensors.js'
import type { ModelConfig } from '../shared/config/run-config.js'
import { fingerprint } from '../shared/gradients/fingerprint.js'
import type { Layout } from '../shared/gradients/layout.js'
import type { SlotId, WorkerId } from '../shared/ids.js'
import type { Segment, SnapshotId } from '../shared/protocol/messages.js'
import type { Subjects } from '../shared/protocol/subjects.js'
import { latentsOf } from '../shared/recursion.js'
import { onDisk } from './store/disk.js'

export interface Place {
  readonly model: ModelConfig
  readonly layout: Layout
  /** Of the run. */
  readonly folder: string
}

/** f32; params, moments and averages of the last committed step, and the mean gradient of the one that was voted on. */
type ReplicaState = Readonly<Record<'params' | 'ema' | 'm' | 'v' | 'mean' | 'hInit' | 'lInit', Float32Array>>
const COPIES = ['params', 'ema', 'm', 'v', 'mean'] as const
/** What is compared first: what everything else follows from. */
const COMPARED = {
  params: 'weights',
  m: 'first moment',
  v: 'second moment',
  ema: 'average',
  mean: 'mean gradient',
} as const

/**
 * Saves the state of each worker in RUN/differs-step-N/WORKER.safetensors.
 * @returns a sentence: the first tensor that differs, both fingerprints, and where the states lie
 * @throws BusUnreachable, WireError, SystemRefused
 */
export async function saveDiffering(
  bus: Bus,
  subjects: Subjects,
  place: Place,
  { step, snapshot, workers }: { step: number; snapshot: SnapshotId; workers: readonly WorkerId[] },
): Promise<string> {
  const folder = join(place.folder, `differs-step-${step}`)
  const states: ReplicaState[] = []
  for (const worker of workers) {
    const state = await pullState(bus, subjects.state(worker), snapshot, place)
    await write(folder, `${worker}.safetensors`, place, state)
    states.push(state)
  }
  const [one, other] = states
  const found = one === undefined || other === undefined ? 'nobody is left to compare' : firstDifference(place.layout, one, other, workers) // prettier-ignore
  return `${found}; the states are saved in ${folder}`
}

/** In words. Tensors are compared by their bits, in the order of the layout. */
export function firstDifference(
  { entries }: Layout,
  one: Readonly<Record<keyof typeof COMPARED, Float32Array>>,
  other: typeof one,
  [first = 'one', second = 'the other']: readonly string[],
): string {
  for (const copy of Object.keys(COMPARED) as (keyof typeof COMPARED)[]) {
    const prints = entries.map(({ name, offset, shape }) => {
      const size = shape.reduce((a, b) => a * b, 1)
      const [mine, theirs] = [one[copy], other[copy]].map((flat) => fingerprint(flat.subarray(offset, offset + size)))
      return { name, mine, theirs }
    })
    const differing = prints.filter(({ mine, theirs }) => mine !== theirs)
    const [worst] = differing
    if (worst === undefined) continue
    return `the ${COMPARED[copy]} of ${worst.name} is ${worst.mine} at ${first} and ${worst.theirs} at ${second} (${differing.length} of ${entries.length} tensors differ)`
  }
  return 'their states have the same bits now, so what they voted was wrong'
}

async function pullState(
  bus: Bus,
  subject: string,
  snapshot: SnapshotId,
  { model, layout }: Place,
): Promise<ReplicaState> {
  const get = async (segment: Segment, elements: number): Promise<Float32Array> => {
    const values = new Float32Array(elements)
    const into = bytesOf(values)
    const atOnce = chunkBytes(bus) * 8
    for (let offset = 0; offset < into.length; offset += atOnce) {
      const length = Math.min(atOnce, into.length - offset)
      const range = { snapshot, segment, slot: 0 as SlotId, offset, length }
      await pull(bus, subject, range, into.subarray(offset, offset + length))
    }
    return values
  }
  return {
    params: await get('params', layout.elements),
    ema: await get('ema', layout.elements),
    m: await get('m', layout.elements),
    v: await get('v', layout.elements),
    mean: await get('mean', layout.elements),
    hInit: await get('hInit', model.hidden),
    lInit: await get('lInit', latentsOf(model) * model.hidden),
  }
}

async function write(folder: string, name: string, { layout, model }: Place, state: ReplicaState): Promise<void> {
  const meanTensors = layout.entries.map((entry): TensorSpec => ({ name: `mean.${entry.name}`, dtype: 'F32', shape: entry.shape })) // prettier-ignore
  const dense = denseTensors(layout, model)
  const starts = dense.slice(4 * layout.entries.length)
  const tensors = [...dense.slice(0, 4 * layout.entries.length), ...meanTensors, ...starts]
  const { header } = planFile(tensors, { format: 'trmesh-1' })
  const path = join(folder, name)
  await onDisk('write', path, async () => {
    await mkdir(folder, { recursive: true })
    const file = await open(path, 'w')
    try {
      await file.writeFile(header)
      for (const part of [...COPIES, 'hInit', 'lInit'] as const) await file.writeFile(bytesOf(state[part]))
      await file.sync()
    } finally {
      await file.close()
    }
  })
}
