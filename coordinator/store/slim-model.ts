// A checkpoint reduced to its model: the averaged weights, and one puzzle row, the mean. It is a whole checkpoint, so that
// every command reads it, but has one slot, no moments and no example; new tasks can be added to it (`trmesh adapt`).
import { bytesOf } from '../../shared/bytes.js'
import {
  CARRY_FILE,
  carryTensors,
  DENSE_FILE,
  denseRange,
  denseTensors,
  PUZZLE_FILE,
  puzzleTensors,
} from '../../shared/checkpoint/contents.js'
import { configurationOf } from '../../shared/checkpoint/configuration.js'
import { tensorBytes } from '../../shared/checkpoint/safetensors.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { beginWith, puzzlesOf } from '../base.js'
import { PuzzleTable } from '../puzzle-table.js'
import { readManifest } from './checkpoint-reader.js'
import { CheckpointWriter } from './checkpoint-writer.js'

const SEGMENTS = ['params', 'ema', 'm', 'v', 'hInit', 'lInit'] as const

/** @returns the folder of the model, below `root` @throws CheckpointRefused, SystemRefused */
export async function writeSlimModel(dir: string, root: string): Promise<string> {
  const manifest = await readManifest(dir)
  const config = configurationOf(manifest, dir)
  const layout = layoutOf(config.model)
  const { puzzleEmbDim } = config.model
  const table = new PuzzleTable(await puzzlesOf(dir), puzzleEmbDim)
  const source = await beginWith({ dir, hash: '' }, config, layout, table)
  const carry = carryTensors(config.model, 1)
  const writer = await CheckpointWriter.begin(root, manifest.step, [
    { name: DENSE_FILE, tensors: denseTensors(layout, config.model) },
    { name: CARRY_FILE, tensors: carry },
    { name: PUZZLE_FILE, tensors: puzzleTensors(1, puzzleEmbDim) },
  ])
  try {
    for (const segment of SEGMENTS) {
      const { offset, length } = denseRange(layout, config.model, segment)
      const bytes = await source.provide({ segment, offset: 0, length } as Parameters<typeof source.provide>[0])
      if (typeof bytes === 'string') throw new RangeError(bytes)
      await writer.writeData(DENSE_FILE, offset, bytes)
    }
    for (const tensor of carry)
      await writer.write(CARRY_FILE, tensor.name, 0, new Uint8Array(tensorBytes(tensor)).fill(tensor.name === 'halted' ? 1 : 0)) // prettier-ignore
    await writer.write(PUZZLE_FILE, 'ids', 0, new Uint8Array(4))
    if (puzzleEmbDim > 0) await writer.write(PUZZLE_FILE, 'rows', 0, bytesOf(table.row(0).slice()))
    const { format: _format, kind: _kind, files: _files, ...facts } = manifest
    const slots = [{ slot: 0, draw: 0, next: 0, steps: 0, halted: true }]
    return await writer.finish({ ...facts, puzzles: 1, slots })
  } catch (error) {
    await writer.abort()
    throw error
  }
}
