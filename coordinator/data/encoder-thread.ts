// A piscina thread that encodes: it shares the grids, is sent references, and gives back tokens by transfer.
import { move, workerData } from 'piscina'
import { encodeReferences, type Grids } from './encode.js'

/** @returns the bytes of encodeReferences, moved */
export const encode = (references: Uint32Array): ReturnType<typeof move> =>
  move(encodeReferences(workerData as Grids, references).buffer as ArrayBuffer)
