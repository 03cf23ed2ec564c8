// Whether a worker's messages get through: who waits while they do waits for a slow network, not for a lost message.
import type { WorkerId } from '../shared/ids.js'

/** Between two heartbeats. Far above what heartbeats take, far below a step of any network that takes seconds to pass. */
const MOVED_BYTES = 64 * 1024

export class Traffic {
  private readonly known = new Map<WorkerId, number>()

  /** @param bytes in and out since the worker's start */
  moved(worker: WorkerId, bytes: number): boolean {
    const before = this.known.get(worker) ?? 0
    this.known.set(worker, bytes)
    return bytes - before > MOVED_BYTES
  }

  forget(worker: WorkerId): void {
    this.known.delete(worker)
  }
}
