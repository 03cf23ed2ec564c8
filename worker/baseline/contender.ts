// What is measured side by side: something that trains on a batch of tasks and answers them. TRM as it trains in a run, less
// the network; a language model with the optimizer of a usual fine-tune. Both compute on the same backend.
import { LANGUAGE_SHAPES, parametersOf } from '../../shared/language/shape.js'
import { languageOf, type LanguageSubject, type SubjectName } from '../../shared/language/subject.js'
import type { ModelConfig, TrainConfig } from '../../shared/config/run-config.js'
import { initialParams, initialStates } from '../../shared/gradients/init.js'
import type { Layout } from '../../shared/gradients/layout.js'
import type { Draw, SlotId, Step } from '../../shared/ids.js'
import type { Arena } from '../train/replica.js'
import { Replica } from '../train/replica.js'
import { microBatchOf } from '../train/micro-batch.js'
import { AdamW } from './adamw.js'
import { generate } from './generate.js'
import { LanguageModel } from './language-model.js'
import { ParameterGradients } from './projection.js'
import { disposeWeights, randomWeights } from './weights.js'

/** The tasks: as text in tokens, with where the answer begins; and as grids, u8 [n, S0]. */
export interface ContenderSamples {
  readonly texts: readonly { readonly tokens: Int32Array; readonly prompt: number }[]
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
}

export interface Contender {
  readonly parameters: number
  readonly recompute: boolean
  /** One optimizer step over the whole batch. */
  train(): { readonly samples: number; readonly tokens: number }
  /** Task number `turn`, or all at once where that is how it answers; times in milliseconds of `clock`. */
  answer(
    turn: number,
    clock: () => number,
    until: number,
  ): { readonly answers: number; readonly promptMs: number; readonly tokens: number; readonly tokensMs: number }
  dispose(): void
}

export interface ContenderSetup {
  readonly model: ModelConfig
  readonly train: TrainConfig
  readonly seed: number
  readonly layout: Layout
  readonly arena: Arena & { readonly rows: Float32Array }
}

export function contenderOf(subject: SubjectName, samples: ContenderSamples, setup: ContenderSetup): Contender {
  const language = languageOf(subject)
  return language === undefined ? trmContender(samples, setup) : languageContender(language, samples, setup.seed)
}

function trmContender({ inputs, labels }: ContenderSamples, setup: ContenderSetup): Contender {
  const { model, train, seed, layout, arena } = setup
  const { seqLen, puzzleEmbDim } = model
  const batch = inputs.length / seqLen
  for (const part of [arena.m, arena.v, arena.rows]) part.fill(0)
  arena.params.set(initialParams(layout, seed))
  arena.ema.set(arena.params)
  // Loss and gradients are divided by the number of slots: here the batch is all of them.
  const config = { model, train: { ...train, slots: batch }, seed }
  const replica = new Replica(config, layout, arena, initialStates(model, seed), { microBatch: microBatchOf(model) })
  const slots = Array.from({ length: batch }, (_, i) => i as SlotId)
  replica.setSlots(slots.map((slot) => ({ slot, carry: 'reset' })))
  const piece = (of: Uint8Array, i: number): Uint8Array => of.subarray(i * seqLen, (i + 1) * seqLen)
  const takes = new Map(
    slots.map((slot, i) => [slot, { draw: 0 as Draw, puzzle: 0, inputs: piece(inputs, i), labels: piece(labels, i) }]),
  )
  let step = 0
  return {
    parameters: layout.elements,
    recompute: false,
    train() {
      step++
      replica.step(step as Step, arena.rows, takes)
      arena.mean.set(arena.grad)
      replica.commit(step as Step)
      return { samples: batch, tokens: batch * seqLen }
    },
    answer(_turn, clock) {
      const began = clock()
      replica.evaluate({ rows: new Float32Array(batch * puzzleEmbDim), inputs, batch })
      return { answers: batch, promptMs: clock() - began, tokens: 0, tokensMs: 0 }
    },
    dispose: () => replica.dispose(),
  }
}

function languageContender({ size, tuning }: LanguageSubject, { texts }: ContenderSamples, seed: number): Contender {
  const shape = LANGUAGE_SHAPES[size]
  const weights = randomWeights(shape, tuning, seed)
  const model = new LanguageModel(shape, weights)
  const optimizer = new AdamW()
  const longest = Math.max(...texts.map(({ tokens }) => tokens.length))
  return {
    parameters: parametersOf(shape),
    recompute: model.recomputes(longest - 1),
    train() {
      const gradients = new ParameterGradients()
      for (const { tokens } of texts) model.train(tokens, 1 / texts.length, gradients)
      optimizer.update(weights.all, gradients)
      return { samples: texts.length, tokens: texts.reduce((sum, { tokens }) => sum + tokens.length - 1, 0) }
    },
    answer(turn, clock, until) {
      const { tokens, prompt } = texts[turn % texts.length] ?? { tokens: new Int32Array(2), prompt: 1 }
      const made = generate(model, tokens.slice(0, prompt), tokens.length - prompt, clock, until)
      // The first token comes with the prompt's own pass.
      return { answers: 1, promptMs: made.promptMs, tokens: made.tokens.length - 1, tokensMs: made.tokensMs }
    },
    dispose() {
      optimizer.dispose()
      model.dispose()
      disposeWeights(weights)
    },
  }
}
