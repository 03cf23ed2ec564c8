// The coordinator as a service: data, checkpoint, bus, loop, in that order, so that whatever is wrong is said before a worker
// can join. If all workers are lost it goes back to the last checkpoint and leads on.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { availableParallelism } from 'node:os'
import { adviceOn } from '../shared/config/advice.js'
import { modelName } from '../shared/config/model-name.js'
import { printConfig } from '../shared/config/compile.js'
import { identityHash } from '../shared/config/identity.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { ConfigError, describe, RunHalted } from '../shared/errors.js'
import { planBuckets } from '../shared/gradients/buckets.js'
import { layoutOf, layoutText, type Layout } from '../shared/gradients/layout.js'
import { sha256 } from '../shared/hash.js'
import { farewellWithin, LOOK_MS } from '../shared/deadlines.js'
import { epochOf, millis, runId, stepOf, type Millis } from '../shared/ids.js'
import type { CoordinatorOptions } from '../shared/ports.js'
import type { Bus } from '../shared/bus/bus.js'
import { chunkBytes, serveState, type StateRange } from '../shared/bus/transfer.js'
import { encode, ENVELOPE_BYTES } from '../shared/protocol/codec.js'
import type { SnapshotId } from '../shared/protocol/messages.js'
import { subjectsOf } from '../shared/protocol/subjects.js'
import type { Question } from '../shared/question.js'
import { beginWith } from './base.js'
import { saveCheckpoint, restore, type BoundaryState } from './checkpointing.js'
import { Courier } from './courier.js'
import { DenseFreeze } from './dense-freeze.js'
import type { OpenedSource } from './data/open.js'
import { withRollouts } from './data/rollouts.js'
import { saveDiffering } from './differing.js'
import { EvaluationDesk } from './evaluate/desk.js'
import type { Inquiry } from './evaluate/inquiry.js'
import { COORDINATOR_GROUND, type CoordinatorGround } from './ground.js'
import { Leadership, refuseSecond } from './leadership.js'
import { CoordinatorLoop, type Outcome } from './loop.js'
import { tolerant } from './tolerant.js'
import type { Observer } from './observer.js'
import { groupSize } from './policy.js'
import { PuzzleTable } from './puzzle-table.js'
import { SlotBook } from './slots.js'
import { originOf, type Hashes } from './origin.js'
import { StarOwner } from './star-owner.js'
import { checkpointState, freshState, type StateSource } from './state-source.js'
import { latestCheckpoint, readManifest } from './store/checkpoint-reader.js'
import { Claim } from './store/claim.js'
import type { Saved } from './store/puzzle-files.js'
import { applyRetention } from './store/retention.js'
import type { Watchers } from './watchers.js'

/** Lanes of an evaluation, none of which is worked on: as many workers may take part. */
const EVALUATION_SLOTS = 64
const now = (): Millis => millis(performance.now())
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const wallClock = (): string => new Date().toISOString()
const unclaimed = (folder: string, error: unknown): string =>
  `the epoch cannot be noted in ${folder} (${String(error)}); another coordinator is told of on the bus only`

/**
 * Leads the run, or the evaluation of a checkpoint, to its end, or until asked to stop.
 * @param inquiry of an evaluation that asks its own rows
 * @param ground what it stands on
 * @throws RunError with a remedy
 */
export async function serveCoordinator(
  options: CoordinatorOptions,
  inquiry?: Inquiry,
  ground: CoordinatorGround = COORDINATOR_GROUND,
): Promise<void> {
  const { config, out, root } = options
  const threads = Math.max(1, Math.min(4, availableParallelism() - 1))
  const opened = await ground.open(config.data, config.run.seed, config.train.slots, {
    cacheDir: join(root, '.trmesh', 'data'),
    threads,
    evaluate: config.evaluate,
  })
  try {
    const asked = inquiry?.ask(opened) ?? withRollouts(opened.evaluation, config)
    const data = { ...opened, evaluation: asked }
    out.line(`run ${config.run.id} (preset ${config.preset}); data: ${data.description}`)
    if (options.evaluation === undefined) for (const advice of adviceOn(config)) out.line(advice)
    const bus = await ground.connect({
      url: config.bus.url,
      credentials: config.bus.credentials,
      ca: config.bus.ca,
      role: 'coordinator',
      name: `trmesh coordinator ${config.run.id}`,
      inFlightBytes: config.reduce.inFlightBytes,
    })
    try {
      checkPayload(bus, config)
      let fresh = options.fresh
      for (;;) {
        const outcome = await new Coordinator(options, bus, data, fresh, inquiry, ground).lead()
        if (outcome.type === 'finished') return
        out.line(outcome.why)
        fresh = false
      }
    } finally {
      await bus.close()
    }
  } finally {
    await opened.close()
  }
}

