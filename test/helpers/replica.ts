// A replica of a model of a few thousand weights, without cluster: it proposes, commits, and its gradient is held against
// differences of its loss.
import assert from 'node:assert/strict'
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import type { SlotId } from '../../shared/ids.js'
import { drawOf, slotId, stepOf } from '../../shared/ids.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { Example } from '../../worker/train/carry.js'
import type { LocalRound } from '../../worker/train/local-round.js'
import type { Arena, ReplicaOptions, StepResult } from '../../worker/train/replica.js'
import { Replica } from '../../worker/train/replica.js'

export const MODEL: ModelConfig = {
  hidden: 16,
  heads: 2,
  expansion: 1,
  layers: 1,
  hLayers: 0,
  networks: 'shared',
  states: 'two',
  gradient: 'cycle',
  gradedCycles: 1,
  trim: 0,
  trimMargin: 0,
  gradedCalls: 0,
  halting: 'halt',
  start: 'fixed',
  startStd: 1,
  stepNoise: 0,
  chains: 1,
  chainStarts: 'drawn',
  hCycles: 2,
  lCycles: 2,
  mixer: 'attention',
  swiglu: 'plain',
  scan: 'causal',
  stateSize: 128,
  stateHead: 64,
  positions: 'rope',
  puzzleEmbLen: 2,
  puzzleEmbDim: 16,
  haltMaxSteps: 3,
  haltExplorationProb: 0.5,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  precision: 'f32',
  vocab: 6,
  seqLen: 15,
}
export const TRAIN: TrainConfig = {
  slots: 8,
  steps: 10,
  minutes: 0,
  freezeDense: 0,
  lr: 1e-2,
  puzzleLr: 1e-2,
  weightDecay: 0.1,
  puzzleWeightDecay: 0.1,
  beta1: 0.9,
  beta2: 0.95,
  warmupSteps: 2,
  lrMinRatio: 1,
  emaRate: 0.9,
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
}
export const SEED = 5

/** Example k of a slot: a pure function, as in a run. */
export function exampleFor(slot: SlotId, step: number, model: ModelConfig): Example {
  const rng = rngFor(SEED, 'examples', slot, step)
  const cells = (from: number): Uint8Array =>
    Uint8Array.from({ length: model.seqLen }, () => from + Math.floor(rng.uniform() * (model.vocab - from)))
  return { draw: drawOf(step), puzzle: slot, inputs: cells(1), labels: cells(0) }
}

export class Run {
  readonly arena: Arena
  readonly replica: Replica
  readonly slots: SlotId[]

  constructor(
    slots: readonly number[],
    readonly model: ModelConfig = MODEL,
    options: ReplicaOptions | ((arena: Arena) => LocalRound) = {},
    lInit?: Float32Array,
    private readonly examples: typeof exampleFor = exampleFor,
    train: TrainConfig = TRAIN,
  ) {
    const layout = layoutOf(model)
    const params = initialParams(layout, SEED)
    const zeros = (): Float32Array => new Float32Array(layout.elements)
    this.arena = {
      params,
      ema: params.slice(),
      m: zeros(),
      v: zeros(),
      grad: zeros(),
      mean: zeros(),
      gathered: zeros(),
    }
    // A q head that is not zero, so that slots halt at different steps.
    const q = layout.entries.find((entry) => entry.name === 'q_head.weight')
    for (let i = 0; i < (q?.elements ?? 0); i++) params[(q?.offset ?? 0) + i] = Math.sin(7 * i)
    const states = { ...initialStates(model, SEED), ...(lInit && { lInit }) }
    this.slots = slots.map(slotId)
    const more = typeof options === 'function' ? { local: options(this.arena) } : options
    this.replica = new Replica({ model, train, seed: SEED }, layout, this.arena, states, more)
    this.replica.setSlots(this.slots.map((slot) => ({ slot, carry: 'reset' as const })))
  }

  propose(step: number): StepResult {
    const takes = new Map(this.slots.map((slot) => [slot, this.examples(slot, step, this.model)]))
    const rows = new Float32Array(this.slots.length * this.model.puzzleEmbDim)
    this.slots.forEach((slot, i) =>
      rows.fill(0.1 * (slot + 1), i * this.model.puzzleEmbDim, (i + 1) * this.model.puzzleEmbDim),
    )
    return this.replica.step(stepOf(step), rows, takes)
  }

  commit(step: number, mean: Float32Array = this.arena.grad): void {
    this.arena.mean.set(mean)
    this.replica.commit(stepOf(step))
  }

  train(from: number, to: number): StepResult[] {
    return Array.from({ length: to - from + 1 }, (_, i) => {
      const result = this.propose(from + i)
      this.commit(from + i)
      return result
    })
  }

  state(): unknown {
    const { params, gathered } = this.arena
    return {
      params: params.slice(),
      gathered: gathered?.slice(),
      ema: this.replica.current('ema').slice(),
      m: this.replica.current('m').slice(),
      v: this.replica.current('v').slice(),
      carries: this.replica.carries(),
    }
  }
}

/**
 * Along its gradient the loss must change by |gradient| per unit, tensor by tensor. That holds where nothing is cut off from
 * the gradient: with one H cycle, or with all of them graded.
 */
export function checkGradient(run: Run): void {
  const { rowGrads } = run.propose(1)
  run.replica.discard()
  const { params, grad } = run.arena
  const gradient = grad.slice()
  let checked = 0
  for (const { name, offset, elements } of layoutOf(run.model).entries) {
    const part = gradient.slice(offset, offset + elements)
    const size = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0))
    if (size < 1e-7) continue
    checked++
    const kept = params.slice(offset, offset + elements)
    const lossMoved = (by: number): number => {
      params.set(kept.map((value, i) => value + (by * part[i]!) / size), offset) // prettier-ignore
      run.replica.reload()
      const loss = run.propose(1).sums.lossTotal / TRAIN.slots
      run.replica.discard()
      params.set(kept, offset)
      return loss
    }
    // A step that moves the loss by 1e-3: less would measure its rounding, more its curvature.
    const h = Math.min(1.5e-2, 1e-3 / size)
    const slope = (lossMoved(h) - lossMoved(-h)) / (2 * h)
    // The loss is summed in f32: its last digits are all that a small gradient is measured by.
    const rounding = 2 ** -23 / (2 * h)
    assert.ok(Math.abs(slope - size) < 0.02 * size + rounding, `${name}: slope ${slope}, gradient ${size}`)
  }
  run.replica.reload()
  assert.ok(checked >= 8, `only ${checked} tensors have a gradient`)
  assert.equal(rowGrads.length, run.slots.length * run.model.puzzleEmbDim)
  if (run.model.puzzleEmbDim > 0) assert.ok(rowGrads.some((value) => value !== 0))
}
