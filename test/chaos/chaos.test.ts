// A selection of the faults of `npm run chaos`, always the same: real processes that die, stand still, are cut off, and whose
// messages are damaged, doubled and forged. The end is that of a run without faults.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findNatsServer } from '../../deploy/setup/nats-server.js'
import { withoutNats } from '../helpers/cluster.js'
import { campaign } from './campaign.js'
import { KEEPING, LOSING, nameOf } from './faults.js'

const SELECTION = [
  'kill coordinator at commit (out)',
  'kill broker at vote (out)',
  'damage worker at rows (in)',
  'double worker at begin (in)',
  'nan worker at part (out)',
  'cut worker at part (out)',
  'clock worker at part (out)',
  'clock coordinator at commit (out)',
  'slow-disk coordinator at snapshot (out)',
  'kill worker at part (out)',
  'kill newcomer at assign (in)',
]

test('faults of every kind leave no trace', { skip: withoutNats, timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-chaos-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const known = [...KEEPING, ...LOSING].map(nameOf)
  for (const name of SELECTION) assert.ok(known.includes(name), `${name} is no fault`)
  const nats = (await findNatsServer(process.cwd()))?.path ?? ''
  const said: string[] = []
  const { suffered, wrong, sameBits, compared, left } = await campaign({
    ...{ nats, folder, seed: 3, workers: 2, minutes: 4, faultsPerRound: 6, modes: ['f32'], repeat: false },
    only: (fault) => SELECTION.includes(nameOf(fault)),
    say: (line) => void said.push(line),
  })
  assert.deepEqual(wrong, [], said.join('\n'))
  assert.deepEqual(suffered.map(({ fault }) => nameOf(fault)).sort(), [...SELECTION].sort())
  assert.equal(left, 0)
  assert.ok(compared > 0 && sameBits === compared, `${sameBits} of ${compared}`)
  for (const { fault, detected, recovered = NaN } of suffered)
    t.diagnostic(
      `${nameOf(fault)}: noticed ${detected === undefined ? '-' : `${Math.round(detected)} ms`}, recovered ${Math.round(recovered)} ms`,
    )
})
