// Whatever configuration is valid, what is printed of it reads back to the same; and JSON is read as JSON.parse reads it.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { compileConfig, printConfig } from '../../shared/config/compile.js'
import { identityHash } from '../../shared/config/identity.js'
import { JsonError, parseJson } from '../../shared/config/json.js'
import { PRESET_NAMES } from '../../shared/config/schema.js'

const anyConfig = fc.record({
  preset: fc.constantFrom(...PRESET_NAMES),
  flags: fc.record(
    {
      'run.id': fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/),
      'run.dir': fc.string({ minLength: 1 }),
      'run.seed': fc.integer({ min: 0, max: 2 ** 32 - 1 }).map(String),
      'model.hidden': fc.constantFrom('512', '1024'),
      'model.precision': fc.constantFrom('auto', 'f32', 'bf16'),
      'data.source': fc.constantFrom('generated', '/data', 'ünï "quoted" \\ folder\n'),
      'train.lr': fc.double({ min: 0, max: 10, noNaN: true }).map(String),
      'train.steps': fc.integer({ min: 1 }).map(String),
      'train.emaRate': fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }).map(String),
      'reduce.wire': fc.constantFrom('bf16', 'f32', 'int8'),
      'metrics.port': fc.integer({ min: 0, max: 65535 }).map(String),
    },
    { requiredKeys: [] },
  ),
})

test('print and feed back: the same configuration, the same identity', () => {
  fc.assert(
    fc.property(anyConfig, ({ preset, flags }) => {
      // Small boards are only generated: with a folder they are refused, as the unit tests say.
      fc.pre(!/\dx\d/.test(preset) || (flags['data.source'] ?? 'generated') === 'generated')
      const present = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
      const config = compileConfig({ preset, env: {}, flags: present })
      const again = compileConfig({
        preset: 'tiny',
        file: { path: 'f', text: printConfig(config) },
        env: {},
        flags: {},
      })
      assert.deepEqual(again, config)
      assert.equal(identityHash(again), identityHash(config))
    }),
    { numRuns: 60 },
  )
})

test('our JSON reader reads what JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(undefined, 1, 2), (text, indent) => {
      const pretty = JSON.stringify(JSON.parse(text), null, indent)
      assert.deepEqual(parseJson(pretty), JSON.parse(pretty))
    }),
  )
})

test('our JSON reader refuses what JSON.parse refuses, within the text', () => {
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '}', '"', 'x', '0', '\\', '{'))
    .map(([text, at, insert]) => {
      const cut = at % (text.length + 1)
      return text.slice(0, cut) + insert + text.slice(cut + 1)
    })
  fc.assert(
    fc.property(broken, (text) => {
      let expected: unknown
      try {
        expected = JSON.parse(text)
      } catch {
        assert.throws(
          () => parseJson(text),
          (error) => error instanceof JsonError && error.line >= 1 && error.column <= text.length + 1,
        )
        return
      }
      try {
        assert.deepEqual(parseJson(text), expected)
      } catch (error) {
        assert.ok(error instanceof JsonError && error.problem.includes('given twice'), String(error))
      }
    }),
    { numRuns: 500 },
  )
})
