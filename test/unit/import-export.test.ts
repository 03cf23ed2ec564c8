// There and back: a checkpoint of the official code becomes one of ours, ours becomes a file with the official names, and
// not a bit changes on the way. What does not fit is said at once, and nothing is written then.
import assert from 'node:assert/strict'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { exportWeights } from '../../coordinator/import/export-weights.js'
import { fitWeights, inferModel, plainName, presetsThatFit } from '../../coordinator/import/fit.js'
import { importWeights } from '../../coordinator/import/import-weights.js'
import { openWeights } from '../../coordinator/import/open-weights.js'
import { restore } from '../../coordinator/checkpointing.js'
import { PuzzleTable } from '../../coordinator/puzzle-table.js'
import { checkpointState } from '../../coordinator/state-source.js'
import { openCheckpoint, type Checkpoint } from '../../coordinator/store/checkpoint-reader.js'
import { CheckpointWriter } from '../../coordinator/store/checkpoint-writer.js'
import { CARRY_FILE, DENSE_FILE, denseRange, PUZZLE_FILE } from '../../shared/checkpoint/contents.js'
import { planFile, tensorBytes } from '../../shared/checkpoint/safetensors.js'
import { compileConfig } from '../../shared/config/compile.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { identityHash } from '../../shared/config/identity.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'
import { CheckpointRefused, ConfigError } from '../../shared/errors.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { recursionOf } from '../../shared/recursion.js'
import { folderOf } from '../helpers/checkpoints.js'
import { exportOptions, importOptions, keepLines, smallConfig, stopped } from '../helpers/imports.js'

const STEP_7 = 'test/golden/pt/step_7'

/** What make-pt.py fills tensors with. */
const golden = (elements: number): Float32Array =>
  Float32Array.from({ length: elements }, (_, i) => ((i % 251) - 125) / 64)

async function segment(
  checkpoint: Checkpoint,
  model: ModelConfig,
  name: 'params' | 'ema' | 'm' | 'v',
): Promise<Float32Array> {
  const { offset, length } = denseRange(layoutOf(model), model, name)
  return new Float32Array((await checkpoint.readData(DENSE_FILE, offset, length)).buffer)
}

test('import: weights and average, zero moments, waiting slots, the touched rows', async (t) => {
  const folder = folderOf(t)
  const config = smallConfig(folder, 'imported')
  const out = keepLines()
  await importWeights(importOptions(config, STEP_7, { out }))
  const dir = join(folder, 'imported', 'step-00000007')
  assert.ok(
    out.lines.some((line) => line === `checkpoint of step 7: ${dir}`),
    out.lines.join('\n'),
  )
  const checkpoint = await openCheckpoint(dir)
  try {
    const layout = layoutOf(config.model)
    const params = await segment(checkpoint, config.model, 'params')
    for (const { offset, elements, name } of layout.entries)
      assert.deepEqual(params.subarray(offset, offset + elements), golden(elements), name)
    assert.deepEqual(await segment(checkpoint, config.model, 'ema'), params)
    assert.ok((await segment(checkpoint, config.model, 'm')).every((value) => value === 0))
    assert.ok((await segment(checkpoint, config.model, 'v')).every((value) => value === 0))
    const table = new PuzzleTable(4, 4)
    const slots = await restore(checkpoint, config, layout, table)
    assert.deepEqual(
      slots.map(({ slot, draw, next, steps, halted }) => [slot, draw, next, steps, halted]),
      [0, 1, 2].map((slot) => [slot, 0, 0, 0, true]),
    )
    assert.equal(table.memory.rows, 2, 'rows 0 and 2 are zero in the file, so nobody trained them')
    const rows = golden(16)
    for (const id of [0, 1, 2, 3])
      assert.deepEqual(table.row(id), id % 2 === 0 ? new Float32Array(4) : rows.subarray(id * 4, id * 4 + 4))
    const states = checkpointState(checkpoint, config, layout)
    const hInit = await states.provide({ segment: 'hInit', offset: 0, length: 16 } as Parameters<
      typeof states.provide
    >[0])
    assert.ok(typeof hInit !== 'string')
    assert.deepEqual(new Float32Array(hInit.buffer), golden(4))
    const { manifest } = checkpoint
    assert.deepEqual([manifest.run, manifest.step, manifest.identityHash], ['imported', 7, identityHash(config)])
    assert.ok((await checkpoint.readRange(CARRY_FILE, 'halted', 0, 3)).every((flag) => flag === 1))
  } finally {
    await checkpoint.close()
  }
})

