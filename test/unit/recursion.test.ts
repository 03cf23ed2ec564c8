// The recursions as tables: who is called with what, and how much of it is differentiated.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { callsOf, layersOf, recursionOf, type Call, type Term } from '../../shared/recursion.js'

const named = (term: Term): string => (term === 'x' ? 'x' : term === 0 ? 'y' : `z${term}`)
const text = ({ network, reads, adds, writes }: Call): string =>
  `${named(writes)} = ${network}(${[...reads, ...adds].map(named).join(' + ')})`

const modelOf = (flags: Readonly<Record<string, string>>): ModelConfig =>
  compileConfig({ preset: 'tiny', env: {}, flags: { 'model.hCycles': '2', 'model.lCycles': '2', ...flags } }).model

const TABLE: [string, Record<string, string>, string[], string[], number][] = [
  ['TRM', {}, ['H_init', 'L_init'], ['z1 = L(z1 + y + x)', 'z1 = L(z1 + y + x)', 'y = L(y + z1)'], 3],
  [
    'HRM',
    { 'model.networks': 'two', 'model.gradient': 'last' },
    ['H_init', 'L_init'],
    ['z1 = L(z1 + y + x)', 'z1 = L(z1 + y + x)', 'y = H(y + z1)'],
    2,
  ],
  ['one state', { 'model.states': 'one' }, ['L_init'], ['y = L(y + x)', 'y = L(y + x)', 'y = L(y)'], 3],
  [
    'a thought per L cycle',
    { 'model.states': 'many', 'model.gradedCycles': '2' },
    ['H_init', 'L1_init', 'L2_init'],
    ['z1 = L(z1 + z2 + y + x)', 'z2 = L(z1 + z2 + y + x)', 'y = L(y + z1 + z2)'],
    6,
  ],
  ['the answer alone', { 'model.states': 'answer', 'model.lCycles': '0' }, ['H_init'], ['y = H(y + x)'], 1],
]

for (const [name, flags, inits, cycle, graded] of TABLE)
  test(`${name}: calls, states and gradient`, () => {
    const model = modelOf(flags)
    const recursion = recursionOf(model)
    assert.deepEqual(recursion.inits, inits)
    assert.deepEqual(recursion.cycle.map(text), cycle)
    assert.equal(recursion.graded, graded)
    assert.deepEqual(callsOf(model).map(text), [...cycle, ...cycle])
  })

test('the networks have the official names, and their own numbers of layers', () => {
  const layersNamed = (flags: Readonly<Record<string, string>>): string[] => {
    const names = layoutOf(modelOf(flags)).entries.map(({ name }) => name.split('.').slice(0, 3).join('.'))
    return [...new Set(names.filter((name) => name.includes('_level')))]
  }
  assert.deepEqual(layersNamed({}), ['L_level.layers.0', 'L_level.layers.1'])
  assert.deepEqual(layersNamed({ 'model.networks': 'two', 'model.layers': '1', 'model.hLayers': '2' }), [
    'H_level.layers.0',
    'H_level.layers.1',
    'L_level.layers.0',
  ])
  assert.deepEqual(layersOf(modelOf({ 'model.networks': 'two' })), { H: 2, L: 2 })
  assert.deepEqual(layersNamed({ 'model.states': 'answer', 'model.lCycles': '0', 'model.layers': '1' }), [
    'H_level.layers.0',
  ])
})

test('settings of the network that contradict each other are refused', () => {
  const refused: [Record<string, string>, RegExp][] = [
    [{ 'model.hLayers': '2' }, /model\.hLayers \(2\) must be 0/],
    [{ 'model.networks': 'two', 'model.states': 'one' }, /model\.networks two needs/],
    [{ 'model.states': 'answer' }, /model\.lCycles \(2\) must be 0/],
    [{ 'model.gradedCycles': '3' }, /model\.gradedCycles \(3\) must be at most/],
    [{ 'model.gradedCycles': '2', 'model.gradient': 'last' }, /must be 1 with model\.gradient last/],
    [{ 'model.lCycles': '0' }, /model\.lCycles must be at least 1/],
  ]
  for (const [flags, why] of refused) assert.throws(() => modelOf(flags), why)
})
