// Checks the bf16 block of a golden model file: step 1 with bf16 activations, for backends that compute so. Their rounding has
// its own tolerances; the f32 numbers of the file are not theirs to meet.
import { norm, unpack, type GoldenFile } from './golden.js'
import { checkContinue, clearPreds, Walk } from './model.js'
import type { ModelGolden } from './model-golden.js'
import type { Comparison } from './report.js'

/** Returns a reason if the file has no such block. */
export function checkModelBf16(file: GoldenFile<ModelGolden>, comparison: Comparison): string | undefined {
  const { bf16, steps } = file.content
  const first = steps[0]
  if (bf16 === undefined || first === undefined) return 'the file has no bf16 block'
  const walk = new Walk(file)
  try {
    const { result, view } = walk.step(first)
    const { accept } = bf16
    const { sums } = result
    const at = (what: string): string => `bf16, ${what}`
    comparison.close(at('lm loss'), sums.lmLoss, bf16.metrics.lm_loss, accept.loss)
    comparison.allClose(at('logits'), view.logits, unpack(bf16.logits), accept.logits)
    comparison.allClose(at('q_halt'), view.qHalt, bf16.q_halt, accept.q)
    comparison.allClose(at('q_continue'), view.qContinue, bf16.q_continue, accept.q)
    checkContinue(comparison, at, bf16, view, accept)
    comparison.equal(at('count'), sums.count, bf16.metrics.count)
    comparison.equal(at('halted'), result.halted, bf16.halted)
    comparison.equal(at('steps'), result.steps, bf16.steps)
    comparison.equal(at('preds'), ...clearPreds(walk, bf16, view, 2 * accept.logits))
    comparison.equal(at('finite'), result.finite, true)

    const labels = file.content.batches[first.batch]?.labels ?? []
    const ours = exactRows(labels, (cell) => view.preds[cell] ?? -1)
    const flat = bf16.preds.flat()
    const theirs = exactRows(labels, (cell) => flat[cell] ?? -1)
    const same = ours.every((exact, row) => exact === theirs[row])
    // A row may be right here and wrong there only by cells whose best two logits are as good as equal (preds above). Then
    // what q is taught differs: its loss follows from the file's own q, the gradients do not.
    const qLoss = same ? bf16.metrics.q_halt_loss : bf16.q_halt.reduce((sum, q, row) => sum + Math.log1p(Math.exp(q)) - (ours[row] === true ? q : 0), 0) // prettier-ignore
    comparison.close(at('q_halt loss'), sums.qHaltLoss, qLoss, accept.loss)
    const continueLoss = bf16.metrics.q_continue_loss ?? 0
    const total = bf16.metrics.lm_loss + (qLoss + continueLoss) / 2
    comparison.close(at('total loss'), sums.lossTotal, total, accept.loss)
    if (!same) {
      comparison.note('a cell without a clear margin decides whether a row is right: gradients are not compared')
      return undefined
    }
    for (const [name, expected] of Object.entries(bf16.grad_norms))
      comparison.close(
        at(`gradient norm of ${name}`),
        norm(walk.piece(walk.arena.grad, name)),
        expected,
        accept.grad_norm_relative * expected,
      )
    const puzzle = bf16.puzzle_local_grad_norm
    if (puzzle !== undefined)
      comparison.close(
        at('norm of the puzzle gradient'),
        norm(result.rowGrads),
        puzzle,
        accept.puzzle_local_grad_norm_relative * puzzle,
      )
    return undefined
  } finally {
    walk.replica.dispose()
  }
}

/** Rows whose every cell with a label is right. */
const exactRows = (labels: readonly (readonly number[])[], predOf: (cell: number) => number): boolean[] =>
  labels.map((row, r) => row.every((label, c) => label < 0 || predOf(r * row.length + c) === label))