function checkPayload(bus: Bus, { reduce }: RunConfig): void {
  if (reduce.bucketBytes + ENVELOPE_BYTES <= bus.maxPayload) return
  throw new ConfigError(
    `reduce.bucketBytes (${reduce.bucketBytes}) does not fit the server's max_payload (${bus.maxPayload})`,
    `set it to at most ${bus.maxPayload - ENVELOPE_BYTES}, or raise max_payload in the server's configuration`,
  )
}

/** One life of the run's leadership: from a checkpoint, or from nothing, to an outcome. */
class Coordinator {
  private readonly incarnation = `c-${randomUUID().slice(0, 8)}`
  private readonly layout: Layout
  private readonly folder: string
  /** What the workers are told: the run's, but for an evaluation with few lanes. */
  private readonly led: RunConfig
  private readonly closers: (() => void | Promise<void>)[] = []
  /** Of the model that the run began with; see base.ts. */
  private base: string | undefined
  /** The checkpoint that the puzzle table was last saved to, or restored from. */
  private before: Saved | undefined

  constructor(
    private readonly options: CoordinatorOptions,
    private readonly bus: Bus,
    private readonly data: OpenedSource,
    private readonly fresh: boolean,
    private readonly inquiry: Inquiry | undefined,
    private readonly ground: CoordinatorGround,
  ) {
    const { config } = options
    this.layout = layoutOf(config.model)
    this.folder = join(config.run.dir, config.run.id)
    const slots = Math.min(config.train.slots, EVALUATION_SLOTS)
    this.led = options.evaluation === undefined ? config : { ...config, train: { ...config.train, slots } }
  }

  async lead(): Promise<Outcome> {
    try {
      await refuseSecond(this.bus, this.options.config)
      return await this.run()
    } finally {
      for (const close of this.closers.reverse()) await close()
    }
  }

