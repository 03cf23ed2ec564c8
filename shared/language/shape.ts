// Shapes of the language models that TRM is set beside, and what they cost by count: parameters, floating-point operations,
// bytes. Decoder-only, pre-norm RMS norm with gain, RoPE, SwiGLU, causal attention, no biases. The sizes up to 1b are built and
// measured here, with as many key heads as heads and the output tied to the embedding; 8b, the published study's (32 layers,
// 8 key heads, untied), is only counted. Counts are a model: whoever shows a figure made of one says "modelled".

export interface LanguageShape {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly keyHeads: number
  /** Inner width of SwiGLU. */
  readonly inner: number
  readonly vocab: number
  /** The output matrix is the embedding. */
  readonly tied: boolean
}

/** `full` trains every weight; `lora` adapters of rank 16 on all projections, the rest frozen (as arXiv:2512.11847 did). */
export const TUNINGS = ['full', 'lora'] as const
export type Tuning = (typeof TUNINGS)[number]

/** Rank and alpha of the study's adapters. */
export const LORA = { rank: 16, alpha: 16 } as const

export const LANGUAGE_SIZES = ['15m', '60m', '160m', '400m', '1b'] as const
export type LanguageSize = (typeof LANGUAGE_SIZES)[number]

const shape = (layers: number, width: number, heads: number, inner: number): LanguageShape => ({
  layers,
  width,
  heads,
  keyHeads: heads,
  inner,
  vocab: 32_000,
  tied: true,
})

export const LANGUAGE_SHAPES: Readonly<Record<LanguageSize, LanguageShape>> = {
  '15m': shape(6, 288, 6, 768),
  '60m': shape(8, 640, 10, 1728),
  '160m': shape(10, 1024, 16, 2736),
  '400m': shape(18, 1280, 20, 3456),
  '1b': shape(20, 2048, 16, 5504),
}

/** Llama 3 8B as published; never built here. */
export const SHAPE_8B: LanguageShape = {
  layers: 32,
  width: 4096,
  heads: 32,
  keyHeads: 8,
  inner: 14_336,
  vocab: 128_256,
  tied: false,
}

/** (in, out) of every projection of a layer. */
function projections({ width, heads, keyHeads, inner }: LanguageShape): [number, number][] {
  const keys = (width / heads) * keyHeads
  return [
    [width, width],
    [width, keys],
    [width, keys],
    [width, width],
    [width, inner],
    [width, inner],
    [inner, width],
  ]
}

const layerWeights = (of: LanguageShape): number => projections(of).reduce((sum, [a, b]) => sum + a * b, 0)

export function parametersOf(of: LanguageShape): number {
  const { layers, width, vocab, tied } = of
  return layers * (layerWeights(of) + 2 * width) + width + vocab * width * (tied ? 1 : 2)
}

/** Weights of the adapters. */
export const adapterParametersOf = (of: LanguageShape): number =>
  of.layers * projections(of).reduce((sum, [a, b]) => sum + LORA.rank * (a + b), 0)

export const trainedParametersOf = (of: LanguageShape, tuning: Tuning): number =>
  tuning === 'full' ? parametersOf(of) : adapterParametersOf(of)

/** FLOPs of one pass over a sequence: 2 per multiply-add, products and causal attention (half the square) only. */
export function forwardFlops(of: LanguageShape, tokens: number): number {
  const { layers, width, vocab } = of
  return 2 * tokens * (layers * layerWeights(of) + vocab * width) + layers * 2 * tokens * tokens * width
}

/** FLOPs of one sample trained on; frozen weights need no gradient of their own, only that of their inputs. */
export function trainingFlops(of: LanguageShape, tokens: number, tuning: Tuning): number {
  const forward = forwardFlops(of, tokens)
  if (tuning === 'full') return 3 * forward
  const attention = of.layers * 2 * tokens * tokens * of.width
  return 2 * forward + attention + 6 * tokens * adapterParametersOf(of)
}

/** Bytes that one generated token must read: every weight but the embedding's other rows, and the keys and values so far. */
export function generationBytes(of: LanguageShape, tokensBefore: number, bytesPerWeight = 4): number {
  const { layers, width, heads, keyHeads, vocab } = of
  const cache = 2 * layers * (width / heads) * keyHeads * tokensBefore
  return bytesPerWeight * (layers * layerWeights(of) + vocab * width + cache)
}

/** Bytes of the state of training in f32: weights, and for the trained ones gradient and two moments. No activations. */
export const stateBytes = (of: LanguageShape, tuning: Tuning): number =>
  4 * parametersOf(of) + 12 * trainedParametersOf(of, tuning) + (tuning === 'full' ? 0 : 4 * adapterParametersOf(of))

/** f32 bytes that training keeps of one sequence, roughly: whole, or one state per layer if layers are computed twice. */
export function activationBytes(of: LanguageShape, tokens: number, recompute: boolean): number {
  const { layers, width, inner } = of
  const layer = tokens * (8 * width + 3 * inner)
  const scores = of.heads * 512 * tokens * 5
  return 4 * ((recompute ? layers * tokens * width + layer : layers * layer) + scores)
}
