// Tells a comparison to whoever keeps gauges.
import type { GaugeName, GaugeSetter } from '../metrics.js'
import type { Comparison, ComparisonRow } from './comparison.js'

const FIGURES = {
  trmesh_compared_samples_per_second: 'samplesPerSecond',
  trmesh_compared_train_tokens_per_second: 'trainTokensPerSecond',
  trmesh_compared_tokens_per_second: 'tokensPerSecond',
  trmesh_compared_answer_seconds: 'answerSeconds',
  trmesh_compared_answer_joules: 'answerJoules',
  trmesh_compared_memory_bytes: 'peakBytes',
  trmesh_compared_task_cost: 'taskCost',
} as const satisfies Partial<Record<GaugeName, keyof ComparisonRow>>

/** Tells a comparison, once. */
export function tellComparison(recorder: GaugeSetter, { rows, created, backend, device }: Comparison): void {
  recorder.set('trmesh_compared_timestamp_seconds', {}, Date.parse(created) / 1000)
  for (const row of rows) {
    const { subject, title, kind, note, parameters } = row
    recorder.set('trmesh_compared_info', { subject, model: title, kind, device: `${backend}: ${device}`, note }, 1)
    recorder.set('trmesh_compared_parameters', { subject }, parameters)
    for (const [name, field] of Object.entries(FIGURES) as [
      keyof typeof FIGURES,
      (typeof FIGURES)[keyof typeof FIGURES],
    ][]) {
      const value = row[field]
      if (value !== null) recorder.set(name, { subject }, value)
    }
  }
}
