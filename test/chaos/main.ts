// npm run chaos -- [--seed S] [--minutes M] [--workers N] [--only TEXT] [--per-round N] [--modes f32,bf16,int8,exact,balanced,local] [--repeat]:
// a coordinator, workers and nats-server as processes, and every fault at every phase, in an order that follows from the seed.
// npm run chaos -- --virtual [--schedules N] [--seed S] [--minutes M] [--keep 0,2]: the same services in this process, in virtual time.
// Exits 1 if an invariant broke or a fault was not had.
import { mkdtempSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureNatsServer } from '../../deploy/setup/nats-server.js'
import { campaign } from './campaign.js'
import { nameOf } from './faults.js'
import { modeNamed } from './modes.js'
import { slowOf, tableOf } from './table.js'
import { virtualCampaign } from './virtual/campaign.js'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', default: '2' },
    only: { type: 'string' },
    'per-round': { type: 'string', default: '4' },
    modes: { type: 'string', default: 'f32' },
    repeat: { type: 'boolean', default: false },
    virtual: { type: 'boolean', default: false },
    schedules: { type: 'string', default: '1000' },
    keep: { type: 'string' },
  },
})
const numberOf = (name: string, text: string): number => {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0) return value
  throw new Error(`--${name} ${text} is no number`)
}
const number = (name: 'seed' | 'minutes' | 'workers' | 'per-round' | 'schedules'): number =>
  numberOf(name, values[name])
const out = (line: string): void => void process.stdout.write(`${line}\n`)
const verdict = (wrong: readonly string[]): void => {
  out(
    wrong.length === 0 ? 'lost 0 steps, applied 0 twice, 0 replica mismatches' : `BROKEN: ${wrong.join('\nBROKEN: ')}`,
  )
  process.exitCode = wrong.length === 0 ? 0 : 1
}

if (values.virtual) await inVirtualTime()
else await withProcesses()

async function inVirtualTime(): Promise<void> {
  const { keep } = values
  const result = await virtualCampaign({
    seed: number('seed'),
    schedules: number('schedules'),
    minutes: number('minutes'),
    ...(keep === undefined
      ? {}
      : {
          keep: keep
            .split(',')
            .filter(Boolean)
            .map((text) => numberOf('keep', text)),
        }),
    say: out,
  })
  const { schedules, suffered, wrong, sameBits, compared, virtualMs, events, realMs } = result
  out(tableOf(suffered))
  out(
    `${suffered.length} faults in ${schedules} schedules from seed ${number('seed')} on; ${(virtualMs / 3_600_000).toFixed(1)} virtual hours, ` +
      `${events} events in ${(realMs / 1000).toFixed(0)} s: ${((schedules * 60_000) / realMs).toFixed(0)} schedules a minute; load ${(loadavg()[0] ?? 0).toFixed(0)}`,
  )
  out(`same bits and the same data as without faults: ${sameBits} of ${compared} runs that promise it`)
  out(slowOf(suffered))
  verdict(wrong)
}

async function withProcesses(): Promise<void> {
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
    modes: values.modes.split(',').map(modeNamed),
    repeat: values.repeat,
    ...(only === undefined ? {} : { only: (fault) => nameOf(fault).includes(only) }),
    say: out,
  })
  out(tableOf(suffered))
  out(`${suffered.length} faults in ${rounds} runs of ${number('workers')} workers and ${((performance.now() - began) / 60_000).toFixed(1)} minutes, seed ${number('seed')}; load ${(loadavg()[0] ?? 0).toFixed(0)}`) // prettier-ignore
  out(`same bits and the same data as without faults: ${sameBits} of ${compared} runs in which nobody was given up; ${left} faults had no time`) // prettier-ignore
  out(slowOf(suffered))
  verdict(wrong)
}