  private async run(): Promise<Outcome> {
    const { config, out, evaluation } = this.options
    const { bus, layout, data, led } = this
    const subjects = subjectsOf(runId(config.run.id))
    const hashes = {
      identityHash: identityHash(config),
      layoutHash: sha256(layoutText(layout)),
      dataHash: data.dataHash,
    }
    // Fails late on purpose: the loop exists only after its parts do.
    const failed = (error: unknown): void => loop.fail(error)
    let lost = false
    const garbage = (): void => observer.dropped('garbage')
    const leadership = new Leadership({
      ...{ bus, config, incarnation: this.incarnation, now, onGarbage: garbage },
      claim:
        evaluation === undefined
          ? new Claim(this.folder, (error) => out.line(unclaimed(this.folder, error)))
          : undefined,
      at: () => loop.state,
      onLost: (error) => {
        lost = true
        loop.abandon(error)
      },
    })
    this.closers.push(() => leadership.close())
    const { checkpoint, base } = await originOf(this.options, this.folder, data, hashes, this.fresh)
    this.base = base?.hash ?? checkpoint?.manifest.base
    const table = new PuzzleTable(data.numPuzzles, config.model.puzzleEmbDim)
    const records = checkpoint === undefined ? undefined : await restore(checkpoint, config, layout, table)
    if (checkpoint !== undefined) this.before = { dir: checkpoint.dir, files: checkpoint.manifest.files }
    const source =
      checkpoint !== undefined
        ? checkpointState(checkpoint, config, layout)
        : await (base === undefined ? freshState(config, layout) : beginWith(base, config, layout, table))
    this.closers.push(() => source.close())
    const watchers = await this.ground.watch({
      ...{ coordinator: this.options, bus, data, folder: this.folder, now, wallClock, inquiry: this.inquiry },
      failed: (error) => failed(error),
    })
    this.closers.push(() => watchers.close(lost))
    const { metrics, observer } = watchers
    const resumed = evaluation === undefined ? records : undefined
    const book = new SlotBook(led.train.slots, config.data.sampler, resumed, groupSize(led))
    const origin = {
      step: stepOf(checkpoint?.manifest.step ?? 0),
      epoch: epochOf(leadership.beginAbove(epochOf(checkpoint?.manifest.epoch ?? 0)) - 1),
      snapshot: this.incarnation as SnapshotId,
      evaluated: evaluation === undefined && (checkpoint === undefined || checkpoint.manifest.evaluation !== undefined),
    }
    const courier = new Courier(
      data,
      Math.max(1, Math.floor(chunkBytes(bus) / (2 * config.model.seqLen + 32))),
      (worker, message) => bus.publish(subjects.toWorker(worker), encode('coordinator', message)),
      failed,
    )
    const desk = new EvaluationDesk(data.evaluation, {
      batch: config.evaluate.batch,
      seqLen: config.model.seqLen,
      puzzleDim: config.model.puzzleEmbDim,
      question: this.question(config),
      randomStarts: config.model.start !== 'fixed',
      onAnswers: (row, answers) => this.inquiry?.onAnswers?.(row, answers),
      votes: config.evaluate.votes,
      maxPayload: bus.maxPayload,
      onProgress: (progress) => observer.evaluating(progress),
      onResult: (step, result) => observer.evaluated(step, result),
    })
    const freeze = new DenseFreeze(config.train, now, checkpoint?.manifest.thawed)
    const star = new StarOwner(
      ...([bus, subjects, planBuckets(layout.elements, config.reduce), config.reduce] as const),
      (why) => observer.dropped(why),
      () => observer.reminded(),
    )
    this.closers.push(() => star.close())
    const loop: CoordinatorLoop = new CoordinatorLoop({
      config: led,
      layout,
      layoutHash: hashes.layoutHash,
      bus,
      subjects,
      incarnation: this.incarnation,
      configText: printConfig(led),
      dataHash: data.dataHash,
      origin,
      book,
      table,
      courier,
      desk,
      freeze,
      observer,
      evaluateOnly: evaluation !== undefined,
      assignOwned: (epoch, exchange, team, shares) => star.assign(epoch, exchange, team, shares),
      advance: (epoch) => leadership.advance(epoch),
      save: (state) => this.save(state, hashes, observer, leadership),
      examine: (step, snapshot, workers) =>
        saveDiffering(bus, subjects, { model: config.model, layout, folder: this.folder }, { step, snapshot, workers }),
      now,
    })
    out.line(
      `coordinator of run ${config.run.id} at ${config.bus.url}, metrics at ${metrics.url}/metrics; ` +
        `waiting for ${config.cluster.minWorkers} worker${config.cluster.minWorkers === 1 ? '' : 's'}`,
    )
    this.listen(loop, observer, source, leadership)
    metrics.watch(
      () => loop.state,
      () => bus.stats(),
    )
    this.options.signal.onStop(() => leadership.run(() => loop.dispatch({ type: 'stop', why: 'asked to stop' })))
    const outcome = await loop.outcome.catch(async (error: unknown) => {
      if (error instanceof RunHalted) {
        this.options.out.line(`${error.message}; the metrics stay up until they were scraped`)
        await metrics.lastWords(this.options.signal)
      }
      throw error
    })
    await bus.flush()
    if (outcome.type === 'finished') {
      await this.conclude(outcome, watchers, data)
      await Promise.race([loop.parted, pause(farewellWithin(config.cluster.heartbeatMs))])
    }
    return outcome
  }

  private question({ run, model, evaluate }: RunConfig): Question {
    const last = { steps: [model.haltMaxSteps], early: false }
    if (this.inquiry !== undefined) return this.inquiry.question?.(model) ?? last
    const { rollouts, sigma, noiseOn: states, choose } = evaluate
    const early = evaluate.early === 'on' || (rollouts > 0 && choose === 'first-to-halt')
    return { ...last, early, ...(rollouts > 0 && sigma > 0 ? { noise: { seed: run.seed, sigma, states } } : {}) }
  }

