// `trmesh export`: a checkpoint as one safetensors file with the official names (spec 1.2), so that PyTorch can load it:
// averaged weights, H_init, L_init and their like as bf16, and the whole puzzle table, zeros where a puzzle was never trained.
import { bytesOf } from '../../shared/bytes.js'
import { open, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { configurationOf } from '../../shared/checkpoint/configuration.js'
import { DENSE_FILE, denseRange, denseTensors } from '../../shared/checkpoint/contents.js'
import { MANIFEST_FILE } from '../../shared/checkpoint/manifest.js'
import { planFile, type TensorFile, type TensorSpec } from '../../shared/checkpoint/safetensors.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { CheckpointRefused, ConfigError, SystemRefused } from '../../shared/errors.js'
import { decodeBf16, encodeBf16 } from '../../shared/gradients/bf16.js'
import { layoutOf, type Layout } from '../../shared/gradients/layout.js'
import { recursionOf } from '../../shared/recursion.js'
import type { ExportOptions } from '../../shared/ports.js'
import { openExampleSource } from '../data/open.js'
import { latestCheckpoint, openCheckpoint, type Checkpoint } from '../store/checkpoint-reader.js'
import { errnoOf, onDisk, syncFolder } from '../store/disk.js'
import { TrainedRows } from '../store/trained-rows.js'
import { TABLE } from './fit.js'
import { PIECE_ELEMENTS, progressOn, rowsPerPiece, Stopped, type Progress } from './pieces.js'

/** @throws CheckpointRefused, ConfigError, DataError, SystemRefused */
export async function exportWeights(options: ExportOptions): Promise<void> {
  const { out, signal } = options
  out.status('checking the checkpoint')
  const checkpoint = await openOrNewest(options.checkpoint)
  try {
    const { manifest, dir } = checkpoint
    const config = configurationOf(
      manifest,
      join(dir, MANIFEST_FILE),
      options.data === undefined ? {} : { 'data.source': options.data },
    )
    const exported = new Export(options, checkpoint, config)
    const to = options.to ?? resolve(options.cwd, `${manifest.run}-step-${manifest.step}.safetensors`)
    await exported.write(to, progressOn(signal, out))
    out.status('')
    out.line(`${options.raw ? 'raw' : 'averaged'} weights of step ${manifest.step} of run ${manifest.run}: ${to}`)
    out.line("in Python: model.load_state_dict(safetensors.torch.load_file(FILE)), with the official code's model")
  } catch (error) {
    if (!(error instanceof Stopped)) throw error
    out.line('stopped; nothing was kept')
  } finally {
    await checkpoint.close()
  }
}

/** A checkpoint's folder, or a run's: then its newest. */
async function openOrNewest(path: string): Promise<Checkpoint> {
  const isCheckpoint = await stat(join(path, MANIFEST_FILE)).then(
    () => true,
    () => false,
  )
  if (isCheckpoint) return openCheckpoint(path)
  const { checkpoint, skipped } = await latestCheckpoint(path)
  if (checkpoint !== undefined) return checkpoint
  throw new CheckpointRefused(
    `${path} is no checkpoint and holds none${skipped[0] === undefined ? '' : ` that is whole (${skipped[0].why})`}`,
    'give the folder of a checkpoint (.trmesh/runs/RUN/step-00000600) or of a run',
  )
}

class Export {
  private readonly layout: Layout

  constructor(
    private readonly options: ExportOptions,
    private readonly checkpoint: Checkpoint,
    private readonly config: RunConfig,
  ) {
    this.layout = layoutOf(config.model)
    checkpoint.expect(DENSE_FILE, denseTensors(this.layout, config.model))
  }

  /** Whole or not at all. */
  async write(to: string, progress: Progress): Promise<void> {
    await refuseExisting(to)
    const { hidden, puzzleEmbDim } = this.config.model
    const rows = puzzleEmbDim === 0 ? 0 : await this.rows()
    const { prefix } = this.options
    const states = await this.states()
    const f32 = (name: string, shape: readonly number[]): TensorSpec => ({ name: prefix + name, dtype: 'F32', shape })
    const state = ({ name, dtype }: StateBytes): TensorSpec => ({ name: prefix + name, dtype, shape: [hidden] })
    // What has two bytes comes last, so that every f32 lies at a multiple of four.
    const { file, header } = planFile(
      [
        ...this.layout.entries.map(({ name, shape }) => f32(name, shape)),
        ...(puzzleEmbDim === 0 ? [] : [f32(TABLE, [rows, puzzleEmbDim])]),
        ...states.map((one) => state(one)),
      ],
      { format: 'pt', writer: 'trmesh', run: this.checkpoint.manifest.run, step: `${this.checkpoint.manifest.step}` },
    )
    const passing = `${to}.tmp-${process.pid}`
    await onDisk('write', to, async () => {
      try {
        const handle = await open(passing, 'wx')
        try {
          await this.writeAll(new Sink(handle, file), header, rows, states, progress)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(passing, to)
        await syncFolder(dirname(to))
      } catch (error) {
        await rm(passing, { force: true })
        throw error
      }
    })
  }

  private async writeAll(
    sink: Sink,
    header: Uint8Array,
    rows: number,
    states: readonly StateBytes[],
    progress: Progress,
  ): Promise<void> {
    const { puzzleEmbDim } = this.config.model
    await sink.append(header)
    const place = denseRange(this.layout, this.config.model, this.options.raw ? 'params' : 'ema')
    const atOnce = 4 * PIECE_ELEMENTS
    for (let at = 0; at < place.length; at += atOnce)
      await sink.append(
        await this.checkpoint.readData(DENSE_FILE, place.offset + at, Math.min(atOnce, place.length - at)),
      )
    if (puzzleEmbDim > 0) await this.writeTable(sink, rows, puzzleEmbDim, progress)
    for (const { bytes } of states) await sink.append(bytes)
    sink.checkComplete()
  }

  /** All rows in order; those that the checkpoint does not hold are as row 0 (see PuzzleTable). */
  private async writeTable(sink: Sink, rows: number, dim: number, progress: Progress): Promise<void> {
    const trained = await TrainedRows.of(this.checkpoint, dim)
    const { ids, count } = trained
    if ((ids[count - 1] ?? -1) >= rows)
      throw new CheckpointRefused(
        `${this.checkpoint.dir} holds ids that are not of a table of ${rows} rows`,
        'export it with the data, or the --puzzles, that it was trained with',
      )
    const atOnce = rowsPerPiece(dim)
    const values = new Float32Array(Math.min(atOnce, rows) * dim)
    const untrained = ids[0] === 0 ? await trained.read(0, 1) : new Float32Array(dim)
    let done = 0
    for (let first = 0; first < rows; first += atOnce) {
      progress('writing the puzzle table', first / rows)
      const piece = values.subarray(0, Math.min(atOnce, rows - first) * dim)
      for (let at = 0; at < piece.length; at += dim) piece.set(untrained, at)
      let until = done
      while (until < count && (ids[until] as number) < first + piece.length / dim) until++
      const known = await trained.read(done, until)
      for (let i = done; i < until; i++)
        piece.set(known.subarray((i - done) * dim, (i - done + 1) * dim), ((ids[i] as number) - first) * dim)
      done = until
      await sink.append(bytesOf(piece))
    }
  }

  /** Rows of the whole table: as many as the data has puzzles. A checkpoint only holds those that were trained. */
  private async rows(): Promise<number> {
    const { puzzles, root, out } = this.options
    if (puzzles !== undefined) return puzzles
    const { data, run, train, evaluate } = this.config
    out.status('opening the data, to count its puzzles')
    const cacheDir = join(root, '.trmesh', 'data')
    const source = await openExampleSource(data, run.seed, train.slots, { cacheDir, threads: 0, evaluate })
    await source.close()
    if (source.dataHash === this.checkpoint.manifest.dataHash) return source.numPuzzles
    throw new CheckpointRefused(
      `the data is not what ${this.checkpoint.dir} was trained on (${source.description})`,
      'name the folder of its data with --data, or the number of its puzzles with --puzzles',
    )
  }

  /** In bf16, as the official code has them, if that loses nothing. */
  private async states(): Promise<StateBytes[]> {
    const { model } = this.config
    const { offset, length } = denseRange(this.layout, model, 'hInit')
    return Promise.all(
      recursionOf(model).inits.map(async (name, i): Promise<StateBytes> => {
        const bytes = await this.checkpoint.readData(DENSE_FILE, offset + i * length, length)
        const values = new Float32Array(bytes.buffer)
        const halves = new Uint16Array(values.length)
        const again = new Float32Array(values.length)
        encodeBf16(values, halves)
        decodeBf16(halves, again)
        return Buffer.compare(bytesOf(again), bytes) === 0
          ? { name, dtype: 'BF16', bytes: bytesOf(halves) }
          : { name, dtype: 'F32', bytes }
      }),
    )
  }
}

interface StateBytes {
  readonly name: string
  readonly dtype: 'BF16' | 'F32'
  readonly bytes: Uint8Array
}

/** Bytes one after the other. */
class Sink {
  private written = 0

  constructor(
    private readonly handle: FileHandle,
    private readonly file: TensorFile,
  ) {}

  async append(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;)
      done += (await this.handle.write(bytes, done, bytes.length - done, this.written + done)).bytesWritten
    this.written += bytes.length
  }

  checkComplete(): void {
    if (this.written !== this.file.bytes)
      throw new RangeError(`${this.written} bytes of ${this.file.bytes} were written`)
  }
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await stat(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw new SystemRefused(`cannot write ${path} (${errnoOf(error)})`, 'name another file with --to', { cause: error })
  }
  throw new ConfigError(`${path} exists already`, 'remove it, or name another file with --to')
}
