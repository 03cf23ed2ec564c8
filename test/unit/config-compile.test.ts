// Compiling the configuration: precedence, complete reports of what is wrong, derived values, identity.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig, printConfig } from '../../shared/config/compile.js'
import type { Layers } from '../../shared/config/compile.js'
import { canonicalJson, identityDifferences, identityHash, identityOf } from '../../shared/config/identity.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { PRESETS } from '../../shared/config/presets.js'
import { SETTINGS } from '../../shared/config/schema.js'
import { ConfigError } from '../../shared/errors.js'

const compile = (layers: Partial<Layers> = {}): RunConfig =>
  compileConfig({ preset: 'tiny', env: {}, flags: {}, ...layers })
const file = (value: unknown): Layers['file'] & object => ({
  path: 'run.json',
  text: typeof value === 'string' ? value : JSON.stringify(value),
})

function refusal(layers: Partial<Layers>): string {
  try {
    compile(layers)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.notEqual(error.remedy, '')
    return error.message
  }
  return assert.fail('the configuration was accepted')
}

test('flags beat the environment, which beats the file, which beats the preset', () => {
  const steps = (layers: Partial<Layers>): number => compile(layers).train.steps
  const layers = {
    file: file({ train: { steps: 11 } }),
    env: { TRMESH_TRAIN_STEPS: '12' },
    flags: { 'train.steps': '13' },
  }
  assert.equal(steps(layers), 13)
  assert.equal(steps({ ...layers, flags: {} }), 12)
  assert.equal(steps({ file: layers.file }), 11)
  assert.equal(steps({}), PRESETS.tiny.train.steps)
})

test('the preset itself follows the same precedence, and its values stay below the file', () => {
  const layers = {
    file: file({ preset: 'maze', model: { hidden: 256 } }),
    env: { TRMESH_PRESET: 'arc2' },
    flags: { preset: 'arc1' },
  }
  assert.equal(compile(layers).preset, 'arc1')
  assert.equal(compile(layers).model.hidden, 256)
  assert.equal(compile({ ...layers, flags: {} }).preset, 'arc2')
  assert.equal(compile({ file: layers.file }).model.vocab, 6)
})

test('all problems are reported at once, each with its value and where it came from', () => {
  const message = refusal({
    file: file({ model: { hidden: 0, mixer: 'lstm' }, train: { lr: '1e-3', stepz: 5 } }),
    env: { TRMESH_TRAIN_SLOTS: 'many', TRMESH_MODLE_HEADS: '2' },
    flags: { 'data.canvas': '31', 'run.id': 'a b' },
  })
  assert.match(message, /^8 problems/)
  assert.match(message, /model\.hidden is 0 \(run\.json\); it must be an integer from 2/)
  assert.match(message, /model\.mixer is "lstm" \(run\.json\); it must be one of attention, mlp/)
  assert.match(message, /train\.lr is "1e-3" \(run\.json\); it must be a number/)
  assert.match(message, /train\.stepz \(run\.json\) is not a setting; did you mean train\.steps\?/)
  assert.match(message, /train\.slots is "many" \(TRMESH_TRAIN_SLOTS\)/)
  assert.match(message, /TRMESH_MODLE_HEADS \(environment\) is not a setting; did you mean TRMESH_MODEL_HEADS\?/)
  assert.match(message, /data\.canvas is 31 \(--data\.canvas\); it must be an integer from 1 to 30/)
  assert.match(message, /run\.id is "a b" \(--run\.id\)/)
})

test('settings that disagree are all named', () => {
  const message = refusal({
    flags: {
      'model.hidden': '100',
      'model.heads': '3',
      'model.puzzleEmbDim': '401',
      'reduce.bucketBytes': '1002',
      'reduce.inFlightBytes': '1000',
      'cluster.heartbeatMs': '5000',
      'cluster.minWorkers': '33',
    },
  })
  assert.match(message, /^6 problems/)
  for (const key of [
    'model.heads',
    'puzzleEmbDim (401)',
    'multiple of 4',
    'inFlightBytes',
    'deadAfterMs',
    'minWorkers',
  ])
    assert.ok(message.includes(key), key)
})

