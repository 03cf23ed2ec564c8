// A small but complete checkpoint, and a folder of one's own to put it in.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CheckpointWriter, type FilePlan, type OpenFile } from '../../coordinator/store/checkpoint-writer.js'
import type { ManifestInput } from '../../shared/checkpoint/manifest.js'
import { tensorBytes } from '../../shared/checkpoint/safetensors.js'

export function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-store-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const PLANS: readonly FilePlan[] = [
  {
    name: 'dense.safetensors',
    tensors: [
      { name: 'inner.a', dtype: 'F32', shape: [3, 2] },
      { name: 'inner.b', dtype: 'F32', shape: [5] },
    ],
  },
  {
    name: 'puzzles.safetensors',
    tensors: [
      { name: 'ids', dtype: 'I32', shape: [2] },
      { name: 'rows', dtype: 'F32', shape: [2, 2] },
    ],
  },
]

export const manifestFor = (step: number): ManifestInput => ({
  run: 'r1',
  step,
  epoch: 2,
  config: { preset: 'tiny', train: { lr: 1e-4 } },
  identityHash: 'i',
  layoutHash: 'l',
  dataHash: 'd',
  created: '2026-01-01T00:00:00Z',
  slots: [
    { slot: 0, draw: 4, next: 5, steps: 3, halted: false },
    { slot: 1, draw: 9, next: 10, steps: 16, halted: true },
  ],
})

/** The bytes that `writeSmall` writes: numbers that follow from the step. */
export function bytesFor(step: number, tensor: FilePlan['tensors'][number]): Uint8Array {
  const elements = tensorBytes(tensor) / 4
  return tensor.dtype === 'F32'
    ? new Uint8Array(Float32Array.from({ length: elements }, (_, i) => step + i / 8).buffer)
    : new Uint8Array(Int32Array.from({ length: elements }, (_, i) => step * 10 + i).buffer)
}

/** @returns its folder */
export async function writeSmall(
  root: string,
  step: number,
  more: Partial<ManifestInput> = {},
  open?: OpenFile,
  mayAppear?: () => boolean,
): Promise<string> {
  const writer = await CheckpointWriter.begin(root, step, PLANS, open)
  for (const { name, tensors } of PLANS) {
    for (const tensor of tensors) await writer.write(name, tensor.name, 0, bytesFor(step, tensor))
  }
  return writer.finish({ ...manifestFor(step), ...more }, mayAppear)
}
