// The loss head (spec 2): stablemax cross-entropy per row divided by its valid cells, binary cross-entropy of the halting
// logits, and the sums that the metrics are made of. On the host, in doubles; the rows come as the device left them.
import type { TrainConfig } from '../../shared/config/run-config.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import { argmax, bceGradient, bceWithLogits, stablemaxCrossEntropy } from '../ops/stablemax.js'

/** Where the logit of (row, cell, 0) stands in the buffer: start + row * rowStride + cell * cellStride. */
export interface Strides {
  readonly start: number
  readonly rowStride: number
  readonly cellStride: number
}

/** What of the training settings the loss depends on. */
export type LossOptions = Pick<TrainConfig, 'labelSmoothing' | 'haltLossWeight'>

const OFFICIAL: LossOptions = { labelSmoothing: 0, haltLossWeight: 0.5 }

/** What the halting logits are held against. */
export interface QInput {
  /** Default: as the official code. */
  readonly options?: LossOptions
  readonly qHalt: ArrayLike<number>
  /** After the transition of this step. */
  readonly halted: readonly boolean[]
  readonly steps: readonly number[]
  /** HRM only. */
  readonly qContinue?: ArrayLike<number>
  readonly targetContinue?: ArrayLike<number>
}

export interface LossInput extends QInput {
  readonly rows: number
  readonly cells: number
  readonly vocab: number
  readonly logits: Float32Array | Float64Array
  readonly at: Strides
  /** (rows, cells); `ignoreLabel` marks cells without loss. */
  readonly labels: ArrayLike<number>
  readonly ignoreLabel: number
}

/** Gradients of weight * loss are written here. */
export interface QGradients {
  readonly weight: number
  /** What the loss of each row weighs beside that; default 1. The sums do not know of it. */
  readonly rows?: ArrayLike<number>
  readonly qHalt: Float32Array | Float64Array
  readonly qContinue?: Float32Array | Float64Array
}

/** Likewise; cells without loss are left alone (clear them first). */
export interface LossGradients extends QGradients {
  readonly logits: Float32Array | Float64Array
}

export interface LossResult {
  /** Undivided: the losses over all rows, the rest over rows that halted and have valid cells. */
  readonly sums: Omit<StepSums, 'cells' | 'flops'>
  readonly qContinueLoss: number
  /** (rows, cells) */
  readonly preds: Uint16Array
  readonly rowExact: boolean[]
  readonly validCells: number[]
  /** (rows, cells), before any division; 0 where ignored. */
  readonly tokenLoss: Float64Array
}

export function lossHead(input: LossInput, gradients: LossGradients | null): LossResult {
  const { rows, cells, vocab, logits, at, labels, ignoreLabel, options = OFFICIAL } = input
  const preds = new Uint16Array(rows * cells)
  const tokenLoss = new Float64Array(rows * cells)
  const tally = new Tally(input, gradients)
  const { rowExact, validCells } = tally

  for (let row = 0; row < rows; row++) {
    let valid = 0
    let right = 0
    for (let cell = row * cells; cell < (row + 1) * cells; cell++) if (labels[cell] !== ignoreLabel) valid++
    const divisor = Math.max(valid, 1)
    const own = gradients === null ? 0 : gradients.weight * (gradients.rows?.[row] ?? 1)
    for (let cell = 0; cell < cells; cell++) {
      const from = at.start + row * at.rowStride + cell * at.cellStride
      const pred = argmax(logits, from, vocab)
      const i = row * cells + cell
      preds[i] = pred
      const label = labels[i] as number
      if (label === ignoreLabel) continue
      if (!(label >= 0 && label < vocab)) throw new RangeError(`label ${label} of row ${row} is not below ${vocab}`)
      if (pred === label) right++
      const into = gradients?.logits ?? null
      const loss = stablemaxCrossEntropy(logits, from, vocab, label, own / divisor, into, options.labelSmoothing)
      tokenLoss[i] = loss
      tally.sums.lmLoss += loss / divisor
    }
    tally.row(row, valid, right)
  }
  return { ...tally.result(), preds, rowExact, validCells, tokenLoss }
}

/** The sums over rows whose cells are counted: both q losses with their gradients, and the metrics of rows that halted. */
export class Tally {
  readonly sums = { lmLoss: 0, qHaltLoss: 0, count: 0, accuracy: 0, exactAccuracy: 0, qHaltAccuracy: 0, steps: 0 }
  readonly rowExact: boolean[] = []
  readonly validCells: number[] = []
  private qContinueLoss = 0

  constructor(
    private readonly input: QInput,
    private readonly gradients: QGradients | null,
  ) {}

  /** A row with so many cells that count, so many of them right. Without any it counts as right. */
  row(row: number, valid: number, right: number): void {
    const { input, gradients, sums } = this
    const exact = right === valid
    const target = exact ? 1 : 0
    const q = input.qHalt[row] as number
    const { haltLossWeight } = input.options ?? OFFICIAL
    const own = gradients === null ? 0 : gradients.weight * (gradients.rows?.[row] ?? 1)
    this.rowExact.push(exact)
    this.validCells.push(valid)
    sums.qHaltLoss += bceWithLogits(q, target)
    if (gradients !== null) gradients.qHalt[row] = own * haltLossWeight * bceGradient(q, target)
    if (input.qContinue !== undefined && input.targetContinue !== undefined) {
      const qc = input.qContinue[row] as number
      const target = input.targetContinue[row] as number
      this.qContinueLoss += bceWithLogits(qc, target)
      if (gradients?.qContinue !== undefined) gradients.qContinue[row] = own * haltLossWeight * bceGradient(qc, target)
    }

    if (input.halted[row] !== true || valid === 0) return
    sums.count++
    sums.accuracy += right / valid
    sums.exactAccuracy += target
    sums.qHaltAccuracy += q >= 0 === exact ? 1 : 0
    sums.steps += input.steps[row] as number
  }

  result(): Pick<LossResult, 'sums' | 'qContinueLoss'> {
    const { sums, qContinueLoss } = this
    const { haltLossWeight } = this.input.options ?? OFFICIAL
    const lossTotal = sums.lmLoss + haltLossWeight * (sums.qHaltLoss + qContinueLoss)
    return { sums: { lossTotal, ...sums }, qContinueLoss }
  }
}

/** Cross-entropy of every row, divided by its valid cells: what lmLoss is the sum of. @param values logits as the heads left them */
export function rowLosses({
  values,
  ...input
}: Omit<LossInput, 'logits' | 'halted' | 'steps'> & { readonly values: Float32Array }): Float64Array {
  const none = new Array<boolean>(input.rows).fill(false)
  const { tokenLoss, validCells } = lossHead({ ...input, logits: values, halted: none, steps: [] }, null)
  return Float64Array.from({ length: input.rows }, (_, row) => {
    const cells = tokenLoss.subarray(row * input.cells, (row + 1) * input.cells)
    return cells.reduce((sum, loss) => sum + loss, 0) / Math.max(validCells[row] as number, 1)
  })
}
