// The tasks of a comparison: the same test pairs as text for a language model and as grids for TRM.
import type { Task } from '../../shared/arc/task.js'
import { encode } from '../../shared/arc/tokens.js'
import { ConfigError } from '../../shared/errors.js'
import { serialise, Tokeniser } from '../../shared/language/text.js'
import { rngFor } from '../../shared/rng/counter.js'

export interface ComparisonSamples {
  /** u16, all texts one after the other. */
  readonly tokens: Uint16Array
  readonly lengths: readonly number[]
  /** Tokens before the answer. */
  readonly prompts: readonly number[]
  /** u8 [n, canvas * canvas]. */
  readonly inputs: Uint8Array
  readonly labels: Uint8Array
  readonly testsPerTask: number
  /** Test pairs whose text does not fit the context. */
  readonly tooLong: number
  readonly known: number
}

export interface SampleLimits {
  readonly batch: number
  /** Tokens of the longest text, as the study's 4096. */
  readonly context: number
  readonly canvas: number
  readonly vocab: number
  readonly seed: number
}

/** `batch` test pairs that fit the context, drawn by the seed. @throws ConfigError if there are fewer */
export function drawSamples(tasks: readonly Task[], limits: SampleLimits): ComparisonSamples {
  const { batch, context, canvas, vocab, seed } = limits
  const tokeniser = new Tokeniser(vocab)
  const pairs = tasks.flatMap((task) =>
    task.pairs
      .filter(({ split }) => split === 'test')
      .flatMap((pair, test) => {
        const text = serialise(task, test)
        if (text === undefined || pair.output === undefined) return []
        const prompt = tokeniser.encode(text.prompt)
        const tokens = [...prompt, ...tokeniser.encode(text.answer)]
        return [{ pair: { input: pair.input, output: pair.output }, tokens, prompt: prompt.length }]
      }),
  )
  const fitting = pairs.filter(({ tokens }) => tokens.length <= context)
  if (fitting.length < batch)
    throw new ConfigError(
      `${fitting.length} of ${pairs.length} test pairs fit ${context} tokens, fewer than the batch of ${batch}`,
      'raise --context, or lower --batch',
    )
  const rng = rngFor(seed, 'baseline-samples')
  const chosen = Array.from({ length: batch }, () => {
    const [one] = fitting.splice(Math.floor(rng.uniform() * fitting.length), 1)
    return one!
  })
  const size = canvas * canvas
  const inputs = new Uint8Array(batch * size)
  const labels = new Uint8Array(batch * size)
  chosen.forEach(({ pair }, i) => {
    inputs.set(encode(pair.input, canvas), i * size)
    labels.set(encode(pair.output, canvas), i * size)
  })
  const tests = tasks.reduce((sum, task) => sum + task.pairs.filter(({ split }) => split === 'test').length, 0)
  return {
    tokens: Uint16Array.from(chosen.flatMap(({ tokens }) => tokens)),
    lengths: chosen.map(({ tokens }) => tokens.length),
    prompts: chosen.map(({ prompt }) => prompt),
    inputs,
    labels,
    testsPerTask: tests / tasks.length,
    tooLong: pairs.filter(({ tokens }) => tokens.length > context).length,
    known: pairs.length,
  }
}
