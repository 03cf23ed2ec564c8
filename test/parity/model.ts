// Checks a whole model of a golden file (trm-parity-model/1): every step's losses, logits, q, states, gradients, updates
// and puzzle table, and the network passes of the first. Sizes and tolerances all come from the file.
import type * as tf from '@tensorflow/tfjs-core'
import { join } from 'node:path'
import type { Layout } from '../../shared/gradients/layout.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import { signSgdRow, sumPerId } from '../../shared/gradients/sparse.js'
import type { SlotId } from '../../shared/ids.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { encode } from '../../worker/model/encoding.js'
import { uploadParameters } from '../../worker/model/parameters.js'
import type { Example } from '../../worker/train/carry.js'
import type { StepView } from '../../worker/train/chunk-step.js'
import type { Arena, StepResult } from '../../worker/train/replica.js'
import { Replica } from '../../worker/train/replica.js'
import type { GoldenFile, PackedArray } from './golden.js'
import { largest, norm, readJson, unpack } from './golden.js'
import type { ModelGolden, StepGolden } from './model-golden.js'
import { configOf, fillOf } from './model-golden.js'
import type { Comparison } from './report.js'

/**
 * Steps whose gradients may differ by more than this, by the tolerance of their own file: 3 and 4 of model-hrm alone, which go
 * apart between any two ways to add. The other files, model-hrm-b among them, are tight to the end.
 */
const CHAOTIC = 0.1

/** Stands for -100 where labels are bytes. */
const IGNORED = 255

export function whyNotChecked(golden: ModelGolden): string | undefined {
  const { model } = golden.config
  return model === 'trm' || model === 'hrm' ? undefined : `model ${model} is not known here`
}

interface PassSummary {
  readonly writes: string
  readonly sum: number
  readonly sumAbs: number
  readonly first4: number[]
  readonly last4: number[]
}

function summarize(writes: string, state: tf.Tensor2D): PassSummary {
  const values = state.dataSync<'float32'>()
  let sum = 0
  let sumAbs = 0
  for (const value of values) {
    sum += value
    sumAbs += Math.abs(value)
  }
  return { writes, sum, sumAbs, first4: Array.from(values.slice(0, 4)), last4: Array.from(values.slice(-4)) }
}

/** One run through a golden file: our replica, the puzzle table, and what tolerance each of its elements has by now. */
export class Walk {
  readonly config: ReturnType<typeof configOf>
  readonly layout: Layout
  readonly arena: Arena
  readonly table: Float32Array
  readonly tableAllowed: Float64Array
  readonly dim: number
  /** By how much the norm of a parameter may be off, beside the tolerance of the file. */
  normAllowed = 0
  readonly passes: PassSummary[] = []
  readonly replica: Replica
  private seen: StepView | null = null

  constructor(readonly file: GoldenFile<ModelGolden>) {
    const golden = file.content
    this.config = configOf(golden)
    this.layout = layoutOf(this.config.model)
    const fill = (name: string): Float32Array => fillOf(golden, name)
    const params = new Float32Array(this.layout.elements)
    for (const { name, offset } of this.layout.entries) params.set(fill(name), offset)
    const zeros = (): Float32Array => new Float32Array(this.layout.elements)
    this.arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
    this.dim = this.config.model.puzzleEmbDim
    this.table = this.dim > 0 ? fill('puzzle_emb.weights') : new Float32Array(0)
    this.tableAllowed = new Float64Array(this.table.length)
    const states = { hInit: fill('H_init'), lInit: fill('L_init') }
    this.replica = new Replica(this.config, this.layout, this.arena, states, {
      ignoreLabel: IGNORED,
      inspect: (view) => (this.seen = view),
      observe: (writes, state) => {
        if (this.passes.length < golden.trace.calls.length) this.passes.push(summarize(writes, state))
      },
    })
    this.replica.setSlots(this.slots.map((slot) => ({ slot, carry: 'reset' as const })))
  }

  get slots(): SlotId[] {
    return Array.from({ length: this.config.train.slots }, (_, i) => slotId(i))
  }

  piece(flat: Float32Array, name: string): Float32Array {
    const entry = this.layout.entries.find((one) => one.name === name)
    if (entry === undefined) throw new Error(`the model has no parameter ${name}`)
    return flat.subarray(entry.offset, entry.offset + entry.elements)
  }

