import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CheckpointRefused } from '../../shared/errors.js'
import { checkMatches, climb, manifestOf, manifestText, parseManifest } from '../../shared/checkpoint/manifest.js'
import { manifestFor } from '../helpers/checkpoints.js'

const FILES = [{ name: 'dense.safetensors', bytes: 7, sha256: 'a'.repeat(64) }]
const whole = manifestOf({ ...manifestFor(60), evaluation: { score: 0.25, details: { pass1: 0.2 } } }, FILES)

test('a manifest reads back as it was written', () => {
  assert.deepEqual(parseManifest(manifestText(whole), 'm'), whole)
  const bare = manifestOf(manifestFor(60), FILES)
  assert.deepEqual(parseManifest(manifestText(bare), 'm'), bare)
})

const bad: [string, object, RegExp][] = [
  ['another program', { kind: 'x' }, /m: manifest.kind/],
  ['a step that is no count', { step: -1 }, /manifest.step/],
  ['a file outside the folder', { files: [{ ...FILES[0], name: '../x' }] }, /manifest.files\[0\].name/],
  ['a short hash', { files: [{ ...FILES[0], sha256: 'abc' }] }, /manifest.files\[0\].sha256/],
  ['a file twice', { files: [FILES[0], FILES[0]] }, /listed twice/],
  ['slots out of order', { slots: whole.slots.toReversed() }, /slot 1 stands at place 0/],
  ['a score that is none', { evaluation: { score: null, details: {} } }, /manifest.evaluation.score/],
  ['no configuration', { config: [] }, /manifest.config/],
  ['a later format', { format: 2 }, /format 2, we read up to 1/],
  ['no format', { format: 'x' }, /format "x"/],
]
for (const [what, change, why] of bad) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => parseManifest(JSON.stringify({ ...whole, ...change }), 'm'),
      (error) => error instanceof CheckpointRefused && why.test(error.message) && error.remedy.length > 10,
    )
  })
}

test('nesting that would exhaust the stack of whoever writes it again is refused', () => {
  const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`
  const text = JSON.stringify({ ...whole, config: { a: '@' } })
  assert.throws(() => parseManifest(text.replace('"@"', deep), 'm'), /manifest\.config: nested too deeply/)
  const format = JSON.stringify({ ...whole, format: '@' })
  assert.throws(() => parseManifest(format.replace('"@"', deep), 'm'), CheckpointRefused)
})

test('every prefix of a manifest is refused', () => {
  const text = manifestText(whole)
  for (let n = 0; n < text.trimEnd().length; n += 7) {
    assert.throws(() => parseManifest(text.slice(0, n), 'm'), CheckpointRefused)
  }
})

test('old formats climb the ladder rung by rung', () => {
  const rungs = {
    1: (old: object) => ({ ...old, format: 2, ema: 0.999 }),
    2: (old: object) => ({ ...old, format: 3, seed: 0 }),
  }
  assert.deepEqual(climb({ format: 1, a: 1 }, rungs), { format: 3, a: 1, ema: 0.999, seed: 0 })
  assert.deepEqual(climb({ format: 9 }, rungs), { format: 9 })
})

test('a checkpoint of another run says in what it differs and how to start over', () => {
  checkMatches(whole, { identityHash: 'i', layoutHash: 'l', dataHash: 'd' }, 'c')
  assert.throws(
    () => checkMatches(whole, { identityHash: 'x', layoutHash: 'l', dataHash: 'y' }, 'c'),
    (error) =>
      error instanceof CheckpointRefused &&
      /^c is of another run: it differs in the data .*, and in settings/.test(error.message) &&
      error.remedy.includes('--fresh'),
  )
})
