import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Coverage } from '../../coordinator/store/coverage.js'

test('ranges are taken exactly when they are new and inside; the first gap is the first missing byte', () => {
  const range = fc.tuple(fc.integer({ min: -1, max: 24 }), fc.integer({ min: -1, max: 24 }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 30 }), (ranges) => {
      const seen = new Set<number>()
      const coverage = new Coverage(22)
      for (const [from, to] of ranges) {
        const bytes = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
        const fits = from >= 0 && from <= to && to <= 22 && !bytes.some((byte) => seen.has(byte))
        assert.equal(coverage.add(from, to), fits, `${from} .. ${to}`)
        if (fits) bytes.forEach((byte) => seen.add(byte))
        const gap = Array.from({ length: 22 }, (_, i) => i).find((byte) => !seen.has(byte))
        assert.equal(coverage.firstGap(), gap)
      }
    }),
    { numRuns: 500 },
  )
})
