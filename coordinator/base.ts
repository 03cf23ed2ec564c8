// The model that a run begins with instead of random weights: the averaged weights of a checkpoint and its puzzle rows.
// Moments begin at zero, every slot with its first example, steps at 1. Row 0 becomes the mean of the rows, and the mean is
// what new puzzles begin with (spec 9.4): a row of zeros says nothing to a network that has only met trained ones.
import { DENSE_FILE, denseRange, denseTensors } from '../shared/checkpoint/contents.js'
import type { Manifest } from '../shared/checkpoint/manifest.js'
import { configurationOf } from '../shared/checkpoint/configuration.js'
import { canonicalJson } from '../shared/config/identity.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { CheckpointRefused } from '../shared/errors.js'
import type { Layout } from '../shared/gradients/layout.js'
import type { PuzzleTable } from './puzzle-table.js'
import { heldState, type StateSource } from './state-source.js'
import { openCheckpoint, readManifest } from './store/checkpoint-reader.js'
import { TrainedRows } from './store/trained-rows.js'

export interface BaseModel {
  /** The checkpoint's folder. */
  readonly dir: string
  /** SHA-256 of its dense file: what it is, wherever it lies. */
  readonly hash: string
}

/** Looks at the manifest only. @throws CheckpointRefused if it is of another network than the configured one */
export async function baseOf(dir: string, config: RunConfig): Promise<BaseModel> {
  const manifest = await readManifest(dir)
  const theirs = configurationOf(manifest, dir).model
  if (canonicalJson(theirs) !== canonicalJson(config.model)) {
    const differing = Object.entries(theirs).filter(
      ([key, value]) => config.model[key as keyof typeof theirs] !== value,
    )
    const told = differing.map(
      ([key, value]) => `model.${key} ${value} (here ${config.model[key as keyof typeof theirs]})`,
    )
    throw new CheckpointRefused(
      `${dir} is of another network: ${told.join(', ')}`,
      'an adapted model keeps its network: leave the model.* settings and the canvas as they are',
    )
  }
  const dense = manifest.files.find(({ name }) => name === DENSE_FILE)
  if (dense === undefined) throw new CheckpointRefused(`${dir} has no ${DENSE_FILE}`, 'choose another checkpoint')
  return { dir, hash: dense.sha256 }
}

/** A run may not go on from a checkpoint that began with another model. @throws CheckpointRefused */
export function checkSameBase(found: Manifest, dir: string, base: BaseModel): void {
  if (found.base === base.hash) return
  throw new CheckpointRefused(
    `${dir} did not begin with the model of ${base.dir}`,
    'name another run with --out, or start over with --fresh',
  )
}

/** Identifiers that the model has; those of new puzzles follow. */
export async function puzzlesOf(dir: string): Promise<number> {
  const { puzzles } = await readManifest(dir)
  if (puzzles !== undefined) return puzzles
  // From before the number was noted: behind the last row that was trained there is nothing to lose.
  const checkpoint = await openCheckpoint(dir)
  try {
    const config = configurationOf(checkpoint.manifest, dir)
    const { ids } = await TrainedRows.of(checkpoint, config.model.puzzleEmbDim)
    return (ids[ids.length - 1] ?? 0) + 1
  } finally {
    await checkpoint.close()
  }
}

/** Fills the table, and returns what the workers begin with. @throws CheckpointRefused if it is damaged */
export async function beginWith(
  { dir }: BaseModel,
  { model }: RunConfig,
  layout: Layout,
  table: PuzzleTable,
): Promise<StateSource> {
  const checkpoint = await openCheckpoint(dir)
  try {
    checkpoint.expect(DENSE_FILE, denseTensors(layout, model))
    const trained = await TrainedRows.of(checkpoint, model.puzzleEmbDim)
    const read = async (segment: 'ema' | 'hInit' | 'lInit'): Promise<Float32Array<ArrayBuffer>> => {
      const place = denseRange(layout, model, segment)
      const bytes = await checkpoint.readData(DENSE_FILE, place.offset, place.length)
      return new Float32Array(bytes.buffer as ArrayBuffer)
    }
    const mean = new MeanRow(model.puzzleEmbDim)
    for await (const { ids, rows } of trained.pieces()) {
      table.restore(ids, rows)
      mean.add(ids, rows)
    }
    const blank = mean.value
    if (blank !== undefined) table.restore(Int32Array.of(0), blank)
    const params = await read('ema')
    const zeros = new Float32Array(layout.elements)
    const states = { hInit: await read('hInit'), lInit: await read('lInit') }
    return heldState({ params, ema: params, m: zeros, v: zeros, ...states })
  } finally {
    await checkpoint.close()
  }
}

/** Mean of the rows of puzzles; row 0 is nobody's. In doubles, in ascending order of ids. */
export class MeanRow {
  private readonly sum: Float64Array
  private count = 0

  constructor(private readonly dim: number) {
    this.sum = new Float64Array(dim)
  }

  add(ids: Int32Array, rows: Float32Array): void {
    ids.forEach((id, i) => {
      if (id === 0) return
      this.count++
      for (let d = 0; d < this.dim; d++) this.sum[d] = this.sum[d]! + rows[i * this.dim + d]!
    })
  }

  /** undefined where there is none: then row 0 stays as it is. */
  get value(): Float32Array | undefined {
    return this.count === 0 ? undefined : Float32Array.from(this.sum, (sum) => sum / this.count)
  }
}
