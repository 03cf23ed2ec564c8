// Saving and resuming. A checkpoint is of one step boundary: the workers copied their state there (and hand it out while
// training goes on), the table is frozen, the slots' book is noted down. Pulling and writing then take the time they take.
import type { RunConfig } from '../shared/config/run-config.js'
import { printConfig } from '../shared/config/compile.js'
import {
  CARRY_FILE,
  carryRange,
  carryTensors,
  DENSE_FILE,
  denseRange,
  denseTensors,
  GATHERED_FILE,
  gatheredTensors,
  LOCAL_FILE,
  localTensors,
  momentsOf,
  workersOf,
} from '../shared/checkpoint/contents.js'
import type { ManifestInput } from '../shared/checkpoint/manifest.js'
import type { Layout } from '../shared/gradients/layout.js'
import type { SlotId, WorkerId } from '../shared/ids.js'
import type { Bus } from '../shared/bus/bus.js'
import { chunkBytes, pull } from '../shared/bus/transfer.js'
import type { Segment, SnapshotId } from '../shared/protocol/messages.js'
import type { Subjects } from '../shared/protocol/subjects.js'
import type { EncodedExample } from './courier.js'
import type { PuzzleTable, TableSnapshot } from './puzzle-table.js'
import type { SlotRecord } from './slots.js'
import type { Checkpoint } from './store/checkpoint-reader.js'
import { CheckpointWriter } from './store/checkpoint-writer.js'
import { writePuzzles, type Saved } from './store/puzzle-files.js'
import { TrainedRows } from './store/trained-rows.js'

/** Everything of the boundary that is not on the workers. */
export interface BoundaryState {
  readonly snapshot: SnapshotId
  readonly step: number
  readonly epoch: number
  readonly slots: readonly SlotRecord[]
  /** Of the example each slot works on, in slot order; null before its first. */
  readonly examples: readonly (EncodedExample | null)[]
  readonly table: TableSnapshot
  /** Rows of the whole table. */
  readonly puzzles: number
  /** See DenseFreeze. */
  readonly thawed: number | undefined
  /** Who holds which slots; the first also hands out the dense state. */
  readonly holders: ReadonlyMap<WorkerId, readonly SlotId[]>
  /** Of the holders: aborted when it is lost, so that nobody waits for what will not come. */
  readonly lost: (worker: WorkerId) => AbortSignal | undefined
  readonly evaluation: ManifestInput['evaluation']
}

export interface CheckpointPlace {
  readonly config: RunConfig
  readonly layout: Layout
  readonly hashes: Pick<ManifestInput, 'identityHash' | 'layoutHash' | 'dataHash'>
  readonly folder: string
  /** Of the model that the run began with, if not from nothing; see base.ts. */
  readonly base: string | undefined
  /** The run's checkpoint before this one, which the table was last saved to or restored from. */
  readonly before: Saved | undefined
  readonly created: () => string
  /** Whether the run is still ours: asked last, before the checkpoint takes its place. */
  readonly holds: () => boolean
}

const DENSE_SEGMENTS = ['params', 'ema', 'm', 'v', 'hInit', 'lInit'] as const

