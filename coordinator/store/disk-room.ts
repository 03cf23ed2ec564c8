// How much room is left where a folder lies.
import { statfsSync } from 'node:fs'

/** Bytes that we may write, and of the whole file system; undefined while the folder is not there. */
export function diskOf(folder: string): { readonly free: number; readonly size: number } | undefined {
  try {
    const { bavail, blocks, bsize } = statfsSync(folder)
    return { free: bavail * bsize, size: blocks * bsize }
  } catch {
    // It is made with the first checkpoint.
    return undefined
  }
}
