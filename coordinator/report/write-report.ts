// `trmesh report RUN`: reads what lies in the folder of a run and writes report.html beside it.
import { rename, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { compileConfig } from '../../shared/config/compile.js'
import type { RunConfig } from '../../shared/config/run-config.js'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import { layoutOf } from '../../shared/gradients/layout.js'
import type { ReportOptions } from '../../shared/ports.js'
import { parseReproduction, REPRODUCTION_FILE } from '../reproduce/record.js'
import { studiesIn } from '../study/files.js'
import { readManifest } from '../store/checkpoint-reader.js'
import { listCheckpoints } from '../store/folders.js'
import { parseJournal } from './curves.js'
import { reportPage } from './html/page.js'
import type { RunReport } from './html/run-report.js'
import { JOURNAL_FILE } from './journal.js'
import { machineInWords } from './machine.js'
import { existing, latestEvaluation, REPORT_FILE, textIn } from './run-folder.js'

/** @returns the file @throws DataError or CheckpointRefused naming what cannot be read, SystemRefused if it cannot be written */
export async function writeReport(folder: string, date: string, to = join(folder, REPORT_FILE)): Promise<string> {
  const page = reportPage(await readRun(await existing(folder), date))
  try {
    await writeFile(`${to}.tmp`, page)
    await rename(`${to}.tmp`, to)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SystemRefused(`the report cannot be written: ${why}`, 'name another file with --to', { cause })
  }
  return to
}

/** The command. */
export async function report({ folder, to, out }: ReportOptions): Promise<void> {
  const file = await writeReport(folder, new Date().toISOString(), to)
  out.line(`report: ${file}`)
}

async function readRun(folder: string, date: string): Promise<RunReport> {
  const [newest] = await listCheckpoints(folder)
  const manifest = newest && (await readManifest(newest.dir))
  const config = manifest && configOf(manifest.config)
  return {
    name: manifest?.run ?? basename(folder),
    journal: parseJournal((await textIn(folder, JOURNAL_FILE)) ?? ''),
    evaluation: await latestEvaluation(folder),
    studies: await studiesIn(folder),
    reproduction: await reproductionIn(folder),
    config,
    checkpoint: manifest && { dir: newest.dir, step: manifest.step, created: manifest.created },
    parameters: config && layoutOf(config.model).elements,
    machine: machineInWords(),
    date,
  }
}

async function reproductionIn(folder: string): Promise<RunReport['reproduction']> {
  const text = await textIn(folder, REPRODUCTION_FILE)
  return text === undefined ? undefined : parseReproduction(text, join(folder, REPRODUCTION_FILE))
}

/** undefined for settings that this version does not know any more: the rest can be shown without. */
function configOf(saved: object): RunConfig | undefined {
  try {
    return compileConfig({
      preset: 'tiny',
      file: { path: 'manifest', text: JSON.stringify(saved) },
      env: {},
      flags: {},
    })
  } catch (error) {
    if (error instanceof ConfigError) return undefined
    throw error
  }
}
