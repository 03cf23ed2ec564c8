// Samples per second of one process, whole canvases and trimmed ones turn by turn: the same examples of ARC as they are drawn.
import { openExampleSource } from '../../../coordinator/data/open.js'
import { compileConfig } from '../../../shared/config/compile.js'
import { initialParams, initialStates } from '../../../shared/gradients/init.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { drawOf, slotId, stepOf } from '../../../shared/ids.js'
import type { Example } from '../../../worker/train/carry.js'
import { microBatchOf } from '../../../worker/train/micro-batch.js'
import { Replica } from '../../../worker/train/replica.js'
import { median } from '../benchmark.js'

export interface Speed {
  readonly trim: number
  readonly samplesPerSecond: number
  /** Against the whole canvas, of the same round: the median, and the modelled one. */
  readonly gain: number
  readonly modelled: number
}

/** A step of `batch` fresh examples of ARC-1, of `arc1` with these flags, an optimizer update included, for every setting in every round. */
export async function speedsOf(
  trims: readonly number[],
  {
    flags,
    batch,
    rounds,
    cacheDir,
  }: { flags: Readonly<Record<string, string>>; batch: number; rounds: number; cacheDir: string },
): Promise<Speed[]> {
  const { data, model, train } = compileConfig({
    preset: 'arc1',
    env: {},
    flags: { ...flags, 'data.augmentations': '20' },
  })
  const source = await openExampleSource(data, 0, train.slots, { cacheDir, threads: 0 })
  const slots = Array.from({ length: batch }, (_, i) => slotId(i))
  const replicas = trims.map((trim) => {
    const own = { ...model, trim }
    const layout = layoutOf(own)
    const params = initialParams(layout, 0)
    const zeros = (): Float32Array => new Float32Array(layout.elements)
    const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros() }
    const options = { microBatch: microBatchOf(model) }
    const replica = new Replica({ model: own, train, seed: 0 }, layout, arena, initialStates(own, 0), options)
    return { trim, replica, arena, seconds: [] as number[], flops: [] as number[] }
  })
  const rows = new Float32Array(batch * model.puzzleEmbDim).fill(0.1)
  for (let round = 0; round <= rounds; round++) {
    const examples: Example[] = []
    for (const slot of slots) examples.push({ draw: drawOf(round), ...(await source.example(round * batch + slot, 0)) })
    const takes = new Map(slots.map((slot, i) => [slot, examples[i] as Example]))
    for (const one of replicas) {
      one.replica.setSlots(slots.map((slot) => ({ slot, carry: 'reset' as const })))
      const from = performance.now()
      const { sums } = one.replica.step(stepOf(round + 1), rows, takes)
      one.arena.mean.set(one.arena.grad)
      one.replica.commit(stepOf(round + 1))
      if (round === 0) continue
      one.seconds.push((performance.now() - from) / 1000)
      one.flops.push(sums.flops)
    }
  }
  await source.close()
  const [whole] = replicas
  const total = (values: readonly number[] | undefined): number => (values ?? []).reduce((a, b) => a + b, 0)
  return replicas.map(({ trim, replica, seconds, flops }): Speed => {
    replica.dispose()
    return {
      trim,
      samplesPerSecond: (batch * rounds) / total(seconds),
      gain: median(seconds.map((s, i) => (whole?.seconds[i] ?? NaN) / s)),
      modelled: total(whole?.flops) / total(flops),
    }
  })
}
