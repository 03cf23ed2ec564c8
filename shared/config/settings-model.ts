// Settings of the model: its size, its recursion and its halting.
import { choice, integer, real } from './leaf.js'

/** Section `model` of RunConfig. */
export const MODEL_SETTINGS = {
  hidden: integer('Width D of every position.', 512, 2, 8192),
  heads: integer('Attention heads; each is hidden / heads wide.', 8, 1, 256),
  expansion: real('SwiGLU expansion; its inner width is 256 ceil(round(expansion D 2/3) / 256).', 4, 0.1, 32),
  layers: integer('Layers of the shared network; of L, where there are two.', 2, 1, 64),
  hLayers: integer('Layers of H, where there are two networks; 0: as many as L.', 0, 0, 64),
  networks: choice('One network for thoughts and answers (shared: TRM), or one each (two: HRM).', 'shared', [
    'shared',
    'two',
  ]),
  states: choice(
    'Answer and thought (two), one state for both (one), a thought per L cycle (many), or no thought (answer: a transformer).',
    'two',
    ['two', 'one', 'many', 'answer'],
  ),
  gradient: choice(
    'Differentiated: the last H cycle (cycle: TRM), or its last thought and answer (last: HRM).',
    'cycle',
    ['cycle', 'last'],
  ),
  gradedCycles: integer('With gradient cycle: so many of the last H cycles are differentiated.', 1, 1, 64),
  gradedCalls: integer(
    'So many of the last calls of a network are differentiated, wherever a cycle begins; 0: as gradient and gradedCycles say.',
    0,
    0,
    8192,
  ),
  halting: choice('q_halt > 0 halts (halt: TRM), or q_halt > q_continue, which learns too (continue: HRM).', 'halt', [
    'halt',
    'continue',
  ]),
  start: choice(
    'What examples start from: H_init and L_init (fixed), noise around them (around), or random states (random: EqR, arXiv:2605.21488).',
    'fixed',
    ['fixed', 'around', 'random'],
  ),
  startStd: real('Standard deviation of a start that is not fixed.', 1, 0, 10),
  stepNoise: real(
    'Standard deviation of the noise that all states get between supervision steps of training; 0: none.',
    0,
    0,
    10,
  ),
  chains: integer(
    'Latent chains per example in training, of which only the one with the lowest loss learns (winner take all, arXiv:2601.19085).',
    1,
    1,
    64,
  ),
  chainStarts: choice(
    "Starts of the chains: drawn; or aligned, all with as large a share in the strongest directions of the first layer's SwiGLU (arXiv:2601.19085).",
    'drawn',
    ['drawn', 'aligned'],
  ),
  hCycles: integer("The paper's T: H cycles per supervision step.", 3, 1, 64),
  lCycles: integer("The paper's n: L cycles per H cycle; 0 with states answer only.", 6, 0, 64),
  mixer: choice(
    'What mixes the sequence: attention (TRM-Att), mlp (TRM-MLP), mamba (Mamba-2), or hybrid (twice Mamba-2, then attention).',
    'attention',
    ['attention', 'mlp', 'mamba', 'hybrid'],
  ),
  swiglu: choice(
    'SwiGLU: plain; conv, over channels with a short convolution inside (URM); normed, sigmoid(g) RMSNorm(g v) (arXiv 2601.19085).',
    'plain',
    ['plain', 'conv', 'normed'],
  ),
  scan: choice('Mamba-2 sees what was before (causal), or both sides, averaged (bidirectional).', 'causal', [
    'causal',
    'bidirectional',
  ]),
  stateSize: integer('Mamba-2: numbers in the state of each channel.', 128, 1, 1024),
  stateHead: integer('Mamba-2: channels of a head; twice model.hidden are shared out.', 64, 1, 1024),
  positions: choice('Position encoding.', 'rope', ['rope', 'learned', 'none']),
  trim: integer(
    'ARC: compute only the cells around the grids of an example, rounded up to a multiple of so many; 0: the whole canvas.',
    0,
    0,
    900,
  ),
  trimMargin: integer(
    'With model.trim: up to so many rows and columns more on each side, drawn for every example, so that its size does not tell the solution.',
    0,
    0,
    30,
  ),
  puzzleEmbLen: integer('Puzzle positions put before the grid; only the first carries the learned vector.', 16, 0, 256),
  puzzleEmbDim: integer('Width of a puzzle row; 0 (and puzzleEmbLen 0) for no puzzle embedding.', 512, 0, 65536),
  haltMaxSteps: integer("The paper's N_sup: supervision steps per example, at most.", 16, 1, 1024),
  haltExplorationProb: real('Probability that a sample may not halt before a random step.', 0.1, 0, 1),
  rmsNormEps: real('Epsilon of the RMS norm.', 1e-5, 1e-12, 1),
  ropeTheta: real('Base of the rotary frequencies.', 10000, 1, 1e9),
  precision: choice('Activations; auto takes bf16 where the backend has it, else f32, and says which.', 'auto', [
    'auto',
    'f32',
    'bf16',
  ]),
}
