// What the coordinator does for a step: hands out examples and puzzle rows, collects what the workers report, and at the
// commit books it all. Nothing of ours changes before the commit.
import { bytesOf } from '../shared/bytes.js'
import type { RunConfig } from '../shared/config/run-config.js'
import { learningRate } from '../shared/gradients/schedule.js'
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage } from '../shared/protocol/messages.js'
import type { Bus } from '../shared/bus/bus.js'
import { chunkBytes } from '../shared/bus/transfer.js'
import { addSums } from '../shared/step-sums.js'
import { Contributions } from './contributions.js'
import type { Courier } from './courier.js'
import type { DenseFreeze } from './dense-freeze.js'
import type { Observer } from './observer.js'
import type { PuzzleTable } from './puzzle-table.js'
import type { SlotBook, Take } from './slots.js'

export interface StepPorts {
  readonly config: RunConfig
  readonly bus: Bus
  readonly book: SlotBook
  readonly table: PuzzleTable
  readonly courier: Courier
  readonly freeze: DenseFreeze
  readonly observer: Observer
  readonly send: (worker: WorkerId, message: CoordinatorMessage) => void
  readonly fail: (error: unknown) => void
}

interface Told {
  readonly takes: readonly Take[]
  /** Puzzles of its slots, in their order. */
  readonly ids: readonly number[]
}

export class StepDesk {
  readonly contributions: Contributions
  /** As the votes of the step tell it; all tell the same. */
  gradientNorm = NaN
  /** Puzzle of every slot in the step under way. */
  private puzzles = new Int32Array(0)
  /** The step under way trains puzzle rows only. */
  private frozen = false
  /** Those who were told to begin the step under way. */
  private readonly told = new Map<WorkerId, Told>()

  constructor(private readonly ports: StepPorts) {
    this.contributions = new Contributions(ports.config.model.puzzleEmbDim)
  }

  /** Starts the step on every worker; gives up as soon as it is no longer the current one. */
  async begin(step: Step, team: readonly WorkerId[], epoch: Epoch, isCurrent: () => boolean): Promise<void> {
    const { book, courier, config } = this.ports
    this.contributions.begin()
    this.told.clear()
    const puzzles = new Int32Array(config.train.slots)
    this.frozen = this.ports.freeze.frozen(step)
    for (const worker of team) {
      const working = book.working(worker, step)
      const takes = book.takes(worker, step)
      const examples = await courier.fetch(working)
      await courier.deliver(worker, takes)
      if (!isCurrent()) return
      const ids = examples.map(({ puzzle }) => puzzle)
      working.forEach(({ slot }, i) => (puzzles[slot] = ids[i]!))
      this.told.set(worker, { takes, ids })
      this.start(worker, epoch, step)
    }
    this.puzzles = puzzles
    this.lookAhead(step, team)
  }

  /** Something of it was lost: sends it all again. Nothing if it was not sent yet. */
  async again(worker: WorkerId, epoch: Epoch, step: Step, isCurrent: () => boolean): Promise<void> {
    const told = this.told.get(worker)
    if (told === undefined) return
    await this.ports.courier.again(worker, told.takes)
    if (isCurrent()) this.start(worker, epoch, step)
  }

  private start(worker: WorkerId, epoch: Epoch, step: Step): void {
    const { takes, ids } = this.told.get(worker)!
    this.sendRows(worker, epoch, step, ids)
    const [slots, draws] = [takes.map(({ slot }) => slot), takes.map(({ draw }) => draw)]
    this.ports.send(worker, { type: 'begin', epoch, step, slots, draws, frozen: this.frozen })
  }

  /** The rows of the puzzles that the worker's slots work on, in slot order. */
  private sendRows(worker: WorkerId, epoch: Epoch, step: Step, ids: readonly number[]): void {
    const { table, config, bus } = this.ports
    const dim = config.model.puzzleEmbDim
    if (dim === 0) return
    const perMessage = Math.max(1, Math.floor(chunkBytes(bus) / (dim * Float32Array.BYTES_PER_ELEMENT)))
    for (let first = 0; first < ids.length; first += perMessage) {
      const some = ids.slice(first, first + perMessage)
      const rows = new Float32Array(some.length * dim)
      table.gather(some, rows)
      this.ports.send(worker, { type: 'rows', epoch, step, first, data: bytesOf(rows) })
    }
  }

  /** While the workers compute: encode, and send, what their slots will begin next. */
  private lookAhead(step: Step, team: readonly WorkerId[]): void {
    const { book, courier, config, fail } = this.ports
    for (const worker of team) {
      const beginning = new Set(book.takes(worker, step).map(({ slot }) => slot))
      const next = book.ownedBy(worker).map((slot): Take => {
        const record = book.all()[slot]!
        if (config.data.sampler === 'official') return { slot, draw: (step + 1) as Take['draw'] }
        const drawsNow = beginning.has(slot) && !record.restart
        return { slot, draw: (drawsNow ? record.next + 1 : record.next) as Take['draw'] }
      })
      // The official order has an example for every slot and step, most of them never begun: encode those, send on demand.
      if (config.data.sampler === 'official') courier.fetch(next).catch(fail)
      else courier.ahead(worker, next)
    }
  }

  /** Every member has reported and agreed: book the step. */
  commit(step: Step, team: readonly WorkerId[]): void {
    const { book, courier, table, config, observer } = this.ports
    const contributions = team.map((worker) => this.contributions.of(worker))
    team.forEach((worker, i) => {
      const { halted, steps } = contributions[i]!
      book.settle(worker, step, halted, steps)
      for (const slot of book.ownedBy(worker)) courier.settled(worker, slot, book.all()[slot]!.draw!)
    })
    const { lr, puzzleLr, warmupSteps, steps: totalSteps, lrMinRatio: minRatio, puzzleWeightDecay } = config.train
    const schedule = { warmupSteps, totalSteps, minRatio }
    if (config.model.puzzleEmbDim > 0) {
      const gradients = new Float32Array(config.train.slots * config.model.puzzleEmbDim)
      let at = 0
      for (const { rowGradients } of contributions) {
        gradients.set(rowGradients, at)
        at += rowGradients.length
      }
      table.apply(this.puzzles, gradients, learningRate({ base: puzzleLr, ...schedule }, step), puzzleWeightDecay)
    }
    observer.committed({
      step,
      sums: addSums(contributions.flatMap(({ sums }) => sums)),
      workers: team.length,
      lr: this.frozen ? 0 : learningRate({ base: lr, ...schedule }, step),
      gradientNorm: this.gradientNorm,
      queue: courier.queue,
      encoded: courier.encoded,
      table: table.memory,
    })
  }
}
