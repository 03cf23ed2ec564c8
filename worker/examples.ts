// Examples on their way to the slots: encoded ahead of need by the coordinator, kept until a later one of the same slot has
// been committed, because a discarded step begins them again.
import type { Draw, SlotId } from '../shared/ids.js'
import type { Begin } from './compute/port.js'

export class ExampleQueue {
  private readonly bySlot = new Map<SlotId, Map<Draw, Begin>>()
  private waiting: (() => void)[] = []

  add(example: Begin): void {
    const queue = this.bySlot.get(example.slot) ?? new Map<Draw, Begin>()
    this.bySlot.set(example.slot, queue.set(example.draw, example))
    for (const look of this.waiting.splice(0)) look()
  }

  find(slot: SlotId, draw: Draw): Begin | undefined {
    return this.bySlot.get(slot)?.get(draw)
  }

  /** All of the wanted examples, as soon as the last one is here. */
  async await(wanted: readonly { slot: SlotId; draw: Draw }[]): Promise<Begin[]> {
    for (;;) {
      const found = wanted.map(({ slot, draw }) => this.find(slot, draw))
      if (found.every((example) => example !== undefined)) return found
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  /** The slot works on `draw` for good: what came before it is over. */
  forget(slot: SlotId, draw: Draw): void {
    const queue = this.bySlot.get(slot)
    for (const known of queue?.keys() ?? []) if (known < draw) queue?.delete(known)
  }

  /** Drops what belongs to slots that are now another worker's. */
  keepOnly(slots: readonly SlotId[]): void {
    const mine = new Set(slots)
    for (const slot of this.bySlot.keys()) if (!mine.has(slot)) this.bySlot.delete(slot)
  }

  get size(): number {
    let size = 0
    for (const queue of this.bySlot.values()) size += queue.size
    return size
  }
}
