// One supervision step of a chunk of slots: forward, halting, loss, backward. Weights and carries stay as they are; what the
// step proposes is returned.
import * as tf from '@tensorflow/tfjs-core'
import type { TrainConfig } from '../../shared/config/run-config.js'
import { supervisionWeight } from '../../shared/curriculum.js'
import { flopsOf } from '../../shared/flops.js'
import type { Step } from '../../shared/ids.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import { rngFor } from '../../shared/rng/counter.js'
import { encode, encodeBackward } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import type { Thought, Trm } from '../model/trm.js'
import type { Gradients } from '../ops/gradients.js'
import type { HeadLossInput } from '../ops/head-loss.js'
import { ownKernel } from '../ops/registry.js'
import type { ActState } from './act.js'
import { continueTarget, transition } from './act.js'
import type { Example, FreshRows, Lane } from './carry.js'
import { pickTokens, startOf } from './carry.js'
import { race } from './chains.js'
import type { HeadValues, QLogits } from './heads.js'
import { nextQ, readHeads, readQ } from './heads.js'
import type { LossInput, LossResult, QGradients, QInput } from './loss.js'
import { lossHead, rowLosses } from './loss.js'
import { lossOnDevice } from './loss-on-device.js'
import { stirred, trainingStir } from './noise.js'

export type Phase = 'upload' | 'forward' | 'backward' | 'read'

/** What a step saw, for tests. logits (slots, S0, V); preds (slots, S0); the rest per slot. */
export interface StepView extends QLogits {
  readonly logits: Float32Array
  readonly preds: Uint16Array
  /** Where q_continue learns. */
  readonly targetContinue?: Float32Array
  readonly qContinueLoss: number
}

/** What all chunks of a replica share, but for `trm`, which is as long as their samples. */
export interface ChunkWork {
  readonly train: TrainConfig
  readonly seed: number
  readonly trm: Trm
  readonly parameters: Parameters
  readonly fresh: FreshRows
  /** Label of cells without loss. */
  readonly ignoreLabel: number
  readonly inspect?: (view: StepView) => void
}

export interface ChunkInput {
  /** The states of the chunk as the step before left them; undefined if all its slots have halted. */
  readonly thought: Thought | undefined
  /** All of one length. */
  readonly lanes: readonly (Lane & { readonly example: Example })[]
  /** (lanes, puzzleEmbDim) */
  readonly rows: Float32Array
}

export interface ChunkResult {
  readonly sums: StepSums
  readonly lanes: Lane[]
  readonly thought: Thought
  readonly rowGrads: Float32Array
  /** Of q_head.bias. */
  readonly biasGrad: readonly [halt: number, goOn: number]
}

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0)

/** Gradients of the weights are added to `gradients`; `mark` is called as each phase ends. */
export function stepChunk(
  work: ChunkWork,
  step: Step,
  { thought: before, lanes, rows }: ChunkInput,
  gradients: Gradients,
  mark: (phase: Phase) => void,
): ChunkResult {
  const { train, parameters, trm, ignoreLabel } = work
  const { model } = trm
  const { vocab, seqLen, hidden, haltMaxSteps } = model
  const batch = lanes.length
  const tokens = new Uint8Array(batch * seqLen)
  const labels = new Uint8Array(batch * seqLen)
  lanes.forEach(({ example, kept }, i) => {
    tokens.set(pickTokens(example.inputs, kept), i * seqLen)
    labels.set(pickTokens(example.labels, kept), i * seqLen)
  })

  const resets = lanes.map((lane) => lane.halted)
  const stir = trainingStir(model, work.seed, step, lanes)
  const begun = stirred(startOf(resets, work.fresh, [trm.positions, hidden], before), batch, stir)
  const x = encode(model, parameters, tokens, rows, batch)
  mark('upload')
  const asked = { rows: batch, cells: seqLen, vocab, labels, ignoreLabel, options: train }
  const raced =
    model.chains === 1 ? null : race(trm, parameters, x, begun, batch, (heads) => rowLosses({ ...asked, ...heads }))
  const start = raced?.start ?? begun
  const { thought, graded } = trm.thinkGraded(parameters, x, start, batch)
  const kernel = work.inspect === undefined && isOfficial(train) ? ownKernel('headLoss') : undefined
  const out = kernel && trm.heads(parameters, thought[0])
  const { qHalt, qContinue, ...read } = out
    ? readQ(trm, parameters, out, batch)
    : readHeads(trm, parameters, thought[0], batch)
  // As in the reference: a model whose slots never choose when to halt learns no q_continue.
  const learnsContinue = model.halting === 'continue' && haltMaxSteps > 1
  const later = learnsContinue ? nextQ(trm, parameters, x, thought, batch) : null
  tf.dispose([...new Set([...begun, ...start]), x])
  mark('forward')

  const next = lanes.map((lane, i) => ({
    ...lane,
    ...nextState(work, step, lane, qHalt[i] as number, qContinue[i] as number),
  }))
  const targetContinue =
    later &&
    Float32Array.from(next, ({ steps }, i) =>
      continueTarget(steps, haltMaxSteps, later.qHalt[i] as number, later.qContinue[i] as number),
    )
  const dHalt = new Float64Array(batch)
  const dContinue = new Float64Array(batch)
  const q: QSeen = {
    qHalt,
    halted: next.map((lane) => lane.halted),
    steps: next.map((lane) => lane.steps),
    ...(targetContinue === null ? {} : { qContinue, targetContinue }),
  }
  const gradientsOfQ = {
    weight: 1 / train.slots,
    rows: next.map(({ steps }) => supervisionWeight(train.supervisionDecay, haltMaxSteps, steps)),
    qHalt: dHalt,
    qContinue: dContinue,
  }
  const { sums, dOut } =
    kernel && out
      ? lossOnDevice(kernel, out, headInput(work, labels, batch, targetContinue), q, gradientsOfQ)
      : lossOnHost(work, asked, { ...(read as HeadReading), qContinue }, q, gradientsOfQ)
  out?.dispose()
  const dy = trm.headsBackward(parameters, thought[0], dOut, gradients)
  dOut.dispose()
  const dx = trm.thinkBackward(parameters, graded, dy, batch, gradients)
  const rowGrads = encodeBackward(model, parameters, tokens, batch, dx, gradients)
  dx.dispose()
  mark('backward')
  return {
    sums: { ...sums, cells: batch * seqLen, flops: batch * flopsOf(model).train },
    lanes: next,
    thought: carried(thought, raced?.latents),
    rowGrads,
    biasGrad: [total(dHalt), total(dContinue)],
  }
}

