// One supervision step of a chunk of slots: forward, halting, loss, backward. Weights and carries stay as they are; what the
// step proposes is returned.
import * as tf from '@tensorflow/tfjs-core'
import type { TrainConfig } from '../../shared/config/run-config.js'
import { flopsOf } from '../../shared/flops.js'
import type { Step } from '../../shared/ids.js'
import type { StepSums } from '../../shared/protocol/messages.js'
import { rngFor } from '../../shared/rng/counter.js'
import { encode, encodeBackward } from '../model/encoding.js'
import type { Parameters } from '../model/parameters.js'
import type { Thought, Trm } from '../model/trm.js'
import type { Gradients } from '../ops/gradients.js'
import type { ActState } from './act.js'
import { continueTarget, transition } from './act.js'
import type { Example, FreshRows, Lane } from './carry.js'
import { pickTokens, startOf } from './carry.js'
import { race } from './chains.js'
import type { QLogits } from './heads.js'
import { nextQ, readHeads } from './heads.js'
import { lossHead, rowLosses } from './loss.js'
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
  const asked = { rows: batch, cells: seqLen, vocab, labels, ignoreLabel }
  const raced =
    model.chains === 1 ? null : race(trm, parameters, x, begun, batch, (heads) => rowLosses({ ...asked, ...heads }))
  const start = raced?.start ?? begun
  const { thought, graded } = trm.thinkGraded(parameters, x, start, batch)
  const { values, at, qHalt, qContinue } = readHeads(trm, parameters, thought[0], batch)
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
  const dOut = new Float32Array(values.length)
  const dHalt = new Float64Array(batch)
  const dContinue = new Float64Array(batch)
  const loss = lossHead(
    {
      ...asked,
      logits: values,
      at,
      qHalt,
      halted: next.map((lane) => lane.halted),
      steps: next.map((lane) => lane.steps),
      ...(targetContinue === null ? {} : { qContinue, targetContinue }),
    },
    { weight: 1 / train.slots, logits: dOut, qHalt: dHalt, qContinue: dContinue },
  )
  for (let i = 0; i < batch; i++) dOut.set([dHalt[i] as number, dContinue[i] as number], i * at.rowStride + vocab)
  if (work.inspect !== undefined) {
    const logits = new Float32Array(batch * seqLen * vocab)
    for (let cell = 0; cell < batch * seqLen; cell++) {
      const from = at.start + Math.floor(cell / seqLen) * at.rowStride + (cell % seqLen) * at.cellStride
      logits.set(values.subarray(from, from + vocab), cell * vocab)
    }
    const { preds, qContinueLoss } = loss
    work.inspect({ logits, preds, qHalt, qContinue, qContinueLoss, ...(targetContinue && { targetContinue }) })
  }

  const dOutTensor = tf.tensor2d(dOut, [batch * trm.positions, vocab + 2])
  const dy = trm.headsBackward(parameters, thought[0], dOutTensor, gradients)
  dOutTensor.dispose()
  const dx = trm.thinkBackward(parameters, graded, dy, batch, gradients)
  const rowGrads = encodeBackward(model, parameters, tokens, batch, dx, gradients)
  dx.dispose()
  mark('backward')
  return {
    sums: { ...loss.sums, cells: batch * seqLen, flops: batch * flopsOf(model).train },
    lanes: next,
    thought: carried(thought, raced?.latents),
    rowGrads,
    biasGrad: [total(dHalt), total(dContinue)],
  }
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
