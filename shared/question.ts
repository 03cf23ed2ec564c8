// What an evaluation asks of every row, and how the answers lie in one message: a block after each supervision step asked
// for, and, where early halting is asked for too, one more block with every row's answer at the step at which it halts.

/**
 * Noise on the states of every row that has a number other than 0 (worker/train/noise.ts). PTRM (arXiv:2605.19943) adds N(0, sigma²)
 * before every supervision step; its sigma is 0.3. `answer`: to z_H alone, as a reimplementation reads its algorithm; `all`: to every state.
 */
export interface Noise {
  readonly seed: number
  readonly sigma: number
  readonly states: 'answer' | 'all'
}

export interface Question {
  /** Supervision steps whose answers are wanted: ascending, from 1; the last one is the last step that is run. */
  readonly steps: readonly number[]
  /** Also the answer at the first step at which q_halt > 0 (spec 1.8; HRM: q_halt > q_continue); rows that never halt answer at the last one. */
  readonly early: boolean
  /** `steps` counts cycles instead, of which hCycles make a supervision step: a look inside the steps. */
  readonly cycles?: boolean
  /** Absent: none. */
  readonly noise?: Noise
}

/** Answers to a question about `rows` rows, block after block. */
export interface Answers {
  /** u8 tokens [blocks, rows, S0]. */
  readonly preds: Uint8Array
  /** q_halt logits [blocks, rows]. */
  readonly q: Float32Array
  /** The step at which each row halts [rows]; empty if early halting was not asked for. */
  readonly halts: Uint16Array
}

export const blocksOf = ({ steps, early }: Question): number => steps.length + (early ? 1 : 0)

/** Bytes of the answers to one row. */
export const answerBytes = (question: Question, seqLen: number): number =>
  blocksOf(question) * (seqLen + Float32Array.BYTES_PER_ELEMENT) + Uint16Array.BYTES_PER_ELEMENT

/** True for steps that a model of so many supervision steps can be asked for. */
export const isAskable = (steps: readonly number[], haltMaxSteps: number): boolean =>
  steps.length > 0 && steps.every((step, i) => step > (steps[i - 1] ?? 0) && step <= haltMaxSteps)
