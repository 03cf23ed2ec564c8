// Settings of the data: what is learned, from where, and how it is augmented.
import { MANY, choice, integer, text } from './leaf.js'
import type { RunConfig } from './run-config.js'

/** What data.source may be besides a folder, by data.kind. */
export const DATA_SOURCES = {
  arc: ['generated', 'arc-agi-1', 'arc-agi-2', 'concept-arc'],
  sudoku: ['generated', 'sudoku-extreme'],
  maze: ['generated', 'maze-hard'],
} as const satisfies Record<RunConfig['data']['kind'], readonly string[]>

const NAMED_SOURCES: readonly string[] = Object.values(DATA_SOURCES).flat()

/** True for a data source known by name; every other source is a folder. */
export const isNamedSource = (source: string): boolean => NAMED_SOURCES.includes(source)

/** The sides of data.sizes, ascending; none: boards of the canvas. */
export const sidesOf = ({ sizes }: Pick<RunConfig['data'], 'sizes'>): number[] =>
  sizes === '' ? [] : [...new Set(sizes.split(',').map(Number))].sort((a, b) => a - b)

/** Section `data` of RunConfig. */
export const DATA_SETTINGS = {
  kind: choice('What is learned.', 'arc', ['arc', 'sudoku', 'maze']),
  source: text(
    `Tasks: ${NAMED_SOURCES.filter((x, i, all) => all.indexOf(x) === i).join(', ')}, or a folder.`,
    'generated',
    'a data set name or a folder',
    (x) => x !== '',
    { kind: 'source', alias: 'data' },
  ),
  canvas: integer('Rows and columns of the grid; ARC tasks with a larger grid are left out, and counted.', 30, 1, 30, {
    alias: 'canvas',
  }),
  sizes: text(
    'Source generated, boards: sides that are learned together, such as 4,6,9, each in a corner of the canvas (after nano-trm); empty: one size, the canvas.',
    '',
    'sides with commas, such as 4,6,9, or empty',
    (x) => /^(\d+(,\d+)*)?$/.test(x),
  ),
  augmentations: integer('Augmented copies per task, at most, beside the original.', 1000, 0, 100000),
  poolSeed: integer('Seed of the pool of augmented puzzles (official: 42).', 42, 0, 2 ** 32 - 1),
  firstPuzzle: integer('Identifier of the first puzzle (official: 1).', 1, 1, 2 ** 31 - 1),
  sampler: choice(
    'slots: every task equally often, whatever the workers do; official: the order of the published loader.',
    'slots',
    ['slots', 'official'],
  ),
  chunkEpochs: integer('Sampler official: epochs per chunk of its order.', 10000, 1, MANY),
  minDifficulty: integer('Published boards: rating of those used, at least (official min_difficulty).', 0, 0, MANY),
  subsample: integer('Published boards: training puzzles drawn from a larger file; 0: all.', 1000, 0, MANY),
  generatedMinDifficulty: integer(
    'Generated boards: rating, at least. Sudoku: dead ends of a complete search; maze: moves of the only shortest path. 0: easy ones.',
    0,
    0,
    1000,
  ),
  generatedTestBoards: integer(
    'Generated boards: so many are held out; 0: a quarter as many as are trained on.',
    0,
    0,
    100000,
  ),
  generatedFamilies: integer('Source generated: rule families used.', 20, 1, 1000),
  generatedTasksPerFamily: integer('Source generated: tasks made of each family.', 4, 1, 100000),
  generatedTrainPairs: integer('Source generated: pairs of each ARC task that are trained on.', 8, 1, 1000),
  generatedTestPairs: integer('Source generated: unseen pairs of each ARC task, to be solved.', 2, 1, 1000),
}
