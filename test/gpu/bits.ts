// Prints the losses of a few training steps of real size on GPU N with all their digits: two runs must print the same. What one
// bit of a gradient changes the next steps show, for an update is nearly a sign. Then the same without the graph of the recursion,
// which must change nothing: else it ends with 1.
import { startOurs } from '../bench/peer/contestant.js'
import type { Losses } from '../bench/peer/protocol.js'
import { presetConfig, randomBatch, withWeights } from '../bench/peer/setting.js'

const SIZES = [
  ['sudoku-mlp', 256],
  ['arc1', 24],
] as const
/** At the first the work is seen, at the second recorded, from the third on only played. */
const STEPS = 4

const gpu = Number(process.argv[2] ?? 0)

async function lossesOf(preset: (typeof SIZES)[number][0], batch: number, graphs: boolean): Promise<readonly Losses[]> {
  const config = presetConfig(preset, batch)
  const contestant = startOurs(gpu)
  try {
    await withWeights(config, async (weights) => {
      const common = { config, backend: 'native', gpu, precision: 'bf16', compiled: true, threads: 4, graphs } as const
      await contestant.ask({ do: 'build', ...common, puzzles: batch, weights })
    })
    const batches = Array.from({ length: STEPS }, (_, i) => randomBatch(config, i + 1))
    return (await contestant.ask({ do: 'steps', batches })).losses
  } finally {
    await contestant.end()
  }
}

for (const [preset, batch] of SIZES) {
  const losses = await lossesOf(preset, batch, true)
  for (const [step, of] of losses.entries()) console.log(`${preset}, batch ${batch}, step ${step + 1}: ${of.join(' ')}`)
  const plain = await lossesOf(preset, batch, false)
  if (JSON.stringify(plain) === JSON.stringify(losses)) continue
  console.log(
    `${preset}, batch ${batch}: without the graph the losses are ${plain.map((of) => of.join(' ')).join('; ')}`,
  )
  process.exitCode = 1
}
