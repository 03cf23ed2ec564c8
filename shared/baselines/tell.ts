// Tells the published baselines to whoever keeps gauges.
import { BASELINE_IDS, BASELINES } from '../baselines.js'
import type { GaugeSetter } from '../metrics.js'
import { bytesIn, countIn, numberIn, secondsIn, shareIn, TEST_SETS } from './baseline.js'

/** Tells every published figure, once; they never change. */
export function tellBaselines(recorder: GaugeSetter): void {
  for (const baseline of BASELINE_IDS) {
    const { model, setup, hardware, source, grade, ...figures } = BASELINES[baseline]
    const { tokensPerSecond, samplesPerSecond, memory, training, parameters, accuracy } = figures
    const of = { baseline }
    recorder.set('trmesh_baseline_info', { baseline, model, setup, hardware, source, grade }, 1)
    if (tokensPerSecond !== undefined) recorder.set('trmesh_baseline_tokens_per_second', of, numberIn(tokensPerSecond))
    if (samplesPerSecond !== undefined)
      recorder.set('trmesh_baseline_samples_per_second', of, numberIn(samplesPerSecond))
    if (memory !== undefined) recorder.set('trmesh_baseline_memory_bytes', of, bytesIn(memory))
    if (training !== undefined) recorder.set('trmesh_baseline_training_seconds', of, secondsIn(training))
    if (parameters !== undefined) recorder.set('trmesh_baseline_parameters', of, countIn(parameters))
    for (const test of TEST_SETS) {
      const percent = accuracy?.[test]
      if (percent !== undefined) recorder.set('trmesh_baseline_accuracy_ratio', { baseline, test }, shareIn(percent))
    }
  }
}
