// The one worker of a comparison, led over the bus as a run leads its workers: beacon, hello, configuration, heartbeats. It
// takes one measurement at a time. A worker that dies under one (memory) is told apart from one that answers late.
import { BEACON_MS } from '../../shared/deadlines.js'
import { randomUUID } from 'node:crypto'
import type { Bus } from '../../shared/bus/bus.js'
import { printConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { epochOf, runId, stepOf, type WorkerId } from '../../shared/ids.js'
import { decode, encode } from '../../shared/protocol/codec.js'
import { PROTOCOL_VERSION, type CoordinatorMessage, type WorkerMessage } from '../../shared/protocol/messages.js'
import { helloFrom, senderOf, subjectsOf } from '../../shared/protocol/subjects.js'
import { tolerant } from '../tolerant.js'

export interface ReadyWorker {
  readonly id: WorkerId
  readonly backend: string
  readonly device: string
}

export type Measure = Omit<Extract<CoordinatorMessage, { type: 'measure' }>, 'type' | 'measurement'>
export type Measured = Extract<WorkerMessage, { type: 'measured' }>

export class MeasuringCrew {
  private readonly incarnation = `c-${randomUUID().slice(0, 8)}`
  private readonly closers: (() => void)[] = []
  private worker: ReadyWorker | undefined
  private heard = 0
  private onReady: (() => void) | undefined
  private pending: { readonly measurement: number; readonly settle: (result: Measured | undefined) => void } | undefined
  private measurement = 0

  constructor(
    private readonly bus: Bus,
    private readonly config: RunConfig,
    private readonly now: () => number,
    private readonly say: (line: string) => void,
  ) {
    const { beacon, anyHello, anyToCoordinator } = subjectsOf(runId(config.run.id))
    const garbage = (): void => undefined
    const greeting = bus.subscribe(anyHello, (data, subject, respond) =>
      tolerant(() => this.onHello(data, subject, respond), garbage),
    )
    const inbox = bus.subscribe(anyToCoordinator, (data, subject) =>
      tolerant(() => this.onMessage(decode('worker', data), senderOf(subject)), garbage),
    )
    const announcement = encode('beacon', {
      ...{ type: 'beacon', run: config.run.id, coordinator: this.incarnation },
      ...{ epoch: epochOf(0), step: stepOf(0) },
    })
    const announce = setInterval(() => {
      bus.publish(beacon, announcement)
      this.watch()
    }, BEACON_MS)
    this.closers.push(
      () => greeting.close(),
      () => inbox.close(),
      () => clearInterval(announce),
    )
  }

  close(): void {
    if (this.worker !== undefined) this.send({ type: 'stop', why: 'all is measured', finished: true })
    this.closers.forEach((close) => close())
  }

  /** The worker, once there is one. */
  async ready(): Promise<ReadyWorker> {
    while (this.worker === undefined) await new Promise<void>((resolve) => (this.onReady = resolve))
    return this.worker
  }

  /** What was measured; undefined if the worker died under it. */
  async measure(order: Measure): Promise<Measured | undefined> {
    await this.ready()
    const measurement = ++this.measurement
    return new Promise((settle) => {
      this.pending = { measurement, settle }
      this.send({ type: 'measure', measurement, ...order })
    })
  }

  /** Nothing is measured any more. */
  abandon(): void {
    this.settle(undefined)
  }

  private settle(result: Measured | undefined): void {
    const { pending } = this
    this.pending = undefined
    pending?.settle(result)
  }

  private send(message: CoordinatorMessage): void {
    if (this.worker === undefined) return
    this.bus.publish(subjectsOf(runId(this.config.run.id)).toWorker(this.worker.id), encode('coordinator', message))
  }

  private onHello(data: Uint8Array, subject: string, respond: ((reply: Uint8Array) => void) | undefined): void {
    const { run, protocol, label } = helloFrom(data, subject)
    // One is enough; another asks again until this one is gone, and then takes its place.
    if (respond === undefined || this.worker !== undefined) return
    const refuse = (refusal: 'run-differs' | 'protocol-differs', why: string): void =>
      respond(encode('helloReply', { type: 'refused', refusal, why }))
    if (run !== this.config.run.id) return refuse('run-differs', `I lead ${this.config.run.id}, not ${run}`)
    if (protocol !== PROTOCOL_VERSION) return refuse('protocol-differs', `I speak ${PROTOCOL_VERSION}, not ${protocol}`)
    this.say(`worker ${label} takes the measurements`)
    const config = printConfig(this.config)
    respond(encode('helloReply', { type: 'welcome', coordinator: this.incarnation, run, config, data: '' }))
  }

  private onMessage(message: WorkerMessage, id: WorkerId): void {
    if (message.type === 'prepared' && this.worker === undefined) {
      const { backend, device } = message
      this.worker = { id, backend, device }
      this.heard = this.now()
      this.onReady?.()
    }
    if (id !== this.worker?.id) return
    this.heard = this.now()
    if (message.type === 'measured' && message.measurement === this.pending?.measurement) this.settle(message)
    if (message.type === 'leaving' || message.type === 'trouble') this.lose()
  }

  private watch(): void {
    if (this.worker !== undefined && this.now() - this.heard > this.config.cluster.deadAfterMs) this.lose()
  }

  private lose(): void {
    this.worker = undefined
    this.settle(undefined)
  }
}
