// Prints the losses of a few training steps of real size on GPU N with all their digits: two runs must print the same. What one
// bit of a gradient changes the next steps show, for an update is nearly a sign.
import { startOurs } from '../bench/peer/contestant.js'
import { presetConfig, randomBatch, withWeights } from '../bench/peer/setting.js'

const SIZES = [
  ['sudoku-mlp', 256],
  ['arc1', 24],
] as const
const STEPS = 4

const gpu = Number(process.argv[2] ?? 0)
for (const [preset, batch] of SIZES) {
  const config = presetConfig(preset, batch)
  const contestant = startOurs(gpu)
  try {
    await withWeights(config, async (weights) => {
      const common = { config, backend: 'native', gpu, precision: 'bf16', compiled: true, threads: 4 } as const
      await contestant.ask({ do: 'build', ...common, puzzles: batch, weights })
    })
    const batches = Array.from({ length: STEPS }, (_, i) => randomBatch(config, i + 1))
    const { losses } = await contestant.ask({ do: 'steps', batches })
    for (const [step, of] of losses.entries())
      console.log(`${preset}, batch ${batch}, step ${step + 1}: ${of.join(' ')}`)
  } finally {
    await contestant.end()
  }
}
