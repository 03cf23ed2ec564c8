// Checks the loss head of a golden file (trm-parity-loss/1) at float64 tolerance.
import { stable } from '../../worker/ops/stablemax.js'
import { lossHead } from '../../worker/train/loss.js'
import type { GoldenFile } from './golden.js'
import type { Comparison } from './report.js'

interface LossCase {
  readonly name: string
  readonly shape: [number, number, number]
  readonly logits: number[][][]
  readonly labels: number[][]
  readonly halted: number[]
  readonly steps: number[]
  readonly q_halt: number[]
  readonly q_continue?: number[]
  readonly target_q_continue?: number[]
  readonly expected: {
    readonly token_loss: number[][]
    readonly valid_cells: number[]
    readonly preds: number[][]
    readonly row_exact: number[]
    readonly total_loss: number
    readonly metrics: Record<string, number>
    readonly grad_logits: number[][][]
    readonly grad_q_halt: number[]
    readonly grad_q_continue?: number[]
  }
}

export interface LossGolden {
  readonly ignore_label: number
  readonly tolerance: {
    readonly absolute: number
    readonly relative: number
    readonly accuracy: number
    readonly q_losses_in_float32: number
  }
  readonly stablemax: readonly { readonly x: number[]; readonly s: number[]; readonly log_probability: number[] }[]
  readonly cases: readonly LossCase[]
}

export function checkLoss({ content }: GoldenFile<LossGolden>, comparison: Comparison): void {
  const { tolerance, ignore_label: ignoreLabel } = content
  const within = (expected: number): number => tolerance.absolute + tolerance.relative * Math.abs(expected)
  const compare = (what: string, actual: ArrayLike<number>, expected: readonly number[]): void =>
    comparison.allClose(what, actual, expected, (i) => within(expected[i] ?? NaN))

  for (const { x, s, log_probability } of content.stablemax) {
    const ours = x.map(stable)
    const sum = ours.reduce((a, b) => a + b, 0)
    compare(`stablemax(${x.join(', ')})`, ours, s)
    compare(`log stablemax(${x.join(', ')})`, ours.map((one) => Math.log(one / sum)), log_probability) // prettier-ignore
  }
  for (const one of content.cases) {
    const [rows, cells, vocab] = one.shape
    const logits = Float64Array.from(one.logits.flat(2))
    const gradients = {
      weight: 1,
      logits: new Float64Array(logits.length),
      qHalt: new Float64Array(rows),
      qContinue: new Float64Array(rows),
    }
    const { q_continue: qContinue, target_q_continue: targetContinue } = one
    const result = lossHead(
      {
        rows,
        cells,
        vocab,
        logits,
        at: { start: 0, rowStride: cells * vocab, cellStride: vocab },
        labels: one.labels.flat(),
        ignoreLabel,
        qHalt: one.q_halt,
        halted: one.halted.map((flag) => flag === 1),
        steps: one.steps,
        ...(qContinue === undefined || targetContinue === undefined ? {} : { qContinue, targetContinue }),
      },
      gradients,
    )
    const { expected, name } = one
    compare(`${name}: token loss`, result.tokenLoss, expected.token_loss.flat())
    comparison.equal(`${name}: valid cells`, result.validCells, expected.valid_cells)
    comparison.equal(`${name}: preds`, Array.from(result.preds), expected.preds.flat())
    comparison.equal(`${name}: row exact`, result.rowExact.map(Number), expected.row_exact)
    compare(`${name}: total loss`, [result.sums.lossTotal], [expected.total_loss])
    compare(`${name}: grad logits`, gradients.logits, expected.grad_logits.flat(2))
    compare(`${name}: grad q_halt`, gradients.qHalt, expected.grad_q_halt)
    if (expected.grad_q_continue !== undefined)
      compare(`${name}: grad q_continue`, gradients.qContinue, expected.grad_q_continue)

    const { sums } = result
    const exact: Record<string, number> = {
      count: sums.count,
      exact_accuracy: sums.exactAccuracy,
      q_halt_accuracy: sums.qHaltAccuracy,
      steps: sums.steps,
    }
    const losses: Record<string, number> = { q_halt_loss: sums.qHaltLoss, q_continue_loss: result.qContinueLoss }
    for (const [metric, value] of Object.entries(expected.metrics)) {
      const where = `${name}: ${metric}`
      if (metric === 'lm_loss') compare(where, [sums.lmLoss], [value])
      else if (metric === 'accuracy') comparison.close(where, sums.accuracy, value, tolerance.accuracy)
      else if (losses[metric] !== undefined) {
        const allowed = tolerance.q_losses_in_float32 * Math.abs(value) + tolerance.absolute
        comparison.close(where, losses[metric], value, allowed)
      } else comparison.equal(where, exact[metric], value)
    }
  }
}
