// The table of sub-layers: what a network of each kind is called and costs, and where Mamba-2's parameters begin.
import assert from 'node:assert/strict'
import test from 'node:test'
import { compileConfig } from '../../shared/config/compile.js'
import { modelName } from '../../shared/config/model-name.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { initialParams, inverseSoftplus } from '../../shared/gradients/init.js'
import { layoutOf, positionsOf } from '../../shared/gradients/layout.js'
import { subLayersOf } from '../../shared/sub-layers.js'

const modelOf = (
  preset: 'arc1' | 'hybrid-arc1' | 'urm-arc1',
  flags: Readonly<Record<string, string>> = {},
): ModelConfig => compileConfig({ preset, env: {}, flags }).model

test('names say what is in a layer', () => {
  assert.equal(modelName(modelOf('arc1')), 'TRM-Att')
  assert.equal(modelName(modelOf('hybrid-arc1')), 'TRM-Mamba2Att')
  assert.equal(
    modelName(modelOf('hybrid-arc1', { 'model.scan': 'bidirectional' })),
    'TRM-Mamba2Att (bidirectional scan)',
  )
  assert.equal(modelName(modelOf('arc1', { 'model.swiglu': 'conv' })), 'TRM-Att (ConvSwiGLU)')
  assert.equal(modelName(modelOf('urm-arc1')), 'URM')
})

test('Mamba-2 costs its projections and two products for each state, twice in both directions', () => {
  const flops = (scan: ModelConfig['scan']): number => {
    const model = modelOf('hybrid-arc1', { 'model.scan': scan })
    return subLayersOf(model, positionsOf(model)).find(({ kind }) => kind === 'mamba')?.flops ?? NaN
  }
  const scan = 4 * 916 * 1024 * 128
  assert.equal(flops('causal'), 2 * 916 * 512 * (2320 + 1024) + scan)
  assert.equal(flops('bidirectional') - flops('causal'), scan)
})

test('Mamba-2 begins as published: A in 1..16, steps in 0.001..0.1, D and gains 1, taps within 1/sqrt(4)', () => {
  const layout = layoutOf(modelOf('hybrid-arc1'))
  const params = initialParams(layout, 7)
  const check = (suffix: string, holds: (value: number) => boolean): void => {
    const found = layout.entries.filter(({ name }) => name.endsWith(suffix))
    assert.equal(found.length, 2, suffix)
    for (const { name, offset, elements } of found) {
      const values = params.slice(offset, offset + elements)
      assert.ok(values.every(holds), name)
      if (!['.D', 'norm.weight'].includes(suffix)) assert.ok(new Set(values).size > elements / 2, `${name} is drawn`)
    }
  }
  check('.A_log', (value) => Math.exp(value) >= 0.999999 && Math.exp(value) <= 16.00001)
  check('.dt_bias', (value) => Math.log1p(Math.exp(value)) > 0.000999 && Math.log1p(Math.exp(value)) < 0.10001)
  check('.D', (value) => value === 1)
  check('norm.weight', (value) => value === 1)
  check('conv1d.weight', (value) => Math.abs(value) <= 0.5)
  check('conv1d.bias', (value) => Math.abs(value) <= 0.5)
})

test('softplus undoes its inverse, for small numbers too', () => {
  for (const x of [1e-6, 1e-3, 0.1, 1, 30])
    assert.ok(Math.abs(Math.log1p(Math.exp(inverseSoftplus(x))) / x - 1) < 1e-9, `${x}`)
})
