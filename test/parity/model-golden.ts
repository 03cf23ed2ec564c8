// The form of trm-parity-model/1: sizes to our configuration, and tensors filled by formula.
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import type { PackedArray } from './golden.js'

export interface StepGolden {
  readonly step: number
  readonly batch: number
  readonly replaced: readonly boolean[]
  readonly puzzle_identifiers: readonly number[]
  readonly steps: readonly number[]
  readonly halted: readonly boolean[]
  readonly total_loss: number
  readonly metrics: Readonly<
    Record<'count' | 'accuracy' | 'exact_accuracy' | 'q_halt_accuracy' | 'steps' | 'lm_loss' | 'q_halt_loss', number>
  > & { readonly q_continue_loss?: number }
  readonly q_halt: readonly number[]
  readonly q_continue: readonly number[]
  /** Where q_continue learns. */
  readonly target_q_continue?: readonly number[]
  readonly preds: readonly number[][]
  readonly min_top2_margin: number
  readonly logits: PackedArray
  readonly z_H_row0: PackedArray
  readonly z_L_row0: PackedArray
  readonly grad_norms: Readonly<Record<string, number>>
  /** Left out where the model has no puzzle rows. */
  readonly puzzle_local_grad_norm?: number
  readonly puzzle_local_grad?: PackedArray
  readonly after: {
    readonly q_head_bias: readonly number[]
    readonly puzzle_table?: PackedArray
    readonly param_norms: Readonly<Record<string, number>>
  }
}

export interface ModelGolden {
  readonly variant: string
  readonly config: {
    readonly model: string
    readonly batch_size: number
    readonly H_cycles: number
    readonly L_cycles: number
    readonly L_layers: number
    /** HRM only. */
    readonly H_layers?: number
    readonly hidden_size: number
    readonly num_heads: number
    readonly expansion: number
    readonly puzzle_emb_ndim: number
    readonly puzzle_emb_len: number
    readonly pos_encodings: string
    readonly halt_max_steps: number
    readonly halt_exploration_prob: number
    readonly mlp_t: boolean
    readonly seq_len: number
    readonly vocab_size: number
    readonly rms_norm_eps: number
    readonly rope_theta: number
  }
  readonly fill: { readonly a: number; readonly b: number; readonly c: number; readonly m: number }
  readonly optimiser: {
    readonly adam_atan2: {
      readonly lr: number
      readonly beta1: number
      readonly beta2: number
      readonly weight_decay: number
    }
    readonly sign_sgd: { readonly lr: number; readonly weight_decay: number }
  }
  readonly tensors: readonly {
    readonly name: string
    readonly index: number
    readonly shape: readonly number[]
    readonly amp: number
    readonly offset: number
    readonly check: { readonly first4: readonly number[]; readonly last: number; readonly sum: number }
  }[]
  readonly batches: readonly {
    readonly inputs: readonly number[][]
    readonly labels: readonly number[][]
    readonly puzzle_identifiers: readonly number[]
  }[]
  readonly tolerances: {
    readonly per_step: readonly {
      readonly step: number
      readonly accept: {
        readonly loss: number
        readonly logits: number
        readonly q: number
        readonly z: number
        readonly grad_norm_relative: number
        readonly puzzle_local_grad_norm_relative: number
      }
    }[]
    readonly grads: { readonly relative_to_max: number }
    readonly puzzle_local_grad: { readonly relative_to_max: number }
    readonly updated: { readonly threshold: number; readonly abs: number }
    readonly puzzle_table: { readonly abs: number; readonly other: number }
    readonly trace: { readonly elements: number }
    readonly param_norms_relative: number
  }
  readonly parts: { readonly grads: readonly string[]; readonly updated: readonly string[] }
  readonly steps: readonly StepGolden[]
  readonly trace: {
    readonly input_encoding: {
      readonly sum: number
      readonly sum_abs: number
      readonly row0_position0_first4: readonly number[]
      readonly row0_first_grid_position_first4: readonly number[]
      readonly last_row_last_position_last4: readonly number[]
    }
    readonly calls: readonly {
      readonly call: number
      readonly writes: string
      readonly sum: number
      readonly sum_abs: number
      readonly row0_first4: readonly number[]
      readonly last_row_last4: readonly number[]
    }[]
  }
  readonly bf16?: Bf16Golden
}

