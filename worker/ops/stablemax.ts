// Stablemax cross-entropy (spec 2). The reference demands float64, which no tfjs backend has, and its input is small
// (V is about 12): so this op runs on the host, in doubles, on the logits read back, and hands the exact gradient to the
// backward pass. s(x) = x + 1 for x >= 0, else 1 / (1 - x); log p_i = log(s(x_i) / sum_j s(x_j)).

/** s(x), and its derivative below: 1 for x >= 0, else 1 / (1 - x)^2. */
export const stable = (x: number): number => (x >= 0 ? x + 1 : 1 / (1 - x + 1e-30))

const slope = (x: number): number => (x >= 0 ? 1 : 1 / ((1 - x) * (1 - x)))

/**
 * -log p_label of the `vocab` logits starting at `at`. If `grad` is given, adds nothing and writes
 * weight * dL/dlogits to grad[at .. at + vocab).
 * @param smoothing part of the target that is spread over all tokens, the label too (as PyTorch's label_smoothing; on stablemax
 *   that is our choice: arXiv 2601.19085 gives the 0.2 alone)
 */
export function stablemaxCrossEntropy(
  logits: Float32Array | Float64Array,
  at: number,
  vocab: number,
  label: number,
  weight: number,
  grad: Float32Array | Float64Array | null,
  smoothing = 0,
): number {
  let sum = 0
  for (let i = 0; i < vocab; i++) sum += stable(logits[at + i] as number)
  if (smoothing > 0) return smoothed(logits, at, vocab, label, weight, grad, smoothing, sum)
  const x = logits[at + label] as number
  if (grad !== null) {
    for (let i = 0; i < vocab; i++) grad[at + i] = (weight * slope(logits[at + i] as number)) / sum
    grad[at + label] = weight * (slope(x) / sum - slope(x) / stable(x))
  }
  return -Math.log(stable(x) / sum)
}

/** log sum s - sum_i t_i log s(x_i), where the t_i are the smoothed target. */
function smoothed(
  logits: Float32Array | Float64Array,
  at: number,
  vocab: number,
  label: number,
  weight: number,
  grad: Float32Array | Float64Array | null,
  smoothing: number,
  sum: number,
): number {
  let loss = Math.log(sum)
  for (let i = 0; i < vocab; i++) {
    const x = logits[at + i] as number
    const target = smoothing / vocab + (i === label ? 1 - smoothing : 0)
    loss -= target * Math.log(stable(x))
    if (grad !== null) grad[at + i] = weight * (slope(x) / sum - (target * slope(x)) / stable(x))
  }
  return loss
}

/** Index of the largest of the `vocab` logits from `at`; the lowest of equals. */
export function argmax(logits: Float32Array | Float64Array, at: number, vocab: number): number {
  let best = 0
  for (let i = 1; i < vocab; i++) if ((logits[at + i] as number) > (logits[at + best] as number)) best = i
  return best
}

/** Binary cross-entropy of a logit against a target in [0, 1]; its gradient is sigmoid(x) - target. */
export const bceWithLogits = (x: number, target: number): number =>
  Math.max(x, 0) - x * target + Math.log1p(Math.exp(-Math.abs(x)))

export const bceGradient = (x: number, target: number): number => 1 / (1 + Math.exp(-x)) - target
