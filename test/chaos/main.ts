// npm run chaos -- [--seed S] [--minutes M] [--workers N] [--only TEXT] [--per-round N]: a coordinator, workers and nats-server as processes,
// and every fault at every phase, in an order that follows from the seed. Exits 1 if an invariant broke or a fault was not had.
import { mkdtempSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureNatsServer } from '../../deploy/setup/nats-server.js'
import { campaign } from './campaign.js'
import { nameOf } from './faults.js'
import { DETECT_MS, RECOVER_MS, tableOf } from './table.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', default: '2' },
    only: { type: 'string' },
    'per-round': { type: 'string', default: '4' },
  },
})
const number = (name: 'seed' | 'minutes' | 'workers' | 'per-round'): number => {
  const value = Number(values[name])
  if (values[name].trim() !== '' && value >= 0) return value
  throw new Error(`--${name} ${values[name]} is no number`)
}

const out = (line: string): void => void process.stdout.write(`${line}\n`)
const folder = mkdtempSync(join(tmpdir(), 'trmesh-chaos-'))
const { path: nats } = await ensureNatsServer({ root: process.cwd(), log: out })
const { only } = values
const began = performance.now()
const { suffered, wrong, rounds, sameBits, compared, left } = await campaign({
  nats,
  folder,
  seed: number('seed'),
  workers: number('workers'),
  minutes: number('minutes'),
  faultsPerRound: number('per-round'),
  ...(only === undefined ? {} : { only: (fault) => nameOf(fault).includes(only) }),
  say: out,
})
out(tableOf(suffered))
out(`${suffered.length} faults in ${rounds} runs of ${number('workers')} workers and ${((performance.now() - began) / 60_000).toFixed(1)} minutes, seed ${number('seed')}; load ${(loadavg()[0] ?? 0).toFixed(0)}`) // prettier-ignore
out(
  `same bits as without faults: ${sameBits} of ${compared} runs in which nobody was given up; ${left} faults had no time`,
)
const slow = suffered.filter(({ detected = 0, recovered = 0 }) => detected > DETECT_MS || recovered > RECOVER_MS)
out(`slower than the targets (notice ${DETECT_MS / 1000} s, recover ${RECOVER_MS / 1000} s): ${slow.length === 0 ? 'none' : slow.map(({ fault, recovered = NaN }) => `${nameOf(fault)} ${(recovered / 1000).toFixed(1)} s`).join('; ')}`) // prettier-ignore
out(wrong.length === 0 ? 'lost 0 steps, applied 0 twice, 0 replica mismatches' : `BROKEN: ${wrong.join('\nBROKEN: ')}`)
process.exitCode = wrong.length === 0 ? 0 : 1
