// npm run fuzz -- [--inputs N] [--seed S] [--target NAME] [--only I]: damaged input for every reader of bytes from outside. Every input follows
// from seed and number. Exits 1 if one of them throws what is not ours, takes too long or too much memory; the input is then kept.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { hunt } from './hunt.js'
import { TARGETS } from './targets.js'

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    target: { type: 'string' },
    only: { type: 'string' },
  },
})
const names = TARGETS.map(({ name }) => name)
const whole = (name: string, text: string): number => {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new Error(`--${name} ${text} is no whole number`)
}
if (values.target !== undefined && !names.includes(values.target))
  throw new Error(`there is no target ${values.target}; there are ${names.join(', ')}`)

const only = values.only === undefined ? undefined : whole('only', values.only)
const seed = whole('seed', values.seed)
const inputs = only === undefined ? whole('inputs', values.inputs) : only + 1
const start = performance.now()
let said = 0
const { failures, tallies } = await hunt({ seed, inputs, from: only ?? 0, only: values.target }, (done) => {
  if (performance.now() - said < 10_000) return
  said = performance.now()
  process.stderr.write(`${done} of ${inputs}\n`)
})

const table = new Table({
  head: ['reader', 'inputs', 'accepted', 'a second', 'slowest ms', 'its number', 'most held, MiB'],
  style: { head: [], border: [] },
})
for (const name of names) {
  const tally = tallies.get(name)
  if (tally === undefined) continue
  const { inputs: count, accepted, ms, slowestMs, slowest, grown } = tally
  table.push([name, count, accepted, Math.round(count / (ms / 1000)), slowestMs.toFixed(1), slowest, (grown / 2 ** 20).toFixed(1)]) // prettier-ignore
}
process.stdout.write(`${table.toString()}\n`)
const folder = failures.length === 0 ? '' : mkdtempSync(join(tmpdir(), 'trmesh-fuzz-'))
for (const { target, index, why, input } of failures) {
  const path = join(folder, `${target}-${index}`)
  writeFileSync(path, input)
  process.stdout.write(`FAILED ${target}: ${why}\n  ${input.length} bytes in ${path}; again: npm run fuzz -- --seed ${seed} --only ${index}\n`) // prettier-ignore
}
const seconds = (performance.now() - start) / 1000
const total = [...tallies.values()].reduce((sum, tally) => sum + tally.inputs, 0)
process.stdout.write(
  `${total} inputs in ${seconds.toFixed(1)} s (${Math.round(total / seconds)} a second, with making them), ${failures.length} failures, seed ${seed}\n`,
)
process.exitCode = failures.length === 0 ? 0 : 1
