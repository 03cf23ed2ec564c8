// Foreign weights as a checkpoint of ours. What the file does not have begins anew: moments are zero, every slot waits for
// its first example. The weights are the average as well: official files hold the average only (spec 7).
import { bytesOf } from '../../shared/bytes.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { printConfig } from '../../shared/config/compile.js'
import {
  CARRY_FILE,
  carryTensors,
  DENSE_FILE,
  denseRange,
  denseTensors,
  PUZZLE_FILE,
  puzzleTensors,
} from '../../shared/checkpoint/contents.js'
import type { ManifestInput } from '../../shared/checkpoint/manifest.js'
import { tensorBytes } from '../../shared/checkpoint/safetensors.js'
import { initialStates } from '../../shared/gradients/init.js'
import type { Layout } from '../../shared/gradients/layout.js'
import { CheckpointWriter } from '../store/checkpoint-writer.js'
import type { Fitted } from './fit.js'
import { forRows, PIECE_ELEMENTS, readFinite, type Progress } from './pieces.js'
import type { StoredTensor, WeightFile } from './weight-file.js'

export interface ImportPlace {
  readonly config: RunConfig
  readonly layout: Layout
  readonly hashes: Pick<ManifestInput, 'identityHash' | 'layoutHash' | 'dataHash'>
  /** The run's folder. */
  readonly folder: string
  readonly step: number
  readonly created: string
}

export interface Imported {
  readonly dir: string
  /** Puzzle rows that are not zero. */
  readonly rows: number
}

/**
 * @param meanRow the rows are not of these puzzles: keep only their mean, as row 0, from which every other row begins
 * @throws CheckpointRefused if the file is damaged, SystemRefused if the disk is, Stopped; then nothing is left behind
 */
export async function writeImported(
  file: WeightFile,
  fitted: Fitted<StoredTensor>,
  place: ImportPlace,
  progress: Progress,
  meanRow = false,
): Promise<Imported> {
  const { config, layout } = place
  const { model, train } = config
  const ids =
    fitted.table === undefined
      ? new Int32Array(0)
      : meanRow
        ? Int32Array.of(0)
        : await touchedRows(fitted.table, file.path, progress)
  const plans = [
    { name: DENSE_FILE, tensors: denseTensors(layout, model) },
    { name: PUZZLE_FILE, tensors: puzzleTensors(ids.length, model.puzzleEmbDim) },
    { name: CARRY_FILE, tensors: carryTensors(model, train.slots) },
  ]
  const writer = await CheckpointWriter.begin(place.folder, place.step, plans)
  try {
    await writeDense(file, fitted, place, writer)
    if (fitted.table !== undefined && meanRow) {
      await writer.write(PUZZLE_FILE, 'ids', 0, bytesOf(ids))
      await writer.write(PUZZLE_FILE, 'rows', 0, bytesOf(await meanOf(fitted.table, file.path, progress)))
    } else if (fitted.table !== undefined) await writeRows(fitted.table, ids, file.path, writer, progress)
    await writeCarries(config, writer, progress)
    const dir = await writer.finish({
      run: config.run.id,
      step: place.step,
      epoch: 0,
      config: JSON.parse(printConfig(config)) as object,
      ...place.hashes,
      created: place.created,
      puzzles: fitted.table?.shape[0],
      slots: Array.from({ length: train.slots }, (_, slot) => ({ slot, draw: 0, next: 0, steps: 0, halted: true })),
    })
    return { dir, rows: ids.length }
  } catch (error) {
    await writer.abort()
    throw error
  }
}