/** The loss of the official code, which is all that kernels of a device compute. */
const isOfficial = ({ labelSmoothing, haltLossWeight, supervisionDecay }: TrainConfig): boolean =>
  labelSmoothing === 0 && haltLossWeight === 0.5 && supervisionDecay === 1

type HeadReading = Pick<HeadValues, 'values' | 'at'>
type QSeen = QInput & { readonly qHalt: Float32Array; readonly targetContinue?: Float32Array }

function headInput(
  { train, trm, parameters, ignoreLabel }: ChunkWork,
  labels: Uint8Array,
  rows: number,
  targets: Float32Array | null,
): HeadLossInput {
  const { vocab, puzzleEmbLen } = trm.model
  const [positions, bias] = [trm.positions, parameters.qBias.values]
  return { rows, positions, first: puzzleEmbLen, vocab, labels, ignored: ignoreLabel, weight: 1 / train.slots, bias, targets } // prettier-ignore
}

/** The loss, and the gradient of the heads' outputs on the device. */
function lossOnHost(
  { trm, inspect }: ChunkWork,
  asked: Pick<LossInput, 'rows' | 'cells' | 'vocab' | 'labels' | 'ignoreLabel' | 'options'>,
  { values, at, qContinue }: HeadReading & Pick<QLogits, 'qContinue'>,
  q: QSeen,
  of: Required<QGradients>,
): { sums: LossResult['sums']; dOut: tf.Tensor2D } {
  const { rows, cells, vocab } = asked
  const dOut = new Float32Array(values.length)
  const loss = lossHead({ ...asked, ...q, logits: values, at }, { ...of, logits: dOut })
  for (let i = 0; i < rows; i++) dOut.set([of.qHalt[i] as number, of.qContinue[i] as number], i * at.rowStride + vocab)
  if (inspect !== undefined) {
    const logits = new Float32Array(rows * cells * vocab)
    for (let cell = 0; cell < rows * cells; cell++) {
      const from = at.start + Math.floor(cell / cells) * at.rowStride + (cell % cells) * at.cellStride
      logits.set(values.subarray(from, from + vocab), cell * vocab)
    }
    const { preds, qContinueLoss } = loss
    inspect({ logits, preds, ...q, qContinue, qContinueLoss })
  }
  return { sums: loss.sums, dOut: tf.tensor2d(dOut, [rows * trm.positions, vocab + 2]) }
}

/** The answer of the winner with the thoughts of all chains, where there are several. Consumes both. */
function carried(thought: Thought, latents: readonly tf.Tensor2D[] | undefined): Thought {
  if (latents === undefined) return thought
  const [answer, ...own] = thought
  tf.dispose(own)
  return [answer, ...latents]
}

/** Exploration is drawn per slot and step: the same for any number of workers, and again in a replay. */
function nextState({ trm, seed }: ChunkWork, step: Step, lane: Lane, qHalt: number, qContinue: number): ActState {
  const { haltMaxSteps, haltExplorationProb, halting } = trm.model
  const rng = rngFor(seed, 'halt', lane.slot, step)
  const rand = rng.uniform()
  const randint = 2 + Math.floor(rng.uniform() * (haltMaxSteps - 1))
  const { steps, halted } = transition(lane, qHalt, rand, randint, {
    haltMaxSteps,
    explorationProb: haltExplorationProb,
    training: true,
    threshold: halting === 'continue' ? qContinue : 0,
  })
  return { steps, halted }
}
