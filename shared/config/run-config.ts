// The compiled configuration of a run: complete, validated, frozen. Everything but the configuration code sees only this.
// Where a value comes from (preset < file < environment < flags) is the business of schema.ts and compile.ts.

export interface ModelConfig {
  /** Width D of every position (paper: 512). */
  readonly hidden: number
  /** Attention heads; head size is hidden / heads. */
  readonly heads: number
  /** SwiGLU expansion; see swigluWidth in shared/sub-layers.ts (spec 1.4). */
  readonly expansion: number
  /** Layers of the shared network; of L, where there are two. */
  readonly layers: number
  /** Layers of H, where there are two networks; 0: as many as L. */
  readonly hLayers: number
  /** One network for thoughts and answers (TRM), or one each (HRM). */
  readonly networks: 'shared' | 'two'
  /** What the recursion changes: answer and thought; one state for both; a thought per L cycle; the answer alone (a plain transformer). */
  readonly states: 'two' | 'one' | 'many' | 'answer'
  /** What is differentiated: the last H cycles (TRM: one), or the last thought and answer (HRM). */
  readonly gradient: 'cycle' | 'last'
  /** H cycles differentiated, from the end of the step, with gradient `cycle`. */
  readonly gradedCycles: number
  /** Calls of a network differentiated, from the end of the step, wherever a cycle begins; 0: as the two above say. */
  readonly gradedCalls: number
  /** q_halt against 0 (TRM), or against q_continue, which then learns too (HRM). */
  readonly halting: 'halt' | 'continue'
  /** What fresh carries start from: H_init and L_init (TRM), noise around them, or random states alone (EqR). See worker/train/noise.ts. */
  readonly start: 'fixed' | 'around' | 'random'
  /** Standard deviation of what is drawn for a start that is not fixed. */
  readonly startStd: number
  /** Standard deviation of the Gaussian noise that all states get between two supervision steps of training; 0: none. */
  readonly stepNoise: number
  /** Latent chains per example in training, of which the best learns (worker/train/chains.ts); 1: TRM. */
  readonly chains: number
  /** How the chains' starts are drawn: each by itself, or such that all reach as far into what the first layer passes on best. */
  readonly chainStarts: 'drawn' | 'aligned'
  /** Paper's T: H cycles per supervision step. */
  readonly hCycles: number
  /** Paper's n: L cycles per H cycle. */
  readonly lCycles: number
  /** Sequence mixing: self-attention (TRM-Att), an MLP over the sequence (TRM-MLP, official mlp_t), Mamba-2, or twice Mamba-2 and then attention. */
  readonly mixer: 'attention' | 'mlp' | 'mamba' | 'hybrid'
  /**
   * SwiGLU: as it is; over channels with a short convolution over positions inside (URM's ConvSwiGLU); or with a norm inside
   * (Speed is Confidence), over channels and, with mixer mlp, over positions.
   */
  readonly swiglu: 'plain' | 'conv' | 'normed'
  /** Mamba-2: what a position sees of the sequence (worker/ops/mamba.ts). */
  readonly scan: 'causal' | 'bidirectional'
  /** Mamba-2: numbers in the state of a channel, and channels of a head. */
  readonly stateSize: number
  readonly stateHead: number
  readonly positions: 'rope' | 'learned' | 'none'
  /** ARC: cells kept of an example are rounded up to a multiple of this (shared/arc/trim.ts); 0: the whole canvas. */
  readonly trim: number
  /** With trim: rows and columns, at most, that are kept beyond each side of the box, drawn anew for every example. */
  readonly trimMargin: number
  /** Puzzle positions P prepended to the grid; only the first carries the learned vector. */
  readonly puzzleEmbLen: number
  /** Width of a puzzle row; 0 disables puzzle embeddings (then puzzleEmbLen is 0 too). */
  readonly puzzleEmbDim: number
  /** Paper's N_sup. */
  readonly haltMaxSteps: number
  readonly haltExplorationProb: number
  readonly rmsNormEps: number
  readonly ropeTheta: number
  /** Activations: `auto` takes bf16 where the backend has it, else f32, and says which. */
  readonly precision: 'auto' | 'f32' | 'bf16'
  /** Derived from the data: number of tokens. */
  readonly vocab: number
  /** Derived from the data: grid positions S0. */
  readonly seqLen: number
}

