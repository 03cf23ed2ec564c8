// Memory of the host that the GPU reads and writes by itself: copies to and from it are faster, and need not be waited for.
import { cudaBackend } from './backend.js'

/** Held for ever: memory that is given back must not stay pinned. */
const pinned = new Set<ArrayBufferLike>()

/** The workers' buffers live as long as the process; others may not, and are copied the slower way. */
export function pin({ buffer }: ArrayBufferView): void {
  if (!(buffer instanceof SharedArrayBuffer) || pinned.has(buffer)) return
  pinned.add(buffer)
  const { addon, device } = cudaBackend().engine
  addon.pin(device, new Float32Array(buffer, 0, Math.floor(buffer.byteLength / 4)))
}
