// A real Prometheus for tests: scrapes the targets of a folder every half second, with our alert rules, and is asked over HTTP.
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { temporaryFolder } from './cluster.js'

/** For the `skip` option of a test: false, or the reason. */
export const withoutPrometheus: string | false =
  spawnSync('prometheus', ['--version']).error === undefined ? false : 'no prometheus is found here'

export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface Prometheus {
  readonly url: string
  /** The instant value of an expression now; throws with Prometheus' words if it is none. */
  query(expr: string): Promise<readonly Sample[]>
  /** The `data` of another path of its API. */
  api(path: string): Promise<unknown>
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Scrapes what the `*.targets.json` of `runs` name, until the test ends. */
export async function prometheusFor(
  t: TestContext,
  runs: string,
  rules = resolve('deploy/prometheus/alerts.yml'),
): Promise<Prometheus> {
  const folder = temporaryFolder(t)
  const config = join(folder, 'prometheus.yml')
  // As deploy/prometheus/prometheus.yml, but quick.
  writeFileSync(
    config,
    [
      'global: { scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s }',
      `rule_files: ['${rules}']`,
      'scrape_configs:',
      '  - job_name: trmesh',
      '    honor_labels: true',
      `    file_sd_configs: [{ files: ['${join(runs, '*.targets.json')}'], refresh_interval: 1s }]`,
      '',
    ].join('\n'),
  )
  const address = `127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=${address}`,
      '--log.level=warn',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said += data.toString()))
  const ended = new Promise((resolve) => child.once('close', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  for (let tries = 0; ; tries++) {
    const ready = await fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
    if (ready) break
    if (tries > 150 || child.exitCode !== null) throw new Error(`prometheus does not start: ${said}`)
    await sleep(100)
  }
  const api = async (path: string): Promise<unknown> => {
    const response = await fetch(`http://${address}/api/v1/${path}`)
    const { data, error } = (await response.json()) as { data?: unknown; error?: string }
    if (error !== undefined) throw new Error(`${path}: ${error}`)
    return data
  }
  return {
    url: `http://${address}`,
    api,
    query: async (expr) => {
      const { result } = (await api(`query?query=${encodeURIComponent(expr)}`)) as {
        result: readonly { metric: Record<string, string>; value: readonly [number, string] }[]
      }
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
    },
  }
}