export interface DataConfig {
  readonly kind: 'arc' | 'sudoku' | 'maze'
  /** A name of DATA_SOURCES in schema.ts (`generated`, `arc-agi-1`, ...) or a folder. */
  readonly source: string
  /** Rows and columns of the grid (ARC: 30 officially, Sudoku 9, maze 30). ARC tasks with a larger grid are left out, and counted. */
  readonly canvas: number
  /** Sides of generated boards that are learned together, as `4,6,9`; empty: boards that fill the canvas. */
  readonly sizes: string
  /** Augmented copies per task, at most; the original comes in addition (official: 1000). */
  readonly augmentations: number
  /** Seed of the pool of augmented puzzles (official: 42). */
  readonly poolSeed: number
  /** Identifier of the first puzzle (official: 1, after the blank one); in an adapted model, behind those it had. */
  readonly firstPuzzle: number
  /** `slots`: every task equally often, a pure function of (seed, slot, draw). `official`: the published loader's order. */
  readonly sampler: 'slots' | 'official'
  /** Sampler `official`: epochs per chunk of the published order (its eval_interval, spec 4.5). */
  readonly chunkEpochs: number
  /** For the generator: rule families used, and tasks made of each. */
  readonly generatedFamilies: number
  readonly generatedTasksPerFamily: number
  /** Published boards: rating of those used, at least (official min_difficulty); 0: all. */
  readonly minDifficulty: number
  /** Published boards: so many of a larger training file, drawn with poolSeed (official Sudoku: 1000); 0: all. */
  readonly subsample: number
  /** Generated boards: rating, at least (Sudoku: dead ends, shared/puzzles/sudoku-search.ts; maze: moves); 0: easy ones. */
  readonly generatedMinDifficulty: number
  /** Generated boards that are held out; 0: a quarter as many as are trained on. */
  readonly generatedTestBoards: number
  /** Pairs of each generated task that are trained on, and pairs that are only asked for. */
  readonly generatedTrainPairs: number
  readonly generatedTestPairs: number
}

export interface TrainConfig {
  /** Global batch: lanes that the workers share out among themselves. */
  readonly slots: number
  /** Optimizer steps of the whole run. */
  readonly steps: number
  /** Minutes of training per start, at most; then it evaluates, saves and ends. 0: no limit. */
  readonly minutes: number
  /** Part of the run, 0..1 of its steps or of its minutes, whichever is over sooner, in which only puzzle rows learn. */
  readonly freezeDense: number
  readonly lr: number
  readonly puzzleLr: number
  readonly weightDecay: number
  readonly puzzleWeightDecay: number
  readonly beta1: number
  readonly beta2: number
  readonly warmupSteps: number
  readonly lrMinRatio: number
  readonly emaRate: number
  /** Who moves the weights: AdamATan2, or Muon the matrices inside the network and AdamATan2 the rest. */
  readonly optimizer: 'adam-atan2' | 'muon'
  readonly muonLr: number
  readonly muonMomentum: number
  readonly muonWeightDecay: number
  /** Weights move at every so-manyth supervision step, by the mean gradient of the steps since the last move. */
  readonly moveEvery: number
  /** Longest mean gradient of the dense weights, L2; 0: as long as it is. */
  readonly clipNorm: number
  /** Share of a cell's target that is spread over all tokens. */
  readonly labelSmoothing: number
  /** What the halting losses weigh beside that of the cells (spec 2: 0.5). */
  readonly haltLossWeight: number
  /** Weight of a supervision step's loss against that of the step before it, for the same example; 1: all alike. */
  readonly supervisionDecay: number
  /** `depth`: fewer cycles in the first parts of the run (shared/curriculum.ts). */
  readonly curriculum: 'off' | 'depth'
}

