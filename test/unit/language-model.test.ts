// The language model that TRM is set beside: its gradients against finite differences, its cache against full
// recomputation, adapters against the model they adapt, and that nothing leaks.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import * as tf from '@tensorflow/tfjs-core'
import { adapterParametersOf, LANGUAGE_SHAPES, parametersOf, SHAPE_8B } from '../../shared/language/shape.js'
import type { LanguageShape, Tuning } from '../../shared/language/shape.js'
import { rngFor } from '../../shared/rng/counter.js'
import { selectBackend } from '../../worker/backends/choose.js'
import { AdamW } from '../../worker/baseline/adamw.js'
import { generate } from '../../worker/baseline/generate.js'
import { LanguageModel } from '../../worker/baseline/language-model.js'
import { ParameterGradients } from '../../worker/baseline/projection.js'
import {
  disposeWeights,
  randomWeights,
  replaceValue,
  type LanguageWeights,
  type Parameter,
} from '../../worker/baseline/weights.js'

const SMALL: LanguageShape = { layers: 2, width: 8, heads: 2, keyHeads: 2, inner: 12, vocab: 17, tied: true }
const tokensOf = (length: number, vocab = SMALL.vocab): Int32Array => {
  const rng = rngFor(5, 'test-tokens')
  return Int32Array.from({ length }, () => rng.u32() % vocab)
}

/** Somewhere no factor is 1 or 0: gains off 1, adapters off 0. */
function disturb(weights: LanguageWeights, by = 0.3): void {
  const rng = rngFor(6, 'test-disturb')
  for (const parameter of weights.all) {
    const values = parameter.value.dataSync<'float32'>().map((x) => x + by * (rng.uniform() - 0.5))
    replaceValue(parameter, tf.tensor2d(values, parameter.value.shape))
  }
}

function lossOf(model: LanguageModel, tokens: Int32Array): number {
  const gradients = new ParameterGradients()
  const loss = model.train(tokens, 1, gradients)
  gradients.dispose()
  return loss
}

const logitsOf = (model: LanguageModel, tokens: Int32Array): Float32Array => {
  const h = model.hidden(tokens)
  const logits = model.logits(h)
  const values = logits.dataSync<'float32'>().slice()
  tf.dispose([h, logits])
  return values
}

const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  assert.equal(a.length, b.length)
  let worst = 0
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs((a[i] as number) - (b[i] as number)))
  return worst
}

const bestOf = (row: Float32Array): number => row.indexOf(Math.max(...row))

