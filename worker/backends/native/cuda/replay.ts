// The recursion without gradient as one graph of the GPU. The first time its launches are asked for one by one, which also brings
// everything to its place; the second time they are recorded, on inputs at fixed addresses; from then on they are played again, as
// long as shapes, weights, tables and the engine's own memory lie where they lay. What cannot be recorded is launched as before.
import * as tf from '@tensorflow/tfjs-core'
import { MOST_RECORDED, type Work } from '../../../ops/replay.js'
import { asTensor } from '../../../ops/as-tensor.js'
import { registerKernel } from '../../../ops/registry.js'
import type { CudaRecording } from './addon.js'
import type { CudaBackend } from './backend.js'
import { cudaBackend } from './backend.js'
import { NATIVE_CUDA } from './name.js'
import { placesOf } from './network.js'

/** What must not have changed: things are compared by identity. */
interface Known {
  readonly what: string
  readonly where: readonly unknown[]
  state: 'seen' | 'refused' | Recorded
}

interface Recorded {
  readonly recording: CudaRecording
  readonly inputs: readonly tf.Tensor2D[]
  readonly outputs: readonly tf.Tensor2D[]
}

export interface ReplayCounts {
  recorded: number
  played: number
  dropped: number
  /** Why something was not recorded; told once. */
  refused: string | undefined
}

export class Replays {
  readonly counts: ReplayCounts = { recorded: 0, played: 0, dropped: 0, refused: undefined }
  private known: Known[] = []
  private moves = 0

  constructor(
    private readonly backend: CudaBackend,
    private readonly say: (message: string) => void = (message) => process.emitWarning(message),
  ) {}

  run(work: Work): tf.Tensor2D[] {
    const { addon, device } = this.backend.engine
    const { batch, positions, heads, eps, rope } = work.shape
    const what = [work.what, batch, positions, heads, eps, ...work.inputs.map(({ shape }) => shape)].join(' ')
    // Weights are packed here, so that a graph finds them in their place.
    const where: unknown[] = work.stacks.flatMap((stack) => placesOf(this.backend, stack, work.shape))
    if (rope !== null) where.push(this.backend.arrayOf(rope.cos), this.backend.arrayOf(rope.sin))
    if (addon.moves(device) !== this.moves) this.forget()
    this.moves = addon.moves(device)
    const same = (known: Known): boolean =>
      known.what === what && known.where.length === where.length && known.where.every((one, i) => one === where[i])
    const known = this.known.find(same)
    if (known === undefined) {
      if (this.known.length >= MOST_RECORDED) this.drop(this.known.shift())
      this.known.push({ what, where, state: 'seen' })
      return work.perform(work.inputs)
    }
    this.known = [...this.known.filter((one) => one !== known), known] // the last is the most recently used
    if (known.state === 'seen') known.state = this.record(work)
    if (typeof known.state === 'string') return work.perform(work.inputs)
    const { recording, inputs, outputs } = known.state
    work.inputs.forEach((input, i) => this.copy(input, inputs[i]))
    addon.replay(device, recording)
    this.counts.played++
    return outputs.map((output) => {
      this.backend.changed(output)
      return this.copy(output)
    })
  }

  /** Lets all recordings go; the same work is recorded again. */
  forget(): void {
    for (const known of this.known) {
      if (typeof known.state === 'string') continue
      this.drop(known)
      known.state = 'seen'
    }
  }

  private record(work: Work): Known['state'] {
    const { addon, device } = this.backend.engine
    const inputs: tf.Tensor2D[] = []
    let outputs: tf.Tensor2D[] = []
    try {
      for (const input of work.inputs) inputs.push(tf.keep(this.copy(input)))
      addon.startRecording(device)
      tf.tidy(() => {
        outputs = work.perform(inputs).map((output) => tf.keep(output))
      })
      const recording = addon.finishRecording(device)
      this.counts.recorded++
      return { recording, inputs, outputs }
    } catch (error) {
      addon.abandonRecording(device)
      tf.dispose([...inputs, ...outputs])
      if (this.counts.refused === undefined) {
        this.counts.refused = error instanceof Error ? error.message : String(error)
        this.say(`the recursion runs without a graph of the GPU: ${this.counts.refused}`)
      }
      return 'refused'
    }
  }

  private drop(known: Known | undefined): void {
    if (known === undefined || typeof known.state === 'string') return
    const { addon, device } = this.backend.engine
    tf.dispose([...known.state.inputs, ...known.state.outputs])
    addon.dropRecording(device, known.state.recording)
    this.counts.dropped++
  }

  /** A tensor's values in another, or in a new one. */
  private copy(from: tf.Tensor2D, to?: tf.Tensor2D): tf.Tensor2D {
    const { addon, device } = this.backend.engine
    const made = to ?? asTensor(this.backend.take(from.shape).info)
    addon.move(device, this.backend.arrayOf(from), 0, from.size, this.backend.arrayOf(made), 0, from.size, 1, from.size)
    return made
  }
}

const replaysOf = new WeakMap<CudaBackend, Replays>()

/** Of this thread's backend. */
export function replays(): Replays {
  const backend = cudaBackend()
  const known = replaysOf.get(backend) ?? new Replays(backend)
  replaysOf.set(backend, known)
  return known
}

registerKernel('replay', NATIVE_CUDA, (work) =>
  cudaBackend().records ? replays().run(work) : work.perform(work.inputs),
)
