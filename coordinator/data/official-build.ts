// The subsets of the official builds, from Kaggle's files or put together from the repositories `trmesh data` fetched.
// The official build depends on the order of tasks in a file and of "train" and "test" in a task; the Kaggle files have an
// order of their own, which is restored here, so that identifiers have the official numbers (spec 4.2).
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Subset } from '../../shared/arc/pool.js'
import type { Task } from '../../shared/arc/task.js'
import { DataError } from '../../shared/errors.js'
import { type Folder, readFolder } from './folder.js'

/** Concepts in the order of the official file, each with the numbers of its tasks in their order. */
const CONCEPTS: Readonly<Record<string, string>> = {
  ExtractObjects: '10 7 9 4 1 5 8 6 2 3',
  Count: '3 9 2 8 4 1 7 5 6 10',
  Copy: '5 2 7 10 4 1 8 3 6 9',
  Center: '3 9 6 10 1 2 4 8 7 5',
  TopBottom2D: '7 6 2 3 1 9 5 4 8 10',
  Order: '1 10 3 4 8 7 9 2 5 6',
  MoveToBoundary: '3 4 10 6 8 7 9 2 1 5',
  SameDifferent: '6 3 9 10 4 8 2 5 7 1',
  HorizontalVertical: '10 4 6 3 8 5 7 2 1 9',
  TopBottom3D: '9 6 1 10 8 5 7 2 4 3',
  CompleteShape: '6 3 7 9 2 4 8 5 1 10',
  AboveBelow: '5 3 1 8 10 9 7 6 4 2',
  FilledNotFilled: '1 9 2 8 6 4 7 5 3 10',
  InsideOutside: '8 5 9 4 3 7 2 6 1 10',
  CleanUp: '1 2 9 8 4 7 5 6 3 10',
  ExtendToBoundary: '9 1 4 7 3 8 2 10 5 6',
}

const conceptOrder = (tasks: readonly Task[]): Task[] => {
  const names = Object.entries(CONCEPTS).flatMap(([concept, numbers]) => numbers.split(' ').map((n) => concept + n))
  const place = new Map(names.map((name, i) => [name, i]))
  return [...tasks].sort((a, b) => (place.get(a.name) ?? Infinity) - (place.get(b.name) ?? Infinity))
}

/** "test" stands before "train" in the official files of ARC-AGI-1. */
const testFirst = (task: Task): Task => ({
  name: task.name,
  pairs: [...task.pairs.filter((p) => p.split === 'test'), ...task.pairs.filter((p) => p.split === 'train')],
})

async function concept(cacheDir: string): Promise<Subset[]> {
  const folder = join(cacheDir, 'concept-arc')
  if (!existsSync(folder)) return []
  const { subsets } = await readFolder(folder)
  return [{ name: 'concept', tasks: conceptOrder(subsets.flatMap((subset) => subset.tasks)) }]
}

/**
 * A named data set out of the cache. ConceptARC joins in where it has been fetched, as in the official builds.
 * @throws DataError where it has not been fetched
 */
export async function readNamed(cacheDir: string, name: 'arc-agi-1' | 'arc-agi-2' | 'concept-arc'): Promise<Folder> {
  const folder = join(cacheDir, name)
  if (!existsSync(folder))
    throw new DataError(
      `the data set ${name} is not here (looked in ${folder})`,
      `fetch it with: trmesh data ${name}; or pass --data FOLDER with a copy, or --data generated`,
    )
  if (name === 'concept-arc') return { subsets: await concept(cacheDir), testSubset: 'concept' }
  const { subsets } = await readFolder(folder)
  const second = name === 'arc-agi-2'
  const own = subsets.map(({ name: split, tasks }) =>
    second ? { name: `${split}2`, tasks } : { name: split, tasks: tasks.map(testFirst) },
  )
  return { subsets: [...own, ...(await concept(cacheDir))], testSubset: second ? 'evaluation2' : 'evaluation' }
}
