// Settings of evaluation: when, how many votes, and how they are scored.
import { MANY, choice, integer, real } from './leaf.js'

/** Section `evaluate` of RunConfig. */
export const EVALUATE_SETTINGS = {
  everySteps: integer('Steps between evaluations; 0: only at the end.', 0, 0, MANY),
  augmentations: integer('Augmented copies per test pair that vote, at most; 0: only the original.', 1000, 0, 100000),
  batch: integer('Rows per unit of evaluation work given to a worker.', 64, 1, 65536),
  maxPairs: integer('Test pairs at most; 0: all.', 0, 0, MANY),
  early: choice(
    'Also score the answers at which q_halt first says halt, beside those of all supervision steps.',
    'off',
    ['off', 'on'],
  ),
  canvas: choice(
    'Cells computed of a test row, with model.trim: all (whole), or as many as the shown pairs let expect (shown), which can lose a larger solution.',
    'whole',
    ['whole', 'shown'],
  ),
  votes: choice(
    'Votes of ARC: those of this evaluation alone (fresh), or of the ones before it too, as the official code (kept).',
    'fresh',
    ['fresh', 'kept'],
  ),
  rollouts: integer(
    'Attempts at every test row, of which one answers (PTRM, arXiv:2605.19943); 0: one pass.',
    0,
    0,
    65536,
    { alias: 'rollouts' },
  ),
  sigma: real('Noise of every rollout before each supervision step, a standard deviation; 0: none.', 0.3, 0, 100),
  noiseOn: choice('States that the noise of rollouts is added to: z_H alone (answer), or all.', 'answer', [
    'answer',
    'all',
  ]),
  relabel: choice('Ask every rollout of a Sudoku or maze another relabeled or turned copy (arXiv:2601.19085).', 'off', [
    'off',
    'on',
  ]),
  choose: choice(
    'Which rollout answers: the highest q_halt (best-q), the most frequent answer (majority), or the first that says halt.',
    'best-q',
    ['best-q', 'majority', 'first-to-halt'],
  ),
}