/** Step 1 of the same model with bf16 activations. */
export interface Bf16Golden extends Pick<
  StepGolden,
  | 'metrics'
  | 'steps'
  | 'halted'
  | 'total_loss'
  | 'q_halt'
  | 'q_continue'
  | 'target_q_continue'
  | 'preds'
  | 'logits'
  | 'grad_norms'
> {
  readonly puzzle_local_grad_norm?: number
  readonly accept: {
    readonly loss: number
    readonly logits: number
    readonly q: number
    readonly grad_norm_relative: number
    readonly puzzle_local_grad_norm_relative: number
  }
}

export function configOf(golden: ModelGolden): { model: ModelConfig; train: TrainConfig; seed: number } {
  const { config, optimiser } = golden
  const { pos_encodings: positions } = config
  const isHrm = config.model === 'hrm'
  const puzzleEmbLen =
    config.puzzle_emb_len > 0 ? config.puzzle_emb_len : Math.ceil(config.puzzle_emb_ndim / config.hidden_size)
  return {
    seed: 0,
    model: {
      hidden: config.hidden_size,
      heads: config.num_heads,
      expansion: config.expansion,
      layers: config.L_layers,
      hLayers: isHrm ? (config.H_layers ?? 0) : 0,
      networks: isHrm ? 'two' : 'shared',
      states: 'two',
      gradient: isHrm ? 'last' : 'cycle',
      gradedCycles: 1,
      trim: 0,
      trimMargin: 0,
      gradedCalls: 0,
      halting: isHrm ? 'continue' : 'halt',
      start: 'fixed',
      startStd: 1,
      stepNoise: 0,
      chains: 1,
      chainStarts: 'drawn',
      hCycles: config.H_cycles,
      lCycles: config.L_cycles,
      mixer: config.mlp_t ? 'mlp' : 'attention',
      swiglu: 'plain',
      scan: 'causal',
      stateSize: 128,
      stateHead: 64,
      positions: positions === 'rope' || positions === 'learned' ? positions : 'none',
      puzzleEmbLen,
      puzzleEmbDim: config.puzzle_emb_ndim,
      haltMaxSteps: config.halt_max_steps,
      haltExplorationProb: config.halt_exploration_prob,
      rmsNormEps: config.rms_norm_eps,
      ropeTheta: config.rope_theta,
      precision: 'f32',
      vocab: config.vocab_size,
      seqLen: config.seq_len,
    },
    train: {
      slots: config.batch_size,
      steps: 1,
      minutes: 0,
      freezeDense: 0,
      lr: optimiser.adam_atan2.lr,
      puzzleLr: optimiser.sign_sgd.lr,
      weightDecay: optimiser.adam_atan2.weight_decay,
      puzzleWeightDecay: optimiser.sign_sgd.weight_decay,
      beta1: optimiser.adam_atan2.beta1,
      beta2: optimiser.adam_atan2.beta2,
      warmupSteps: 0,
      lrMinRatio: 1,
      emaRate: 0.999,
      optimizer: 'adam-atan2',
      muonLr: 0.02,
      muonMomentum: 0.95,
      muonWeightDecay: 0.005,
      moveEvery: 1,
      clipNorm: 0,
      labelSmoothing: 0,
      haltLossWeight: 0.5,
      supervisionDecay: 1,
      curriculum: 'off',
    },
  }
}

/** offset + amp sin(a k + b t + c (k^2 mod m)) in f64, rounded to f32; checked against the numbers in the file. */
export function fillOf(golden: ModelGolden, name: string): Float32Array {
  const tensor = golden.tensors.find((one) => one.name === name)
  if (tensor === undefined) throw new Error(`the file has no tensor ${name}`)
  const { a, b, c, m } = golden.fill
  const { amp, offset, index, shape, check } = tensor
  const length = shape.reduce((x, y) => x * y, 1)
  const values = Float32Array.from({ length }, (_, k) => offset + amp * Math.sin(a * k + b * index + c * ((k * k) % m)))
  const first = check.first4.every((value, i) => Math.abs(value - (values[i] ?? NaN)) < 1e-5)
  const sum = values.reduce((x, y) => x + y, 0)
  if (!first || Math.abs(check.last - (values.at(-1) ?? NaN)) > 1e-5 || Math.abs(check.sum - sum) > 1e-3)
    throw new Error(`${name} is not filled as the file says: first ${values.slice(0, 4).join(', ')}, sum ${sum}`)
  return values
}
