// `trmesh data verify`: rebuilds the official ARC-1 and ARC-2 data as a stream and holds every count and SHA-256 against the
// published ones. Nothing is written; the arrays (17 GB) are never in memory. Source: spec 4.2, 4.5.
import { setImmediate as breathe } from 'node:timers/promises'
import { hashIdentifiers, hashSplit, type ArrayName, type SplitFigures } from '../../shared/arc/official-build.js'
import { buildPool, type Pool } from '../../shared/arc/pool.js'
import type { Split } from '../../shared/arc/task.js'
import { DataError } from '../../shared/errors.js'
import type { VerifyOptions } from '../../shared/ports.js'
import { dataFolder } from './data-sets.js'
import { readBuild, type BuildName, type Folder } from './folder.js'
import { readNamed } from './official-build.js'
import { countBatches } from './official-order.js'

interface Published {
  readonly identifiers: number
  readonly identifiersSha256: string
  /** Full batches of 768 of the ten chunks of 10,000 epochs. */
  readonly batches: readonly number[]
  readonly train: readonly [groups: number, puzzles: number, examples: number]
  readonly test: readonly [groups: number, puzzles: number, examples: number]
  readonly sha256: Readonly<Record<Split, Readonly<Partial<Record<ArrayName, string>>>>>
}

const PUBLISHED: Readonly<Record<BuildName, Published>> = {
  'arc-agi-1': {
    identifiers: 876406,
    identifiersSha256: '9f42efad9afc8796ba45dafa973e19484bc7d9006a847eba632453ff397b1ac9',
    batches: [51807, 51807, 51808, 51807, 51807, 51807, 51807, 51807, 51807, 51807],
    train: [960, 876405, 3633410],
    test: [400, 368150, 385815],
    sha256: {
      train: {
        inputs: '72da48c5e0323852722999debec19eb46abc65095966248de002011f6e5707d8',
        labels: '10c7cba3f2ec22988387c013b137c15ef7587fe78a48fd51eb4cc065d1f73c78',
        puzzle_identifiers: 'fcdfbc1140c76e56a03bfa9d36edf8c25028c6901eb5e631ba097dd722fef245',
        puzzle_indices: '8d6194ce882b260fa7140b7843009c1408bf77c77aded300029bb23a4c760397',
        group_indices: 'cc36674453940ddc603e72ec7fdcb8075c90fcb670655ce29bc01a8571806e3a',
      },
      test: {
        inputs: '02b35663cd9cb157150a60742157a91cc838568727dee5c6013f20c5f60f7a89',
        labels: '0632d1d7d46d6b59ad96a755d22840d0405d53a7c88d35e07ba1b0009223da79',
      },
    },
  },
  'arc-agi-2': {
    identifiers: 1191730,
    identifiersSha256: 'd7ff9bada1e1b449013a475ea6cd83d4dfda6c38ad40ca58940c2c7e6ad3aca3',
    batches: [72391, 72392, 72391, 72391, 72392, 72391, 72391, 72391, 72392, 72392],
    train: [1280, 1191729, 5163277],
    test: [120, 118766, 170393],
    sha256: {
      train: {
        inputs: '0c4f635b9a469b67d68e3379b6fe8cd0e353a3e81157b778d39a2ba3dad498ea',
        labels: '0b61a77fb78f6b560c99f887e75af2ee288acba2ecd5b4155676ff3c082635d5',
        puzzle_identifiers: '2724d7774ec7168c164a2e70df838fb1526902761058b9af22712a8f11e0630c',
        puzzle_indices: '952600e3adf76159f037ca3fae6997b754f32e9170f48a4a4f7e951c92f107de',
        group_indices: '7b0848ee26b6d0e66b26b376e0517e4acd89c012935250d92171782a07cecf38',
      },
      test: {
        inputs: 'd8f82f1f4abd5243f35c3b7572d8b2fb0432c639713e6e03117e777c3941ffa9',
        labels: 'fe238952544cab825fa6192777e68b3daa5d0d9302f19a451beb6753afe69f3b',
      },
    },
  },
}

export interface VerifyLine {
  readonly figure: string
  readonly ok: boolean
  readonly got: string
  readonly expected: string
}

/** What is being done, and how much of the whole is done, 0..1. */
export type VerifyProgress = (what: string, share: number) => void

const BATCH = 768
const CHUNK_EPOCHS = 10_000

/** Share of the time of one build that a part takes, measured. */
const SHARES = { pool: 0.05, arrays: 0.6, batches: 0.35 } as const

