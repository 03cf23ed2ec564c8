// Settings of evaluation: when, how many votes, and how they are scored.
import { MANY, choice, integer } from './leaf.js'

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
}
