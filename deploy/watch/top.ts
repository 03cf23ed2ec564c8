// `trmesh top`: scrapes the processes of a run again and again and shows the essentials. The list of processes is the one
// that the coordinator keeps for Prometheus: its file, or its /sd.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import type { StopSignal, Terminal } from '../../shared/ports.js'
import { Exposition } from './exposition.js'
import { view, type Reading, type Watched } from './view.js'

export interface TopOptions {
  /** Metrics of a coordinator: `http://HOST:PORT`; undefined: found by its file of targets. */
  readonly url: string | undefined
  /** Folder of the runs on this machine. */
  readonly runs: string
  /** undefined: the run that was last heard of there. */
  readonly run: string | undefined
  readonly seconds: number
  /** Shows two readings' worth and ends. */
  readonly once: boolean
  readonly signal: StopSignal
  readonly out: Terminal
}

interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: { readonly run: string; readonly role: string; readonly worker?: string }
}

const SUFFIX = '.targets.json'
const TIMEOUT_MS = 2000
const HOME_AND_CLEAR = '\u001b[H\u001b[J'

/** The file that tells where the processes of a run are. @throws ConfigError if there is none */
export function targetsFileOf(runs: string, run: string | undefined): string {
  let names: string[] = []
  try {
    names = readdirSync(runs).filter((name) => name.endsWith(SUFFIX))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const wanted = run === undefined ? names : names.filter((name) => name === `${run}${SUFFIX}`)
  const newest = wanted
    .map((name) => join(runs, name))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs)
    .at(0)
  if (newest !== undefined) return newest
  throw new ConfigError(
    run === undefined ? `no run was led in ${runs}` : `no run ${run} was led in ${runs}`,
    'name its folder with --run.dir, or the metrics of its coordinator: npx trmesh top http://HOST:PORT',
  )
}

async function get(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response.text()
}

/** What there is to read; undefined when the coordinator does not answer. */
async function groupsOf({ url, runs, run }: TopOptions): Promise<readonly TargetGroup[] | undefined> {
  if (url === undefined) return JSON.parse(readFileSync(targetsFileOf(runs, run), 'utf8')) as TargetGroup[]
  try {
    return JSON.parse(await get(new URL('/sd', url).href)) as TargetGroup[]
  } catch {
    return undefined // it is shown as silent
  }
}

/** Shows the run until it ends or somebody asks to stop. @throws ConfigError, SystemRefused */
export async function watchRun(options: TopOptions): Promise<void> {
  const { seconds, once, signal, out, url } = options
  const last = new Map<string, Exposition>()
  const read = async (address: string): Promise<Reading | undefined> => {
    try {
      const text = await get(`http://${address}/metrics`)
      const now = Exposition.parse(text, performance.now())
      const before = last.get(address)
      last.set(address, now)
      return { now, before }
    } catch {
      last.delete(address)
      return undefined // it is shown as silent
    }
  }
  const stop = new AbortController()
  signal.onStop(() => stop.abort())
  let shown = 0
  for (let round = 0; !signal.requested; round++) {
    const groups = await groupsOf(options)
    if (groups?.length === 0) return out.line(shown > 0 ? 'the run has ended' : 'no run is under way there')
    const watched = groups === undefined ? undefined : await readAll(groups, read)
    if (watched === undefined) {
      const where = url ?? 'of this run'
      if (shown === 0)
        throw new SystemRefused(
          `the coordinator ${where} does not answer`,
          'see whether it runs, and at which address it says its metrics are',
        )
      out.line('the coordinator does not answer')
    } else if (!once || round > 0) {
      const lines = view(watched)
      out.line(`${out.isTTY ? HOME_AND_CLEAR : ''}${lines.join('\n')}${out.isTTY ? '' : '\n'}`)
      shown++
      if (once) return
    } else shown++
    await sleep((once ? 1 : seconds) * 1000, undefined, { signal: stop.signal }).catch(() => undefined)
  }
}

async function readAll(
  groups: readonly TargetGroup[],
  read: (address: string) => Promise<Reading | undefined>,
): Promise<Watched | undefined> {
  const readings = await Promise.all(groups.map(({ targets }) => read(targets[0] ?? '')))
  const all = groups.map((group, i) => ({ ...group.labels, reading: readings[i] }))
  const coordinator = all.find(({ role }) => role === 'coordinator')
  if (coordinator?.reading === undefined) return undefined
  const workers = all
    .filter(({ role }) => role === 'worker')
    .map(({ worker = '', reading }) => ({ label: worker, reading }))
  return { run: coordinator.run, coordinator: coordinator.reading, workers, time: Date.now() / 1000 }
}
