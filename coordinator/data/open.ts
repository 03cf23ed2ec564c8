// Opens the data of a run: finds it (generated, named or a folder), builds its pool, and serves examples by (slot, draw).
import { join } from 'node:path'
import type { AskedTask } from '../../shared/arc/check-submission.js'
import { FAMILIES, generateTasks } from '../../shared/arc/generator/generate.js'
import type { DataConfig } from '../../shared/config/run-config.js'
import { ConfigError } from '../../shared/errors.js'
import { sha256 } from '../../shared/hash.js'
import { rngFor } from '../../shared/rng/counter.js'
import { ArcDataset } from './arc-dataset.js'
import { BoardDataset, readBoardSplits } from './board-dataset.js'
import { DATA_SETS, isDataSet } from './data-sets.js'
import { sideOf } from './encode.js'
import type { Dataset, EncodedExample, EvaluationLimits, EvaluationSet, ExampleSource } from './example-source.js'
import { Feed } from './feed.js'
import { askedOf, isBuild, readBuild, readChallenges, readFolder, type Folder } from './folder.js'
import { readNamed } from './official-build.js'
import { generateBoardSplits } from './generated-boards.js'
import { generateMixedBoards } from './mixed-boards.js'
import { OfficialOrder } from './official-order.js'
import { slotChoice, type Choice } from './sampler.js'

/** Encoded examples that may wait per slot. */
const AHEAD_PER_SLOT = 4

export interface OpenOptions {
  /** Where named data sets lie; see dataFolder. */
  readonly cacheDir: string
  /** Encoder threads; 0: encode in this thread. */
  readonly threads: number
  /** How much of the test set is asked for; default all of it. */
  readonly evaluate?: EvaluationLimits
}

export type OpenedSource = ExampleSource & { readonly evaluation: EvaluationSet }

const ALL: EvaluationLimits = { augmentations: Infinity, maxPairs: 0 }

/** @throws DataError or ConfigError with the remedy */
export async function openExampleSource(
  data: DataConfig,
  seed: number,
  slots: number,
  options: OpenOptions,
): Promise<OpenedSource> {
  const dataset = await openDataset(data, options)
  const feed = new Feed(dataset.grids, options.threads, AHEAD_PER_SLOT * slots)
  const choose = chooser(dataset, data, seed, slots)
  const refer = (slot: number, draw: number): ReturnType<Dataset['refer']> => dataset.refer(choose(slot, draw))
  return {
    vocab: dataset.vocab,
    seqLen: sideOf(dataset.grids) ** 2,
    numPuzzles: dataset.numPuzzles,
    dataHash: sha256(JSON.stringify([dataset.hash, data.sampler, data.sampler === 'official' ? data.chunkEpochs : 0])),
    description: dataset.description,
    evaluation: dataset.evaluation(options.evaluate ?? ALL),
    async example(slot: number, draw: number): Promise<EncodedExample> {
      const { puzzle, reference } = refer(slot, draw)
      const { inputs, labels } = await feed.take(`${slot}:${draw}`, reference)
      return { puzzle, inputs, labels }
    },
    prefetch(slot: number, draw: number): void {
      feed.want(`${slot}:${draw}`, refer(slot, draw).reference)
    },
    close: () => feed.close(),
  }
}

/** The tasks whose test pairs are held out, as an answer sheet must name them. @throws DataError or ConfigError */
export async function openAskedTasks(
  data: DataConfig,
  cacheDir: string,
): Promise<{ tasks: readonly AskedTask[]; origin: string }> {
  if (data.kind !== 'arc')
    throw new ConfigError(
      `there is no ARC Prize sheet for ${data.kind} puzzles`,
      'name ARC data with --data, or a preset such as --preset arc1',
    )
  const { folder, origin } = await openTasks(data, cacheDir)
  return { tasks: askedOf(folder), origin }
}

function chooser(
  dataset: Dataset,
  data: DataConfig,
  seed: number,
  slots: number,
): (slot: number, draw: number) => Choice {
  if (data.sampler === 'slots') return (slot, draw) => slotChoice(dataset.lots, seed, slots, slot, draw)
  const order = new OfficialOrder(dataset.lots, {
    batch: slots,
    seed,
    epochsPerChunk: data.chunkEpochs,
    choiceSeed: seed,
  })
  return (slot, draw) => {
    const { lot, puzzle, example } = order.batch(draw)
    return {
      lot: lot[slot] as number,
      puzzle: puzzle[slot] as number,
      example: example[slot] as number,
      place: 'built',
    }
  }
}

async function openDataset(data: DataConfig, { cacheDir, threads }: OpenOptions): Promise<Dataset> {
  const { kind, source } = data
  if (kind === 'arc') {
    const { folder, origin } = await openTasks(data, cacheDir)
    return new ArcDataset(folder, data, origin)
  }
  if (source === 'generated') {
    const made = data.sizes === '' ? generateBoardSplits(kind, data, threads) : generateMixedBoards(kind, data, threads)
    return new BoardDataset(kind, await made, data)
  }
  const published = source === 'sudoku-extreme' || source === 'maze-hard'
  return new BoardDataset(kind, await readBoardSplits(published ? join(cacheDir, source) : source, kind, data), data)
}

/** All tasks of an ARC source. @throws DataError or ConfigError */
export async function openTasks(data: DataConfig, cacheDir: string): Promise<{ folder: Folder; origin: string }> {
  const { source, canvas, poolSeed } = data
  if (source === 'generated') {
    const config = {
      seed: poolSeed,
      families: data.generatedFamilies,
      tasksPerFamily: data.generatedTasksPerFamily,
      canvas,
      trainPairs: data.generatedTrainPairs,
      testPairs: data.generatedTestPairs,
    }
    if (config.families > FAMILIES.length)
      throw new ConfigError(
        `data.generatedFamilies is ${config.families}, but there are ${FAMILIES.length} rule families`,
        `set it to ${FAMILIES.length} or less`,
      )
    const tasks = generateTasks(config, (family, task) => rngFor(poolSeed, 'generated-task', family, task))
    return {
      folder: { subsets: [{ name: 'generated', tasks }], testSubset: 'generated' },
      origin: `tasks of ${config.families} rule families, generated here (seed ${poolSeed})`,
    }
  }
  if (isDataSet(source)) {
    const folder = await readNamed(cacheDir, source)
    const concept = source !== 'concept-arc' && folder.subsets.some((subset) => subset.name === 'concept')
    const { title, commit } = DATA_SETS[source]
    return { folder, origin: `${title} at ${commit.slice(0, 12)}${concept ? ', with ConceptARC' : ''}` }
  }
  // A folder of Kaggle files may hold both official builds; FOLDER#arc-agi-2 says which is meant.
  const [, path = source, build] = /^(.*)#(arc-agi-[12])$/.exec(source) ?? []
  if (build !== undefined && isBuild(build))
    return { folder: await readBuild(path, build), origin: `${path}, ${build}` }
  if (source.endsWith('.json')) return { folder: await readChallenges(source), origin: source }
  const folder = await readFolder(source)
  return { folder, origin: `${source}, ${folder.subsets.map((subset) => subset.name).join(' + ')}` }
}
