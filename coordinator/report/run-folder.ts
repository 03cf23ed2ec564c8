// What lies in the folder of a run beside its checkpoints: the journal, evaluations, the answer sheet, the report.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError } from '../../shared/errors.js'
import { parseRecord, type EvaluationRecord } from '../evaluate/record.js'
import { REPRODUCTION_FILE } from '../reproduce/record.js'
import { JOURNAL_FILE } from './journal.js'

export const REPORT_FILE = 'report.html'
const SHEET_FILE = 'submission.json'
const RECORD = /^evaluation-(\d+)\.json$/
/** A folder that `trmesh evaluate` wrote. */
const RECORD_FOLDER = /^evaluation-(\d+)$/

async function names(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** Files that belong to one course of a run, and are void when it starts over. */
export const resultsIn = async (folder: string): Promise<string[]> =>
  (await names(folder)).filter(
    (name) =>
      name === JOURNAL_FILE ||
      name === SHEET_FILE ||
      name === REPORT_FILE ||
      name === REPRODUCTION_FILE ||
      RECORD.test(name),
  )

/** Text of a file; undefined if there is none. */
export async function textIn(folder: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, name), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}

/** The evaluation of the latest step, by the run or by `trmesh evaluate`; of one step, that which asked most rows, then the later. @throws DataError */
export async function latestEvaluation(folder: string): Promise<EvaluationRecord | undefined> {
  const candidates = (await names(folder)).flatMap((name) => {
    const step = RECORD.exec(name)?.[1]
    if (step !== undefined) return [{ step: Number(step), file: name }]
    const inside = RECORD_FOLDER.exec(name)?.[1]
    return inside === undefined ? [] : [{ step: Number(inside), file: join(name, 'evaluation.json') }]
  })
  const newest = Math.max(...candidates.map(({ step }) => step))
  const records: EvaluationRecord[] = []
  for (const { file } of candidates.filter(({ step }) => step === newest)) {
    const text = await textIn(folder, file)
    if (text !== undefined) records.push(parseRecord(text, join(folder, file)))
  }
  return records.sort((a, b) => b.asked.rows - a.asked.rows || (a.created < b.created ? 1 : -1))[0]
}

/** @throws DataError if the folder is not there */
export async function existing(folder: string): Promise<string> {
  if ((await names(folder)).length > 0) return folder
  throw new DataError(`there is no run in ${folder}`, 'name the folder of a run, such as .trmesh/runs/tiny')
}
