// The examples of a round: which of those that were sent for it each slot begins, step by step. What a slot does not come to
// stays for the next round.
import type { Draw, SlotId } from '../shared/ids.js'
import type { Begin } from './compute/port.js'

export class RoundExamples {
  /** Still to come, in order. */
  private readonly ahead = new Map<SlotId, Begin[]>()
  private halted: Set<SlotId>
  /** What has been begun so far. */
  readonly begun: { readonly slot: SlotId; readonly draw: Draw }[] = []
  private at = 0

  /**
   * @param sent as many as the round has steps for a slot that has halted, one less for one that works on an example
   * @param byStep the official order: the example of a step is the step's own, whether the slot came to the ones before or not
   */
  constructor(
    sent: readonly Begin[],
    private readonly length: number,
    private readonly byStep: boolean,
  ) {
    for (const example of sent) {
      const queue = this.ahead.get(example.slot) ?? []
      queue.push(example)
      this.ahead.set(example.slot, queue)
    }
    this.halted = new Set([...this.ahead].flatMap(([slot, queue]) => (queue.length === length ? [slot] : [])))
  }

  /** What the halted slots begin with the next step. */
  next(): Begin[] {
    const left = this.length - this.at++
    return [...this.halted].map((slot) => {
      const queue = this.ahead.get(slot) ?? []
      if (this.byStep) queue.splice(0, queue.length - left)
      const example = queue.shift()
      if (example === undefined)
        throw new Error(`slot ${slot} has halted, and no example came for step ${this.at} of the round`)
      this.begun.push({ slot, draw: example.draw })
      return example
    })
  }

  /** @param halted u8 per slot, after the step */
  settle(slots: readonly SlotId[], halted: Uint8Array): void {
    this.halted = new Set(slots.filter((_, i) => halted[i] === 1))
  }
}
