// Some workers learning together in one process, without bus: the replicas, the slots' book, the puzzle table and the gradients'
// encoding of a run, so that what is learned is what a run would learn. Every message that would travel is encoded, and counted.
import { join } from 'node:path'
import { openExampleSource } from '../../../coordinator/data/open.js'
import { PuzzleTable } from '../../../coordinator/puzzle-table.js'
import { SlotBook, type Take } from '../../../coordinator/slots.js'
import { bytesOf } from '../../../shared/bytes.js'
import type { RunConfig } from '../../../shared/config/run-config.js'
import { initialParams, initialStates } from '../../../shared/gradients/init.js'
import { layoutOf } from '../../../shared/gradients/layout.js'
import { learningRate } from '../../../shared/gradients/schedule.js'
import { stepOf, workerId, type Step, type WorkerId } from '../../../shared/ids.js'
import { encode } from '../../../shared/protocol/codec.js'
import { arenaOf, type Arena } from '../../../worker/arena.js'
import { PuzzleRows } from '../../../worker/compute/puzzle-rows.js'
import type { Begin } from '../../../worker/compute/port.js'
import { RoundExamples } from '../../../worker/round-examples.js'
import { LocalRound } from '../../../worker/train/local-round.js'
import { Replica, type StepResult } from '../../../worker/train/replica.js'
import { solve } from '../recipes/trial.js'
import { Exchange } from './exchange.js'

/** Bytes of messages, sent and received by one worker; mean over the workers. */
export interface Traffic {
  gradients: number
  rows: number
  examples: number
}

export interface Learned {
  /** Share of unseen test rows right in every cell. */
  readonly accuracy: number
  /** Mean loss of the cells over the last tenth of the steps. */
  readonly loss: number
  readonly trafficPerStep: Traffic
  /** Processor seconds of forward and backward of one worker in one step, and of everything else of a step. */
  readonly computeSeconds: number
}

interface Member {
  readonly id: WorkerId
  readonly arena: Arena
  readonly replica: Replica
  readonly rows: PuzzleRows
  readonly known: Set<string>
}

const AT = { epoch: 1 as never, step: 1 as Step, first: 0 }