  rowsOf(ids: readonly number[]): Float32Array {
    const rows = new Float32Array(ids.length * this.dim)
    ids.forEach((id, i) => rows.set(this.table.subarray(id * this.dim, (id + 1) * this.dim), i * this.dim))
    return rows
  }

  step(golden: StepGolden): { result: StepResult; view: StepView } {
    const batch = this.file.content.batches[golden.batch]
    if (batch === undefined) throw new Error(`the file has no batch ${golden.batch}`)
    const takes = new Map<SlotId, Example>()
    golden.replaced.forEach((replaced, i) => {
      if (!replaced) return
      const labels = (batch.labels[i] ?? []).map((label) => (label < 0 ? IGNORED : label))
      takes.set(slotId(i), {
        draw: drawOf(golden.step - 1),
        puzzle: batch.puzzle_identifiers[i] ?? 0,
        inputs: Uint8Array.from(batch.inputs[i] ?? []),
        labels: Uint8Array.from(labels),
      })
    })
    const result = this.replica.step(stepOf(golden.step), this.rowsOf(golden.puzzle_identifiers), takes)
    if (this.seen === null) throw new Error('the step showed nothing')
    return { result, view: this.seen }
  }

  /** SignSGD on the table, then AdamATan2: the order of the reference. */
  commit(golden: StepGolden, result: StepResult): void {
    const { file, dim, table, tableAllowed } = this
    const { optimiser, tolerances } = file.content
    const accept = tolerances.per_step.find((one) => one.step === golden.step)?.accept
    // Where a file lets gradients differ that much, it does not tell smaller elements' signs either.
    const chaotic = accept !== undefined && accept.grad_norm_relative > CHAOTIC
    const threshold = Math.max(tolerances.updated.threshold, chaotic ? accept.puzzle_local_grad_norm_relative : 0)
    // A share of the update differs, in directions that know nothing of the parameter: its norm moves by that share of lr.
    if (chaotic) this.normAllowed += accept.grad_norm_relative * optimiser.adam_atan2.lr
    const { ids, sums } = sumPerId(golden.puzzle_identifiers, result.rowGrads, dim)
    ids.forEach((id, i) => {
      const sum = sums.subarray(i * dim, (i + 1) * dim)
      const most = largest(sum)
      for (let d = 0; d < dim; d++) {
        const size = Math.abs(sum[d] ?? 0)
        const clear = size === 0 || size >= threshold * most
        const at = id * dim + d
        // An unclear sign leaves its trace in all later steps.
        tableAllowed[at] = (tableAllowed[at] ?? 0) + (clear ? 0 : tolerances.puzzle_table.other)
      }
      const { lr, weight_decay: decay } = optimiser.sign_sgd
      signSgdRow(table.subarray(id * dim, (id + 1) * dim), sum, lr, decay)
    })
    this.arena.mean.set(this.arena.grad)
    this.replica.commit(stepOf(golden.step))
  }
}

/** Our predictions and the reference's, of the cells whose best two logits differ by `margin` or more. */
export function clearPreds(
  walk: Walk,
  golden: Pick<StepGolden, 'logits' | 'preds'>,
  view: StepView,
  margin: number,
): [number[], number[]] {
  const { vocab } = walk.config.model
  const logits = unpack(golden.logits)
  const clear = golden.preds.flat().flatMap((pred, cell) => {
    const [best = 0, second = 0] = logits.slice(cell * vocab, (cell + 1) * vocab).sort((a, b) => b - a)
    return best - second >= margin ? [{ cell, pred }] : []
  })
  return [clear.map(({ cell }) => view.preds[cell] ?? -1), clear.map(({ pred }) => pred)]
}

/** Where q_continue learns, and its loss; of a model that has neither, that we have neither. */
export function checkContinue(
  comparison: Comparison,
  at: (what: string) => string,
  golden: Pick<StepGolden, 'metrics' | 'target_q_continue'>,
  view: StepView,
  accept: { readonly loss: number; readonly q: number },
): void {
  comparison.close(at('q_continue loss'), view.qContinueLoss, golden.metrics.q_continue_loss ?? 0, accept.loss)
  comparison.equal(at('q_continue learns'), view.targetContinue !== undefined, golden.target_q_continue !== undefined)
  // A sigmoid moves at most a quarter of what its logit moves.
  comparison.allClose(at('target of q_continue'), view.targetContinue ?? [], golden.target_q_continue ?? [], accept.q)
}