const disagreements: [string, Record<string, string>, RegExp][] = [
  ['odd head size', { 'model.hidden': '12', 'model.puzzleEmbDim': '12' }, /must be even/],
  ['rope for the mixer', { 'model.mixer': 'mlp' }, /positions to none/],
  ['half a puzzle embedding', { 'model.puzzleEmbDim': '0' }, /must both be 0/],
  [
    'local steps in mode exact',
    { 'reduce.localSteps': '4', 'reduce.mode': 'exact' },
    /localSteps \(4\) must be 1 for reduce\.mode exact/,
  ],
  ['half a round at the end', { 'reduce.localSteps': '16', 'train.steps': '100' }, /multiple of .*: set it to 112/],
  ['canvas of a generated Sudoku', { preset: 'sudoku-4x4', 'data.canvas': '8' }, /source generated it may be 4, 6, 9/],
  ['canvas of a Sudoku', { preset: 'sudoku-att', 'data.canvas': '8' }, /must be 9 for data\.kind sudoku/],
  ['trimmed boards', { preset: 'maze-7x7', 'model.trim': '10' }, /model\.trim \(10\) must be 0 for data\.kind maze/],
  [
    'a trimmed mixer',
    { 'model.trim': '5', 'model.mixer': 'mlp', 'model.positions': 'none' },
    /takes samples of any length/,
  ],
  ['margins of nothing', { 'model.trimMargin': '2' }, /model\.trimMargin \(2\) must be 0 with model\.trim 0/],
  ['relabeled nothing', { preset: 'sudoku-6x6', 'evaluate.relabel': 'on' }, /evaluate\.relabel has no effect with evaluate\.rollouts 0/], // prettier-ignore
  ['relabeled ARC', { 'evaluate.relabel': 'on', 'evaluate.rollouts': '2' }, /must be off for data\.kind arc/],
  ['equal rollouts', { 'evaluate.sigma': '0', 'evaluate.rollouts': '2' }, /all would answer alike/],
  [
    'more views than there are',
    { preset: 'maze-7x7', 'evaluate.sigma': '0', 'evaluate.rollouts': '9', 'evaluate.relabel': 'on' },
    /must be at most 8 with evaluate\.sigma 0/,
  ],
  ['trimmed learned positions', { 'model.trim': '5', 'model.positions': 'learned' }, /takes samples of any length/],
  ['mazes for ARC', { 'data.source': 'maze-hard' }, /holds no arc tasks/],
]
for (const [name, flags, expected] of disagreements)
  test(`refused: ${name}`, () => assert.match(refusal({ flags }), expected))

test('a broken file is one problem with line and column, beside the others', () => {
  assert.match(refusal({ file: file('{\n  "model": {,}\n}') }), /^run\.json:2:13 is not JSON: expected a key/)
  assert.match(refusal({ file: file('{"a": 1, "a": 2}') }), /run\.json:1:10 .*given twice/)
  assert.match(refusal({ file: file('[]') }), /must be a JSON object/)
  assert.match(refusal({ file: file({ model: 5 }) }), /model \(run\.json\) is 5; it must be an object/)
  assert.match(refusal({ file: file('{'), flags: { 'model.hidden': 'x' } }), /^2 problems/)
  assert.match(refusal({ file: file({ model: { vocab: 3 } }) }), /derived from data\.kind/)
  assert.match(refusal({ file: file('{"__proto__": {"a": 1}}') }), /is not a setting/)
})

test('a file far longer than any configuration is not read', () => {
  const file = { path: 'run.json', text: `{"run":{"id":"${'x'.repeat(12_000_000)}"}}` }
  const start = performance.now()
  const name = { path: 'run.json', text: `{"${'x'.repeat(60_000)}":1}` }
  assert.match(refusal({ file: name }), /is not a setting/)
  assert.ok(performance.now() - start < 1000, 'a name of any length is compared with none')
  assert.match(refusal({ file }), /run\.json has \d+ characters: that is no configuration/)
})

test('a key without its section finds the section', () => {
  assert.match(refusal({ file: file({ hidden: 64 }) }), /did you mean model\.hidden\?/)
})

test('variables of Kubernetes service links are no settings', () => {
  compile({ env: { TRMESH_COORDINATOR_SERVICE_HOST: '10.0.0.1', TRMESH_COORDINATOR_PORT_4222_TCP: 'tcp://10.0.0.1' } })
  compile({ env: { TRMESH_NO_TENSORFLOW: '1', TRMESH_TENSORFLOW_WHEEL: 'a.whl' } })
})

test('vocabulary and sequence length follow from the data', () => {
  const derived = (flags: Record<string, string>): number[] => {
    const { model } = compile({ flags })
    return [model.vocab, model.seqLen]
  }
  assert.deepEqual(derived({ 'data.canvas': '12' }), [12, 144])
  assert.deepEqual(derived({ preset: 'sudoku-mlp' }), [11, 81])
  assert.deepEqual(derived({ preset: 'maze' }), [6, 900])
})