export interface ReduceConfig {
  /** `sharded`: worker i owns every n-th bucket. `star`: the coordinator owns all. */
  readonly topology: 'sharded' | 'star'
  /** `int8`: blocks of 256 with a scale; what rounding takes is sent with the next step (shared/gradients/feedback.ts). */
  readonly wire: 'bf16' | 'f32' | 'int8'
  /** `exact`: the bits of the sum do not depend on the number of workers (shared/gradients/group-tree.ts). */
  readonly mode: 'fast' | 'exact'
  /** Mode exact: neighbouring slots that are computed together and always belong to one worker. */
  readonly group: number
  /** Bytes of one bucket on the wire; with its envelope it must fit the server's max_payload. */
  readonly bucketBytes: number
  /** Bytes published but not yet flushed, per connection, at most. */
  readonly inFlightBytes: number
}

/** Local steps (DiLoCo, arXiv 2311.08105): workers train alone for a while, then exchange how far they came. */
export interface LocalConfig {
  /** Steps that every worker takes alone between two exchanges; 1: the gradient of every step is exchanged. */
  readonly localSteps: number
  /** Learning rate and Nesterov momentum of the step that all then take together. */
  readonly outerLr: number
  readonly outerMomentum: number
}

export interface ClusterConfig {
  /** Training begins, and goes on, with at least this many workers. */
  readonly minWorkers: number
  readonly heartbeatMs: number
  /** A worker silent for this long is dead, or for a quarter of a step, if that is longer (shared/deadlines.ts). */
  readonly deadAfterMs: number
  /** `speed`: slots follow measured speed, and who holds everyone up stands by (coordinator/speed.ts). */
  readonly balance: 'equal' | 'speed'
}

export interface CheckpointConfig {
  readonly everySteps: number
  readonly keepLast: number
  readonly keepBest: number
}

export interface EvaluateConfig {
  /** 0: only at the end of the run. */
  readonly everySteps: number
  /** Augmented copies per test pair that vote, at most (0: only the original). */
  readonly augmentations: number
  /** Rows per unit of work given to a worker. */
  readonly batch: number
  /** Test pairs at most (0: all). */
  readonly maxPairs: number
  /** Whether answers of early halting are scored too, beside those of all supervision steps. */
  readonly early: 'off' | 'on'
  /** With model.trim: `shown` computes only what shared/arc/expected-box.ts expects to be needed. */
  readonly canvas: 'whole' | 'shown'
  /** `kept`: votes of earlier evaluations count too, as in the official code (spec 9.1, B5). */
  readonly votes: 'fresh' | 'kept'
  /** Attempts at every test row, of which one answers (0: one pass, plainly). */
  readonly rollouts: number
  /** Standard deviation of the noise that a rollout gets before each supervision step, on z_H (`answer`) or on every state. */
  readonly sigma: number
  readonly noiseOn: 'answer' | 'all'
  /** Whether each rollout of a Sudoku or maze is asked another relabeled or turned copy; the first is asked the board itself. */
  readonly relabel: 'off' | 'on'
  /** Which of the answers of its rollouts answers a row (coordinator/evaluate/choices.ts). */
  readonly choose: 'best-q' | 'majority' | 'first-to-halt'
}

export interface RunConfig {
  readonly preset: string
  readonly run: { readonly id: string; readonly seed: number; readonly dir: string }
  readonly model: ModelConfig
  readonly data: DataConfig
  readonly train: TrainConfig
  readonly reduce: ReduceConfig & LocalConfig
  readonly cluster: ClusterConfig
  readonly checkpoint: CheckpointConfig
  readonly evaluate: EvaluateConfig
  /** `credentials` and `ca`: paths of files, or empty. */
  readonly bus: { readonly url: string; readonly credentials: string; readonly ca: string }
  readonly metrics: { readonly host: string; readonly port: number }
}
