// Service discovery for Prometheus: what to scrape of this run, kept up to date while workers come and go, as a file
// (file_sd) and for the coordinator's /sd (http_sd).
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { WorkerId } from '../../shared/ids.js'
import type { Hello } from '../../shared/protocol/messages.js'
import type { Observer } from '../observer.js'
import { quietObserver } from '../quiet-observer.js'
import type { RunState } from '../run-state.js'

export interface Endpoint {
  /** Where its metrics are, as the process itself says: `http://ADDRESS:PORT`. */
  readonly url: string
  /** Name of its machine. */
  readonly host: string
}

export type LabelledEndpoint = Endpoint & { readonly label: string }

/** A target group as Prometheus reads it. */
export interface TargetGroup {
  readonly targets: readonly string[]
  readonly labels: Readonly<Record<string, string>>
}

/** `HOST:PORT` to scrape; a process that listens on all addresses is reached by its machine's name. undefined: no such URL. */
export function addressOf({ url, host }: Endpoint): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, hostname, port } = new URL(url)
  if (protocol !== 'http:' || hostname === '') return undefined
  const anywhere = hostname === '0.0.0.0' || hostname === '[::]'
  return `${anywhere ? host : hostname}:${port === '' ? '80' : port}`
}

/** What to scrape of a run: its coordinator and the workers, each with the labels of its own metrics and its role. */
export function targetsOf(
  run: string,
  coordinator: Endpoint,
  workers: readonly LabelledEndpoint[],
): readonly TargetGroup[] {
  const group = (endpoint: Endpoint, labels: Readonly<Record<string, string>>): TargetGroup[] => {
    const address = addressOf(endpoint)
    return address === undefined ? [] : [{ targets: [address], labels: { run, ...labels } }]
  }
  return [
    ...group(coordinator, { role: 'coordinator' }),
    ...workers.flatMap((worker) => group(worker, { role: 'worker', worker: worker.label })),
  ]
}

/** Runs folder and run id to the file. Beside the run's folder: a pattern of file_sd may have its `*` in the last part only. */
export const targetsFile = (folder: string): string => `${folder}.targets.json`

export interface TargetsOptions {
  readonly run: string
  readonly coordinator: Endpoint
  readonly file: string
  readonly onFailure: (error: unknown) => void
}

export class Targets {
  private readonly workers = new Map<WorkerId, LabelledEndpoint>()
  /** Workers that the run counted among its own: those are dropped once it does not any more. */
  private readonly counted = new Set<WorkerId>()
  private text = ''
  private broken = false
  readonly observer: Observer

  constructor(private readonly options: TargetsOptions) {
    this.observer = {
      ...quietObserver,
      introduced: (hello) => this.introduced(hello),
      membership: (state) => this.membership(state),
      // A full disk may have room by now.
      committed: () => (this.broken ? this.update() : undefined),
    }
    this.update()
  }

  /** As the file has it. */
  get json(): string {
    return this.text
  }

  /** Nothing to scrape any more. */
  close(): void {
    this.write('[]\n')
  }

  private introduced({ worker, label, host, metrics }: Hello): void {
    this.workers.set(worker, { url: metrics, host, label })
    this.update()
  }

  private membership({ members }: RunState): void {
    for (const worker of members.keys()) this.counted.add(worker)
    for (const worker of this.counted) {
      if (members.has(worker)) continue
      this.counted.delete(worker)
      this.workers.delete(worker)
    }
    this.update()
  }

  private update(): void {
    const { run, coordinator } = this.options
    this.write(`${JSON.stringify(targetsOf(run, coordinator, [...this.workers.values()]), null, 2)}\n`)
  }

  private write(text: string): void {
    if (text === this.text && !this.broken) return
    this.text = text
    const { file, onFailure } = this.options
    try {
      mkdirSync(dirname(file), { recursive: true })
      // Prometheus may read at any time: it sees the old file or the new one.
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
      this.broken = false
    } catch (error) {
      if (!this.broken) onFailure(error)
      this.broken = true
    }
  }
}
