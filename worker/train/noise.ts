// Noise on the states of the recursion. In training, after EqR (arXiv:2605.21488, code locuslab/EqR): examples may start from random
// states, drawn anew for each of them (EqR: TN(1) for every number of z_H and z_L, `random` here), or from noise around H_init and
// L_init (`around`, our own), and all states may get Gaussian noise between supervision steps. EqR itself damps every network call,
// z <- 0.05 z + 0.95 f(z), and adds N(0, 0.01²) there; noise once a step, undamped, is our choice, because it leaves the network
// and its backward pass alone. At test time, after PTRM (arXiv:2605.19943): noise before every supervision step of a rollout.
// Everything is drawn on the host from (seed, slot, draw or step, state), so it depends neither on workers nor on micro-batches,
// and a replay draws it again. That costs some 20 ns a number: nothing beside a small board, much beside a GPU's step of ARC.
import * as tf from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { truncatedNormal } from '../../shared/gradients/init.js'
import type { Step } from '../../shared/ids.js'
import type { Noise } from '../../shared/question.js'
import { addNormals, bulkOf } from '../../shared/rng/bulk.js'
import { rngFor } from '../../shared/rng/counter.js'
import type { Thought } from '../model/trm.js'
import { primitives } from '../ops/primitives.js'
import type { Example, InitialStates, Lane } from './carry.js'

/** Writes what state number `state` of a row gets, (S * D) zeros before; false: nothing, and nothing written. */
export type Stir = (row: number, state: number, into: Float32Array) => boolean

type Starts = Pick<ModelConfig, 'start' | 'startStd' | 'stepNoise'>

/** What is added to when an example starts: nothing where the start is random alone. */
export const groundOf = ({ start }: Starts, states: InitialStates): InitialStates =>
  start === 'random'
    ? { hInit: new Float32Array(states.hInit.length), lInit: new Float32Array(states.lInit.length) }
    : states

function drawStart({ start, startStd }: Starts, seed: number, keys: readonly number[], into: Float32Array): boolean {
  if (start === 'fixed') return false
  const rng = bulkOf(rngFor(seed, 'start', ...keys))
  if (start === 'around') addNormals(into, startStd, rng)
  else for (let i = 0; i < into.length; i++) into[i] = truncatedNormal(startStd, rng)
  return true
}

/** Of a training step: by (slot, draw) where an example begins, by (slot, step) where one goes on. */
export function trainingStir(
  model: Starts,
  seed: number,
  step: Step,
  lanes: readonly (Lane & { readonly example: Example })[],
): Stir | undefined {
  if (model.start === 'fixed' && model.stepNoise === 0) return undefined
  return (row, state, into) => {
    const { halted, slot, example } = lanes[row]!
    if (halted) return drawStart(model, seed, [slot, example.draw, state], into)
    if (model.stepNoise === 0) return false
    addNormals(into, model.stepNoise, bulkOf(rngFor(seed, 'step-noise', slot, step, state)))
    return true
  }
}

/**
 * Of supervision step `step`, from 1, of an evaluation. `draws`: a number of each row; equal numbers, equal noise. Row number 0 gets
 * no noise, only, where the model starts from random states, a start of its own.
 */
export function evaluationStir(
  model: Starts,
  { seed, sigma, states }: Noise,
  step: number,
  draws: ArrayLike<number>,
): Stir | undefined {
  if (sigma === 0 && (step > 1 || model.start === 'fixed')) return undefined
  return (row, state, into) => {
    const draw = draws[row]!
    const started = step === 1 && drawStart(model, seed, [draw, state], into)
    if (draw === 0 || sigma === 0 || (states === 'answer' && state > 0)) return started
    addNormals(into, sigma, bulkOf(rngFor(seed, 'rollout', draw, step, state)))
    return true
  }
}

/** The states with what `draw` writes added, (rows * S, D). Consumes `thought` where it changes. */
export function stirred(thought: Thought, rows: number, draw: Stir | undefined): Thought {
  if (draw === undefined) return thought
  const noisy = thought.map((state, at) => {
    const noise = new Float32Array(state.size)
    const width = noise.length / rows
    let any = false
    for (let row = 0; row < rows; row++) if (draw(row, at, noise.subarray(row * width, (row + 1) * width))) any = true
    if (!any) return state
    const added = tf.tensor2d(noise, state.shape)
    const sum = primitives().add(state, added)
    tf.dispose([added, state])
    return sum
  })
  return noisy as unknown as Thought
}