export async function learnTogether(config: RunConfig, workers: number, root: string): Promise<Learned> {
  const { model, train, run, reduce } = config
  const { localSteps: length } = reduce
  const layout = layoutOf(model)
  const source = await openExampleSource(config.data, run.seed, train.slots, {
    cacheDir: join(root, '.trmesh', 'data'),
    threads: 0,
    evaluate: { augmentations: 0, maxPairs: 0 },
  })
  const table = new PuzzleTable(source.numPuzzles, model.puzzleEmbDim)
  const traffic: Traffic = { gradients: 0, rows: 0, examples: 0 }
  const book = new SlotBook(train.slots, 'slots')
  const team = Array.from({ length: workers }, (_, i) => workerId(`w${i}`))
  book.deal(team, 'copy')
  const members = team.map((id): Member => {
    book.held(id)
    const arena = arenaOf(layout, config)
    arena.params.set(initialParams(layout, run.seed))
    arena.ema.set(arena.params)
    const options = length > 1 ? { local: new LocalRound(arena, reduce) } : {}
    const replica = new Replica(
      { model, train, seed: run.seed },
      layout,
      arena,
      initialStates(model, run.seed),
      options,
    )
    replica.setSlots(book.ownedBy(id).map((slot) => ({ slot, carry: 'reset' as const })))
    return { id, arena, replica, rows: new PuzzleRows(arena.rows, model.puzzleEmbDim), known: new Set() }
  })
  const exchange = new Exchange(layout.elements, reduce, team)
  const examples = new Map<string, Promise<Begin>>()
  const keyOf = ({ slot, draw }: Take): string => `${slot}:${draw}`
  const fetch = (take: Take): Promise<Begin> => {
    const known = examples.get(keyOf(take)) ?? source.example(take.slot, take.draw).then((one) => ({ ...take, ...one }))
    examples.set(keyOf(take), known)
    return known
  }
  const last = Math.ceil(train.steps / 10)
  let [loss, compute] = [0, 0]

  /** What the coordinator sends a worker for a round. */
  const brief = async ({ id, arena, rows, known }: Member, first: Step): Promise<RoundExamples> => {
    const takes = book.takes(id, first, length)
    const sent = await Promise.all(takes.map(fetch))
    const working = await Promise.all(book.working(id, first).map(fetch))
    const puzzles = [...new Set([...working, ...sent].map(({ puzzle }) => puzzle))]
    const data = new Float32Array(puzzles.length * model.puzzleEmbDim)
    table.gather(puzzles, data)
    arena.rows.set(data)
    rows.begin(puzzles)
    const [slots, draws] = [takes.map(({ slot }) => slot), takes.map(({ draw }) => draw)]
    traffic.rows += encode('coordinator', { type: 'rows', ...AT, data: bytesOf(data) }).length
    traffic.rows += encode('coordinator', { type: 'begin', ...AT, slots, draws, puzzles, frozen: false }).length
    for (const example of sent) {
      if (known.has(keyOf(example))) continue
      known.add(keyOf(example))
      traffic.examples += example.inputs.length + example.labels.length
    }
    return new RoundExamples(sent, length, false)
  }

  const stepOf1 = (member: Member, step: Step, begun: RoundExamples): StepResult & { puzzles: number[] } => {
    const began = process.cpuUsage()
    const { replica, rows } = member
    const takes = new Map(begun.next().map((one) => [one.slot, one]))
    const puzzles = replica.puzzles(takes)
    const result = replica.step(step, rows.gather(puzzles), takes)
    if (length > 1) rows.learn(puzzles, result.rowGrads, rateAt(config, step), train.puzzleWeightDecay)
    const [halted, steps] = [Uint8Array.from(result.halted, Number), Uint8Array.from(result.steps)]
    begun.settle(book.ownedBy(member.id), halted)
    traffic.rows += encode('worker', { type: 'rowGradients', ...AT, inner: 0, data: bytesOf(result.rowGrads) }).length
    traffic.rows += encode('worker', { type: 'result', ...AT, inner: 0, sums: [result.sums], halted, steps }).length
    const { user, system } = process.cpuUsage(began)
    compute += (user + system) / 1e6
    return { ...result, puzzles }
  }

  try {
    for (let first = 1; first <= train.steps; first += length) {
      const rounds = await Promise.all(members.map((member) => brief(member, stepOf(first))))
      const done: (StepResult & { puzzles: number[] })[][] = []
      for (let inner = 0; inner < length; inner++)
        done.push(members.map((member, i) => stepOf1(member, stepOf(first + inner), rounds[i]!)))
      if (length > 1) for (const { replica } of members) replica.propose()
      traffic.gradients += exchange.run(members.map(({ arena }) => arena))
      for (const { replica } of members) replica.commit(stepOf(first + length - 1))
      done.forEach((results, inner) => {
        const step = stepOf(first + inner)
        members.forEach(({ id }, i) =>
          book.settle(id, step, Uint8Array.from(results[i]!.halted, Number), Uint8Array.from(results[i]!.steps)),
        )
        const gradients = Float32Array.from(results.flatMap(({ rowGrads }) => Array.from(rowGrads)))
        table.apply(
          results.flatMap(({ puzzles }) => puzzles),
          gradients,
          rateAt(config, step),
          train.puzzleWeightDecay,
        )
        if (step <= train.steps - last) return
        for (const { sums } of results) loss += sums.lmLoss / train.slots / last
      })
    }
    const { exact } = solve(config, source, members[0]!.replica, table).last
    const each = workers * train.steps
    const { gradients, rows, examples: shown } = traffic
    const trafficPerStep = { gradients: gradients / each, rows: rows / each, examples: shown / each }
    return { accuracy: exact, loss, trafficPerStep, computeSeconds: compute / each }
  } finally {
    for (const { replica } of members) replica.dispose()
    await source.close()
  }
}

function rateAt({ train }: RunConfig, step: number): number {
  const { puzzleLr: base, warmupSteps, steps: totalSteps, lrMinRatio: minRatio } = train
  return learningRate({ base, warmupSteps, totalSteps, minRatio }, step)
}
