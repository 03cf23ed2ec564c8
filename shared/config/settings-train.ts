// Settings of training: the batch, the optimizer and its schedule.
import { MANY, choice, integer, real } from './leaf.js'

/** Section `train` of RunConfig. */
export const TRAIN_SETTINGS = {
  slots: integer('Global batch: lanes that the workers share out among themselves.', 768, 1, 65536, {
    alias: 'slots',
  }),
  steps: integer('Optimizer steps of the whole run.', 1000, 1, MANY, { alias: 'steps' }),
  minutes: real('Minutes of training per start, at most; then it evaluates, saves and ends. 0: no limit.', 0, 0, MANY),
  freezeDense: real(
    'Part of the steps (or of the minutes, whichever is over sooner), at the start, in which only puzzle rows learn.',
    0,
    0,
    1,
  ),
  lr: real('Learning rate of the dense weights.', 1e-4, 0, 10),
  puzzleLr: real('Learning rate of the puzzle rows.', 1e-2, 0, 10),
  weightDecay: real('Weight decay of the dense weights.', 0.1, 0, 100),
  puzzleWeightDecay: real('Weight decay of the puzzle rows that a step touches.', 0.1, 0, 100),
  beta1: real('AdamATan2: decay of the first moment.', 0.9, 0, 1, true),
  beta2: real('AdamATan2: decay of the second moment.', 0.95, 0, 1, true),
  warmupSteps: integer('Steps of linear warm-up.', 2000, 0, MANY),
  lrMinRatio: real('Learning rate at the end of the cosine, as a part of the peak (1: constant).', 1, 0, 1),
  emaRate: real('Part of the running average that a step keeps.', 0.999, 0, 1, true),
  optimizer: choice(
    'adam-atan2 (the official), or muon: orthogonalised momentum for matrices inside the network (Jordan 2024; for TRM arXiv 2601.19085), AdamATan2 for the rest.',
    'adam-atan2',
    ['adam-atan2', 'muon'],
  ),
  muonLr: real('Muon: learning rate of those matrices (published for Sudoku: 0.02, mazes 0.005).', 0.02, 0, 10),
  muonMomentum: real('Muon: decay of the momentum.', 0.95, 0, 1, true),
  muonWeightDecay: real('Muon: weight decay of those matrices (published: 0.005).', 0.005, 0, 100),
  moveEvery: integer(
    'Supervision steps whose gradients are one: dense weights move at every so-manyth, by the mean of those since the last move (pull 41 of the official code: 2). Puzzle rows move at every step.',
    1,
    1,
    1024,
  ),
  clipNorm: real(
    'Longest mean gradient of the dense weights, L2 norm; longer ones are shortened to it (arXiv 2601.19085: 1). 0: no limit.',
    0,
    0,
    1e9,
  ),
  labelSmoothing: real(
    'Share of the target of a cell that is spread over all tokens (arXiv 2601.19085: 0.2). 0: none.',
    0,
    0,
    1,
    true,
  ),
  haltLossWeight: real('Weight of the halting losses (official: 0.5; arXiv 2601.19085: 0.05).', 0.5, 0, 100),
  supervisionDecay: real(
    "Weight of a supervision step's loss against the step before (CGAR, arXiv 2511.08653: 0.7). 1: all alike.",
    1,
    0.01,
    1,
  ),
  curriculum: choice(
    'depth: a third of the cycles for 30 % of the steps, two thirds until 60 %, then all (CGAR, arXiv 2511.08653).',
    'off',
    ['off', 'depth'],
  ),
}
