// Reads ARC tasks from a folder in any of the forms they are published in: one file per task (flat, training/ and evaluation/,
// or the concept folders of ConceptARC), or the challenges and solutions files of Kaggle; or one such file by its name.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { AskedTask } from '../../shared/arc/check-submission.js'
import type { Subset } from '../../shared/arc/pool.js'
import { parseTask, type Task } from '../../shared/arc/task.js'
import { DataError } from '../../shared/errors.js'
import { readEntries, readJson } from './json-file.js'

export interface Folder {
  readonly subsets: readonly Subset[]
  /** The subset whose test pairs are held out. */
  readonly testSubset: string
}

const FORMS =
  "give a folder of per-task JSON files (flat, or with training/ and evaluation/, or ConceptARC's corpus) or of Kaggle's *_challenges.json and *_solutions.json"

/** What an answer sheet must name: every task of the held-out subset, in the order of its file, also where it does not fit a canvas. */
export const askedOf = ({ subsets, testSubset }: Folder): AskedTask[] =>
  (subsets.find(({ name }) => name === testSubset)?.tasks ?? []).map(({ name, pairs }) => ({
    task: name,
    solutions: pairs.filter(({ split }) => split === 'test').map(({ output }) => output),
  }))

/** Subsets of the two official builds, in their order; of a folder that holds both, the first is taken (spec 4.2). */
const BUILDS = {
  'arc-agi-1': { subsets: ['training', 'evaluation', 'concept'], test: 'evaluation' },
  'arc-agi-2': { subsets: ['training2', 'evaluation2', 'concept'], test: 'evaluation2' },
} as const
export type BuildName = keyof typeof BUILDS
export const isBuild = (name: string): name is BuildName => name in BUILDS

/** Files and folders of a folder, by name. @throws DataError */
async function list(folder: string): Promise<{ files: string[]; folders: string[] }> {
  try {
    const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))
    const visible = entries.filter((entry) => !entry.name.startsWith('.'))
    return {
      files: visible.filter((e) => !e.isDirectory() && e.name.endsWith('.json')).map((e) => e.name),
      folders: visible.filter((e) => e.isDirectory()).map((e) => e.name),
    }
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new DataError(`cannot read the data folder ${folder} (${why})`, FORMS, { cause })
  }
}

async function readTasks(folder: string, files: readonly string[]): Promise<Task[]> {
  const tasks: Task[] = []
  for (const file of files) {
    const path = join(folder, file)
    tasks.push(parseTask(path, basename(file, '.json'), await readJson(path)))
  }
  return tasks
}

/** One subset from Kaggle's files; without the solutions file the test outputs stay unknown. @throws DataError */
export async function readKaggleSubset(folder: string, files: readonly string[], name: string): Promise<Subset> {
  const challenges = files.find((file) => file.endsWith(`_${name}_challenges.json`)) ?? `${name}_challenges.json`
  const solutions = files.find((file) => file.endsWith(`_${name}_solutions.json`))
  const answers = new Map(solutions === undefined ? [] : await readEntries(join(folder, solutions)))
  const path = join(folder, challenges)
  const asked = await readEntries(path)
  // Tasks without an answer count for nothing, so a file with holes would change the mean without a word.
  const missing = solutions === undefined ? [] : asked.filter(([task]) => !answers.has(task)).map(([task]) => task)
  if (missing.length > 0)
    throw new DataError(
      `${join(folder, solutions ?? '')} lacks ${missing.length} of the ${asked.length} tasks of ${challenges}, the first is ${missing[0]}`,
      'complete it; or take it away, then no answer of that file counts as known',
    )
  const tasks = asked.map(([task, value]) => parseTask(path, task, value, answers.get(task)))
  return { name, tasks }
}

/**
 * The tasks of one file in Kaggle's form, all of them to be solved; X_solutions.json beside X_challenges.json tells the
 * answers where they are known. @throws DataError
 */
export async function readChallenges(path: string): Promise<Folder> {
  const name = basename(path, '.json')
  const solutions = path.replace(/challenges\.json$/, 'solutions.json')
  const answers = new Map(solutions !== path && existsSync(solutions) ? await readEntries(solutions) : [])
  const tasks = (await readEntries(path)).map(([task, value]) => parseTask(path, task, value, answers.get(task)))
  if (tasks.length === 0) throw new DataError(`no ARC tasks in ${path}`, FORMS)
  return { subsets: [{ name, tasks }], testSubset: name }
}

const subsetOf = (file: string): string =>
  /_([^_]+)_challenges\.json$/.exec(file)?.[1] ?? basename(file, '_challenges.json')

/** The subsets of an official build from a folder of Kaggle files, in the official order. @throws DataError */
export async function readBuild(folder: string, build: BuildName): Promise<Folder> {
  const { files } = await list(folder)
  const { subsets: wanted, test } = BUILDS[build]
  const subsets: Subset[] = []
  for (const name of wanted) subsets.push(await readKaggleSubset(folder, files, name))
  return { subsets, testSubset: test }
}

async function readKaggle(folder: string, files: readonly string[]): Promise<Folder> {
  const names = files.filter((file) => file.endsWith('_challenges.json')).map(subsetOf)
  const build = (Object.keys(BUILDS) as BuildName[]).find((key) => BUILDS[key].subsets.every((s) => names.includes(s)))
  if (build !== undefined) return readBuild(folder, build)
  const subsets: Subset[] = []
  // `test` holds the tasks of a competition, whose answers nobody has; `evaluation` can be scored.
  const order = ['training', 'training2', 'concept', 'evaluation', 'evaluation2', 'test']
  const ranked = [...names].sort((a, b) => order.indexOf(a) - order.indexOf(b))
  for (const name of ranked) subsets.push(await readKaggleSubset(folder, files, name))
  const test = ['evaluation2', 'evaluation', 'test', ...ranked].find((name) => names.includes(name)) as string
  return { subsets, testSubset: test }
}

/** Whatever form of ARC data lies in a folder. @throws DataError */
export async function readFolder(folder: string): Promise<Folder> {
  const { files, folders } = await list(folder)
  if (files.some((file) => file.endsWith('_challenges.json'))) return readKaggle(folder, files)
  if (files.length > 0) {
    const name = basename(folder)
    return { subsets: [{ name, tasks: await readTasks(folder, files) }], testSubset: name }
  }
  const splits = ['training', 'evaluation'].filter((name) => folders.includes(name))
  if (splits.length > 0) {
    const subsets: Subset[] = []
    for (const name of splits) {
      const inside = join(folder, name)
      subsets.push({ name, tasks: await readTasks(inside, (await list(inside)).files) })
    }
    return { subsets, testSubset: splits.at(-1) as string }
  }
  for (const inner of ['data', 'corpus']) if (folders.includes(inner)) return readFolder(join(folder, inner))
  const tasks: Task[] = []
  for (const name of folders) {
    const inside = join(folder, name)
    tasks.push(...(await readTasks(inside, (await list(inside)).files)))
  }
  if (tasks.length === 0) throw new DataError(`no ARC tasks in ${folder}`, FORMS)
  const name = basename(folder)
  return { subsets: [{ name, tasks }], testSubset: name }
}
