// From the sums of a measurement to the figures of a row, and from measured rows to the modelled ones of an 8B model. Pure.
import { modelName } from '../../shared/config/model-name.js'
import type { ModelConfig } from '../../shared/config/run-config.js'
import { flopsOf } from '../../shared/flops.js'
import type { ComparisonRow } from '../../shared/language/comparison.js'
import {
  forwardFlops,
  generationBytes,
  LANGUAGE_SHAPES,
  parametersOf,
  SHAPE_8B,
  stateBytes,
  trainingFlops,
  type Tuning,
} from '../../shared/language/shape.js'
import { languageOf, subjectName, type SubjectName } from '../../shared/language/subject.js'
import type { WorkerMessage } from '../../shared/protocol/messages.js'

export type Measured = Extract<WorkerMessage, { type: 'measured' }>

/** Means over the samples, and what turns seconds into money. */
export interface Ground {
  readonly model: ModelConfig
  readonly tokens: number
  readonly promptTokens: number
  readonly answerTokens: number
  readonly testsPerTask: number
  readonly pricePerHour: number | null
  /** Copies that vote in an evaluation, the original included. */
  readonly votes: number
}

const told = (value: number): number | null => (Number.isFinite(value) ? value : null)

const costOf = (answerSeconds: number | null, { testsPerTask, pricePerHour }: Ground): number | null =>
  answerSeconds === null || pricePerHour === null ? null : (answerSeconds * testsPerTask * pricePerHour) / 3600

function titleOf(subject: SubjectName, model: ModelConfig): string {
  const language = languageOf(subject)
  if (language === undefined) return `${modelName(model)} ${model.hidden} wide`
  return `LLM ${language.size.toUpperCase()}, ${language.tuning === 'full' ? 'all weights' : 'LoRA rank 16'}`
}

function notesOf({ train, recompute }: Measured): string {
  const notes = [
    train.warm ? '' : 'one step, the first, longer than the time given',
    recompute ? 'layers computed twice in backward to fit memory' : '',
  ]
  return notes.filter((note) => note !== '').join('; ')
}

export function measuredRow(subject: SubjectName, measured: Measured, ground: Ground): ComparisonRow {
  const { train, answer, parameters, recompute, peakBytes, restBytes } = measured
  const language = languageOf(subject)
  const perSample = train.seconds / train.samples
  const flops =
    language === undefined
      ? flopsOf(ground.model).train
      : trainingFlops(LANGUAGE_SHAPES[language.size], ground.tokens, language.tuning)
  const prompt = answer.promptSeconds / answer.answers
  const perToken = answer.tokens === 0 ? NaN : answer.tokenSeconds / answer.tokens
  // The first token of an answer comes with the prompt.
  const answerSeconds = language === undefined ? prompt : prompt + perToken * Math.max(0, ground.answerTokens - 1)
  // The step that is not timed takes energy too.
  const trained = train.samples * (train.warm ? (train.steps + 1) / train.steps : 1)
  const spent = answer.answers * prompt + (language === undefined ? 0 : answer.tokenSeconds)
  return {
    subject,
    kind: 'measured',
    title: titleOf(subject, ground.model),
    parameters,
    recompute,
    samplesPerSecond: 1 / perSample,
    trainTokensPerSecond: train.tokens / train.seconds,
    trainFlopsPerSecond: flops / perSample,
    trainJoulesPerSample: told(train.joules / trained),
    answerSeconds: told(answerSeconds),
    tokensPerSecond: told(1 / perToken),
    answerJoules: told((answer.joules / spent) * answerSeconds),
    peakBytes,
    restBytes,
    taskCost: costOf(told(answerSeconds), ground),
    note: notesOf(measured),
  }
}

/** TRM's answer after all votes: as many passes as copies vote. */
export function votedRow(trm: ComparisonRow, ground: Ground): ComparisonRow {
  const times = (value: number | null): number | null => (value === null ? null : value * ground.votes)
  const answerSeconds = times(trm.answerSeconds)
  return {
    ...trm,
    subject: 'trm-voted',
    kind: 'modelled',
    title: `${trm.title}, ${ground.votes} votes`,
    samplesPerSecond: null,
    trainTokensPerSecond: null,
    trainFlopsPerSecond: null,
    trainJoulesPerSample: null,
    answerSeconds,
    answerJoules: times(trm.answerJoules),
    peakBytes: null,
    restBytes: null,
    taskCost: costOf(answerSeconds, ground),
    note: `one measured pass times ${ground.votes}`,
  }
}

/**
 * Llama 3 8B on this device, if it fitted: training at the FLOP rate, generation at the byte rate, of the largest model of
 * ours measured with the same tuning. undefined if there is none.
 */
export function modelledRow(tuning: Tuning, rows: readonly ComparisonRow[], ground: Ground): ComparisonRow | undefined {
  const names = Object.keys(LANGUAGE_SHAPES) as (keyof typeof LANGUAGE_SHAPES)[]
  const [from] = names
    .toReversed()
    .map((size) => ({ size, row: rows.find(({ subject }) => subject === subjectName({ size, tuning })) }))
    .filter(({ row }) => row?.trainFlopsPerSecond != null && row.tokensPerSecond !== null)
  if (from?.row === undefined) return undefined
  const { size, row } = from
  const shape = LANGUAGE_SHAPES[size]
  const { tokens, promptTokens, answerTokens } = ground
  const before = promptTokens + answerTokens / 2
  const samplesPerSecond = (row.trainFlopsPerSecond ?? NaN) / trainingFlops(SHAPE_8B, tokens, tuning)
  const perToken = generationBytes(SHAPE_8B, before) / generationBytes(shape, before) / (row.tokensPerSecond ?? NaN)
  const promptOf = (row.answerSeconds ?? NaN) - Math.max(0, answerTokens - 1) / (row.tokensPerSecond ?? NaN)
  const prompt = (promptOf * forwardFlops(SHAPE_8B, promptTokens)) / forwardFlops(shape, promptTokens)
  const answerSeconds = told(prompt + perToken * Math.max(0, answerTokens - 1))
  return {
    subject: tuning === 'full' ? 'llm-8b-full' : 'llm-8b-lora',
    kind: 'modelled',
    title: `Llama 3 8B, ${tuning === 'full' ? 'all weights' : 'LoRA rank 16'}`,
    parameters: parametersOf(SHAPE_8B),
    recompute: true,
    samplesPerSecond: told(samplesPerSecond),
    trainTokensPerSecond: told(samplesPerSecond * tokens),
    trainFlopsPerSecond: row.trainFlopsPerSecond,
    trainJoulesPerSample: null,
    answerSeconds,
    tokensPerSecond: told(1 / perToken),
    answerJoules: null,
    peakBytes: stateBytes(SHAPE_8B, tuning),
    restBytes: null,
    taskCost: costOf(answerSeconds, ground),
    note: `from ${row.title}: same FLOP/s in training, same bytes/s in generation, f32; memory without activations`,
  }
}