test('the configuration is frozen throughout', () => {
  const config = compile() as { train: { steps: number } }
  assert.throws(() => (config.train.steps = 1), TypeError)
})

test('only paths are made absolute, and only those that were given', () => {
  const config = compile({
    flags: { 'data.source': 'tasks', 'bus.credentials': '' },
    file: file({ run: { dir: 'runs' } }),
    absolute: (path) => `/here/${path}`,
  })
  assert.equal(config.data.source, '/here/tasks')
  assert.equal(config.run.dir, '/here/runs')
  assert.equal(config.bus.credentials, '')
  assert.equal(compile({ flags: { preset: 'arc1' }, absolute: () => '/wrong' }).data.source, 'arc-agi-1')
})

test('what is printed lacks what is derived, and reads back', () => {
  const config = compile({ flags: { preset: 'maze', 'train.lr': '3e-5' } })
  const text = printConfig(config)
  assert.ok(!text.includes('vocab'))
  assert.deepEqual(compile({ file: file(text) }), config)
})

test('the identity holds what the mathematics depends on, and nothing else', () => {
  const hash = (flags: Record<string, string>): string => identityHash(compile({ flags }))
  const ours = hash({})
  const same: Record<string, string>[] = [
    { 'bus.url': 'nats://other:4222' },
    { 'run.dir': 'elsewhere' },
    { 'checkpoint.everySteps': '7' },
    { 'train.steps': '99' },
    { 'reduce.topology': 'star' },
    { 'metrics.port': '9000' },
    { 'reduce.group': '2' },
    { 'reduce.outerLr': '1' },
    { 'cluster.minWorkers': '2' },
  ]
  for (const flags of same) assert.equal(hash(flags), ours, JSON.stringify(flags))
  const different: Record<string, string>[] = [
    { 'run.seed': '1' },
    { 'model.hCycles': '5' },
    { 'train.lr': '0.0123' },
    { 'data.canvas': '9' },
    { 'reduce.wire': 'f32' },
    { 'reduce.mode': 'exact' },
    { 'reduce.localSteps': '4' },
    { 'train.lrMinRatio': '0.5' },
  ]
  for (const flags of different) assert.notEqual(hash(flags), ours, JSON.stringify(flags))
  const exact = { 'reduce.mode': 'exact' }
  assert.notEqual(hash(exact), hash({ ...exact, 'reduce.group': '2' }))
  const local = { 'reduce.localSteps': '4' }
  assert.notEqual(hash(local), hash({ ...local, 'reduce.outerLr': '1' }))
  const decaying = { 'train.lrMinRatio': '0.5' }
  assert.notEqual(hash(decaying), hash({ ...decaying, 'train.steps': '99' }))
  assert.equal(hash({ 'data.source': 'a' }), hash({ 'data.source': 'b' }))
})

test('two identities say where they differ', () => {
  const a = identityOf(compile())
  const b = identityOf(compile({ flags: { 'model.heads': '2', 'run.seed': '3' } }))
  assert.deepEqual(identityDifferences(a, b), ['seed (0, here 3)', 'model.heads (4, here 2)'])
  assert.deepEqual(identityDifferences(a, a), [])
})

test('canonical JSON does not depend on the order of keys', () => {
  assert.equal(canonicalJson({ b: [1, { d: 2, c: null }], a: 'x' }), '{"a":"x","b":[1,{"c":null,"d":2}]}')
})

test('adding a setting is a decision: keys, variables and short flags', () => {
  assert.equal(SETTINGS.length, 110)
  assert.equal(new Set(SETTINGS.map((setting) => setting.env)).size, SETTINGS.length)
  assert.deepEqual(
    SETTINGS.filter((setting) => setting.alias !== undefined).map((setting) => `--${setting.alias} ${setting.env}`),
    [
      '--preset TRMESH_PRESET',
      '--run TRMESH_RUN_ID',
      '--seed TRMESH_RUN_SEED',
      '--data TRMESH_DATA_SOURCE',
      '--canvas TRMESH_DATA_CANVAS',
      '--slots TRMESH_TRAIN_SLOTS',
      '--steps TRMESH_TRAIN_STEPS',
      '--rollouts TRMESH_EVALUATE_ROLLOUTS',
      '--nats TRMESH_BUS_URL',
      '--credentials TRMESH_BUS_CREDENTIALS',
      '--ca TRMESH_BUS_CA',
      '--metrics-port TRMESH_METRICS_PORT',
    ],
  )
})
