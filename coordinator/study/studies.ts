// All studies, and how one is made: the question is run, the answer written down and shown.
import { loadavg } from 'node:os'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import type { WorkerId } from '../../shared/ids.js'
import type { StopSignal, Terminal } from '../../shared/ports.js'
import type { OpenedSource } from '../data/open.js'
import type { Inquiry } from '../evaluate/inquiry.js'
import { all, type Observer } from '../observer.js'
import { quietObserver } from '../quiet-observer.js'
import { machineInWords } from '../report/machine.js'
import type { SavedRun } from '../store/saved-run.js'
import { writeStudy } from './files.js'
import { studyRecord, type StudyFacts } from './record.js'
import type { Study, StudyContext, StudyWishes } from './study.js'
import { studyText } from './terminal.js'
import { augmentation } from './augmentation.js'
import { efficiency } from './efficiency.js'
import { identity } from './identity.js'
import { recursion } from './recursion.js'
import { testtime } from './testtime.js'
import { voting } from './voting.js'

export const STUDIES: readonly Study[] = [voting, identity, recursion, testtime, augmentation, efficiency]

/** @throws ConfigError naming those there are */
export function studyNamed(name: string): Study {
  const study = STUDIES.find((one) => one.name === name)
  if (study !== undefined) return study
  const names = STUDIES.map((one) => one.name).join(', ')
  throw new ConfigError(`there is no study ${name}`, `choose one of ${names}; \`npx trmesh study\` says what each asks`)
}

/** What the machine that runs the studies can do. */
export interface StudyPorts {
  /** Workers answer an inquiry about a checkpoint. `scratch`: a folder nothing is kept in. */
  readonly evaluate: (config: RunConfig, checkpoint: string, inquiry: Inquiry, scratch: string) => Promise<void>
  /** Trains to the end, or until asked to stop. */
  readonly train: (config: RunConfig) => Promise<string>
  readonly out: Terminal
  readonly signal: StopSignal
  readonly now: () => number
  readonly wallClock: () => string
}

export interface StudyOrder {
  readonly config: RunConfig
  readonly saved: SavedRun
  readonly wishes: StudyWishes
  readonly folder: string
}

/** @returns the files written @throws RunError */
export async function makeStudy(study: Study, order: StudyOrder, ports: StudyPorts): Promise<string[]> {
  const { config, saved, wishes, folder } = order
  const { out, now } = ports
  const [began, load] = [now(), loadavg()[0] ?? 0]
  const witness = new Witness()
  const context: StudyContext = {
    ...{ config, wishes, folder, out, now, signal: ports.signal },
    checkpoint: { dir: saved.dir, step: saved.step },
    ask: async (inquiry, asked, checkpoint = saved.dir) => {
      const heard = witness.hear(inquiry)
      await ports.evaluate(asked, checkpoint, heard, folder)
      if (!heard.answered()) throw new SystemRefused('stopped before the study was done', 'start it again')
    },
    train: (own) => ports.train(own),
  }
  const findings = await study.run(context)
  const facts: StudyFacts = {
    ...{ study: study.name, question: study.question },
    ...{ run: saved.run, step: saved.step, checkpoint: saved.dir },
    ...{ created: ports.wallClock(), seconds: (now() - began) / 1000, machine: machineInWords(), load },
    workers: witness.workers,
    data: { ...witness.data, source: config.data.source },
    seed: wishes.seed,
  }
  const record = studyRecord(facts, findings)
  const files = await writeStudy(folder, record)
  out.line(studyText(record))
  for (const file of files) out.line(`study: ${file}`)
  return files
}

/** Notes who answered, and of which data. */
class Witness {
  private readonly labels = new Map<WorkerId, string>()
  private readonly seen = new Map<string, StudyFacts['workers'][number]>()
  data = { description: '', hash: '' }

  get workers(): StudyFacts['workers'] {
    return [...this.seen.values()]
  }

  hear(inquiry: Inquiry): Inquiry & { answered(): boolean } {
    let answered = false
    const observer: Observer = {
      ...quietObserver,
      introduced: ({ worker, label }) => void this.labels.set(worker, label),
      prepared: (worker, { backend, device, precision }) => {
        const label = this.labels.get(worker) ?? worker
        this.seen.set(label, { label, backend, device, precision })
      },
      evaluated: () => void (answered = true),
    }
    return {
      ...inquiry,
      ask: (data: OpenedSource) => {
        this.data = { description: data.description, hash: data.dataHash }
        return inquiry.ask(data)
      },
      observer: all([observer, inquiry.observer]),
      answered: () => answered,
    }
  }
}