function checkForward(
  walk: Walk,
  golden: StepGolden,
  comparison: Comparison,
  result: StepResult,
  view: StepView,
): void {
  const tolerances = walk.file.content.tolerances.per_step.find((one) => one.step === golden.step)
  if (tolerances === undefined) throw new Error(`the file has no tolerances for step ${golden.step}`)
  const { accept } = tolerances
  const at = (what: string): string => `step ${golden.step}, ${what}`
  const { sums } = result
  comparison.close(at('total loss'), sums.lossTotal, golden.total_loss, accept.loss)
  comparison.close(at('lm loss'), sums.lmLoss, golden.metrics.lm_loss, accept.loss)
  comparison.close(at('q_halt loss'), sums.qHaltLoss, golden.metrics.q_halt_loss, accept.loss)
  comparison.allClose(at('logits'), view.logits, unpack(golden.logits), accept.logits)
  comparison.allClose(at('q_halt'), view.qHalt, golden.q_halt, accept.q)
  comparison.allClose(at('q_continue'), view.qContinue, golden.q_continue, accept.q)
  checkContinue(comparison, at, golden, view, accept)
  comparison.equal(at('count'), sums.count, golden.metrics.count)
  comparison.equal(at('steps sum'), sums.steps, golden.metrics.steps)
  comparison.equal(at('q_halt accuracy'), sums.qHaltAccuracy, golden.metrics.q_halt_accuracy)
  comparison.equal(at('preds'), ...clearPreds(walk, golden, view, 2 * accept.logits))
  if (golden.min_top2_margin >= 2 * accept.logits) {
    comparison.equal(at('exact accuracy'), sums.exactAccuracy, golden.metrics.exact_accuracy)
    comparison.close(at('accuracy'), sums.accuracy, golden.metrics.accuracy, 1e-6)
  } else comparison.note(`step ${golden.step} has preds without a clear margin`)
  comparison.equal(at('halted'), result.halted, golden.halted)
  comparison.equal(at('finite'), result.finite, true)

  const { grad_norm_relative: relative, puzzle_local_grad_norm_relative: puzzleRelative } = accept
  for (const [name, expected] of Object.entries(golden.grad_norms))
    comparison.close(at(`gradient norm of ${name}`), norm(walk.piece(walk.arena.grad, name)), expected, relative * expected) // prettier-ignore
  const puzzleNorm = golden.puzzle_local_grad_norm
  if (puzzleNorm !== undefined)
    comparison.close(at('norm of the puzzle gradient'), norm(result.rowGrads), puzzleNorm, puzzleRelative * puzzleNorm)
  if (golden.puzzle_local_grad !== undefined) {
    const expected = unpack(golden.puzzle_local_grad)
    const allowed = walk.file.content.tolerances.puzzle_local_grad.relative_to_max * largest(expected)
    comparison.allClose(at('puzzle gradient'), result.rowGrads, expected, allowed)
  }
  if (golden.target_q_continue !== undefined) return
  const qHead = walk.piece(walk.arena.grad, 'q_head.weight')
  comparison.allClose(at('gradient of q_continue'), qHead.subarray(qHead.length / 2), new Float32Array(qHead.length / 2), 0) // prettier-ignore
}

function checkAfter(walk: Walk, golden: StepGolden, comparison: Comparison): void {
  const { tolerances } = walk.file.content
  const accept = tolerances.per_step.find((one) => one.step === golden.step)?.accept
  const at = (what: string): string => `after step ${golden.step}, ${what}`
  const first = walk.replica.carries()[0]
  comparison.allClose(at('z_H of slot 0'), first?.zH ?? [], unpack(golden.z_H_row0), accept?.z ?? 0)
  comparison.allClose(at('z_L of slot 0'), first?.zL ?? [], unpack(golden.z_L_row0), accept?.z ?? 0)
  comparison.equal(at('steps'), walk.replica.carries().map((carry) => carry.steps), golden.steps) // prettier-ignore
  comparison.allClose(at('q_head.bias'), walk.piece(walk.arena.params, 'q_head.bias'), golden.after.q_head_bias, tolerances.updated.abs) // prettier-ignore
  if (golden.after.puzzle_table !== undefined) {
    const { abs } = tolerances.puzzle_table
    const table = unpack(golden.after.puzzle_table)
    comparison.allClose(at('puzzle table'), walk.table, table, (i) => abs + (walk.tableAllowed[i] ?? 0))
  }
  for (const [name, expected] of Object.entries(golden.after.param_norms))
    comparison.close(at(`norm of ${name}`), norm(walk.piece(walk.arena.params, name)), expected, tolerances.param_norms_relative * expected + walk.normAllowed) // prettier-ignore
}

