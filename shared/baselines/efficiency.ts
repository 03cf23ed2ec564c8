// Published speeds, memories and training times: language models, and TRM elsewhere (figures.md sections 2 and 6). Rows of
// the study that give only a ratio to something unnamed (Unsloth on L4, longest contexts) hold no figure and are left out.
import type { Baseline } from './baseline.js'

const UNITS =
  'Tokens of a language model and grid positions of TRM are not the same unit: TRM pushes each of its 81 to 916 positions through about 42 layer-depths, up to 16 times'
const MEMORY_ONLY = 'Memory only; no speed is published with it'
const NEMO = 'NVIDIA NeMo AutoModel docs/performance-summary (2025-10-02)'
const TITAN = 'torchtitan benchmarks/llama3_h100_202412'
const BRIDGE = 'Megatron-Bridge / NeMo performance archive'
const TUNE = 'torchtune README'
const QWEN = 'QwenLM/Qwen README'
const SIC = 'jvdillon/sic paper source, table "compute"'
const NOT_OURS = 'Other optimizer and depth than the TRM paper; evaluation time is left out'

type Figures = Pick<Baseline, 'tokensPerSecond' | 'samplesPerSecond' | 'memory'>
type Row = (model: string, setup: string, hardware: string, figures: Figures) => Baseline

/** Rows of one source; every one a training of a language model. */
const from =
  (source: string, grade: Baseline['grade'], caveat: string): Row =>
  (model, setup, hardware, figures) => ({ model, setup, hardware, ...figures, source, grade, caveat })

const nemo = from(NEMO, 'P', `${UNITS}; memory not given`)
const titan = from(TITAN, 'P', UNITS)
const bridge = from(BRIDGE, 'P', `${UNITS}; memory not given; of a range the lower end is charted`)
const tune = from(TUNE, 'P', UNITS)
const qwen = from(QWEN, 'P', MEMORY_ONLY)

const A100 = '1× A100-80'

