// A new membership, performed: deals the slots, has copies made of what somebody else needs (dense state for newcomers, the
// carries of slots that move), sends the examples that pulled carries work on, and tells every worker its part.
import type { RunConfig } from '../shared/config/run-config.js'
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import type { CoordinatorMessage, SnapshotId } from '../shared/protocol/messages.js'
import { joinCopy } from '../shared/protocol/snapshot-id.js'
import type { Courier } from './courier.js'
import type { Member } from './run-state.js'
import type { SlotBook, Take } from './slots.js'

export interface AssignmentPorts {
  readonly config: RunConfig
  readonly book: SlotBook
  readonly courier: Courier
  readonly origin: { readonly snapshot: SnapshotId }
  /** `exchange`: the exchanges so far, one a round. */
  readonly assignOwned: (epoch: Epoch, exchange: Step, team: readonly WorkerId[], shares: readonly number[]) => void
  readonly send: (worker: WorkerId, message: CoordinatorMessage) => void
}

export class Assignments {
  /** What the last assignment told each worker: its examples under way, and its part. */
  private told = new Map<WorkerId, { readonly pulled: readonly Take[]; readonly message: CoordinatorMessage }>()
  /** What those who give up their last slots were asked to copy. */
  private outside: { readonly worker: WorkerId; readonly message: CoordinatorMessage }[] = []
  /** Copies that workers keep for others, until everybody has what it needs. */
  private copies: { readonly worker: WorkerId; readonly snapshot: SnapshotId }[] = []

  constructor(private readonly ports: AssignmentPorts) {}

  /** Newcomers pull the state from the first who has it, or from us. Gives up as soon as it is no longer the current one. */
  async assign(
    epoch: Epoch,
    step: Step,
    team: readonly WorkerId[],
    units: readonly number[],
    members: ReadonlyMap<WorkerId, Member>,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { book, courier, origin, config, send } = this.ports
    this.told.clear()
    this.outside = []
    const holdsState = (id: WorkerId): boolean => members.get(id)?.holdsState ?? false
    const lead = team.find(holdsState)
    const joining = lead !== undefined && !team.every(holdsState) ? lead : undefined
    const copy = joinCopy(epoch)
    const deals = book.deal(team, copy, units)
    // Also who was asked in an epoch before: the order may have been lost with it, and this one lets go of the carry.
    const givers = [...deals.values()].flatMap(({ holders }) =>
      holders.filter((holder) => holder !== 'coordinator' && holder !== ''),
    ) as WorkerId[]
    const keepers = new Set(joining === undefined ? givers : [joining, ...givers])
    for (const worker of keepers) {
      this.copies.push({ worker, snapshot: copy })
      const order: CoordinatorMessage = { type: 'snapshot', snapshot: copy, step, dense: worker === joining }
      // Whoever is not in the team is told nothing else.
      if (!team.includes(worker)) this.outside.push({ worker, message: order })
      send(worker, order)
    }
    const shares = team.map((worker) => book.ownedBy(worker).length)
    if (config.reduce.topology === 'star')
      this.ports.assignOwned(epoch, (step / config.reduce.localSteps) as Step, team, shares)
    for (const [worker, { slots, carry, holders, copies }] of deals) {
      const records = slots.map((slot) => book.all()[slot]!)
      courier.forgetWorker(worker)
      const pulled = records.filter((_, i) => carry[i] === 'pull').map(({ slot, draw }) => ({ slot, draw: draw! }))
      await courier.deliver(worker, pulled)
      if (!isCurrent()) return
      const message: CoordinatorMessage = {
        type: 'assign',
        epoch,
        step,
        members: [...team],
        shares,
        slots: [...slots],
        carry: [...carry],
        holders: [...holders],
        copies: [...copies],
        draws: records.map(({ draw }) => draw ?? (0 as Take['draw'])),
        steps: records.map(({ steps }) => steps),
        source: holdsState(worker) ? 'self' : (lead ?? 'coordinator'),
        snapshot: lead === undefined ? origin.snapshot : copy,
        // Told twice: without the copy, what it lets go of now would be lost for good.
        keep: keepers.has(worker) ? copy : '',
        dense: worker === joining,
      }
      this.told.set(worker, { pulled, message })
      send(worker, message)
    }
  }

  /** Tells a worker its part again, with its examples; nothing if it has not been told yet. */
  async again(worker: WorkerId, isCurrent: () => boolean): Promise<void> {
    const told = this.told.get(worker)
    if (told === undefined) return
    await this.ports.courier.again(worker, told.pulled)
    if (isCurrent()) this.ports.send(worker, told.message)
  }

  /** Somebody cannot get what another should have copied. */
  askCopies(): void {
    for (const { worker, message } of this.outside) this.ports.send(worker, message)
  }

  /** Everybody has what it needs: what was copied for others is not needed any more. */
  release(): void {
    for (const { worker, snapshot } of this.copies) this.ports.send(worker, { type: 'release', snapshot })
    this.copies = []
  }
}