  private listen(loop: CoordinatorLoop, observer: Observer, source: StateSource, leadership: Leadership): void {
    const { bus } = this
    const { config } = this.options
    const subjects = subjectsOf(runId(config.run.id))
    const garbage = (): void => observer.dropped('garbage')
    const hello = bus.subscribe(subjects.anyHello, (data, subject, respond) => {
      const greeting = data.slice()
      leadership.run(() => tolerant(() => loop.onHello(greeting, subject, respond), garbage))
    })
    const inbox = bus.subscribe(subjects.anyToCoordinator, (data, subject) => {
      const message = leadership.isSure ? data : data.slice()
      leadership.run(() => tolerant(() => loop.onWorkerMessage(message, subject), garbage))
    })
    const provide = async (range: StateRange): Promise<Uint8Array | string> => {
      await new Promise<void>((resolve) => leadership.run(resolve))
      return source.provide(range)
    }
    const state = serveState(bus, subjects.state('coordinator'), provide, garbage)
    leadership.announce()
    // After a pause of our own the heartbeats lie unread in the socket: read them before anyone is declared dead.
    const tick = setInterval(() => setImmediate(() => leadership.run(() => loop.dispatch({ type: 'tick' }))), LOOK_MS)
    const status = bus.onStatus((change) => {
      if (change.type === 'error') return observer.decision(`the bus complains: ${change.why}`)
      if (change.type === 'refused') return loop.abandon(change.error)
      if (change.type === 'disconnected')
        observer.decision(
          `the NATS server at ${config.bus.url} is gone; waiting for it (or it cut us off for reading too slowly: its log says)`,
        )
      const { type } = change
      leadership.run(() => loop.dispatch({ type }))
    })
    this.closers.push(
      () => status.close(),
      () => hello.close(),
      () => inbox.close(),
      () => state.close(),
      () => clearInterval(tick),
    )
  }

  private async save(state: BoundaryState, hashes: Hashes, observer: Observer, fence: Leadership): Promise<void> {
    const { config } = this.options
    const began = now()
    const { layout, folder, base, before } = this
    const place = { config, layout, hashes, folder, base, before, created: wallClock, holds: () => fence.holds() }
    const dir = await saveCheckpoint(this.bus, subjectsOf(runId(config.run.id)), place, state)
    if (!fence.holds()) return
    this.before = { dir, files: (await readManifest(dir)).files }
    await applyRetention(this.folder, config.checkpoint)
    observer.checkpointed(
      state.step,
      dir,
      millis(now() - began),
      this.before.files.reduce((sum, { bytes }) => sum + bytes, 0),
    )
  }

  private async conclude(
    { finished, step, why }: Extract<Outcome, { type: 'finished' }>,
    watchers: Watchers,
    data: OpenedSource,
  ): Promise<void> {
    const { config, out, evaluation } = this.options
    if (this.inquiry !== undefined) return
    const { model } = config
    const rows = (data.numPuzzles * model.puzzleEmbDim).toLocaleString('en')
    out.line(`data: ${data.description}`)
    out.line(
      `model: ${modelName(model)}, ${model.hidden} wide, ` +
        `${this.layout.elements.toLocaleString('en')} dense parameters and ${rows} in puzzle rows`,
    )
    out.line(watchers.report.table())
    if (evaluation === undefined) {
      const { checkpoint } = await latestCheckpoint(this.folder)
      await checkpoint?.close()
      out.line(`${finished ? 'finished' : 'stopped'} at step ${step} of ${config.train.steps}: ${why}`)
      out.line(`checkpoint: ${checkpoint?.dir ?? 'none'}`)
      if (step < config.train.steps) out.line('start again to resume from here, or with --fresh to start over')
    } else if (!finished) out.line(`stopped before the evaluation was done: ${why}`)
    for (const file of watchers.written()) out.line(`evaluation: ${file}`)
    if (evaluation === undefined) await this.writeReport()
  }

  private async writeReport(): Promise<void> {
    const { out } = this.options
    try {
      out.line(`report: ${await this.ground.writeReport(this.folder, wallClock())}`)
    } catch (error) {
      // What was trained is saved; a picture of it can be made later.
      out.line(`no report: ${describe(error)}`)
    }
  }
}