export const EFFICIENCY = {
  // --- the published comparison of TRM and a language model
  'trm-inference': {
    model: 'TRM-Att',
    setup: 'inference, batch 32, all 16 steps',
    hardware: 'H100',
    samplesPerSecond: '31.3 samples/s',
    memory: '2.4 GB',
    source: 'arXiv:2512.11847',
    grade: 'S',
    caveat: 'Batch 32, set beside a language model at batch 1',
  },
  'llama-3-8b-qlora-inference': {
    model: 'Llama-3-8B',
    setup: 'QLoRA inference, batch 1, at most 128 new tokens',
    hardware: 'H100',
    samplesPerSecond: '0.24 samples/s',
    memory: '6.1 GB',
    source: 'arXiv:2512.11847',
    grade: 'S',
    caveat:
      'Batch 1 against batch 32 of TRM, and 128 tokens cannot print most ARC grids: a fair latency of one answer, no fair throughput, and no fair accuracy',
  },
  // --- fine-tuning and training language models
  'llama-3-8b-lora-h100': nemo('Llama 3 8B', 'LoRA, BF16, seq 4096, GBS 32 / MBS 2', '1× H100', {
    tokensPerSecond: '12,473 per GPU',
  }),
  'qwen2.5-7b-lora-h100': nemo('Qwen2.5 7B', 'LoRA, BF16, seq 4096, GBS 32 / MBS 2', '1× H100', {
    tokensPerSecond: '14,110 per GPU',
  }),
  'llama-3.1-8b-full-h100': titan('Llama 3.1 8B', 'full training, FSDP, batch 2', '8× H100', {
    tokensPerSecond: '5,762 per GPU',
    memory: '82.4 GiB',
  }),
  'llama-3.1-8b-compile-h100': titan('Llama 3.1 8B', 'full training, FSDP, batch 2, torch.compile', '8× H100', {
    tokensPerSecond: '6,667 per GPU',
    memory: '77.0 GiB',
  }),
  'llama-3.1-8b-float8-h100': titan('Llama 3.1 8B', 'full training, FSDP, batch 2, compile, Float8', '8× H100', {
    tokensPerSecond: '8,532 per GPU',
    memory: '76.8 GiB',
  }),
  'llama-3-8b-pretraining-h100': bridge('Llama 3 8B', 'pre-training, FP8, seq 8192', '8× DGX-H100', {
    tokensPerSecond: '14,079–14,451 per GPU',
  }),
  'llama-3-8b-pretraining-b200': bridge('Llama 3 8B', 'pre-training, FP8, seq 8192', 'B200', {
    tokensPerSecond: '26,006 per GPU',
  }),
  'llama-3-8b-pretraining-gb200': bridge('Llama 3 8B', 'pre-training, FP8, seq 8192', 'GB200', {
    tokensPerSecond: '33,099 per GPU',
  }),
  'llama-3.1-8b-full-4090': tune('Llama 3.1 8B', 'full fine-tune, batch 2, seq 2048, packed, compile', 'RTX 4090', {
    tokensPerSecond: '1,650',
    memory: '18.9 GiB',
  }),
  'llama-3.1-8b-full-a6000': tune('Llama 3.1 8B', 'full fine-tune, batch 2, seq 2048, packed, compile', 'RTX A6000', {
    tokensPerSecond: '2,579',
    memory: '37.4 GiB',
  }),
  'llama-3.1-8b-lora-4090': tune('Llama 3.1 8B', 'LoRA', 'RTX 4090', { tokensPerSecond: '3,083', memory: '16.2 GiB' }),
  'llama-3.1-8b-lora-a6000': tune('Llama 3.1 8B', 'LoRA', 'RTX A6000', {
    tokensPerSecond: '4,699',
    memory: '30.3 GiB',
  }),
  'llama-3.1-8b-qlora-4090': tune('Llama 3.1 8B', 'QLoRA', 'RTX 4090', { tokensPerSecond: '2,413', memory: '7.4 GiB' }),
  'llama-3.2-3b-full-a100': tune('Llama 3.2 3B', 'full fine-tune, seq 4096', '1× A100', {
    tokensPerSecond: '2,091',
    memory: '25.5 GiB',
  }),
  'llama-3.2-3b-packed-a100': tune('Llama 3.2 3B', 'full fine-tune, seq 4096, packed', '1× A100', {
    tokensPerSecond: '7,075',
    memory: '60.0 GiB',
  }),
  'llama-3.2-3b-compile-a100': tune('Llama 3.2 3B', 'full fine-tune, seq 4096, packed, compile', '1× A100', {
    tokensPerSecond: '8,998',
    memory: '51.0 GiB',
  }),
  'llama-3.2-3b-lora-a100': tune('Llama 3.2 3B', 'LoRA, seq 4096', '1× A100', {
    tokensPerSecond: '8,210',
    memory: '8.5 GiB',
  }),
  'llama-3.2-3b-qlora-a100': tune('Llama 3.2 3B', 'QLoRA, seq 4096', '1× A100', {
    tokensPerSecond: '8,035',
    memory: '4.6 GiB',
  }),
  'qwen-7b-qlora-a100': {
    model: 'Qwen-7B',
    setup: 'Q-LoRA, batch 1 × GA 8, seq 2048, 7.0 s/iter',
    hardware: A100,
    tokensPerSecond: '≈ 2,340 tok/s',
    memory: '13.9 GB',
    source: QWEN,
    grade: 'D',
    caveat: `${UNITS}; tokens/s derived from 7.0 s/iter, memory as published`,
  },
  // --- memory alone
  'qwen-7b-qlora-4096-a100': qwen('Qwen-7B', 'Q-LoRA, seq 4096, 11.6 s/iter', A100, { memory: '16.9 GB' }),
  'qwen-7b-qlora-8192-a100': qwen('Qwen-7B', 'Q-LoRA, seq 8192, 22.3 s/iter', A100, { memory: '23.5 GB' }),
  'qwen-7b-lora-2048-a100': qwen('Qwen-7B', 'LoRA, seq 2048, 5.2 s/iter', A100, { memory: '23.8 GB' }),
  'qwen-7b-lora-4096-a100': qwen('Qwen-7B', 'LoRA, seq 4096, 10.1 s/iter', A100, { memory: '29.7 GB' }),
  'qwen-7b-full-2xa100': from(QWEN, 'P', `${MEMORY_ONLY}; of both GPUs together`)(
    'Qwen-7B',
    'full parameters, seq 1024, 4.5 s/iter',
    '2× A100-80',
    { memory: '162 GB' },
  ),
  'llama-3-8b-lora-memory': from('torchtune llama3 tutorial', 'P', MEMORY_ONLY)('Llama 3 8B', 'LoRA', 'not stated', {
    memory: '18.5 GB',
  }),
  'llama-3-8b-qlora-memory': from('torchtune llama3 tutorial', 'P', `${MEMORY_ONLY}; an upper bound`)(
    'Llama 3 8B',
    'QLoRA',
    'not stated',
    { memory: '< 10 GB' },
  ),
  'llama-2-7b-lora-memory': from('torchtune QLoRA tutorial', 'P', MEMORY_ONLY)('Llama 2 7B', 'LoRA', 'not stated', {
    memory: '15.57 GB',
  }),
  'llama-2-7b-qlora-memory': from('torchtune QLoRA tutorial', 'P', MEMORY_ONLY)('Llama 2 7B', 'QLoRA', 'not stated', {
    memory: '9.29 GB',
  }),
  'llama-3-8b-full-floor': from('axolotl examples/llama-3 README', 'S', `${MEMORY_ONLY}; the floor for one GPU`)(
    'Llama 3 8B',
    'full',
    '1 GPU',
    { memory: '48 GB' },
  ),
  'llama-3-8b-lora-floor': from('axolotl examples/llama-3 README', 'S', `${MEMORY_ONLY}; the floor for one GPU`)(
    'Llama 3 8B',
    'LoRA',
    '1 GPU',
    { memory: '11 GB' },
  ),
  'llama-3-8b-qlora-unsloth': from('Firefly README', 'S', `${MEMORY_ONLY}; +44 % speed over an unnamed base`)(
    'Llama 3 8B',
    'QLoRA + Unsloth',
    'not stated',
    { memory: '7.75 GB' },
  ),
  // --- generation
  'llama-3.1-8b-inference-bf16': from(
    'HF dataset derekl35/quantization-benchmarks',
    'P',
    `${UNITS}; GPU not stated in the excerpt`,
  )('Llama 3.1 8B', 'inference, batch 1, bf16', 'not stated', { tokensPerSecond: '38.8', memory: '16.8 GB' }),
  'llama-3.1-8b-inference-nf4': from(
    'HF dataset derekl35/quantization-benchmarks',
    'P',
    `${UNITS}; GPU not stated in the excerpt`,
  )('Llama 3.1 8B', 'inference, batch 1, nf4', 'not stated', { tokensPerSecond: '24.35', memory: '6.44 GB' }),
  // --- TRM trained by others
  'nano-trm-sudoku': {
    model: 'TRM-MLP (nano-trm)',
    setup: 'Sudoku, plain AdamW + compile',
    hardware: '1× H100 SXM5',
    training: '~1 h',
    accuracy: { 'sudoku-extreme': '~87 %' },
    source: 'olivkoch/nano-trm README',
    grade: 'P',
    caveat: 'Sudoku only; accuracy as "about"',
  },
  'sic-sudoku': {
    model: 'TRM-MLP (sic)',
    setup: 'Sudoku, Muon, 8k steps, batch 384',
    hardware: '1× RTX 5090',
    training: '48 min',
    memory: '16 GiB',
    accuracy: { 'sudoku-extreme': '85.5±1.3 %' },
    source: SIC,
    grade: 'P',
    caveat: NOT_OURS,
  },
  'sic-sudoku-small-memory': {
    model: 'TRM-MLP (sic)',
    setup: 'Sudoku, Muon, 36k steps; the same accuracy as in 48 min',
    hardware: '1× RTX 5090',
    training: '90 min',
    memory: '8 GiB',
    source: SIC,
    grade: 'P',
    caveat: `${NOT_OURS}; batch not printed`,
  },
  'sic-sudoku-k4': {
    model: 'TRM-MLP (sic)',
    setup: 'Sudoku, K=4 winner-take-all, Muon',
    hardware: '1× RTX 5090',
    training: '6 h',
    memory: '30 GiB',
    accuracy: { 'sudoku-extreme': '96.9±0.6 %' },
    source: SIC,
    grade: 'P',
    caveat: NOT_OURS,
  },
  'sic-sudoku-speed': {
    model: 'TRM-MLP (sic)',
    setup: 'Sudoku, K=1, 0.35 s/step at 384 puzzles',
    hardware: '1× RTX 5090',
    samplesPerSecond: '≈ 1,100 puzzle-steps/s',
    source: 'jvdillon/sic logs',
    grade: 'D',
    caveat: 'Derived from logs; one step is a supervision step at H=6, L=9, two MLP-mixer layers, width 512',
  },
} as const satisfies Record<string, Baseline>