describe('the language model', () => {
  before(() => selectBackend('wasm', { root: '.' }))

  for (const tuning of ['full', 'lora'] as const satisfies Tuning[])
    for (const recompute of [false, true])
      test(`gradients equal finite differences: ${tuning}${recompute ? ', layers computed twice' : ''}`, () => {
        const weights = randomWeights(SMALL, tuning, 1)
        disturb(weights)
        const model = new LanguageModel(SMALL, weights, recompute)
        const tokens = tokensOf(9)
        const gradients = new ParameterGradients()
        model.train(tokens, 1, gradients)
        const trained = weights.all.filter((parameter) => parameter.trained)
        assert.equal(trained.length, tuning === 'full' ? weights.all.length : 2 * 7 * SMALL.layers)
        for (const parameter of trained) {
          const gradient = gradients.take(parameter)
          assert.deepEqual(gradient.shape, parameter.value.shape)
          checkAlong(parameter, gradient.dataSync<'float32'>(), () => lossOf(model, tokens))
          gradient.dispose()
        }
      })

  /** The derivative in the direction of the gradient is its length; in another direction, its share. */
  function checkAlong(parameter: Parameter, gradient: Float32Array, loss: () => number): void {
    const at = parameter.value.dataSync<'float32'>().slice()
    const length = Math.hypot(...gradient)
    const rng = rngFor(parameter.id, 'test-direction')
    const random = gradient.map(() => rng.uniform() - 0.5)
    assert.ok(length > 1e-7, `parameter ${parameter.id} has no gradient`)
    for (const direction of [gradient, random]) {
      const norm = Math.hypot(...direction)
      const expected = direction.reduce((sum, d, i) => sum + (d / norm) * (gradient[i] as number), 0)
      const step = 2e-2
      const [up, down] = [step, -step].map((by) => {
        replaceValue(
          parameter,
          tf.tensor2d(
            at.map((x, i) => x + (by * (direction[i] as number)) / norm),
            parameter.value.shape,
          ),
        )
        return loss()
      }) as [number, number]
      replaceValue(parameter, tf.tensor2d(at, parameter.value.shape))
      const measured = (up - down) / (2 * step)
      const error = Math.abs(measured - expected)
      assert.ok(error < 5e-5 + 0.02 * length, `parameter ${parameter.id}: ${measured} measured, ${expected} computed`)
    }
  }

  test('nothing after a token changes what is said there, across blocks of queries too', () => {
    const shape = { ...SMALL, layers: 1 }
    const model = new LanguageModel(shape, randomWeights(shape, 'full', 2))
    const tokens = tokensOf(530)
    const changed = tokens.slice()
    changed[520] = (tokens[520]! + 1) % SMALL.vocab
    const [a, b] = [logitsOf(model, tokens), logitsOf(model, changed)]
    const at = 520 * SMALL.vocab
    assert.equal(largestDifference(a.subarray(0, at), b.subarray(0, at)), 0)
    assert.ok(largestDifference(a.subarray(at), b.subarray(at)) > 1e-3)
  })

  test('generation with a cache says what full recomputation says', () => {
    for (const [tuning, prompt] of [
      ['full', 5],
      ['lora', 515],
    ] as const) {
      const weights = randomWeights(SMALL, tuning, 3)
      disturb(weights, 4)
      const model = new LanguageModel(SMALL, weights)
      const { tokens } = generate(model, tokensOf(prompt), 6, () => 0)
      const naive = [...tokensOf(prompt)]
      for (let i = 0; i < 6; i++) naive.push(bestOf(logitsOf(model, Int32Array.from(naive)).slice(-SMALL.vocab)))
      assert.deepEqual(tokens, naive.slice(prompt), tuning)
      assert.ok(new Set(tokens).size > 1, 'a sequence of one token proves little')
    }
  })

  test('adapters that are still zero change nothing, and only they learn', () => {
    const [full, lora] = (['full', 'lora'] as const).map((tuning) => randomWeights(SMALL, tuning, 4)) as [
      LanguageWeights,
      LanguageWeights,
    ]
    // The same base weights, whatever each drew.
    const bases = lora.all.filter(({ trained }) => !trained)
    assert.equal(bases.length, full.all.length)
    bases.forEach((base, i) => replaceValue(base, tf.clone(full.all[i]!.value)))
    const tokens = tokensOf(12)
    const [of, adapted] = [new LanguageModel(SMALL, full), new LanguageModel(SMALL, lora)]
    assert.ok(largestDifference(logitsOf(of, tokens), logitsOf(adapted, tokens)) === 0)
    const before = bases.map(({ value }) => value.dataSync<'float32'>().slice())
    const optimizer = new AdamW()
    const first = lossOf(adapted, tokens)
    for (let step = 0; step < 20; step++) {
      const gradients = new ParameterGradients()
      adapted.train(tokens, 1, gradients)
      optimizer.update(lora.all, gradients)
    }
    assert.ok(lossOf(adapted, tokens) < first - 0.02, `${lossOf(adapted, tokens)} after ${first}`)
    bases.forEach(({ value }, i) => assert.deepEqual(value.dataSync(), before[i]))
  })

  test('a step and a generation leave nothing on the device', () => {
    const weights = randomWeights(SMALL, 'full', 5)
    const model = new LanguageModel(SMALL, weights)
    const optimizer = new AdamW()
    const step = (): void => {
      const gradients = new ParameterGradients()
      model.train(tokensOf(8), 1, gradients)
      optimizer.update(weights.all, gradients)
      generate(model, tokensOf(8), 3, () => 0)
    }
    step()
    const { numTensors } = tf.memory()
    step()
    assert.equal(tf.memory().numTensors, numTensors)
    const others = numTensors
    optimizer.dispose()
    model.dispose()
    disposeWeights(weights)
    assert.ok(tf.memory().numTensors < others)
  })

  test('sizes are what they are called, and counts are those of the weights', () => {
    const weights = randomWeights(SMALL, 'lora', 6)
    const count = (trained: boolean): number =>
      weights.all.filter((one) => one.trained === trained).reduce((sum, { value }) => sum + value.size, 0)
    assert.equal(count(false), parametersOf(SMALL))
    assert.equal(count(true), adapterParametersOf(SMALL))
    const millions = { '15m': 15, '60m': 60, '160m': 160, '400m': 400, '1b': 1000 }
    for (const [size, expected] of Object.entries(millions)) {
      const have = parametersOf(LANGUAGE_SHAPES[size as keyof typeof LANGUAGE_SHAPES]) / 1e6
      assert.ok(Math.abs(have / expected - 1) < 0.09, `${size}: ${have} million`)
    }
    assert.equal(parametersOf(SHAPE_8B), 8_030_261_248) // as published with Llama 3 8B
  })
})
