// The document of a study and what is made of it: read back as written, both kinds of figures in columns of their own, and
// pictures without a hole in them.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { reportPage } from '../../coordinator/report/html/page.js'
import { studyCsv } from '../../coordinator/study/csv.js'
import { drawStudy, pictureFile } from '../../coordinator/study/draw.js'
import { studiesIn, studyFolder, writeStudy } from '../../coordinator/study/files.js'
import { parseStudy, recordText, type StudyPicture } from '../../coordinator/study/record.js'
import { studyText } from '../../coordinator/study/terminal.js'
import { DataError } from '../../shared/errors.js'
import { folderOf } from '../helpers/checkpoints.js'
import { madeUpRun } from '../helpers/report.js'
import { madeUpStudy as study, picture } from '../helpers/study.js'

test('read back as written; what is damaged is named', () => {
  assert.deepEqual(parseStudy(recordText(study), 'f'), study)
  assert.throws(() => parseStudy('{', 'f.json'), (error) => error instanceof DataError && /f\.json/.test(error.message)) // prettier-ignore
  const broken = { ...study, findings: { ...study.findings, notes: 'none' } }
  assert.throws(() => parseStudy(JSON.stringify(broken), 'f'), /findings\.notes/)
})

test('no line of the CSV holds a measured and a reported figure', () => {
  const [head, ...lines] = studyCsv(study).trimEnd().split('\n')
  const columns = head!.split(',')
  const [own, theirs] = [columns.indexOf('measured_here'), columns.indexOf('reported')]
  assert.equal(lines.length, 2)
  for (const line of lines) {
    const cells = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(([, cell]) => cell!)
    assert.equal(cells[columns.indexOf('what')], '"one, and only"')
    assert.notEqual(cells[own] === '', cells[theirs] === '')
  }
})

test('the terminal and the report say who reported what, and how sure that is', () => {
  for (const text of [studyText(study), reportPage(madeUpRun({ studies: [study] }))]) {
    assert.match(text, /measured here/)
    assert.match(text, /reported by/)
    assert.match(text, /29\.25 % \[1\]/)
    assert.match(text, /\[1\] somebody \(S\): another set/)
    assert.match(text, /25\.0 % \(10\.0 to 50\.0\)/)
  }
})

test('pictures hold every point, no NaN, and nothing that breaks them', () => {
  const all: StudyPicture[] = [
    picture,
    { ...picture, kind: 'bars' },
    { ...picture, scale: 'log', unit: 'per second', reported: [{ name: 'theirs', value: 31 }] },
    { ...picture, unit: 'points', series: [{ name: 'g', points: [{ value: -0.2, low: -0.3, high: 0.1 }, null] }] },
    { ...picture, series: [{ name: 'g', points: [{ value: 0, low: null, high: null }, null] }], reported: [] },
    { ...picture, series: [{ name: 'nothing', points: [null, null] }] },
  ]
  for (const one of all) {
    const { text } = drawStudy(one)
    assert.doesNotMatch(text, /NaN|Infinity|undefined|<title>/)
    assert.match(text, /A &lt;title&gt;/)
  }
  assert.match(drawStudy(picture).text, /theirs: 40\.0 %, reported/)
  assert.match(pictureFile(picture), /^<\?xml[^]*<svg\s[^>]*xmlns[^>]*><style>/)
})

test('a study replaces the one before it, pictures too, and is found in its run', async (t) => {
  const run = folderOf(t)
  const folder = studyFolder(run, 'voting')
  mkdirSync(folder)
  writeFileSync(join(folder, 'picture-9.svg'), 'old')
  await writeStudy(folder, study)
  assert.deepEqual(readdirSync(folder).sort(), ['picture-1.svg', 'study.csv', 'study.json'])
  assert.deepEqual(await studiesIn(run), [study])
})
