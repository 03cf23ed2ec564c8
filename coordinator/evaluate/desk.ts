// The evaluation desk: makes units of work of the test set, collects the answers, scores them. One round at a time; votes
// belong to their round and are gone with it.
import { bytesOf } from '../../shared/bytes.js'
import type { Step, WorkerId } from '../../shared/ids.js'
import { floatsOf } from '../../shared/protocol/codec.js'
import type { CoordinatorMessage, WorkerMessage } from '../../shared/protocol/messages.js'
import type { Task } from '../../shared/arc/task.js'
import type { ArcScore } from '../../shared/arc/vote.js'
import { EvaluationRound, type Unit } from './round.js'

/** One accuracy: hits out of trials, so that an interval can stand beside it. */
export interface Accuracy {
  readonly name: string
  /** 0..1. */
  readonly value: number
  /** Independent trials behind it (tasks, puzzles). */
  readonly trials: number
}

export interface EvaluationResult {
  /** What checkpoints are ranked by: the first accuracy. */
  readonly score: number
  readonly accuracies: readonly Accuracy[]
  /** For ARC: every vote, and all tasks of the test set in the order of its file, evaluated or not. */
  readonly arc?: { readonly score: ArcScore; readonly tasks: readonly Task[] }
}

export interface Scorer {
  /** @param preds u8 tokens [S0] @param q halting logit */
  add(row: number, preds: Uint8Array, q: number): void
  finish(): EvaluationResult
}

export interface EvaluationSet {
  readonly rows: number
  /** For people: what is asked, and how many of it. */
  readonly description: string
  row(index: number): { readonly puzzle: number; readonly inputs: Uint8Array }
  scorer(): Scorer
}

export interface EvaluationProgress {
  readonly done: number
  readonly units: number
}

export interface RowTable {
  readonly dim: number
  gather(ids: readonly number[], into: Float32Array): void
}

export interface DeskOptions {
  readonly batch: number
  readonly seqLen: number
  readonly onProgress: (progress: EvaluationProgress) => void
  readonly onResult: (step: Step, result: EvaluationResult) => void
}

type Answer = Extract<WorkerMessage, { type: 'evaluated' }>

export class EvaluationDesk {
  private round: { readonly work: EvaluationRound; readonly scorer: Scorer; readonly step: Step } | undefined
  private last: { readonly step: Step; readonly result: EvaluationResult } | undefined
  private rounds = 0

  constructor(
    private readonly set: EvaluationSet,
    private readonly options: DeskOptions,
  ) {}

  begin(step: Step): void {
    const work = new EvaluationRound(++this.rounds, this.set.rows, this.options.batch)
    this.round = { work, scorer: this.set.scorer(), step }
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
      this.last = { step: round.step, result: round.scorer.finish() }
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

  answer(worker: WorkerId, { evaluation, unit: index, preds, q }: Answer): void {
    const { round, options } = this
    if (round === undefined || evaluation !== round.work.id) return
    const unit = round.work.take(index, worker)
    if (unit === undefined) return
    const halts = floatsOf(q)
    for (let row = unit.from; row < unit.to; row++) {
      const at = (row - unit.from) * options.seqLen
      round.scorer.add(row, preds.subarray(at, at + options.seqLen), halts[row - unit.from] ?? NaN)
    }
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
    const inputs = Buffer.concat(rows.map((row) => row.inputs))
    return { type: 'evaluate', evaluation, unit: unit.index, inputs, rows: bytesOf(vectors) }
  }
}
