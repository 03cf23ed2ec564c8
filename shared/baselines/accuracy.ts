// Published accuracies, exact match in percent (figures.md sections 1.1, 1.2 and 2).
import type { Baseline } from './baseline.js'

const TRM_PAPER = 'arXiv:2510.04871v1, Tables 4 and 5'
const TRM_STUDY = 'arXiv:2512.11847'
const COPIED =
  'Copied by the TRM paper from the ARC Prize leaderboard or the HRM paper, not run again by its author; other protocol and test sets than TRM, so no like-for-like comparison'
const TWO_TRIES = 'ARC on the public evaluation sets with 2 tries; ours is measured on the data of this run'
const OWN = 'own run of the paper'

/** A row of the paper that it copied from elsewhere. */
const copied = (
  model: string,
  parameters: string | undefined,
  accuracy: NonNullable<Baseline['accuracy']>,
): Baseline => ({
  model,
  setup: 'prompted',
  hardware: 'not stated',
  ...(parameters === undefined ? {} : { parameters }),
  accuracy,
  source: TRM_PAPER,
  grade: 'P',
  caveat: COPIED,
})

const trained = (
  model: string,
  parameters: string,
  accuracy: NonNullable<Baseline['accuracy']>,
  caveat: string,
): Baseline => ({
  model,
  setup: OWN,
  hardware: 'not stated',
  parameters,
  accuracy,
  source: TRM_PAPER,
  grade: 'P',
  caveat,
})

export const ACCURACY = {
  'deepseek-r1': copied('DeepSeek-R1', '671B', {
    'arc-agi-1': '15.8',
    'arc-agi-2': '1.3',
    'sudoku-extreme': '0.0',
    'maze-hard': '0.0',
  }),
  'claude-3.7-8k': copied('Claude 3.7 8K', undefined, { 'sudoku-extreme': '0.0', 'maze-hard': '0.0' }),
  'claude-3.7-16k': copied('Claude 3.7 16K', undefined, { 'arc-agi-1': '28.6', 'arc-agi-2': '0.7' }),
  'o3-mini-high': copied('o3-mini-high', undefined, {
    'arc-agi-1': '34.5',
    'arc-agi-2': '3.0',
    'sudoku-extreme': '0.0',
    'maze-hard': '0.0',
  }),
  'gemini-2.5-pro-32k': copied('Gemini 2.5 Pro 32K', undefined, { 'arc-agi-1': '37.0', 'arc-agi-2': '4.9' }),
  'grok-4-thinking': copied('Grok-4-thinking', '1.7T', { 'arc-agi-1': '66.7', 'arc-agi-2': '16.0' }),
  'grok-4-bespoke': copied('Bespoke system on Grok-4', '1.7T', { 'arc-agi-1': '79.6', 'arc-agi-2': '29.4' }),
  'direct-prediction': trained(
    'Direct prediction',
    '27M',
    { 'arc-agi-1': '21.0', 'arc-agi-2': '0.0', 'sudoku-extreme': '0.0', 'maze-hard': '0.0' },
    TWO_TRIES,
  ),
  hrm: trained(
    'HRM',
    '27M',
    { 'arc-agi-1': '40.3', 'arc-agi-2': '5.0', 'sudoku-extreme': '55.0', 'maze-hard': '74.5' },
    TWO_TRIES,
  ),
  'trm-att': trained(
    'TRM-Att',
    '7M',
    { 'arc-agi-1': '44.6', 'arc-agi-2': '7.8', 'sudoku-extreme': '74.7', 'maze-hard': '85.3' },
    `${TWO_TRIES}; 7M leaves out the task-embedding table, more than 500M stored numbers on ARC`,
  ),
  'trm-mlp': trained(
    'TRM-MLP',
    '19M',
    { 'arc-agi-1': '29.6', 'arc-agi-2': '2.4', 'sudoku-extreme': '87.4', 'maze-hard': '0.0' },
    `${TWO_TRIES}; 5M parameters on Sudoku`,
  ),
  'trm-one-pass': {
    model: 'TRM-Att',
    setup: 'one canonical pass, pass@1',
    hardware: 'not stated',
    accuracy: { 'arc-agi-1': '29.25' },
    source: TRM_STUDY,
    grade: 'S',
    caveat: 'pass@1, not the 2 tries of the other ARC figures',
  },
  'trm-voted': {
    model: 'TRM-Att',
    setup: '1000-augmentation voting, pass@1',
    hardware: 'not stated',
    accuracy: { 'arc-agi-1': '40.00' },
    source: TRM_STUDY,
    grade: 'S',
    caveat: 'pass@1, not the 2 tries of the other ARC figures; at most 1000 votes per puzzle',
  },
} as const satisfies Record<string, Baseline>
