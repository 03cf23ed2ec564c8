// The presets. Those of published data are the official runs (spec sections 1.1, 3, 6 and 10), value for value; what those runs do not
// define (checkpoints, buckets, ...) is left to the defaults of the schema; hybrid-arc1 and urm-arc1 say what of them is not
// published. `tiny` and the small boards are ours: they learn in minutes on two CPU cores.
import type { ModelConfig, RunConfig } from './run-config.js'
import type { PresetName } from './schema.js'

type PartOf<Section extends keyof RunConfig> = Partial<RunConfig[Section]>

export interface Preset {
  readonly model: Partial<Omit<ModelConfig, 'vocab' | 'seqLen'>>
  readonly data: PartOf<'data'>
  readonly train: PartOf<'train'>
  readonly checkpoint?: PartOf<'checkpoint'>
  readonly evaluate: PartOf<'evaluate'>
}

/** Common to the official runs (spec 1.1, 3.1, 3.3, 3.4, 6). */
const MODEL = {
  hidden: 512,
  heads: 8,
  expansion: 4,
  layers: 2,
  hCycles: 3,
  mixer: 'attention',
  positions: 'rope',
  puzzleEmbLen: 16,
  puzzleEmbDim: 512,
  haltMaxSteps: 16,
  haltExplorationProb: 0.1,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
} as const

const TRAIN = {
  slots: 768,
  lr: 1e-4,
  beta1: 0.9,
  beta2: 0.95,
  warmupSteps: 2000,
  lrMinRatio: 1,
  emaRate: 0.999,
} as const

/** HRM (spec 10): two networks, the gradient of one step, Q-learning, no average of the weights. */
const HRM_MODEL = {
  ...MODEL,
  layers: 4,
  hLayers: 4,
  networks: 'two',
  gradient: 'last',
  halting: 'continue',
  hCycles: 2,
  lCycles: 2,
  puzzleEmbLen: 1,
} as const

const ARC_DATA = { kind: 'arc', canvas: 30, augmentations: 1000, poolSeed: 42, chunkEpochs: 10000 } as const
const ARC_TRAIN = { ...TRAIN, puzzleLr: 1e-2, weightDecay: 0.1, puzzleWeightDecay: 0.1 } as const
/** With --data generated: as many boards as the published training sets, none of them easy. */
const GENERATED_BOARDS = { generatedFamilies: 1, generatedTasksPerFamily: 1000, generatedTestBoards: 1000 } as const
const SUDOKU_DATA = {
  kind: 'sudoku',
  source: 'sudoku-extreme',
  canvas: 9,
  augmentations: 1000,
  chunkEpochs: 5000,
  ...GENERATED_BOARDS,
  generatedMinDifficulty: 10,
} as const
const MAZE_DATA = {
  kind: 'maze',
  source: 'maze-hard',
  canvas: 30,
  augmentations: 0,
  chunkEpochs: 5000,
  ...GENERATED_BOARDS,
  generatedMinDifficulty: 110,
} as const
/** 50,000 epochs; the 50,000th loader batch of spec 4.5 gives 65,100 steps. */
const PUZZLE_TRAIN = { ...TRAIN, steps: 65100, puzzleLr: 1e-4, weightDecay: 1, puzzleWeightDecay: 1 } as const
const PUZZLE_EVALUATE = { everySteps: 6510, augmentations: 0 } as const
/** 20,000 epochs in chunks of 2,000: the loader of spec 4.5 gives ten times 2,604 steps. */
const HRM_PUZZLE_TRAIN = { ...PUZZLE_TRAIN, steps: 26040, emaRate: 0 } as const
const HRM_PUZZLE_EVALUATE = { everySteps: 2604, augmentations: 0 } as const

/** Of `tiny`: what learns in minutes on two cores (test/bench/LOG.md): many cheap steps. */
const QUICK_MODEL = {
  hidden: 64,
  heads: 4,
  expansion: 4,
  layers: 2,
  hCycles: 1,
  lCycles: 3,
  puzzleEmbLen: 1,
  puzzleEmbDim: 64,
  haltMaxSteps: 4,
} as const
const QUICK_TRAIN = {
  slots: 32,
  steps: 20000,
  lr: 2e-3,
  puzzleLr: 1e-2,
  weightDecay: 0,
  puzzleWeightDecay: 0,
  warmupSteps: 50,
  emaRate: 0.99,
} as const
/** Boards that show in minutes whether everything works. Every shown board is its own: no shuffles, so that unseen is unseen. */
const BOARD_DATA = { source: 'generated', augmentations: 0, generatedFamilies: 20 } as const
const BOARD_EVALUATE = { everySteps: 0, augmentations: 0, early: 'on' } as const
const MLP = { mixer: 'mlp', positions: 'none' } as const

