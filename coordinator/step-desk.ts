// What the coordinator does for a round, which is one step, or the local steps between two exchanges: hands out examples and
// puzzle rows, collects what the workers report, and at the commit books it all, step by step. Nothing of ours changes before.
// Rows learn by the same rule either way; in a round of several steps a worker sees what its own slots did to them so far.
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
  /** Puzzles whose rows it needs, each once. */
  readonly ids: readonly number[]
}

const keyOf = ({ slot, draw }: Take): string => `${slot}:${draw}`

export class StepDesk {
  readonly contributions: Contributions
  /** As the votes of the step tell it; all tell the same. */
  gradientNorm = NaN
  /** Puzzle of every example that a slot may work on in the round under way. */
  private puzzles: ReadonlyMap<string, number> = new Map()
  /** The round under way trains puzzle rows only. */
  private frozen = false
  /** Those who were told to begin the round under way. */
  private readonly told = new Map<WorkerId, Told>()
  /** Steps of a round. */
  private readonly length: number

  constructor(private readonly ports: StepPorts) {
    this.length = ports.config.reduce.localSteps
    this.contributions = new Contributions(ports.config.model.puzzleEmbDim, this.length)
  }

  /** Starts the round up to `step` on every worker; gives up as soon as it is no longer the current one. */
  async begin(step: Step, team: readonly WorkerId[], epoch: Epoch, isCurrent: () => boolean): Promise<void> {
    const { book, courier } = this.ports
    const first = this.stepAt(step, 0)
    this.contributions.begin()
    this.told.clear()
    const puzzles = new Map<string, number>()
    this.frozen = this.ports.freeze.frozen(first)
    for (const worker of team) {
      const takes = book.takes(worker, first, this.length)
      const working = [...book.working(worker, first), ...takes]
      const examples = await courier.fetch(working)
      await courier.deliver(worker, takes)
      if (!isCurrent()) return
      working.forEach((take, i) => puzzles.set(keyOf(take), examples[i]!.puzzle))
      const ids = [...new Set(examples.map(({ puzzle }) => puzzle))]
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
    this.ports.send(worker, { type: 'begin', epoch, step, slots, draws, puzzles: [...ids], frozen: this.frozen })
  }

  /** The step at place `inner` of the round that ends with `step`. */
  private stepAt(step: Step, inner: number): Step {
    return (step - this.length + 1 + inner) as Step
  }

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

  /** While the workers compute: encode, and send, what their slots may begin in the round after. */
  private lookAhead(step: Step, team: readonly WorkerId[]): void {
    const { book, courier, config, fail } = this.ports
    for (const worker of team) {
      const next = book.ownedBy(worker).flatMap((slot): Take[] => {
        const { halted, restart, next } = book.all()[slot]!
        const own = halted && !restart ? next + this.length : next + this.length - 1
        const from = config.data.sampler === 'official' ? step + 1 : own
        return Array.from({ length: this.length }, (_, i) => ({ slot, draw: (from + i) as Take['draw'] }))
      })
      // The official order has an example for every slot and step, most of them never begun: encode those, send on demand.
      if (config.data.sampler === 'official') courier.fetch(next).catch(fail)
      else courier.ahead(worker, next)
    }
  }

  /** Every member has reported and agreed: book the round. */
  commit(step: Step, team: readonly WorkerId[]): void {
    for (let inner = 0; inner < this.length; inner++) this.book(this.stepAt(step, inner), inner, team)
    const { book, courier } = this.ports
    for (const worker of team)
      for (const slot of book.ownedBy(worker)) courier.settled(worker, slot, book.all()[slot]!.draw!)
  }

  private book(step: Step, inner: number, team: readonly WorkerId[]): void {
    const { book, courier, table, config, observer } = this.ports
    const contributions = team.map((worker) => this.contributions.of(worker, inner))
    const puzzles = new Int32Array(config.train.slots)
    team.forEach((worker, i) => {
      for (const take of book.working(worker, step)) puzzles[take.slot] = this.puzzles.get(keyOf(take))!
      const { halted, steps } = contributions[i]!
      book.settle(worker, step, halted, steps)
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
      table.apply(puzzles, gradients, learningRate({ base: puzzleLr, ...schedule }, step), puzzleWeightDecay)
    }
    observer.committed({
      step,
      round: this.length,
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