async function writeDense(
  file: WeightFile,
  { dense, inits }: Fitted<StoredTensor>,
  { config, layout }: ImportPlace,
  writer: CheckpointWriter,
): Promise<void> {
  const { hidden } = config.model
  const params = new Float32Array(layout.elements)
  for (const { entry, tensor } of dense)
    await readFinite(tensor, 0, params.subarray(entry.offset, entry.offset + entry.elements), file.path)
  const states = new Float32Array(inits.length * hidden)
  for (const [i, tensor] of inits.entries())
    await readFinite(tensor, 0, states.subarray(i * hidden, (i + 1) * hidden), file.path)
  // The official code has one chain; what the others start from is drawn as for a new run.
  const { lInit } = initialStates(config.model, config.run.seed)
  lInit.set(states.subarray(hidden))
  const zeros = new Float32Array(layout.elements)
  const segments = [
    ['params', params],
    ['ema', params],
    ['m', zeros],
    ['v', zeros],
    ['hInit', states.subarray(0, hidden)],
    ['lInit', lInit],
  ] as const
  for (const [segment, values] of segments)
    await writer.writeData(DENSE_FILE, denseRange(layout, config.model, segment).offset, bytesOf(values))
}

/** Ids of the rows with a bit set: the others were never trained, and are not stored. */
async function touchedRows(table: StoredTensor, file: string, progress: Progress): Promise<Int32Array> {
  const [rows = 0, dim = 0] = table.shape
  const ids = new Int32Array(rows)
  let count = 0
  await forRows(table, dim, file, (first, values) => {
    progress('looking through the puzzle table', first / rows)
    const bits = new Int32Array(values.buffer, values.byteOffset, values.length)
    for (let row = 0; row * dim < bits.length; row++) if (!isZero(bits, row * dim, dim)) ids[count++] = first + row
  })
  return ids.slice(0, count)
}

function isZero(bits: Int32Array, from: number, length: number): boolean {
  for (let i = from; i < from + length; i++) if (bits[i] !== 0) return false
  return true
}

async function writeRows(
  table: StoredTensor,
  ids: Int32Array,
  file: string,
  writer: CheckpointWriter,
  progress: Progress,
): Promise<void> {
  if (ids.length === 0) return
  const [rows = 0, dim = 0] = table.shape
  await writer.write(PUZZLE_FILE, 'ids', 0, bytesOf(ids))
  let written = 0
  await forRows(table, dim, file, async (first, values) => {
    progress('copying the puzzle table', first / rows)
    let kept = 0
    for (let row = 0; row * dim < values.length; row++) {
      if (ids[written + kept] !== first + row) continue
      values.copyWithin(kept * dim, row * dim, (row + 1) * dim)
      kept++
    }
    if (kept > 0) await writer.write(PUZZLE_FILE, 'rows', written * dim * 4, bytesOf(values.subarray(0, kept * dim)))
    written += kept
  })
}

/** Over all rows, trained or not, as the official loader takes it. */
async function meanOf(table: StoredTensor, file: string, progress: Progress): Promise<Float32Array> {
  const [rows = 0, dim = 0] = table.shape
  const sums = new Float64Array(dim)
  await forRows(table, dim, file, (first, values) => {
    progress('taking the mean of the puzzle table', first / rows)
    for (let i = 0; i < values.length; i++) sums[i % dim]! += values[i]!
  })
  return Float32Array.from(sums, (sum) => sum / Math.max(1, rows))
}

/** All slots halted, so nobody reads a carry: zeros. */
async function writeCarries({ model, train }: RunConfig, writer: CheckpointWriter, progress: Progress): Promise<void> {
  const zeros = new Uint8Array(4 * PIECE_ELEMENTS)
  const ones = new Uint8Array(train.slots).fill(1)
  for (const tensor of carryTensors(model, train.slots)) {
    const bytes = tensorBytes(tensor)
    const source = tensor.name === 'halted' ? ones : zeros
    for (let at = 0; at < bytes; at += source.length) {
      progress(`writing empty slots (${tensor.name})`, at / bytes)
      await writer.write(CARRY_FILE, tensor.name, at, source.subarray(0, Math.min(source.length, bytes - at)))
    }
  }
}
