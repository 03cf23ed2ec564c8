// The files of a study, each whole or not at all: study.json, study.csv, and a picture or more.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'
import { studyCsv } from './csv.js'
import { pictureFile } from './draw.js'
import { parseStudy, recordText, type StudyRecord } from './record.js'
import { STUDY_NAMES } from './study.js'

const RECORD = 'study.json'
const PICTURE = /^picture-\d+\.svg$/

/** Where a study lies in the folder of its run. */
export const studyFolder = (run: string, study: string): string => join(run, `study-${study}`)

/** @returns the files @throws SystemRefused */
export async function writeStudy(folder: string, study: StudyRecord): Promise<string[]> {
  const files: [string, string][] = [
    [RECORD, recordText(study)],
    ['study.csv', studyCsv(study)],
    ...study.findings.pictures.map((picture, i): [string, string] => [`picture-${i + 1}.svg`, pictureFile(picture)]),
  ]
  try {
    await mkdir(folder, { recursive: true })
    for (const old of await readdir(folder)) if (PICTURE.test(old)) await rm(join(folder, old))
    for (const [name, text] of files) {
      await writeFile(join(folder, `${name}.tmp`), text)
      await rename(join(folder, `${name}.tmp`), join(folder, name))
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new SystemRefused(`the study cannot be written to ${folder}: ${why}`, 'name another folder with --to', {
      cause,
    })
  }
  return files.map(([name]) => join(folder, name))
}

/** Studies in the folder of a run, in the order of their names in the program. @throws DataError */
export async function studiesIn(run: string): Promise<StudyRecord[]> {
  const found: StudyRecord[] = []
  for (const name of STUDY_NAMES) {
    const file = join(studyFolder(run, name), RECORD)
    try {
      found.push(parseStudy(await readFile(file, 'utf8'), file))
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')))
        throw error
    }
  }
  return found
}
