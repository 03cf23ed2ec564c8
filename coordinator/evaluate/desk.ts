// The evaluation desk: makes units of work of the test set, collects the answers, scores them. One round at a time; votes
// belong to their round and are gone with it, unless they are to be kept.
import { bytesOf } from '../../shared/bytes.js'
import type { Step, WorkerId } from '../../shared/ids.js'
import { ENVELOPE_BYTES } from '../../shared/protocol/codec.js'
import type { CoordinatorMessage, WorkerMessage } from '../../shared/protocol/messages.js'
import { answerBytes, type Noise, type Question } from '../../shared/question.js'
import { rowAnswers, type RowAnswers } from './answers.js'
import type { AskedRow, EvaluationResult, EvaluationSet } from './result.js'
import { EvaluationRound, type Unit } from './round.js'
import { Tally } from './tally.js'
import { watching } from './watch.js'

export interface EvaluationProgress {
  readonly done: number
  readonly units: number
}

export interface RowTable {
  readonly dim: number
  gather(ids: readonly number[], into: Float32Array): void
  /** Mean of the rows that were ever trained. */
  mean(): Float32Array
}

export interface DeskOptions {
  /** Rows per unit of work, at most: fewer where a message would not fit the bus. */
  readonly batch: number
  readonly seqLen: number
  /** Width of a row of the puzzle table. */
  readonly puzzleDim: number
  /** Asked of every row. The answers after the last step are the result, those after other steps stand beside it. */
  readonly question: Question
  /** Where the model starts from random states, every row has a start of its own. */
  readonly randomStarts?: boolean
  /** `kept`: the votes of the rounds before count too (spec 9.1, B5). */
  readonly votes: 'fresh' | 'kept'
  /** Bytes of a message that the bus carries. */
  readonly maxPayload: number
  /** Every answer as it comes, for those who look closer. */
  readonly onAnswers?: (row: number, answers: RowAnswers) => void
  readonly onProgress: (progress: EvaluationProgress) => void
  readonly onResult: (step: Step, result: EvaluationResult) => void
}

const NO_NOISE: Noise = { seed: 0, sigma: 0, states: 'answer' }
/** Of a draw and a chain in a message, at most. */
const NUMBERS_BYTES = 10

type Answer = Extract<WorkerMessage, { type: 'evaluated' }>

/** Rows and columns of each row's box, as the message holds them; nothing where all of the canvas is asked for. */
function boxesOf(rows: readonly AskedRow[]): Uint8Array {
  const known = rows.flatMap(({ box }) => (box === undefined ? [] : [box.rows, box.cols]))
  return Uint8Array.from(known.length === 2 * rows.length ? known : [])
}

export class EvaluationDesk {
  private round: { readonly work: EvaluationRound; readonly tally: Tally; readonly step: Step } | undefined
  private last: { readonly step: Step; readonly result: EvaluationResult } | undefined
  /** Of the last round that was finished; one that was abandoned left no votes. */
  private finished: Tally | undefined
  private rounds = 0

  constructor(
    private readonly set: EvaluationSet,
    private readonly options: DeskOptions,
  ) {}

  /** Begins, or goes on with what was begun of this step and not abandoned. */
  begin(step: Step): void {
    if (this.round?.step === step) return
    const { question, votes } = this.options
    const work = new EvaluationRound(++this.rounds, this.set.rows, this.unitRows())
    this.round = { work, tally: new Tally(this.set, question, votes === 'kept' ? this.finished : undefined), step }
    this.options.onProgress({ done: 0, units: work.units })
  }

  abandon(): void {
    this.round = undefined
  }

  lost(worker: WorkerId): void {
    this.round?.work.lost(worker)
  }

  /** True once all answers are in (and scored). */
  get over(): boolean {
    const { round } = this
    if (round === undefined || !round.work.over) return false
    if (this.last?.step !== round.step) {
      this.last = { step: round.step, result: round.tally.finish() }
      this.finished = round.tally
      this.options.onResult(round.step, this.last.result)
    }
    return true
  }

