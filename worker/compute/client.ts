// The I/O thread's handle on the compute thread: commands go in order, each promise settles with its reply.
import { Worker } from 'node:worker_threads'
import { BackendUnavailable, RunHalted } from '../../shared/errors.js'
import type { Command, ComputeSetup, FromCompute, Reply, ToCompute } from './port.js'

type ReplyTo<C extends Command['type']> = C extends 'step'
  ? Extract<Reply, { type: 'stepped' }>
  : C extends 'check'
    ? Extract<Reply, { type: 'checked' }>
    : C extends 'commit'
      ? Extract<Reply, { type: 'committed' }>
      : C extends 'snapshot'
        ? Extract<Reply, { type: 'snapshot' }>
        : C extends 'evaluate'
          ? Extract<Reply, { type: 'evaluated' }>
          : C extends 'measure-open'
            ? Extract<Reply, { type: 'measure-opened' }>
            : C extends 'measure-train'
              ? Extract<Reply, { type: 'trained' }>
              : C extends 'measure-answer'
                ? Extract<Reply, { type: 'answered' }>
                : Extract<Reply, { type: 'done' }>

export interface Compute {
  readonly backend: string
  readonly device: string
  readonly precision: 'f32' | 'bf16'
  /** Why this backend, in a sentence. */
  readonly why: string
  /** FLOP/s of a large product, measured at the start. */
  readonly peakFlops: number
  readonly arena: SharedArrayBuffer
  call<C extends Command>(command: C): Promise<ReplyTo<C['type']>>
  close(): Promise<void>
}

/** Starts the thread, which chooses and probes its backend. @throws BackendUnavailable with the remedy. */
export function startCompute(setup: ComputeSetup, onCrash: (error: Error) => void): Promise<Compute> {
  const thread = new Worker(new URL('./main.js', import.meta.url), { workerData: setup })
  const waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>()
  let nextId = 1
  let closing = false

  const crash = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
    if (!closing) onCrash(error)
  }

  return new Promise((resolve, reject) => {
    thread.on('error', (error: Error) => {
      reject(error)
      crash(error)
    })
    thread.on('exit', (code) => crash(new Error(`the compute thread ended with code ${code}`)))
    thread.on('message', (message: FromCompute) => {
      if (message.kind === 'up') {
        const { backend, device, precision, why, peakFlops, arena } = message
        resolve({ backend, device, precision, why, peakFlops, arena, call, close })
        return
      }
      if (message.kind === 'failed' && message.id === 0) {
        reject(new BackendUnavailable(message.message, message.remedy))
        return
      }
      const pending = waiting.get(message.id)
      waiting.delete(message.id)
      if (message.kind === 'reply') pending?.resolve(message.reply)
      else pending?.reject(new RunHalted(message.message, message.remedy))
    })
  })

  function call<C extends Command>(command: C): Promise<ReplyTo<C['type']>> {
    const id = nextId++
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve: (reply) => resolve(reply as ReplyTo<C['type']>), reject })
      thread.postMessage({ id, command } satisfies ToCompute)
    })
  }

  async function close(): Promise<void> {
    closing = true
    await thread.terminate()
  }
}
