// `trmesh study`: the studies of coordinator/study, with workers of this machine or elsewhere to answer.
import { join } from 'node:path'
import { makeStudy, studyNamed, type StudyOrder } from '../../coordinator/study/studies.js'
import { serveCoordinator } from '../../coordinator/service.js'
import type { LocalOptions } from '../../shared/ports.js'
import { startLocal } from './cluster.js'

export interface StudyRun extends StudyOrder {
  readonly name: string
  readonly machine: Omit<LocalOptions, 'config' | 'fresh' | 'evaluation'>
}

/** @throws RunError */
export async function runStudy({ name, machine, ...order }: StudyRun): Promise<void> {
  const { out, signal } = machine
  let parts = 0
  const begin = (): void => {
    if (parts++ > 0 && machine.workers === 0)
      out.line('this study has another part: workers end with a part, so start those elsewhere again')
  }
  await makeStudy(studyNamed(name), order, {
    ...{ out, signal },
    now: () => performance.now(),
    wallClock: () => new Date().toISOString(),
    evaluate: async (config, checkpoint, inquiry, scratch) => {
      begin()
      const evaluation = { checkpoint, to: scratch }
      await startLocal({ ...machine, config, fresh: false, evaluation }, (options) =>
        serveCoordinator(options, inquiry),
      )
    },
    train: async (config) => {
      begin()
      await startLocal({ ...machine, config, fresh: false })
      return join(config.run.dir, config.run.id)
    },
  })
}