  /** Units to send now. */
  hand(team: readonly WorkerId[], table: RowTable): { worker: WorkerId; message: CoordinatorMessage }[] {
    const work = this.round?.work
    if (work === undefined) return []
    return work.hand(team).map(({ worker, unit }) => ({ worker, message: this.messageOf(work.id, unit, table) }))
  }

  /** Units that the worker has been handed and not answered: to send again. */
  owed(worker: WorkerId, table: RowTable): CoordinatorMessage[] {
    const work = this.round?.work
    return work?.heldBy(worker).map((unit) => this.messageOf(work.id, unit, table)) ?? []
  }

  /** @throws WireError if it does not have the size asked for; its unit is then given out again */
  answer(worker: WorkerId, answer: Answer): void {
    const { round, options } = this
    if (round === undefined || answer.evaluation !== round.work.id) return
    round.work.skipped(answer.unit, worker)
    const unit = round.work.take(answer.unit, worker)
    if (unit === undefined) return
    let rows: readonly RowAnswers[]
    try {
      rows = rowAnswers(answer, unit.to - unit.from, options.seqLen, this.questionOf(unit))
    } catch (error) {
      round.work.giveBack(unit)
      throw error
    }
    rows.forEach((answers, i) => {
      round.tally.add(unit.from + i, answers)
      options.onAnswers?.(unit.from + i, answers)
    })
    options.onProgress({ done: round.work.done, units: round.work.units })
  }

  /** For the checkpoint of the same step. */
  resultOf(step: Step): { score: number; details: Record<string, number> } | undefined {
    if (this.last?.step !== step) return undefined
    const { score, accuracies } = this.last.result
    return { score, details: Object.fromEntries(accuracies.map(({ name, value }) => [name, value])) }
  }

  private messageOf(evaluation: number, unit: Unit, table: RowTable): CoordinatorMessage {
    const rows = Array.from({ length: unit.to - unit.from }, (_, i) => this.set.row(unit.from + i))
    const vectors = new Float32Array(rows.length * table.dim)
    if (table.dim > 0)
      table.gather(
        rows.map(({ puzzle }) => puzzle),
        vectors,
      )
    rows.forEach(({ identity }, i) => {
      if (identity === 'mean') vectors.set(table.mean(), i * table.dim)
    })
    const inputs = Buffer.concat(rows.map((row) => row.inputs))
    const { steps, early, cycles = false, noise = NO_NOISE } = this.questionOf(unit)
    const own = (i: number): number => (this.options.randomStarts === true ? 1 + unit.from + i : 0)
    const draws = rows.map(({ draw }, i) => draw ?? own(i))
    const chains = rows.map(({ chain }) => chain ?? 0)
    const orNone = (numbers: number[]): number[] => (numbers.every((number) => number === 0) ? [] : numbers)
    return {
      type: 'evaluate',
      evaluation,
      unit: unit.index,
      step: this.round?.step ?? (0 as Step),
      inputs,
      rows: bytesOf(vectors),
      boxes: boxesOf(rows),
      steps: [...steps],
      early,
      cycles,
      noise,
      draws: orNone(draws),
      chains: orNone(chains),
    }
  }

  /** Units with rows to watch are asked for more steps. */
  private questionOf({ from, to }: Unit): Question {
    const { question } = this.options
    return this.set.watch?.rows.some((row) => row >= from && row < to) === true ? watching(question) : question
  }

  private unitRows(): number {
    const { batch, seqLen, puzzleDim, maxPayload, randomStarts } = this.options
    const question = this.set.watch === undefined ? this.options.question : watching(this.options.question)
    const numbered = randomStarts === true || question.noise !== undefined
    const perRow = Math.max(seqLen + 4 * puzzleDim + (numbered ? NUMBERS_BYTES : 0), answerBytes(question, seqLen))
    return Math.max(1, Math.min(batch, Math.floor((maxPayload - ENVELOPE_BYTES) / perRow)))
  }
}
