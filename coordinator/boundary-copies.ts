// The copies of a step boundary from which a checkpoint is made: the workers copy their state, what is ours is noted down at
// the same moment, and once all copies are made they are saved while training goes on.
import type { RunConfig } from '../shared/config/run-config.js'
import { WireError } from '../shared/errors.js'
import type { Epoch, SlotId, Step, WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage, SnapshotId } from '../shared/protocol/messages.js'
import { boundaryCopy } from '../shared/protocol/snapshot-id.js'
import type { BoundaryState } from './checkpointing.js'
import type { Courier } from './courier.js'
import type { DenseFreeze } from './dense-freeze.js'
import type { EvaluationDesk } from './evaluate/desk.js'
import type { PuzzleTable } from './puzzle-table.js'
import type { SlotBook } from './slots.js'

export interface CopyPorts {
  readonly config: RunConfig
  readonly book: SlotBook
  readonly table: PuzzleTable
  readonly courier: Courier
  readonly desk: EvaluationDesk
  readonly freeze: DenseFreeze
  readonly save: (state: BoundaryState) => Promise<void>
  readonly send: (worker: WorkerId, message: CoordinatorMessage) => void
  readonly fail: (error: unknown) => void
  readonly onUnsaved: (error: unknown) => void
}

type Boundary = Omit<BoundaryState, 'examples' | 'step' | 'lost'> & {
  readonly step: Step
  readonly examples: Promise<BoundaryState['examples']>
}

export class BoundaryCopies {
  /** The boundary whose copies are being made, not saved yet. */
  private boundary: Boundary | undefined
  /** Of the workers whose copies are being saved. */
  private pulled: ReadonlyMap<WorkerId, AbortController> = new Map()

  constructor(private readonly ports: CopyPorts) {}

  /** The workers copy their state now; what is ours is noted down now too. */
  begin(step: Step, epoch: Epoch, team: readonly WorkerId[]): void {
    const { book, courier, table, desk, freeze, fail } = this.ports
    // The boundary before was never saved if a worker died over it.
    if (this.boundary !== undefined) this.release(this.boundary)
    const snapshot = boundaryCopy(step, epoch)
    const slots = book.saved()
    const holders = new Map(team.map((worker): [WorkerId, readonly SlotId[]] => [worker, book.ownedBy(worker)]))
    const working = slots.map(({ slot, draw }) => (draw === null ? null : { slot, draw }))
    const examples = Promise.all(
      working.map(async (take) => (take === null ? null : ((await courier.fetch([take]))[0] ?? null))),
    )
    // Of a snapshot that is never saved, nobody awaits the examples.
    examples.catch(fail)
    const ours = { table: table.freeze(), puzzles: table.numPuzzles, thawed: freeze.thawed }
    this.boundary = { snapshot, step, epoch, slots, ...ours, holders, evaluation: desk.resultOf(step), examples }
    for (const worker of team) this.ask(worker)
  }

  /** Asks a worker for its copy, once more if need be: what it has copied it does not copy again. */
  ask(worker: WorkerId): void {
    if (this.boundary === undefined) return
    const { snapshot, step, holders } = this.boundary
    const [first] = holders.keys()
    // With local steps every worker has moments of its own.
    const dense = worker === first || this.ports.config.reduce.localSteps > 1
    this.ports.send(worker, { type: 'snapshot', snapshot, step, dense })
  }

  isOf(snapshot: SnapshotId): boolean {
    return this.boundary?.snapshot === snapshot
  }

  /** @returns whether it could be written; undefined if there is nothing to save */
  async save(): Promise<boolean | undefined> {
    const { boundary } = this
    if (boundary === undefined) return undefined
    this.boundary = undefined
    const pulled = new Map([...boundary.holders.keys()].map((worker) => [worker, new AbortController()]))
    this.pulled = pulled
    const lost = (worker: WorkerId): AbortSignal | undefined => pulled.get(worker)?.signal
    let ok = true
    try {
      await this.ports.save({ ...boundary, examples: await boundary.examples, lost })
    } catch (error) {
      ok = false
      this.ports.onUnsaved(error)
    }
    this.release(boundary)
    return ok
  }

  /** What it had copied is not waited for any more. */
  lost(worker: WorkerId): void {
    const why = new WireError(
      `${worker} was lost before all that it had copied was written`,
      'nothing is to be done: the next boundary is saved instead',
    )
    this.pulled.get(worker)?.abort(why)
  }

  private release({ table, holders, snapshot }: Boundary): void {
    table.release()
    for (const worker of holders.keys()) this.ports.send(worker, { type: 'release', snapshot })
  }
}