/** Pulls what the workers hold and writes the whole. @returns the checkpoint's folder @throws SystemRefused, BusUnreachable */
export async function saveCheckpoint(
  bus: Bus,
  subjects: Subjects,
  place: CheckpointPlace,
  state: BoundaryState,
): Promise<string> {
  const { config, layout } = place
  const local = config.reduce.localSteps > 1
  const gathers = config.train.moveEvery > 1
  const writer = await CheckpointWriter.begin(place.folder, state.step, [
    ...(local ? [{ name: LOCAL_FILE, tensors: localTensors(layout, state.holders.size) }] : []),
    ...(gathers ? [{ name: GATHERED_FILE, tensors: gatheredTensors(layout) }] : []),
    { name: DENSE_FILE, tensors: denseTensors(layout, config.model) },
    { name: CARRY_FILE, tensors: carryTensors(config.model, config.train.slots) },
  ])
  try {
    await writeDense(bus, subjects, place, state, writer)
    if (local) await writeLocal(bus, subjects, place, state, writer)
    if (gathers) await writeGathered(bus, subjects, place, state, writer)
    await writeCarries(bus, subjects, place, state, writer)
    await writePuzzles(config.model.puzzleEmbDim, place.before, state.table, writer)
    const contents = {
      run: config.run.id,
      step: state.step,
      epoch: state.epoch,
      config: JSON.parse(printConfig(config)) as object,
      ...place.hashes,
      created: place.created(),
      slots: state.slots.map(({ slot, draw, next, steps, halted }) => ({ slot, draw: draw ?? 0, next, steps, halted })),
      evaluation: state.evaluation,
      puzzles: state.puzzles,
      base: place.base,
      thawed: state.thawed,
    }
    const dir = await writer.finish(contents, place.holds)
    state.table.saved()
    return dir
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** What is equal on all replicas is taken from the first. */
function leadOf(holders: BoundaryState['holders']): WorkerId {
  const [lead] = holders.keys()
  if (lead === undefined) throw new RangeError('a checkpoint needs a worker to pull from')
  return lead
}

async function writeDense(
  bus: Bus,
  subjects: Subjects,
  { config, layout }: CheckpointPlace,
  state: BoundaryState,
  writer: CheckpointWriter,
): Promise<void> {
  const lead = leadOf(state.holders)
  for (const segment of DENSE_SEGMENTS) {
    const { offset, length } = denseRange(layout, config.model, segment)
    const write = (at: number, bytes: Uint8Array): Promise<void> => writer.writeData(DENSE_FILE, offset + at, bytes)
    await copy(bus, subjects, state, lead, segment, length, write)
  }
}

/** Pulls a segment, a piece at a time. */
async function copy(
  bus: Bus,
  subjects: Subjects,
  { snapshot, lost }: BoundaryState,
  worker: WorkerId,
  segment: Segment,
  length: number,
  write: (offset: number, bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  const atOnce = chunkBytes(bus) * 8
  for (let offset = 0; offset < length; offset += atOnce) {
    const bytes = new Uint8Array(Math.min(atOnce, length - offset))
    const range = { snapshot, segment, slot: 0 as SlotId, offset, length: bytes.length }
    await pull(bus, subjects.state(worker), range, bytes, lost(worker))
    await write(offset, bytes)
  }
}

async function writeLocal(
  bus: Bus,
  subjects: Subjects,
  { layout }: CheckpointPlace,
  state: BoundaryState,
  writer: CheckpointWriter,
): Promise<void> {
  const length = layout.elements * Float32Array.BYTES_PER_ELEMENT
  const take = (worker: WorkerId, segment: Segment, tensor: string): Promise<void> =>
    copy(bus, subjects, state, worker, segment, length, (offset, bytes) =>
      writer.write(LOCAL_FILE, tensor, offset, bytes),
    )
  for (const [place, worker] of [...state.holders.keys()].entries()) {
    if (place === 0) await take(worker, 'outer', 'outer')
    else for (const segment of ['m', 'v'] as const) await take(worker, segment, momentsOf(segment, place))
  }
}

async function writeGathered(
  bus: Bus,
  subjects: Subjects,
  { layout }: CheckpointPlace,
  state: BoundaryState,
  writer: CheckpointWriter,
): Promise<void> {
  const lead = leadOf(state.holders)
  const length = layout.elements * Float32Array.BYTES_PER_ELEMENT
  await copy(bus, subjects, state, lead, 'gathered', length, (offset, bytes) =>
    writer.write(GATHERED_FILE, 'gathered', offset, bytes),
  )
}

async function writeCarries(
  bus: Bus,
  subjects: Subjects,
  { config }: CheckpointPlace,
  { snapshot, holders, lost, slots, examples }: BoundaryState,
  writer: CheckpointWriter,
): Promise<void> {
  for (const [worker, owned] of holders)
    for (const slot of owned) {
      const [answer, latents] = [carryRange(config.model, 'zH', slot), carryRange(config.model, 'zL', slot)]
      const bytes = new Uint8Array(answer.length + latents.length)
      const range = { snapshot, segment: 'carry', slot, offset: 0, length: bytes.length } as const
      await pull(bus, subjects.state(worker), range, bytes, lost(worker))
      await writer.write(CARRY_FILE, 'zH', answer.offset, bytes.subarray(0, answer.length))
      if (latents.length > 0) await writer.write(CARRY_FILE, 'zL', latents.offset, bytes.subarray(answer.length))
    }
  const { seqLen } = config.model
  const none = new Uint8Array(seqLen)
  const int32 = (values: readonly number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer)
  await writer.write(CARRY_FILE, 'steps', 0, int32(slots.map((slot) => slot.steps)))
  await writer.write(CARRY_FILE, 'draw', 0, int32(slots.map((slot) => slot.draw ?? 0)))
  await writer.write(CARRY_FILE, 'puzzle', 0, int32(examples.map((example) => example?.puzzle ?? 0)))
  await writer.write(
    CARRY_FILE,
    'halted',
    0,
    Uint8Array.from(slots, (slot) => Number(slot.halted)),
  )
  for (const tensor of ['inputs', 'labels'] as const)
    await writer.write(CARRY_FILE, tensor, 0, Buffer.concat(examples.map((example) => example?.[tensor] ?? none)))
}

/** Fills the table from a checkpoint, and returns the slots' book. @throws CheckpointRefused if shapes differ */
export async function restore(
  checkpoint: Checkpoint,
  config: RunConfig,
  layout: Layout,
  table: PuzzleTable,
): Promise<SlotRecord[]> {
  const dim = config.model.puzzleEmbDim
  checkpoint.expect(DENSE_FILE, denseTensors(layout, config.model))
  checkpoint.expect(CARRY_FILE, carryTensors(config.model, config.train.slots))
  if (checkpoint.has(LOCAL_FILE))
    checkpoint.expect(LOCAL_FILE, localTensors(layout, workersOf(checkpoint.tensors(LOCAL_FILE).length)))
  if (checkpoint.has(GATHERED_FILE)) checkpoint.expect(GATHERED_FILE, gatheredTensors(layout))
  const trained = await TrainedRows.of(checkpoint, dim)
  for await (const { ids, rows } of trained.pieces()) table.restore(ids, rows)
  return checkpoint.manifest.slots.map(
    ({ slot, draw, next, steps, halted }) =>
      ({ slot, draw, next, steps, halted, restart: false }) as unknown as SlotRecord,
  )
}
