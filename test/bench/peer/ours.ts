// Our side of a comparison as a program: the worker's compute thread, given orders by the lines of stdin (protocol.ts).
// A step is what a worker alone does: forward, backward, SignSGD of the puzzle rows, AdamATan2, average. The hashes that
// replicas exchange are left out, as the other side has none.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { describe, RunError } from '../../../shared/errors.js'
import { learningRate } from '../../../shared/gradients/schedule.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { signSgdRow, sumPerId } from '../../../shared/gradients/sparse.js'
import { addSums } from '../../../shared/step-sums.js'
import { drawOf, slotId, stepOf } from '../../../shared/ids.js'
import { arenaOf, type Arena } from '../../../worker/arena.js'
import { selectBackend } from '../../../worker/backends/choose.js'
import { matmulSpeed } from '../../../worker/backends/probe.js'
import { startCompute, type Compute } from '../../../worker/compute/client.js'
import type { Answer, Batch, Build, Losses, Order } from './protocol.js'

/** The engine's own measurement of its inner product, where it has one. */
const PEAK_SECONDS = 1

interface Trainer {
  readonly compute: Compute
  readonly arena: Arena
  readonly config: Build['config']
  readonly table: Float32Array
  readonly puzzles: number[]
  halted: boolean[]
  done: number
}

let trainer: Trainer | undefined

async function build({
  config: asked,
  backend,
  gpu,
  precision,
  threads,
  graphs,
  puzzles,
  weights,
}: Build): Promise<Answer> {
  const config = { ...asked, model: { ...asked.model, precision } }
  const isa = process.env['TRMESH_ISA']
  const compute = await startCompute(
    { config, backend, gpu: gpu ?? undefined, threads, isa, recompute: false, root: process.cwd(), ...(graphs === undefined ? {} : { graphs }) }, // prettier-ignore
    (error) => {
      throw error
    },
  )
  const layout = layoutOf(config.model)
  const { hidden, puzzleEmbDim } = config.model
  const { slots } = config.train
  const arena = arenaOf(layout, config, compute.arena)
  const file = new Float32Array(Uint8Array.from(readFileSync(weights.path)).buffer)
  arena.params.set(file.subarray(0, layout.elements))
  arena.ema.set(arena.params)
  const states = file.subarray(layout.elements)
  await compute.call({ type: 'adopt', hInit: states.slice(0, hidden), lInit: states.slice(hidden) })
  await compute.call({
    type: 'slots',
    orders: Array.from({ length: slots }, (_, i) => ({ slot: slotId(i), carry: 'reset' as const })),
    carries: new Float32Array(0),
  })
  trainer = {
    compute,
    arena,
    config,
    table: new Float32Array(puzzles * puzzleEmbDim),
    puzzles: new Array<number>(slots).fill(0),
    halted: new Array<boolean>(slots).fill(true),
    done: 0,
  }
  return { is: 'ready', engine: `${compute.backend}, ${compute.device}`, precision: compute.precision }
}

async function steps(of: Trainer, batches: readonly Batch[]): Promise<Answer> {
  const seconds: number[] = []
  const losses: Losses[] = []
  for (const batch of batches) {
    const start = performance.now()
    losses.push(await step(of, batch))
    seconds.push((performance.now() - start) / 1000)
  }
  return { is: 'stepped', seconds, losses }
}

async function step(of: Trainer, batch: Batch): Promise<Losses> {
  const { compute, arena, config, table, puzzles, halted } = of
  const width = config.model.puzzleEmbDim
  const at = stepOf(++of.done)
  const taking = halted.flatMap((isHalted, i) => (isHalted ? [i] : []))
  for (const i of taking) puzzles[i] = batch.puzzles[i] ?? 0
  const distinct = [...new Set(puzzles)]
  distinct.forEach((puzzle, i) => arena.rows.set(table.subarray(puzzle * width, (puzzle + 1) * width), i * width))
  const takes = taking.map((i) => ({
    slot: slotId(i),
    draw: drawOf(of.done),
    puzzle: puzzles[i] ?? 0,
    inputs: Uint8Array.from(batch.inputs[i] ?? []),
    labels: Uint8Array.from(batch.labels[i] ?? []),
  }))
  const { sums, halted: after } = await compute.call({ type: 'step', step: at, takes, puzzles: distinct })
  of.halted = Array.from(after, (one) => one === 1)
  const { steps: totalSteps, warmupSteps, lrMinRatio: minRatio, puzzleLr: base, puzzleWeightDecay } = config.train
  if (width > 0) {
    const found = sumPerId(puzzles, arena.rowGradients, width)
    const lr = learningRate({ base, warmupSteps, totalSteps, minRatio }, at)
    found.ids.forEach((id, i) =>
      signSgdRow(
        table.subarray(id * width, (id + 1) * width),
        found.sums.subarray(i * width, (i + 1) * width),
        lr,
        puzzleWeightDecay,
      ),
    )
  }
  arena.mean.set(arena.grad)
  await compute.call({ type: 'commit', step: at })
  const { lossTotal, lmLoss, qHaltLoss } = addSums(sums)
  return [lossTotal, lmLoss, qHaltLoss]
}

async function evaluate(
  { compute, config, table, puzzles: known }: Trainer,
  { inputs, puzzles, repeats }: Extract<Order, { do: 'evaluate' }>,
): Promise<Answer> {
  const { puzzleEmbDim: width, haltMaxSteps } = config.model
  const rows = new Float32Array(known.length * width)
  puzzles.forEach((puzzle, i) => rows.set(table.subarray(puzzle * width, (puzzle + 1) * width), i * width))
  const question = { steps: [haltMaxSteps], early: false }
  const [draws, chains, boxes]: [number[], number[], Uint8Array] = [[], [], new Uint8Array(0)]
  const seconds: number[] = []
  for (let i = 0; i < repeats; i++) {
    const start = performance.now()
    await compute.call({
      type: 'evaluate',
      inputs: Uint8Array.from(inputs.flat()),
      rows,
      boxes,
      draws,
      chains,
      question,
    })
    seconds.push((performance.now() - start) / 1000)
  }
  return { is: 'evaluated', seconds }
}

async function answer(order: Order): Promise<Answer> {
  switch (order.do) {
    case 'build':
      return build(order)
    case 'steps':
      if (trainer === undefined) throw new Error('steps before build')
      return steps(trainer, order.batches)
    case 'evaluate':
      if (trainer === undefined) throw new Error('evaluate before build')
      return evaluate(trainer, order)
    case 'matmul': {
      const { backend, gpu, threads, size, repeats, precision: asked } = order
      const { peak, precision } = await selectBackend(backend, {
        root: process.cwd(),
        threads,
        precision: asked,
        ...(gpu === null ? {} : { gpu }),
      })
      const gflopPerSecond =
        peak?.(PEAK_SECONDS) ?? matmulSpeed(size, size, size, repeats, () => performance.now()).gflopPerSecond
      return { is: 'matmul', gflopPerSecond, precision }
    }
    default:
      return order satisfies never
  }
}

// Anything that a library prints must not pass for an answer.
const say = process.stdout.write.bind(process.stdout)
console.log = console.info = console.error

for await (const line of createInterface({ input: process.stdin })) {
  let reply: Answer
  try {
    reply = await answer(JSON.parse(line) as Order)
  } catch (error) {
    const known = error instanceof RunError
    reply = {
      is: 'failed',
      message: known ? error.message : describe(error),
      remedy: known ? error.remedy : 'this is a bug: please report it',
    }
  }
  say(`${JSON.stringify(reply)}\n`)
}
await trainer?.compute.close()