export const PRESETS: Readonly<Record<PresetName, Preset>> = {
  tiny: {
    model: { ...QUICK_MODEL, mixer: 'attention', positions: 'rope' },
    data: {
      kind: 'arc',
      source: 'generated',
      canvas: 6,
      augmentations: 0,
      generatedFamilies: 24,
      generatedTasksPerFamily: 1,
      generatedTrainPairs: 32,
      generatedTestPairs: 4,
    },
    train: { ...QUICK_TRAIN, lr: 1e-3, minutes: 6.5 },
    checkpoint: { everySteps: 1000 },
    evaluate: { everySteps: 0, augmentations: 0, batch: 32, early: 'on' },
  },
  arc1: {
    model: { ...MODEL, lCycles: 4 },
    data: { ...ARC_DATA, source: 'arc-agi-1' },
    // Ten evaluations, as the official loader has chunks: its tenth is the end, so a tenth of the steps rounded up.
    train: { ...ARC_TRAIN, steps: 518071 },
    evaluate: { everySteps: 51808, augmentations: 1000 },
  },
  arc2: {
    model: { ...MODEL, lCycles: 4 },
    data: { ...ARC_DATA, source: 'arc-agi-2' },
    // The official loader runs on to batch 723,914, but the optimizer stops here; so does the EMA of ours (spec 9.1, B1).
    train: { ...ARC_TRAIN, steps: 722098 },
    evaluate: { everySteps: 72391, augmentations: 1000 },
  },
  'sudoku-mlp': {
    model: { ...MODEL, lCycles: 6, mixer: 'mlp', positions: 'none' },
    data: SUDOKU_DATA,
    train: PUZZLE_TRAIN,
    evaluate: PUZZLE_EVALUATE,
  },
  'sudoku-att': { model: { ...MODEL, lCycles: 6 }, data: SUDOKU_DATA, train: PUZZLE_TRAIN, evaluate: PUZZLE_EVALUATE },
  maze: {
    model: { ...MODEL, lCycles: 4 },
    data: MAZE_DATA,
    train: PUZZLE_TRAIN,
    evaluate: PUZZLE_EVALUATE,
  },
  // The hybrid of arXiv 2602.12078: published are the stack (one layer: Mamba-2 twice, attention, SwiGLU, each with its residual and
  // post-norm), its sizes (512 wide, states of 128, heads of 64), and that all else is TRM's: so arc1's numbers. Not published are
  // the direction of the scan (causal here, as Mamba-2 is), the position encoding of the attention (RoPE here, as TRM's), the
  // initial values (those of Mamba-2 here), and T and n, of which a third party reports 3 and 4 to 6.
  'hybrid-arc1': {
    model: { ...MODEL, layers: 1, lCycles: 4, mixer: 'hybrid' },
    data: { ...ARC_DATA, source: 'arc-agi-1' },
    train: { ...ARC_TRAIN, steps: 518071 },
    evaluate: { everySteps: 51808, augmentations: 1000 },
  },
  // URM (arXiv 2512.14693): published are one state, four layers of attention and ConvSwiGLU 512 wide, eight loops with the question
  // added before each, the first two of them without gradient, up to 16 steps with TRM's halting, the loss and data of TRM, and, in
  // the script of the authors' code (github.com/zitian-gao/URM at 905c9f5), batch 768, learning rates of 1e-4 for weights and
  // rows, decay 0.1, EMA and 200,000 epochs. That script has twelve loops, six of them without gradient: here the paper's eight.
  // Ours are: the EMA rate of TRM, and steps for 200,000 epochs as twice those of arc1.
  'urm-arc1': {
    model: {
      ...MODEL,
      layers: 4,
      states: 'answer',
      swiglu: 'conv',
      hCycles: 8,
      lCycles: 0,
      gradedCycles: 6,
      puzzleEmbLen: 1,
    },
    data: { ...ARC_DATA, source: 'arc-agi-1', chunkEpochs: 2000 },
    train: { ...ARC_TRAIN, steps: 1036142, puzzleLr: 1e-4 },
    evaluate: { everySteps: 103615, augmentations: 1000 },
  },
  // Speed is Confidence (arXiv 2601.19085), its baseline of one chain. Published: Muon at 0.02 with a decay of 0.005 for matrices, Adam
  // at 1e-4 with a decay of 1 for the rest, SwiGLU with a norm inside, cosine, clipping at 1, smoothing of 0.2, halting weighs
  // 0.05, T = 6, n = 9, 8,000 steps of 384. Ours: AdamATan2 for their AdamW, the cosine's floor of 0.1, TRM's warm-up and
  // stablemax, and an average of 0.9 from the first step on, theirs from the 5,000th.
  'sudoku-speed': {
    model: { ...MODEL, hCycles: 6, lCycles: 9, mixer: 'mlp', positions: 'none', swiglu: 'normed' },
    data: SUDOKU_DATA,
    train: {
      ...PUZZLE_TRAIN,
      slots: 384,
      steps: 8000,
      optimizer: 'muon',
      muonLr: 0.02,
      muonWeightDecay: 0.005,
      lrMinRatio: 0.1,
      clipNorm: 1,
      labelSmoothing: 0.2,
      haltLossWeight: 0.05,
      emaRate: 0.9,
    },
    evaluate: { everySteps: 1000, augmentations: 0 },
  },
  // CGAR (arXiv 2511.08653): sudoku-mlp with the depth curriculum and weights of 0.7^(t - 1), and all else as there.
  'sudoku-cgar': {
    model: { ...MODEL, lCycles: 6, mixer: 'mlp', positions: 'none' },
    data: SUDOKU_DATA,
    train: { ...PUZZLE_TRAIN, curriculum: 'depth', supervisionDecay: 0.7 },
    evaluate: PUZZLE_EVALUATE,
  },
  // Trained on the same pool as arc1, so that the two compare; 100,000 epochs of it, as there.
  'hrm-arc1': {
    model: HRM_MODEL,
    data: { ...ARC_DATA, source: 'arc-agi-1' },
    train: { ...ARC_TRAIN, steps: 518071, emaRate: 0 },
    evaluate: { everySteps: 51808, augmentations: 1000 },
  },
  'hrm-sudoku': {
    model: HRM_MODEL,
    data: { ...SUDOKU_DATA, chunkEpochs: 2000 },
    train: HRM_PUZZLE_TRAIN,
    evaluate: HRM_PUZZLE_EVALUATE,
  },
  'hrm-maze': {
    model: HRM_MODEL,
    data: { ...MAZE_DATA, chunkEpochs: 2000 },
    train: HRM_PUZZLE_TRAIN,
    evaluate: HRM_PUZZLE_EVALUATE,
  },
  'sudoku-4x4': {
    model: { ...QUICK_MODEL, ...MLP },
    data: { ...BOARD_DATA, kind: 'sudoku', canvas: 4, generatedTasksPerFamily: 100 },
    train: { ...QUICK_TRAIN, minutes: 1.5 },
    evaluate: BOARD_EVALUATE,
  },
  'sudoku-6x6': {
    model: { ...QUICK_MODEL, ...MLP },
    data: { ...BOARD_DATA, kind: 'sudoku', canvas: 6, generatedTasksPerFamily: 200 },
    train: { ...QUICK_TRAIN, minutes: 5 },
    evaluate: BOARD_EVALUATE,
  },
  'maze-7x7': {
    // Nothing halts before a step drawn for it: where nearly every example halts at once, as here, networks forget how to keep an
    // answer through the steps that follow, and evaluation asks for the last one (test/bench/LOG.md).
    model: { ...QUICK_MODEL, ...MLP, haltExplorationProb: 1 },
    data: { ...BOARD_DATA, kind: 'maze', canvas: 7, generatedTasksPerFamily: 2000, generatedTestBoards: 1000 },
    train: { ...QUICK_TRAIN, steps: 4000, lrMinRatio: 0.1 },
    evaluate: BOARD_EVALUATE,
  },
}
