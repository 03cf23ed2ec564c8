// One measurement on the I/O thread: hands the parts to the compute thread, and watches meanwhile what only this thread can
// see, the memory of the process and the energy of the device.
import type { CoordinatorMessage, WorkerMessage } from '../shared/protocol/messages.js'
import type { Compute } from './compute/client.js'
import type { MeasureSamples } from './compute/port.js'
import type { Energy } from './energy.js'

type Measure = Extract<CoordinatorMessage, { type: 'measure' }>
type Measured = Extract<WorkerMessage, { type: 'measured' }>

const MEMORY_MS = 20

/** Undoes the packing of the message, whose bytes are only lent. */
export function samplesOf({ tokens, lengths, prompts, inputs, labels }: Measure): MeasureSamples {
  const all = new Uint16Array(Uint8Array.from(tokens).buffer)
  let at = 0
  const texts = lengths.map((length, i) => {
    const text = Int32Array.from(all.subarray(at, at + length))
    at += length
    return { tokens: text, prompt: prompts[i] ?? 0 }
  })
  return { texts, inputs: Uint8Array.from(inputs), labels: Uint8Array.from(labels) }
}

/** Never rejects: what goes wrong is part of the answer. */
export async function measureFor(message: Measure, compute: Compute, energy: Energy): Promise<Measured> {
  const { measurement, subject, seconds } = message
  const restBytes = process.memoryUsage.rss()
  let peakBytes = restBytes
  const watch = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), MEMORY_MS)
  const nothing: Measured = {
    ...{ type: 'measured', measurement, failure: '', parameters: 0, recompute: false, restBytes, peakBytes },
    train: { steps: 0, samples: 0, tokens: 0, seconds: 0, joules: NaN, warm: false },
    answer: { answers: 0, promptSeconds: 0, tokens: 0, tokenSeconds: 0, joules: NaN },
    energy: energy.source,
  }
  try {
    const { parameters, recompute } = await compute.call({ type: 'measure-open', subject, samples: samplesOf(message) })
    const trainEnergy = energy.start()
    const { type: _t, ...train } = await compute.call({ type: 'measure-train', seconds })
    const trainJoules = trainEnergy().joules
    const answerEnergy = energy.start()
    const { type: _a, ...answer } = await compute.call({ type: 'measure-answer', seconds })
    const answerJoules = answerEnergy().joules
    await compute.call({ type: 'measure-close' })
    return {
      ...{ ...nothing, parameters, recompute, peakBytes },
      train: { ...train, joules: trainJoules },
      answer: { ...answer, joules: answerJoules },
    }
  } catch (error) {
    return { ...nothing, failure: (error instanceof Error ? error.message : String(error)).slice(0, 4000), peakBytes }
  } finally {
    clearInterval(watch)
  }
}
