// What the coordinator's cable tells of a run, kept as a ledger: which slots began which examples in which step, what was
// committed, what the replicas said they hold. At the end it says everything that must not be.
import type { Seen } from './frames.js'
import type { Direction } from './link.js'

interface Attempt {
  readonly epoch: number
  /** Draws that slots begin, by slot. */
  readonly begun: Map<number, number>
}

export class Ledger {
  /** Of the step under way, by step: the last attempt. */
  private readonly attempts = new Map<number, Attempt>()
  private readonly committed = new Map<number, Attempt>()
  private readonly votes = new Map<string, string>()
  private last: number | undefined
  private coordinator = ''
  readonly faults: string[] = []
  /** Newest committed step; 0 before the first. */
  get step(): number {
    return this.last ?? 0
  }

  /** @returns true if this is the first word of a commit */
  see({ type, subject, epoch = -1, step = -1, fields }: Seen, direction: Direction): boolean {
    if (direction === 'in') {
      if (type === 'vote') this.vote(subject, epoch, step, fields)
      return false
    }
    if (type === 'beacon' && fields['coordinator'] !== this.coordinator) {
      // Another one: it goes on from a checkpoint.
      this.coordinator = String(fields['coordinator'])
      this.last = undefined
    }
    if (type === 'begin') {
      const known = this.attempts.get(step)
      const attempt = known?.epoch === epoch ? known : { epoch, begun: new Map<number, number>() }
      this.attempts.set(step, attempt)
      const draws = fields['draws'] as number[]
      ;(fields['slots'] as number[]).forEach((slot, i) => attempt.begun.set(slot, draws[i] ?? NaN))
    }
    if (type !== 'commit') return false
    const attempt = this.attempts.get(step)
    if (attempt?.epoch !== epoch) this.faults.push(`step ${step} is committed in epoch ${epoch}, where it never began`)
    if (this.last === step) return false
    if (this.last !== undefined && step !== this.last + 1)
      this.faults.push(`step ${step} is committed after step ${this.last}`)
    this.last = step
    if (attempt !== undefined) this.committed.set(step, attempt)
    return true
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
    for (let step = 1; step <= steps; step++) {
      const attempt = this.committed.get(step)
      if (attempt === undefined) {
        wrong.push(`step ${step} was never committed`)
        continue
      }
      for (const [slot, draw] of attempt.begun) {
        const before = at.get(slot) ?? -1
        const fine = draw === before + 1 || (carriesLost && draw === before)
        if (!fine) wrong.push(`step ${step}: slot ${slot} begins example ${draw} after ${before}`)
        at.set(slot, draw)
      }
    }
    return wrong
  }
}
