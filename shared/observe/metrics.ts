// Metrics to Prometheus: records the numbers of the table and serves /metrics, /healthz and /sd. The only file that knows
// prom-client; a successor of that package is a change of this file alone.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { SystemRefused } from '../errors.js'
import type { MetricSpec, Role } from '../metric-spec.js'
import { METRICS, WIRE_KINDS } from '../metrics.js'
import type { CounterName, GaugeName, HistogramName, LabelsOf, MetricName, WireKind } from '../metrics.js'

type Instrument = Counter | Gauge | Histogram

/** Node's own metrics that break the naming rules (gauges called _total); promtool refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total']

/** Labels as prom-client wants them; LabelsOf has checked their names and values. */
const plain = (labels: object): Record<string, string> => ({ ...labels })

/** Every combination of closed label values; undefined if a label is open. */
function combinations(labels: MetricSpec['labels']): Record<string, string>[] | undefined {
  let all: Record<string, string>[] = [{}]
  for (const [label, values] of Object.entries(labels)) {
    if (values === 'text') return undefined
    all = all.flatMap((some) => values.map((value) => ({ ...some, [label]: value })))
  }
  return all
}

export class Recorder {
  private readonly registry = new Registry()
  private readonly instruments = new Map<MetricName, Instrument>()
  /** Absolute totals told so far, by metric and labels. */
  private readonly totals = new Map<string, number>()

  /** Offers the metrics of the table that `role` tells; counters and histograms of closed labels start at 0. */
  constructor(role: Role) {
    collectDefaultMetrics({ register: this.registry })
    MISNAMED.forEach((name) => this.registry.removeSingleMetric(name))
    for (const [name, spec] of Object.entries(METRICS) as [MetricName, MetricSpec][])
      if (spec.by.includes(role)) this.instruments.set(name, this.instrument(name, spec))
  }

  private instrument(name: string, spec: MetricSpec): Instrument {
    const common = { name, help: spec.help, labelNames: Object.keys(spec.labels), registers: [this.registry] }
    const zeroes = combinations(spec.labels) ?? []
    if (spec.kind === 'counter') {
      const counter = new Counter(common)
      zeroes.forEach((labels) => counter.inc(labels, 0))
      return counter
    }
    if (spec.kind === 'histogram') {
      const histogram = new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] })
      zeroes.forEach((labels) => histogram.zero(labels))
      return histogram
    }
    const gauge = new Gauge(common)
    // A gauge that was never set is absent, not 0.
    if (common.labelNames.length === 0) gauge.remove()
    return gauge
  }

  private of(name: MetricName): Instrument {
    const instrument = this.instruments.get(name)
    if (instrument === undefined) throw new Error(`${name} is not told by this process`)
    return instrument
  }

  /** Labels on everything, from now on: `run`, `worker`. Their values are few in the life of a process. */
  constant(labels: Readonly<Record<string, string>>): void {
    this.registry.setDefaultLabels(labels)
  }

  count<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, by = 1): void {
    ;(this.of(name) as Counter).inc(plain(labels), by)
  }

  /** A counter that somebody else keeps: records what `total` grew by since the last call. */
  total<Name extends CounterName>(name: Name, labels: LabelsOf<Name>, total: number): void {
    const key = `${name} ${JSON.stringify(labels)}`
    const grown = total - (this.totals.get(key) ?? 0)
    this.totals.set(key, total)
    // A total that shrank has begun anew.
    ;(this.of(name) as Counter).inc(plain(labels), grown >= 0 ? grown : total)
  }

  set<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    ;(this.of(name) as Gauge).set(plain(labels), value)
  }

  /** In the unit of the metric. */
  observe<Name extends HistogramName>(name: Name, labels: LabelsOf<Name>, value: number): void {
    ;(this.of(name) as Histogram).observe(plain(labels), value)
  }

  /** Drops a gauge's value for these labels, for example of a worker that is gone. */
  forget<Name extends GaugeName>(name: Name, labels: LabelsOf<Name>): void {
    ;(this.of(name) as Gauge).remove(plain(labels))
  }

  /** Everything in the exposition format of Prometheus. */
  text(): Promise<string> {
    return this.registry.metrics()
  }

  get contentType(): string {
    return this.registry.contentType
  }
}

/** The traffic of a bus, by direction and kind. */
export function recordWire(
  recorder: Recorder,
  wire: Readonly<Record<'in' | 'out', Readonly<Record<WireKind, number>>>>,
): void {
  for (const direction of ['in', 'out'] as const)
    for (const kind of WIRE_KINDS) recorder.total('trmesh_wire_bytes_total', { direction, kind }, wire[direction][kind])
}

export interface Health {
  readonly status: 'ok' | 'failing'
  readonly run: string
  readonly step: number
  readonly phase: string
}

export interface MetricsServer {
  /** `http://HOST:PORT`, with the port that was taken. */
  readonly url: string
  readonly port: number
  /** How often /metrics was read. */
  scrapes(): number
  close(): Promise<void>
}

export interface MetricsServerOptions {
  readonly recorder: Recorder
  /** Answer of /healthz: status 200 if ok, else 503. */
  readonly health: () => Health
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  /** Answer of /sd: what Prometheus should scrape, as JSON (http_sd); undefined: not told here. */
  readonly targets?: () => string
}

/** @throws SystemRefused if the port is taken or the address is not ours. */
export async function serveMetrics({
  recorder,
  health,
  host,
  port,
  targets,
}: MetricsServerOptions): Promise<MetricsServer> {
  let scrapes = 0
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0]
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type }).end(request.method === 'HEAD' ? undefined : body)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return send(405, 'text/plain', 'GET only\n')
    if (path === '/healthz') {
      const state = health()
      return send(state.status === 'ok' ? 200 : 503, 'application/json', `${JSON.stringify(state)}\n`)
    }
    if (path === '/sd' && targets !== undefined) return send(200, 'application/json', targets())
    const known = targets === undefined ? '/metrics and /healthz' : '/metrics, /healthz and /sd'
    if (path !== '/metrics') return send(404, 'text/plain', `here are ${known}\n`)
    scrapes++
    recorder.text().then(
      (text) => send(200, recorder.contentType, text),
      (error: unknown) => send(500, 'text/plain', `${String(error)}\n`),
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(refusal(cause, host, port)))
    server.listen(port, host, resolve)
  })
  // The metrics of a process never keep it alive.
  server.unref()
  const taken = (server.address() as AddressInfo).port
  const shownHost = host.includes(':') ? `[${host}]` : host
  return {
    url: `http://${shownHost}:${taken}`,
    port: taken,
    scrapes: () => scrapes,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): SystemRefused {
  const where = `port ${port} on ${host}`
  const free = 'choose another with --metrics-port N; 0 takes any free one'
  if (cause.code === 'EADDRINUSE') return new SystemRefused(`metrics: ${where} is in use`, free, { cause })
  if (cause.code === 'EACCES') return new SystemRefused(`metrics: ${where} needs more rights`, free, { cause })
  const remedy = 'name an address of this machine with --metrics.host; 0.0.0.0 is all of them'
  return new SystemRefused(`metrics: cannot listen on ${host} (${cause.code ?? cause.message})`, remedy, { cause })
}