test('import, export, import: the same bytes; from .pt with and without the prefix of a compiled model too', async (t) => {
  const folder = folderOf(t)
  const bytesOf = (id: string): Buffer[] =>
    [DENSE_FILE, PUZZLE_FILE, CARRY_FILE].map((file) => readFileSync(join(folder, id, 'step-00000007', file)))
  await importWeights(importOptions(smallConfig(folder, 'one'), STEP_7))
  await exportWeights(exportOptions(folder, join(folder, 'one')))
  const file = await openWeights(join(folder, 'out.safetensors'))
  await file.close()
  assert.equal(file.step, 7)
  const names = file.tensors.map(({ name }) => name)
  assert.ok(names.includes('model.inner.puzzle_emb.weights') && names.every((name) => name.startsWith('model.inner.')))
  assert.deepEqual(file.tensors.find(({ name }) => name.endsWith('puzzle_emb.weights'))?.shape, [4, 4])
  assert.equal(file.tensors.find(({ name }) => name.endsWith('H_init'))?.dtype, 'BF16')
  await importWeights(importOptions(smallConfig(folder, 'two'), join(folder, 'out.safetensors')))
  assert.deepEqual(bytesOf('two'), bytesOf('one'))
  await importWeights(importOptions(smallConfig(folder, 'three'), 'test/golden/pt/plain.pt', { step: 7 }))
  assert.deepEqual(bytesOf('three'), bytesOf('one'))
  assert.ok(!readdirSync(folder).some((name) => name.includes('.tmp')))
})

test('models of the family: out under the official names, in again as the same bytes, refused where they do not fit', async (t) => {
  const folder = folderOf(t)
  const family: [string, Record<string, string>, string[], RegExp][] = [
    [
      'hrm',
      { 'model.networks': 'two', 'model.hLayers': '2', 'model.gradient': 'last', 'model.halting': 'continue' },
      ['H_init', 'L_init', 'H_level.layers.1.mlp.down_proj.weight', 'L_level.layers.0.mlp.down_proj.weight'],
      /two networks[^]*--model\.networks two[^]*--model\.hLayers 2/,
    ],
    ['one', { 'model.states': 'one' }, ['L_init'], /--model\.states one/],
    ['many', { 'model.states': 'many' }, ['H_init', 'L1_init', 'L3_init'], /--model\.states many --model\.lCycles 3/],
    [
      'answer',
      { 'model.states': 'answer', 'model.lCycles': '0' },
      ['H_init', 'H_level.layers.0.mlp.down_proj.weight'],
      /--model\.states answer --model\.lCycles 0/,
    ],
    [
      'hybrid',
      { 'model.mixer': 'hybrid', 'model.stateSize': '2', 'model.stateHead': '4' },
      [
        'L_level.layers.0.mamba_1.conv1d.weight',
        'L_level.layers.0.mamba_2.A_log',
        'L_level.layers.0.self_attn.o_proj.weight',
      ],
      /TRM-Mamba2Att[^]*--model\.mixer hybrid[^]*--model\.stateSize 2 --model\.stateHead 4/,
    ],
    ['conv', { 'model.swiglu': 'conv' }, ['L_level.layers.0.mlp.dwconv.bias'], /--model\.swiglu conv/],
  ]
  for (const [id, flags, named, remedy] of family) {
    const config = smallConfig(folder, id, flags)
    const inits = recursionOf(config.model).inits.map((name) => ({ name, shape: [4] }))
    const specs = [...layoutOf(config.model).entries, ...inits, { name: 'puzzle_emb.weights', shape: [4, 4] }]
    const { header, file } = planFile(
      specs.map(({ name, shape }) => ({ name, shape, dtype: 'F32' })),
      {},
    )
    // Every tensor starts with another number, so that none can stand for another.
    const values = file.tensors.map((tensor, i) => golden(tensorBytes(tensor) / 4).map((value) => value + i))
    const official = join(folder, `${id}.official`)
    writeFileSync(official, Buffer.concat([header, ...values.map((each) => Buffer.from(each.buffer))]))
    await importWeights(importOptions(config, official, { step: 1 }))
    const to = join(folder, `${id}.safetensors`)
    await exportWeights(exportOptions(folder, join(folder, id), { to }))
    const out = await openWeights(to)
    try {
      for (const [i, { name, shape }] of specs.entries()) {
        const tensor = out.tensors.find((each) => each.name === `model.inner.${name}`)
        const into = new Float32Array(shape.reduce((a, b) => a * b, 1))
        await tensor?.read(0, into)
        assert.deepEqual(into, values[i], `${id}: ${name}`)
      }
      assert.equal(out.tensors.length, specs.length)
      for (const name of named)
        assert.ok(
          out.tensors.some((each) => each.name === `model.inner.${name}`),
          name,
        )
    } finally {
      await out.close()
    }
    const again = { ...flags, 'run.id': `${id}-again` }
    await importWeights(importOptions(smallConfig(folder, `${id}-again`, again), to))
    const bytesOf = (run: string): Buffer[] =>
      [DENSE_FILE, PUZZLE_FILE, CARRY_FILE].map((file) => readFileSync(join(folder, run, 'step-00000001', file)))
    assert.deepEqual(bytesOf(`${id}-again`), bytesOf(id))
    await assert.rejects(
      importWeights(importOptions(smallConfig(folder, `${id}-trm`), official, { step: 1 })),
      (error) => error instanceof CheckpointRefused && remedy.test(`${error.message} ${error.remedy}`),
    )
  }
})

