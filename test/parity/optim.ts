// Checks optimizers, parameter average and schedule of a golden file (trm-parity-optim/1).
import { learningRate, totalSteps } from '../../shared/gradients/schedule.js'
import { signSgdRow, sumPerId } from '../../shared/gradients/sparse.js'
import { adamAtan2, updateEma } from '../../worker/train/adam-atan2.js'
import type { GoldenFile } from './golden.js'
import type { Comparison } from './report.js'

interface ScheduleGolden {
  readonly base_lr: number
  readonly warmup_steps: number
  readonly total_steps: number
  readonly min_ratio: number
}

export interface OptimGolden {
  readonly tolerance: {
    readonly adam_parameters: number
    readonly adam_moments_relative_to_largest_gradient: number
    readonly sign_sgd: number
    readonly ema: number
    readonly learning_rate_relative: number
  }
  readonly adam_atan2: readonly {
    readonly name: string
    readonly beta1: number
    readonly beta2: number
    readonly weight_decay: number
    readonly schedule: ScheduleGolden
    readonly initial: number[][]
    readonly steps: readonly {
      readonly step: number
      readonly lr: number
      readonly gradients: number[][]
      readonly parameters: number[][]
      readonly m: number[][]
      readonly v: number[][]
    }[]
  }[]
  readonly sign_sgd: readonly {
    readonly name: string
    readonly dim: number
    readonly weight_decay: number
    readonly schedule: ScheduleGolden
    readonly initial: number[][]
    readonly steps: readonly {
      readonly step: number
      readonly lr: number
      readonly ids: number[]
      readonly slot_vectors: number[][]
      readonly slot_gradients: number[][]
      readonly touched_rows: number[]
      readonly table: number[][]
    }[]
  }[]
  readonly ema: readonly {
    readonly name: string
    readonly rate: number
    readonly initial: Record<string, number[] | number[][]>
    readonly updates: readonly {
      readonly update: number
      readonly parameters: Record<string, number[] | number[][]>
      readonly shadow: Record<string, number[] | number[][]>
    }[]
  }[]
  readonly learning_rate: readonly (ScheduleGolden & { readonly values: readonly [number, number][] })[]
  readonly total_steps: readonly {
    readonly epochs: number
    readonly total_groups: number
    readonly mean_puzzle_examples: number
    readonly global_batch_size: number
    readonly total_steps: number
  }[]
}

const scheduleOf = (golden: ScheduleGolden): Parameters<typeof learningRate>[0] => ({
  base: golden.base_lr,
  warmupSteps: golden.warmup_steps,
  totalSteps: golden.total_steps,
  minRatio: golden.min_ratio,
})

export function checkOptim({ content }: GoldenFile<OptimGolden>, comparison: Comparison): void {
  const { tolerance } = content
  const rate = (where: string, schedule: ScheduleGolden, step: number, expected: number): void => {
    const allowed = 1e-15 + tolerance.learning_rate_relative * Math.abs(expected)
    comparison.close(`${where}: learning rate at ${step}`, learningRate(scheduleOf(schedule), step), expected, allowed)
  }

  for (const run of content.adam_atan2) {
    const p = Float32Array.from(run.initial.flat())
    const m = new Float32Array(p.length)
    const v = new Float32Array(p.length)
    const seen = new Float64Array(p.length)
    for (const step of run.steps) {
      const where = `adam ${run.name}, step ${step.step}`
      const g = Float32Array.from(step.gradients.flat())
      g.forEach((one, i) => (seen[i] = Math.max(seen[i] ?? 0, Math.abs(one))))
      rate(where, run.schedule, step.step, step.lr)
      const { beta1, beta2, weight_decay: weightDecay } = run
      adamAtan2(p, m, v, g, step.step, { lr: step.lr, beta1, beta2, weightDecay })
      const relative = tolerance.adam_moments_relative_to_largest_gradient
      comparison.allClose(`${where}: p`, p, step.parameters.flat(), tolerance.adam_parameters)
      comparison.allClose(`${where}: m`, m, step.m.flat(), (i) => relative * (seen[i] ?? 0) + 1e-12)
      comparison.allClose(`${where}: v`, v, step.v.flat(), (i) => relative * (seen[i] ?? 0) ** 2 + 1e-20)
    }
  }

  for (const run of content.sign_sgd) {
    const table = run.initial.map((row) => Float32Array.from(row))
    for (const step of run.steps) {
      const where = `sign_sgd ${run.name}, step ${step.step}`
      rate(where, run.schedule, step.step, step.lr)
      step.ids.forEach((id, slot) => {
        const handed = step.slot_vectors[slot] ?? []
        comparison.allClose(`${where}: row handed to slot ${slot}`, table[id] ?? [], handed, tolerance.sign_sgd)
      })
      const { ids, sums } = sumPerId(step.ids, Float32Array.from(step.slot_gradients.flat()), run.dim)
      comparison.equal(`${where}: touched rows`, Array.from(ids), step.touched_rows)
      const before = table.map((row) => row.slice())
      ids.forEach((id, i) => {
        const row = table[id]
        if (row !== undefined) signSgdRow(row, sums.subarray(i * run.dim, (i + 1) * run.dim), step.lr, run.weight_decay)
      })
      table.forEach((row, id) => {
        comparison.allClose(`${where}: row ${id}`, row, step.table[id] ?? [], tolerance.sign_sgd)
        if (!ids.includes(id)) comparison.equal(`${where}: untouched row ${id}`, Array.from(row), Array.from(before[id] ?? [])) // prettier-ignore
      })
    }
  }

  for (const run of content.ema) {
    for (const [name, initial] of Object.entries(run.initial)) {
      const shadow = Float32Array.from(initial.flat())
      for (const { update, parameters, shadow: expected } of run.updates) {
        updateEma(shadow, Float32Array.from((parameters[name] ?? []).flat()), run.rate)
        comparison.allClose(`ema ${run.name}, update ${update}: ${name}`, shadow, (expected[name] ?? []).flat(), tolerance.ema) // prettier-ignore
      }
    }
  }

  for (const schedule of content.learning_rate)
    for (const [step, value] of schedule.values)
      rate(`schedule of ${schedule.total_steps} steps`, schedule, step, value)
  for (const one of content.total_steps) {
    const ours = totalSteps(one.epochs, one.total_groups, one.mean_puzzle_examples, one.global_batch_size)
    comparison.equal(`total steps of ${one.epochs} epochs`, ours, one.total_steps)
  }
}
