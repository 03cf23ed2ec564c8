// What the coordinator's cable tells of a run, kept as a ledger: which examples each slot began in which round (a step, or the
// local steps between two exchanges), what was committed, what the replicas said they hold. At the end it says everything
// that must not be.
import type { Seen } from './frames.js'
import type { Direction } from './link.js'

interface Attempt {
  readonly epoch: number
  /** Draws that slots were sent, by slot and in order. A round may not come to the last ones. */
  readonly sent: Map<number, readonly number[]>
  /** Which of its slots had halted, by worker and step of the round. */
  readonly halted: Map<string, Uint8Array[]>
}

/** The name at the end of a subject. */
const placeIn = (subject: string): string => subject.slice(subject.lastIndexOf('.') + 1)

export class Ledger {
  /** Of the round under way, by its step: the last attempt. */
  private readonly attempts = new Map<number, Attempt>()
  /** Draws that slots began, by the round's step. */
  readonly began = new Map<number, ReadonlyMap<number, readonly number[]>>()
  private readonly slotsOf = new Map<string, readonly number[]>()
  private readonly votes = new Map<string, string>()
  private last: number | undefined
  private coordinator = ''
  readonly faults: string[] = []

  /** @param length steps of a round */
  constructor(private readonly length = 1) {}

  /** Newest committed step; 0 before the first. */
  get step(): number {
    return this.last ?? 0
  }

  /** @returns true if this is the first word of a commit */
  see(seen: Seen, direction: Direction): boolean {
    const { type, subject, epoch = -1, step = -1, fields } = seen
    if (direction === 'in') {
      if (type === 'vote') this.vote(subject, epoch, step, fields)
      if (type === 'result') this.result(seen)
      return false
    }
    if (type === 'beacon' && fields['coordinator'] !== this.coordinator) {
      // Another one: it goes on from a checkpoint.
      this.coordinator = String(fields['coordinator'])
      this.last = undefined
    }
    if (type === 'assign') this.slotsOf.set(placeIn(subject), [...(fields['slots'] as number[])])
    if (type === 'begin') this.begin(epoch, step, fields)
    if (type !== 'commit') return false
    const attempt = this.attempts.get(step)
    if (attempt?.epoch !== epoch) this.faults.push(`step ${step} is committed in epoch ${epoch}, where it never began`)
    if (this.last === step) return false
    if (this.last !== undefined && step !== this.last + this.length)
      this.faults.push(`step ${step} is committed after step ${this.last}`)
    this.last = step
    if (attempt !== undefined) this.began.set(step, this.begunIn(attempt))
    return true
  }

  private begin(epoch: number, step: number, fields: Seen['fields']): void {
    const known = this.attempts.get(step)
    const attempt: Attempt = known?.epoch === epoch ? known : { epoch, sent: new Map(), halted: new Map() }
    this.attempts.set(step, attempt)
    const [slots, draws] = [fields['slots'] as number[], fields['draws'] as number[]]
    for (const slot of new Set(slots))
      attempt.sent.set(
        slot,
        draws.filter((_, i) => slots[i] === slot),
      )
  }

  private result({ subject, epoch, step = -1, fields }: Seen): void {
    const attempt = this.attempts.get(step)
    if (attempt?.epoch !== epoch || attempt === undefined) return
    const worker = placeIn(subject)
    const halted = attempt.halted.get(worker) ?? []
    halted[fields['inner'] as number] = Uint8Array.from(fields['halted'] as Uint8Array)
    attempt.halted.set(worker, halted)
  }

  /** A slot that was sent as many examples as the round has steps had halted before; where it halts on the way it begins the next. */
  private begunIn({ sent, halted }: Attempt): Map<number, readonly number[]> {
    const begun = new Map<number, readonly number[]>()
    for (const [worker, steps] of halted)
      this.slotsOf.get(worker)?.forEach((slot, i) => {
        const draws = sent.get(slot) ?? []
        let [rests, count] = [draws.length === this.length, 0]
        for (let inner = 0; inner < this.length; inner++) {
          if (rests) count++
          rests = steps[inner]?.[i] === 1
        }
        if (count > 0) begun.set(slot, draws.slice(0, count))
      })
    return begun
  }

  private vote(subject: string, epoch: number, step: number, fields: Seen['fields']): void {
    const key = `${step} in epoch ${epoch}`
    const held = String(fields['params'])
    const known = this.votes.get(key)
    if (known !== undefined && known !== held) this.faults.push(`replicas differ at step ${key} (${subject})`)
    this.votes.set(key, held)
  }

  /** @param carriesLost somebody took carries with it: its slots may begin an example again */
  check(steps: number, carriesLost: boolean): string[] {
    const wrong = [...this.faults]
    const at = new Map<number, number>()
    for (let step = this.length; step <= steps; step += this.length) {
      const begun = this.began.get(step)
      if (begun === undefined) {
        wrong.push(`step ${step} was never committed`)
        continue
      }
      for (const [slot, draws] of begun)
        for (const draw of draws) {
          const before = at.get(slot) ?? -1
          const fine = draw === before + 1 || (carriesLost && draw === before)
          if (!fine) wrong.push(`step ${step}: slot ${slot} begins example ${draw} after ${before}`)
          at.set(slot, draw)
        }
    }
    return wrong
  }
}