function checkTrace(walk: Walk, comparison: Comparison): void {
  const { trace, tolerances } = walk.file.content
  const allowed = tolerances.trace.elements
  comparison.equal('network calls', walk.passes.length, trace.calls.length)
  trace.calls.forEach((expected, i) => {
    const ours = walk.passes[i]
    if (ours === undefined) return
    const at = (what: string): string => `call ${expected.call} (${expected.writes}), ${what}`
    comparison.equal(at('writes'), ours.writes, expected.writes)
    comparison.allClose(at('first channels'), ours.first4, expected.row0_first4, allowed)
    comparison.allClose(at('last channels'), ours.last4, expected.last_row_last4, allowed)
    comparison.close(at('sum'), ours.sum, expected.sum, 1e-4 * expected.sum_abs)
    comparison.close(at('sum of magnitudes'), ours.sumAbs, expected.sum_abs, 1e-4 * expected.sum_abs)
  })
}

function checkEncoding(walk: Walk, comparison: Comparison): void {
  const { model } = walk.config
  const { batches, trace, tolerances } = walk.file.content
  const batch = batches[walk.file.content.steps[0]?.batch ?? 0]
  if (batch === undefined) return
  const parameters = uploadParameters(model, walk.layout, walk.arena.params)
  const tokens = Uint8Array.from(batch.inputs.flat())
  const x = encode(model, parameters, tokens, walk.rowsOf(batch.puzzle_identifiers), batch.inputs.length)
  const ours = summarize('x', x)
  const grid = x.dataSync<'float32'>().slice(model.puzzleEmbLen * model.hidden, model.puzzleEmbLen * model.hidden + 4)
  x.dispose()
  parameters.dispose()
  const expected = trace.input_encoding
  const allowed = tolerances.trace.elements
  comparison.allClose('x, first position', ours.first4, expected.row0_position0_first4, allowed)
  comparison.allClose('x, first grid position', grid, expected.row0_first_grid_position_first4, allowed)
  comparison.allClose('x, last position', ours.last4, expected.last_row_last_position_last4, allowed)
  comparison.close('x, sum', ours.sum, expected.sum, 1e-4 * expected.sum_abs)
  comparison.close('x, sum of magnitudes', ours.sumAbs, expected.sum_abs, 1e-4 * expected.sum_abs)
}

/** Tensors of the files that hold every gradient, or every parameter after step 1. */
function* partsOf(walk: Walk, what: 'grads' | 'updated'): Generator<[string, Float32Array]> {
  for (const name of walk.file.content.parts[what]) {
    const { tensors } = readJson(join(walk.file.folder, name)) as { tensors: Record<string, PackedArray> }
    for (const [tensor, packed] of Object.entries(tensors)) yield [tensor, unpack(packed)]
  }
}

export function checkModel(file: GoldenFile<ModelGolden>, comparison: Comparison): void {
  const { steps, tolerances, optimiser } = file.content
  const walk = new Walk(file)
  try {
    checkEncoding(walk, comparison)
    const gradients = new Map(partsOf(walk, 'grads'))
    for (const golden of steps) {
      const { result, view } = walk.step(golden)
      checkForward(walk, golden, comparison, result, view)
      if (golden === steps[0]) {
        checkTrace(walk, comparison)
        for (const [name, expected] of gradients) {
          const allowed = tolerances.grads.relative_to_max * largest(expected)
          comparison.allClose(`gradient of ${name}`, walk.piece(walk.arena.grad, name), expected, allowed)
        }
      }
      walk.commit(golden, result)
      checkAfter(walk, golden, comparison)
      if (golden !== steps[0]) continue
      for (const [name, expected] of partsOf(walk, 'updated')) {
        const gradient = gradients.get(name) ?? new Float32Array(expected.length)
        const clear = tolerances.updated.threshold * largest(gradient)
        comparison.allClose(`updated ${name}`, walk.piece(walk.arena.params, name), expected, (i) => {
          const size = Math.abs(gradient[i] ?? 0)
          return size === 0 || size >= clear ? tolerances.updated.abs : 2.1 * optimiser.adam_atan2.lr
        })
      }
    }
  } finally {
    walk.replica.dispose()
  }
}
