// Voting on all predictions of the ARC-AGI-1 evaluation set, 385,815 of them: memory of the process that counts, at its
// highest, against the gigabyte it may take; and votes a second, hashing included. Once where half the answers are right and the
// rest differ, once where nearly all differ (an untrained network, the worst case), once with early halting scored too.
import { fork } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SystemRefused } from '../../shared/errors.js'
import type { BenchOptions, Report } from './benchmark.js'
import { highestResident } from './resident.js'
import type { VotingDone, VotingOrder } from './voting-round.js'

const ROUND = fileURLToPath(new URL('./voting-round.js', import.meta.url))
const OFFICIAL = resolve('../shared/data/arc-agi-1')
/** Test rows of the official build of ARC-1: 419 pairs under up to 1000 augmentations (spec 4.2). */
const PREDICTIONS = 385_815
const ALLOWED = 1e9

const KINDS: readonly { readonly name: string; readonly order: Pick<VotingOrder, 'differ' | 'scores'> }[] = [
  { name: 'half right, the rest differ', order: { differ: 0.5, scores: 1 } },
  { name: 'all differ', order: { differ: 1, scores: 1 } },
  { name: 'all differ, early halting scored too', order: { differ: 1, scores: 2 } },
]

export async function run({ quick, note }: BenchOptions, report: Report): Promise<void> {
  const known = existsSync(OFFICIAL) && !quick
  const predictions = quick ? 2000 : PREDICTIONS
  note(`grids of ${known ? 'ARC-AGI-1' : 'generated tasks'}; ratio of memory: ${ALLOWED / 1e6} MB against it`)
  for (const { name, order } of KINDS) {
    const source = known ? OFFICIAL : undefined
    const { bytes, rate, different } = await round({ ...order, source, predictions })
    const what = `${predictions.toLocaleString('en')} predictions, ${name}`
    report({ config: what, value: bytes / 1e6, unit: 'MB', ratio: ALLOWED / bytes, remark: `${different.toLocaleString('en')} different answers` }) // prettier-ignore
    report({ config: what, value: rate, unit: 'votes/s', ratio: null })
  }
}

/** @throws SystemRefused if the process fails */
function round(order: VotingOrder): Promise<VotingDone & { readonly bytes: number }> {
  const child = fork(ROUND, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return new Promise((resolve, reject) => {
    child.once('message', (done) => {
      resolve({ ...(done as VotingDone), bytes: highestResident(child.pid) })
      child.kill('SIGKILL')
    })
    child.once('exit', (status) => reject(new SystemRefused(`voting ended with ${status}`, 'see its words above')))
    child.send(order)
  })
}
