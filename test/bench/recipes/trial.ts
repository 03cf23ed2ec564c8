// One training run in this process, without bus and coordinator: a replica that owns all slots, the puzzle table, and at the
// end every unseen test row answered by the averaged weights. A function of its configuration alone.
import { join } from 'node:path'
import { openExampleSource, type OpenedSource } from '../../../coordinator/data/open.js'
import { RowAccuracy } from '../../../coordinator/data/row-accuracy.js'
import { PuzzleTable } from '../../../coordinator/puzzle-table.js'
import { PAD } from '../../../shared/arc/tokens.js'
import { canvasOf, keptCells } from '../../../shared/arc/trim.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { initialParams, initialStates } from '../../../shared/gradients/init.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { learningRate } from '../../../shared/gradients/schedule.js'
import { slotId, stepOf, drawOf } from '../../../shared/ids.js'
import type { Example } from '../../../worker/train/carry.js'
import { Replica } from '../../../worker/train/replica.js'

export interface Outcome {
  /** Share of unseen test rows (of several sizes, those that fill the canvas) that are right in every cell; 0 where training diverged. */
  readonly accuracy: number
  readonly cells: number
  readonly rows: number
  /** Mean loss of the cells over the last tenth of the steps. */
  readonly loss: number
  readonly diverged: boolean
  /** The accuracy where every row answers at the step at which q_halt first says so, instead of the last one. */
  readonly halting?: number
  /** Of a model that trims: the accuracy where only the expected part of the canvas is computed at test time. */
  readonly shown?: number
}

/** Test rows at a time. */
const BATCH = 128

export async function trial(config: RunConfig, root: string): Promise<Outcome> {
  const { model, train, run } = config
  const source = await openExampleSource(config.data, run.seed, train.slots, {
    cacheDir: join(root, '.trmesh', 'data'),
    threads: 0,
    evaluate: { augmentations: 0, maxPairs: 0, canvas: model.trim > 0 ? 'shown' : 'whole' },
  })
  const layout = layoutOf(model)
  const params = initialParams(layout, run.seed)
  const zeros = (): Float32Array => new Float32Array(layout.elements)
  const arena = { params, ema: params.slice(), m: zeros(), v: zeros(), grad: zeros(), mean: zeros(), gathered: zeros() }
  const replica = new Replica({ model, train, seed: run.seed }, layout, arena, initialStates(model, run.seed))
  const table = new PuzzleTable(source.numPuzzles, model.puzzleEmbDim)
  try {
    const { loss, diverged } = await learn(config, source, replica, arena, table)
    if (diverged) return { accuracy: 0, cells: 0, rows: source.evaluation.rows, loss, diverged }
    const { last, halting } = solve(config, source, replica, table)
    const shown = model.trim > 0 ? { shown: solve(config, source, replica, table, true).last.exact } : {}
    return {
      accuracy: last.exact,
      cells: last.cells,
      rows: last.known,
      loss,
      diverged,
      halting: halting.exact,
      ...shown,
    }
  } finally {
    replica.dispose()
    await source.close()
  }
}

async function learn(
  { model, train }: RunConfig,
  source: OpenedSource,
  replica: Replica,
  arena: { readonly grad: Float32Array; readonly mean: Float32Array },
  table: PuzzleTable,
): Promise<{ loss: number; diverged: boolean }> {
  const slots = Array.from({ length: train.slots }, (_, slot) => slot)
  replica.setSlots(slots.map((slot) => ({ slot: slotId(slot), carry: 'reset' as const })))
  const next = slots.map(() => 0)
  const puzzles = new Int32Array(train.slots)
  const rows = new Float32Array(train.slots * model.puzzleEmbDim)
  const last = Math.ceil(train.steps / 10)
  let [halted, loss] = [slots.map(() => true), 0]
  for (let step = 1; step <= train.steps; step++) {
    const takes = new Map<ReturnType<typeof slotId>, Example>()
    for (const slot of slots) {
      if (halted[slot] !== true) continue
      const draw = next[slot]!++
      const example = await source.example(slot, draw)
      puzzles[slot] = example.puzzle
      takes.set(slotId(slot), { draw: drawOf(draw), ...example })
    }
    table.gather(puzzles, rows)
    const result = replica.step(stepOf(step), rows, takes)
    if (!result.finite) return { loss: NaN, diverged: true }
    arena.mean.set(arena.grad)
    replica.commit(stepOf(step))
    const { puzzleLr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio, puzzleWeightDecay } = train
    const lr = learningRate({ base, warmupSteps, totalSteps, minRatio }, step)
    table.apply(puzzles, result.rowGrads, lr, puzzleWeightDecay)
    halted = result.halted
    if (step > train.steps - last) loss += result.sums.lmLoss / train.slots / last
  }
  return { loss, diverged: false }
}

/** Every unseen test row answered by the averaged weights, after the last supervision step and where it halts. */
export function solve(
  { model, data }: RunConfig,
  { evaluation }: OpenedSource,
  replica: Replica,
  table: PuzzleTable,
  trims = false,
): { last: RowAccuracy; halting: RowAccuracy } {
  const [last, halting] = [new RowAccuracy(), new RowAccuracy()]
  const question = { steps: [model.haltMaxSteps], early: true }
  for (let from = 0; from < evaluation.rows; from += BATCH) {
    const batch = Math.min(BATCH, evaluation.rows - from)
    const asked = Array.from({ length: batch }, (_, i) => evaluation.row(from + i))
    const rows = new Float32Array(batch * model.puzzleEmbDim)
    const puzzles = asked.map(({ puzzle }) => puzzle)
    table.gather(puzzles, rows)
    const inputs = Uint8Array.from(asked.flatMap(({ inputs }) => Array.from(inputs)))
    const boxes = trims ? asked.flatMap(({ box }) => (box === undefined ? [] : [box])) : []
    const kept = boxes.map((box) => keptCells(box, canvasOf(model), model.trim))
    const { preds } = replica.evaluate({ rows, inputs, batch, ...(kept.length > 0 && { kept }) }, question)
    asked.forEach(({ inputs, labels }, i) => {
      if (data.sizes !== '' && inputs.includes(PAD)) return
      const answer = (of: number): Uint8Array => preds.subarray(of * model.seqLen, (of + 1) * model.seqLen)
      last.add(labels, answer(i))
      halting.add(labels, answer(batch + i))
    })
  }
  return { last, halting }
}