async function* lines(build: BuildName, folder: Folder, tell: VerifyProgress): AsyncGenerator<VerifyLine> {
  const published = PUBLISHED[build]
  const line = (figure: string, got: string | number, expected: string | number): VerifyLine => ({
    figure: `${build} ${figure}`,
    ok: got === expected,
    got: String(got),
    expected: String(expected),
  })
  tell('building the pool', 0)
  await breathe()
  const pool = buildPool(folder.subsets, { seed: 42, augmentations: 1000, canvas: 30, testSubset: folder.testSubset })
  yield line('identifiers', pool.numIdentifiers, published.identifiers)
  yield line('identifiers.json', hashIdentifiers(pool), published.identifiersSha256)
  const rows = published.train[2] + published.test[2]
  let before = 0
  for (const split of ['train', 'test'] as const) {
    const figures = await hashed(pool, split, (done) => {
      tell(`hashing ${split} examples`, SHARES.pool + (SHARES.arrays * (before + done)) / rows)
    })
    before += figures.examples
    const names = ['groups', 'puzzles', 'examples'] as const
    for (const [i, name] of names.entries()) yield line(`${split} ${name}`, figures[name], published[split][i] ?? NaN)
    for (const [name, expected] of Object.entries(published.sha256[split]))
      yield line(`${split} ${name}`, figures.sha256[name as ArrayName], expected)
  }
  const lots = pool.groups.map(({ from, to, train }) => ({ from, to, examples: train.length }))
  for (const [i, expected] of published.batches.entries()) {
    tell(
      `counting batches of chunk ${i + 1}`,
      SHARES.pool + SHARES.arrays + (SHARES.batches * i) / published.batches.length,
    )
    await breathe()
    const config = { batch: BATCH, seed: 0, epochsPerChunk: CHUNK_EPOCHS, choiceSeed: 0 }
    yield line(`batches of chunk ${i + 1}`, countBatches(lots, config, i + 1), expected)
  }
}

async function hashed(pool: Pool, split: Split, onDone: (done: number) => void): Promise<SplitFigures> {
  const hashing = hashSplit(pool, split)
  for (;;) {
    const step = hashing.next()
    if (step.done === true) return step.value
    onDone(step.value)
    await breathe()
  }
}

/**
 * Both official builds.
 * @param read gives the subsets of a build; see readBuild and readNamed
 * @param progress may throw to end it
 * @param onLine called with each figure as it is known
 */
export async function verifyOfficialBuild(
  read: (build: BuildName) => Promise<Folder>,
  progress: VerifyProgress,
  onLine: (line: VerifyLine) => void = () => undefined,
): Promise<{ lines: VerifyLine[]; ok: boolean }> {
  const all: VerifyLine[] = []
  const builds = Object.keys(PUBLISHED) as BuildName[]
  for (const [i, build] of builds.entries()) {
    const tell: VerifyProgress = (what, share) => progress(`${build}: ${what}`, (i + share) / builds.length)
    for await (const line of lines(build, await read(build), tell)) {
      all.push(line)
      onLine(line)
    }
  }
  return { lines: all, ok: all.every((line) => line.ok) }
}

/** Prints a line per figure. @throws DataError if anything differs, or files are missing */
export async function verifyData({ from, root, signal, out }: VerifyOptions): Promise<void> {
  const cache = dataFolder(root)
  const read = (build: BuildName): Promise<Folder> =>
    from === undefined ? readNamed(cache, build) : readBuild(from, build)
  const stop = new AbortController()
  signal.onStop(() => stop.abort())
  const started = performance.now()
  const seconds = (): number => (performance.now() - started) / 1000
  const progress: VerifyProgress = (what, share) => {
    stop.signal.throwIfAborted()
    const left = share > 0.02 ? `, about ${Math.ceil((seconds() * (1 - share)) / share)} s left` : ''
    out.status(`${(share * 100).toFixed(0)} %  ${what}${left}`)
  }
  const show = ({ figure, ok: same, got, expected }: VerifyLine): void =>
    out.line(`${same ? 'ok     ' : 'DIFFERS'}  ${figure.padEnd(36)} ${got}${same ? '' : `, expected ${expected}`}`)
  const result = await verifyOfficialBuild(read, progress, show).catch((error: unknown) => {
    if (stop.signal.aborted) return undefined
    throw error
  })
  if (result === undefined) return out.line('stopped; nothing was kept')
  const { lines: all, ok } = result
  if (!ok)
    throw new DataError(
      `${all.filter((line) => !line.ok).length} of ${all.length} figures differ from the published ones`,
      'the published figures are of the ten challenges and solutions files of the official TRM repository (kaggle/combined): pass their folder with --from; the repositories of today have other versions of some ARC-AGI-2 tasks, and ConceptARC belongs to both builds',
    )
  out.line(`all ${all.length} figures are the published ones (${Math.round(seconds())} s)`)
}
