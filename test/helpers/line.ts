// Two sites with a line between them that can be made slow: a network namespace each. Where the kernel has netem (tc), a veth
// pair and netem at both ends; elsewhere two tun devices with line.py between them. Needs root, and ip (Debian: iproute2).
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { afterwards, until } from './cluster.js'

/** Address of each end. */
export const HUB = '10.213.7.1'
export const SITE = '10.213.7.2'

export interface Line {
  /** Names of the namespaces. */
  readonly hub: string
  readonly site: string
  /** What delays: netem, or line.py. */
  readonly by: string
  /** Milliseconds and share of packets lost, in each direction. */
  slow(delayMs: number, loss: number): Promise<void>
}

/** @returns what went wrong, or nothing */
function command(...[program = '', ...args]: string[]): string {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? '' : `${program} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`
}
const must = (...words: string[]): void => assert.equal(command(...words), '')

const probed = ((): { readonly why: string; readonly netem: boolean } => {
  const probe = `trmesh-probe-${process.pid}`
  try {
    const why = command('ip', 'netns', 'add', probe)
    if (why !== '') return { why: `no network namespaces here: ${why}`, netem: false }
    const noNetem = command('tc', '-n', probe, 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms')
    if (noNetem === '') return { why: '', netem: true }
    const noTun = existsSync('/dev/net/tun') ? command('python3', '--version') : 'there is no /dev/net/tun'
    return { why: noTun === '' ? '' : `no netem here (${noNetem}), and ${noTun}`, netem: false }
  } finally {
    command('ip', 'netns', 'delete', probe)
  }
})()

/** For the `skip` option of a test: false, or the reason. */
export const withoutLine: string | false = probed.why === '' ? false : probed.why

/** Two namespaces that see each other and nobody else, as fast as this machine is until told otherwise; gone after the test. */
export async function lineFor(t: TestContext): Promise<Line> {
  const [hub, site] = [`trmesh-hub-${process.pid}`, `trmesh-site-${process.pid}`]
  afterwards(t, () => [hub, site].forEach((name) => command('ip', 'netns', 'delete', name)))
  for (const name of [hub, site]) must('ip', 'netns', 'add', name)
  const relay = probed.netem ? undefined : await relayFor(t, hub, site)
  if (relay === undefined)
    must('ip', 'link', 'add', 'line', 'netns', hub, 'type', 'veth', 'peer', 'name', 'line', 'netns', site)
  for (const [name, address] of [
    [hub, HUB],
    [site, SITE],
  ] as const) {
    // prettier-ignore
    must('ip', '-n', name, 'address', 'add', `${address}/24`, 'dev', 'line')
    for (const device of ['lo', 'line']) must('ip', '-n', name, 'link', 'set', device, 'up')
  }
  return {
    ...{ hub, site, by: relay === undefined ? 'netem' : 'line.py' },
    async slow(delayMs, loss) {
      if (relay !== undefined) return relay.set(delayMs, loss)
      const how = ['netem', 'delay', `${delayMs}ms`, 'loss', `${loss * 100}%`]
      for (const name of [hub, site]) must('tc', '-n', name, 'qdisc', 'replace', 'dev', 'line', 'root', ...how)
    },
  }
}

async function relayFor(t: TestContext, hub: string, site: string) {
  const child: ChildProcess = spawn('python3', [join('test', 'helpers', 'line.py'), hub, site], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let said = ''
  child.stdout?.on('data', (data: Buffer) => (said += data.toString()))
  afterwards(t, async () => {
    child.kill()
    await ended
  })
  await until('line.py to be ready', () => said.includes('ready'))
  return {
    async set(delayMs: number, loss: number): Promise<void> {
      said = ''
      child.stdin?.write(`${delayMs} ${loss}\n`)
      await until('line.py to take it', () => said.includes('set'))
    },
  }
}
