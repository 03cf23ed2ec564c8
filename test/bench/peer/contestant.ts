// A contestant: a child process that trains on order (protocol.ts). It sleeps between its turns.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BackendUnavailable, SystemRefused } from '../../../shared/errors.js'
import { highestResident, memoryOnGpu } from '../resident.js'
import { parseAnswer, type Answer, type AnswerTo, type Order } from './protocol.js'
import { twinProgram } from './torch.js'

const OURS = fileURLToPath(new URL('./ours.js', import.meta.url))
const KEPT_CHARACTERS = 4000

export interface Contestant {
  /** One order at a time. @throws BackendUnavailable, SystemRefused with what it said last */
  ask<O extends Order>(order: O): Promise<AnswerTo<O['do']>>
  /** Bytes of memory at its highest; on a GPU of that, which both sides keep once they have it. */
  peak(): number
  end(): Promise<void>
}

/** A node process with trmesh's own compute thread. */
export const startOurs = (gpu?: number): Contestant => start(process.execPath, [OURS], gpu)

/** The twin in PyTorch. */
export const startTwin = (python: string, gpu?: number): Contestant => start(python, ['-B', twinProgram()], gpu)

function start(program: string, args: readonly string[], gpu?: number): Contestant {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  let waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  const fail = (error: Error): void => {
    waiting?.reject(error)
    waiting = undefined
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-KEPT_CHARACTERS)))
  child.stdin.on('error', () => undefined) // it ended: `close` says so
  createInterface({ input: child.stdout }).on('line', (line) => {
    try {
      const answer = parseAnswer(line)
      waiting?.resolve(answer)
      waiting = undefined
    } catch (error) {
      fail(error as Error)
    }
  })
  const closed = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      fail(new SystemRefused(`${program} does not start: ${error.message}`, 'install it', { cause: error }))
      resolve()
    })
    child.once('close', (status, signal) => {
      const last = said.trimEnd().split('\n').slice(-8).join('\n')
      fail(new SystemRefused(`${program} ended with ${status ?? signal}:\n${last}`, 'see its words above'))
      resolve()
    })
  })
  return {
    async ask<O extends Order>(order: O): Promise<AnswerTo<O['do']>> {
      if (waiting !== undefined) throw new Error(`asked to ${order.do} before the last answer`)
      const answer = await new Promise<Answer>((resolve, reject) => {
        waiting = { resolve, reject }
        if (child.exitCode !== null || child.signalCode !== null) fail(new Error(`${program} has ended`))
        else child.stdin.write(`${JSON.stringify(order)}\n`)
      })
      if (answer.is === 'failed') throw new BackendUnavailable(answer.message, answer.remedy)
      return answer as AnswerTo<O['do']>
    },
    peak: () => (gpu === undefined ? highestResident(child.pid) : memoryOnGpu(child.pid)),
    async end(): Promise<void> {
      child.stdin.end()
      child.kill()
      await closed
    },
  }
}