/** A checkpoint whose every segment differs, and whose H_init is no bf16. */
async function writeDistinct(folder: string): Promise<string> {
  await importWeights(importOptions(smallConfig(folder, 'source'), STEP_7))
  const source = await openCheckpoint(join(folder, 'source', 'step-00000007'))
  const plans = [DENSE_FILE, CARRY_FILE, PUZZLE_FILE].map((name) => ({ name, tensors: source.tensors(name) }))
  const writer = await CheckpointWriter.begin(join(folder, 'distinct'), 9, plans)
  for (const { name, tensors } of plans)
    for (const [index, tensor] of tensors.entries()) {
      const bytes = await source.readRange(name, tensor.name, 0, tensorBytes(tensor))
      if (name === DENSE_FILE) new Float32Array(bytes.buffer).fill(0.1 + index)
      await writer.write(name, tensor.name, 0, bytes)
    }
  await source.close()
  return writer.finish({ ...source.manifest, step: 9 })
}

test('export: the average, or the weights with --raw; another prefix; states that are no bf16 stay f32', async (t) => {
  const folder = folderOf(t)
  const dir = await writeDistinct(folder)
  const layout = layoutOf(smallConfig(folder, 'x').model)
  for (const raw of [false, true]) {
    const to = join(folder, `${raw ? 'raw' : 'ema'}.safetensors`)
    await exportWeights(exportOptions(folder, dir, { raw, to, prefix: 'p.', puzzles: 6 }))
    const file = await openWeights(to)
    try {
      const first = layout.entries[0]
      assert.ok(first)
      const into = new Float32Array(first.elements)
      await file.tensors.find(({ name }) => name === `p.${first.name}`)?.read(0, into)
      assert.ok(into.every((value) => value === Math.fround(0.1 + (raw ? 0 : layout.entries.length))))
      assert.equal(file.tensors.find(({ name }) => name === 'p.H_init')?.dtype, 'F32')
      const table = file.tensors.find(({ name }) => name === 'p.puzzle_emb.weights')
      assert.deepEqual(table?.shape, [6, 4])
      const rows = new Float32Array(24).fill(9)
      await table?.read(0, rows)
      const expected = golden(24).map((value, i) => (i < 16 && i % 8 >= 4 ? value : 0))
      assert.deepEqual(rows, expected)
    } finally {
      await file.close()
    }
  }
})

test('a table of another size is taken as its mean row, if asked, and that is said', async (t) => {
  const folder = folderOf(t)
  const config = smallConfig(folder, 'other', { 'data.augmentations': '1' })
  const out = keepLines()
  await importWeights(importOptions(config, STEP_7, { out, meanRow: true }))
  assert.match(
    out.lines.join('\n'),
    /4 rows, but the data has 3 puzzles: every puzzle begins at the mean of those rows/,
  )
  const checkpoint = await openCheckpoint(join(folder, 'other', 'step-00000007'))
  try {
    const table = new PuzzleTable(3, 4)
    await restore(checkpoint, config, layoutOf(config.model), table)
    const rows = golden(16)
    // The mean over all four rows of the file; two of them are zero.
    const mean = Float32Array.from({ length: 4 }, (_, i) => (rows[4 + i]! + rows[12 + i]!) / 4)
    for (const id of [0, 1, 2]) assert.deepEqual(table.row(id), mean)
    assert.equal(table.memory.rows, 1)
    table.apply([2], Float32Array.of(1, -1, 0, 0), 0.5, 0)
    assert.deepEqual(table.row(2), Float32Array.of(mean[0]! - 0.5, mean[1]! + 0.5, mean[2]!, mean[3]!))
    assert.deepEqual(table.row(1), mean, 'a row that is trained begins at the mean, and is its own from then on')
  } finally {
    await checkpoint.close()
  }
  // Where the sizes agree, the rows are taken as they are.
  await importWeights(importOptions(smallConfig(folder, 'same'), STEP_7, { meanRow: true }))
  await importWeights(importOptions(smallConfig(folder, 'plain'), STEP_7))
  const table = (id: string): Buffer => readFileSync(join(folder, id, 'step-00000007', PUZZLE_FILE))
  assert.deepEqual(table('same'), table('plain'))
})

