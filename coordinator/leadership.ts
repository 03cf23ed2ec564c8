// One coordinator leads a run. It says so on the bus some times a second; whoever would start while another is heard does not.
// One that was silent too long is taken over from, under a later epoch (store/claim.ts), and finds out before it does anything:
// from the folder, from the beacon of its successor, or because an epoch, or a checkpoint, is not its own to write any more.
import { ConfigError } from '../shared/errors.js'
import { BEACON_MS, TAKEN_OVER_MS } from '../shared/deadlines.js'
import { runId, type Epoch, type Millis, type Step } from '../shared/ids.js'
import type { RunConfig } from '../shared/config/run-config.js'
import type { Bus } from '../shared/bus/bus.js'
import { decode, encode } from '../shared/protocol/codec.js'
import { subjectsOf } from '../shared/protocol/subjects.js'
import { Lease } from './lease.js'
import type { Claim } from './store/claim.js'
import { tolerant } from './tolerant.js'

/** Beacons until the folder is looked at. */
const LOOKS_AT_FOLDER = 4

const remedy = 'stop it first, or name another run with --run'

/** @throws ConfigError if a coordinator of this run is heard */
export async function refuseSecond(bus: Bus, { run, bus: { url } }: RunConfig): Promise<void> {
  let other: string | undefined
  const listening = bus.subscribe(subjectsOf(runId(run.id)).beacon, (data) =>
    tolerant(
      () => (other = decode('beacon', data).coordinator),
      () => undefined,
    ),
  )
  await new Promise((resolve) => setTimeout(resolve, TAKEN_OVER_MS))
  listening.close()
  if (other !== undefined) throw new ConfigError(`run ${run.id} already has a coordinator (${other}) at ${url}`, remedy)
}

export interface LeadershipPorts {
  readonly bus: Bus
  readonly config: RunConfig
  readonly incarnation: string
  /** undefined where nothing of the run is written: an evaluation. */
  readonly claim: Claim | undefined
  readonly now: () => Millis
  readonly at: () => { readonly epoch: Epoch; readonly step: Step }
  readonly onLost: (error: ConfigError) => void
  readonly onGarbage: () => void
}

export class Leadership {
  /** The epoch to begin with: above all that the run has had. */
  private first: Epoch
  private readonly lease: Lease
  private over = false
  private announced = false
  private readonly closers: (() => void)[] = []

  /** Takes the run over, before anything of it is read. */
  constructor(private readonly ports: LeadershipPorts) {
    this.first = ports.claim?.begin(0) ?? (1 as Epoch)
    const most = (TAKEN_OVER_MS - BEACON_MS) as Millis
    this.lease = new Lease({ now: ports.now, most, confirm: () => this.confirm() })
  }

  /** @param known epoch of the checkpoint that the run goes on from @returns the epoch to begin with */
  beginAbove(known: Epoch): Epoch {
    if (known >= this.first) {
      this.first = (known + 1) as Epoch
      this.advance(this.first)
    }
    return this.first
  }

  /** From here on others hear of us, and we of others. */
  announce(): void {
    const { bus, config, incarnation, at, onGarbage } = this.ports
    const { beacon } = subjectsOf(runId(config.run.id))
    let said = 0
    const say = (): void => {
      // Of one that leads from another server, with the same folder, nothing is ever heard.
      if (++said % LOOKS_AT_FOLDER === 0 && !this.holds()) return
      const { epoch, step } = at()
      const message = { type: 'beacon', run: config.run.id, coordinator: incarnation, step } as const
      bus.publish(beacon, encode('beacon', { ...message, epoch: Math.max(epoch, this.first) as Epoch }))
      this.lease.renew()
    }
    this.announced = true
    this.lease.renew()
    say()
    const timer = setInterval(() => this.run(say), BEACON_MS)
    const others = bus.subscribe(beacon, (bytes) => tolerant(() => this.hear(bytes), onGarbage))
    this.closers.push(
      () => clearInterval(timer),
      () => others.close(),
    )
  }

  /** What is to be done is done at once. */
  get isSure(): boolean {
    return this.lease.isGood
  }

  /** Does it if, and as soon as, it is sure that we still lead. */
  run(work: () => void): void {
    this.lease.run(() => {
      if (!this.over) work()
    })
  }

  /** @returns whether the epoch is ours to begin */
  advance(epoch: Epoch): boolean {
    return !this.over && (this.ports.claim?.advance(epoch) !== false || this.lose())
  }

  /** @returns whether what we write may take its place */
  holds(): boolean {
    return !this.over && (this.ports.claim?.holds() !== false || this.lose())
  }

  close(): void {
    this.over = true
    for (const close of this.closers.splice(0)) close()
  }

  /** Whoever took over in the meantime has noted it down, and is heard: what lies in the socket comes before the answer. */
  private async confirm(): Promise<void> {
    await this.ports.bus.flush()
    if (!this.holds()) await new Promise<never>(() => undefined)
  }

  /** Two that started at the same time, or while the network was cut: the one that has seen fewer epochs gives up. */
  private hear(bytes: Uint8Array): void {
    const { incarnation, at } = this.ports
    const { coordinator, epoch } = decode('beacon', bytes)
    const mine = Math.max(at().epoch, this.first)
    if (coordinator === incarnation || epoch < mine || (epoch === mine && coordinator > incarnation)) return
    this.lose(coordinator)
  }

  private lose(who?: string): false {
    if (this.over) return false
    this.over = true
    const { run, bus } = this.ports.config
    const error = new ConfigError(
      `run ${run.id} at ${bus.url} is led by ${who === undefined ? 'another coordinator' : `coordinator ${who}`}, which took over while this one was not heard; this one stops and writes nothing more`,
      'nothing is lost: the run goes on there; to lead it from here, stop the other one first',
    )
    if (!this.announced) throw error
    this.ports.onLost(error)
    return false
  }
}
