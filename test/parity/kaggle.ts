// Tasks that golden files name by subset and id, from the official files beside the folder of golden files.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseTask, type Task } from '../../shared/arc/task.js'

const cache = new Map<string, Record<string, unknown>>()

function readSubset(folder: string, name: string): Record<string, unknown> {
  const path = join(folder, '..', 'data', 'kaggle', `arc-agi_${name}.json`)
  const known = cache.get(path)
  if (known !== undefined) return known
  const value = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  cache.set(path, value)
  return value
}

/** @param folder of the golden file */
export const officialTask = (folder: string, subset: string, id: string): Task =>
  parseTask(
    `${subset} challenges`,
    id,
    readSubset(folder, `${subset}_challenges`)[id],
    readSubset(folder, `${subset}_solutions`)[id],
  )