test('what import refuses, and that it leaves nothing behind', async (t) => {
  const folder = folderOf(t)
  const config = smallConfig(folder, 'run')
  const rejects = async (
    options: Parameters<typeof importWeights>[0],
    kind: typeof ConfigError | typeof CheckpointRefused,
    why: RegExp,
  ): Promise<void> =>
    assert.rejects(
      importWeights(options),
      (error) => error instanceof kind && why.test(`${error.message}\n${error.remedy}`),
    )
  await rejects(importOptions(config, 'test/golden/pt/plain.pt'), ConfigError, /does not say[^]*--step/)
  const other = smallConfig(folder, 'run', { 'data.augmentations': '1' })
  await rejects(
    importOptions(other, STEP_7),
    CheckpointRefused,
    /has 4 rows, the data has 3 puzzles[^]*--data[^]*--mean-row/,
  )
  const wide = smallConfig(folder, 'run', { 'model.hidden': '8', 'model.layers': '2' })
  await rejects(
    importOptions(wide, STEP_7),
    CheckpointRefused,
    /lm_head\.weight is 12x4, the network has 12x8[^]*layers\.1\.mlp\.down_proj\.weight \(8x256\) is missing[^]*--model\.hidden 4 --model\.layers 1/,
  )
  await rejects(
    importOptions(config, 'test/golden/pt/kinds.pt', { step: 1 }),
    CheckpointRefused,
    /"turned bf16" \(6x4\) is not of this network/,
  )
  assert.ok(!existsSync(join(folder, 'run')))
  const out = keepLines()
  await importWeights(importOptions(config, STEP_7, { signal: stopped, out }))
  assert.deepEqual([out.lines, existsSync(join(folder, 'run'))], [['stopped; nothing was kept'], false])
  await importWeights(importOptions(config, STEP_7))
  await rejects(importOptions(config, STEP_7, { step: 8 }), ConfigError, /run run has checkpoints of its own[^]*--run/)
})

test('what export refuses', async (t) => {
  const folder = folderOf(t)
  await importWeights(importOptions(smallConfig(folder, 'run'), STEP_7))
  const rejects = async (more: Parameters<typeof exportOptions>[2], why: RegExp): Promise<void> =>
    assert.rejects(exportWeights(exportOptions(folder, join(folder, 'run'), more)), why)
  await rejects({ checkpoint: folder }, /is no checkpoint and holds none/)
  await rejects({ puzzles: 3 }, /holds ids that are not of a table of 3 rows/)
  await rejects({ to: join(folder, 'absent', 'x') }, /could not write/)
  await rejects({ data: 'concept-arc' }, /./)
  copyFileSync(STEP_7, join(folder, 'out.safetensors'))
  await rejects({}, /exists already/)
  assert.deepEqual(readdirSync(folder).sort(), ['out.safetensors', 'run'])
})

test('names: every wrapper comes off, nothing else', () => {
  const names: [string, string][] = [
    ['_orig_mod.model.inner.H_init', 'H_init'],
    ['model.inner.lm_head.weight', 'lm_head.weight'],
    ['module._orig_mod.model.inner.lm_head.weight', 'lm_head.weight'],
    ['inner.L_level._orig_mod.layers.0.mlp.down_proj.weight', 'L_level.layers.0.mlp.down_proj.weight'],
    ['lm_head.weight', 'lm_head.weight'],
    ['model_ema.lm_head.weight', 'model_ema.lm_head.weight'],
  ]
  for (const [name, plain] of names) assert.equal(plainName(name), plain)
  const { model } = smallConfig('.', 'x')
  const tensors = [
    { name: 'model.lm_head.weight', shape: [12, 4] },
    { name: 'inner.lm_head.weight', shape: [12, 4] },
  ]
  assert.throws(() => fitWeights(tensors, model, 'f'), /"model\.lm_head\.weight" and "inner\.lm_head\.weight" are both/)
})

test('the shapes of every preset tell which preset they are of', () => {
  for (const preset of PRESET_NAMES) {
    const { model } = compileConfig({ preset, env: {}, flags: {} })
    const rows = { arc1: 876406, arc2: 1191730 }[preset as string] ?? 1
    const tensors = [
      ...layoutOf(model).entries.map(({ name, shape }) => ({ name, shape })),
      { name: 'puzzle_emb.weights', shape: [rows, model.puzzleEmbDim] },
    ]
    const found = inferModel(new Map(tensors.map((tensor) => [tensor.name, tensor])))
    assert.ok(found)
    // The first of those that have the same tensors.
    const first = preset === 'sudoku-speed' || preset === 'sudoku-cgar' ? 'sudoku-mlp' : preset
    assert.equal(presetsThatFit(found)[0], first)
    assert.ok(presetsThatFit(found).includes(preset))
  }
})
