// Settings of training: the batch, the optimizer and its schedule.
import { MANY, integer, real } from './leaf.js'

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
}
