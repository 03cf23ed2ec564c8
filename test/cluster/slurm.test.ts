// The Slurm script, really run: `srun` is replaced by one that runs its command here. It trains to the end, and it saves when
// Slurm announces the end of the allocation.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import test, { type TestContext } from 'node:test'
import {
  afterwards,
  asArguments,
  checkpointsOf,
  lastStep,
  SMALL,
  temporaryFolder,
  until,
  withoutNats,
} from '../helpers/cluster.js'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Job {
  readonly said: () => string
  readonly ended: Promise<number | string>
  /** To the script alone, as `--signal=B:TERM` does. */
  kill(): void
}

async function submit(t: TestContext, dir: string, steps: number): Promise<Job> {
  const bin = temporaryFolder(t)
  writeFileSync(join(bin, 'srun'), '#!/bin/sh\nshift\nexec "$@"\n', { mode: 0o755 })
  // The script asks for the node's name: here it must lead to this machine.
  writeFileSync(join(bin, 'hostname'), '#!/bin/sh\necho 127.0.0.1\n', { mode: 0o755 })
  const flags = { ...SMALL, preset: 'tiny', 'run.dir': dir, 'run.id': 'job', 'train.steps': steps, 'train.minutes': 0 }
  const child = spawn('bash', ['deploy/slurm/trmesh.sbatch', ...asArguments(flags)], {
    detached: true,
    env: {
      ...process.env,
      ...{ PATH: `${bin}:${process.env['PATH'] ?? ''}`, CHECKOUT: resolve('.'), NATS_PORT: String(await freePort()) },
      WORKERS: '--cpu 1 --threads 1 --backend wasm',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const hear = (data: Buffer): void => void (said += data.toString())
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (status, signal) => resolve(status ?? signal ?? 'unknown')),
  )
  afterwards(t, async () => {
    // All of the job, as Slurm would.
    if (child.exitCode === null) process.kill(-(child.pid ?? 0), 'SIGKILL')
    await ended
  })
  return { said: () => said, ended, kill: () => void child.kill('SIGTERM') }
}

test('a job trains to its last step and ends', { skip: withoutNats, timeout: 120_000 }, async (t) => {
  const dir = temporaryFolder(t)
  const job = await submit(t, dir, 6)
  assert.equal(await job.ended, 0, job.said())
  assert.equal(lastStep(join(dir, 'job')), 6)
})

test(
  'a job that is told to end saves a checkpoint; submitted again, it resumes',
  { skip: withoutNats, timeout: 180_000 },
  async (t) => {
    const dir = temporaryFolder(t)
    const first = await submit(t, dir, 100_000)
    await until(first.said, () => lastStep(join(dir, 'job')) >= 3, 60_000)
    first.kill()
    assert.equal(await first.ended, 0, first.said())
    const [saved] = checkpointsOf(join(dir, 'job'))
    assert.ok(saved !== undefined, first.said())
    const reached = Number(saved.replace('step-', ''))
    const second = await submit(t, dir, 100_000)
    await until(second.said, () => lastStep(join(dir, 'job')) > reached, 60_000)
    assert.match(second.said(), new RegExp(`resuming from step ${reached}`))
    second.kill()
    assert.equal(await second.ended, 0, second.said())
  },
)
