// The comparison that `trmesh baseline` left beside the runs, for a coordinator to tell.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseComparison, type Comparison } from '../../shared/language/comparison.js'

export const comparisonFile = (runs: string): string => join(runs, 'baseline.json')

/** undefined if there is none; `complain` hears why one that is there cannot be read. */
export async function savedComparison(runs: string, complain: (line: string) => void): Promise<Comparison | undefined> {
  const path = comparisonFile(runs)
  try {
    return parseComparison(JSON.parse(await readFile(path, 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      complain(
        `${path} is left aside: ${error instanceof Error ? error.message : String(error)}; make it again with npx trmesh baseline`,
      )
    return undefined
  }
}
