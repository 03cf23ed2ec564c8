// The report of a run: nothing that stands in its names can break it, and it can be written whatever is missing.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { evaluationRecord, parseRecord, recordText } from '../../coordinator/evaluate/record.js'
import { median, parseJournal, smoothed, thinned, throughput } from '../../coordinator/report/curves.js'
import { ticks } from '../../coordinator/report/html/chart.js'
import { escape, html } from '../../coordinator/report/html/markup.js'
import { percent, plain } from '../../coordinator/report/html/numbers.js'
import { reportPage } from '../../coordinator/report/html/page.js'
import { chooseHalf } from '../../coordinator/report/html/cards.js'
import { picture } from '../../coordinator/report/html/pictures.js'
import { publishedRows } from '../../coordinator/report/html/published.js'
import { latestEvaluation } from '../../coordinator/report/run-folder.js'
import { DataError } from '../../shared/errors.js'
import { folderOf } from '../helpers/checkpoints.js'
import { madeUpConfig, madeUpEvaluation, madeUpJournal, madeUpRun } from '../helpers/report.js'

const EVIL = `<script>alert("x")</script>&'`

test('whatever stands in a name is text', () => {
  assert.equal(escape(EVIL), '&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&amp;&#39;')
  assert.equal(html`<p title="${EVIL}">${[html`<b>${1}</b>`, false, undefined]}</p>`.text.match(/<b>1<\/b>/)?.length, 1)
  const evaluation = madeUpEvaluation({
    ...{ machine: EVIL, created: EVIL, data: { source: EVIL, description: EVIL, hash: EVIL } },
    workers: [{ label: EVIL, backend: EVIL, device: EVIL, precision: EVIL }],
  })
  const [first] = evaluation.pairs
  const pairs = [{ ...first!, task: EVIL }]
  const page = reportPage(madeUpRun({ name: EVIL, machine: EVIL, date: EVIL, evaluation: { ...evaluation, pairs } }))
  assert.ok(page.includes(escape(EVIL)))
  assert.ok(!page.includes('<script'))
  assert.doesNotMatch(page, /(src|href)="?(https?:)?\/\//, 'nothing is loaded from anywhere')
})

test('an empty run, one without evaluation, one of an unknown configuration: all have a page', () => {
  const nothing = { journal: parseJournal(''), evaluation: undefined, config: undefined, checkpoint: undefined, parameters: undefined } // prettier-ignore
  const pages = [
    reportPage(madeUpRun(nothing)),
    reportPage(madeUpRun({ evaluation: undefined })),
    reportPage(madeUpRun({ config: undefined })),
    reportPage(madeUpRun({ evaluation: { ...madeUpEvaluation(), pairs: [], accuracies: [] } })),
    reportPage(madeUpRun({ journal: parseJournal('{"step":1}\n') })),
  ]
  for (const page of pages) {
    assert.doesNotMatch(page.replace(/<style>.*<\/style>/s, ''), /NaN|Infinity|undefined|null|\[object/)
    assert.equal(page.match(/<svg/g)?.length, page.match(/<\/svg>/g)?.length)
  }
  assert.match(pages[0]!, /Nothing was trained yet/)
  assert.match(pages[1]!, /has not been evaluated/)
})

test('NaN, infinities and half a line in the journal are gaps, not zeros', () => {
  const text = [
    '{"step":1,"loss":null,"halted":0}',
    '{"step":2,"loss":4,"cellAccuracy":0.5,"halted":2}',
    '{"step":3,"loss":2,"cellAccuracy":1,"halted":6}',
    '[]',
    '{"step":',
  ].join('\n')
  const { steps, unreadable } = parseJournal(text)
  assert.equal(unreadable, 2)
  const loss = smoothed(steps, 2, (line) => line.loss).map(([, y]) => y)
  assert.ok(Number.isNaN(loss[0]))
  assert.deepEqual(loss.slice(1), [4, 3])
  const cells = smoothed(steps, 3, (line) => line.cells, (line) => line.halted) // prettier-ignore
  assert.equal(cells.at(-1)?.[1], 0.875, 'weighted by the slots that halted')
  assert.equal(percent(NaN), '–')
  assert.equal(plain(-Infinity), '–')
  const page = reportPage(madeUpRun({ journal: parseJournal('{"step":1,"loss":1e999}\n{"step":2,"loss":null}\n') }))
  assert.doesNotMatch(page.replace(/<style>.*<\/style>/s, ''), /NaN|Infinity/)
})

test('a step done twice counts once, as it was done last; a pause is no slow step', () => {
  const time = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds).toISOString()
  const line = (step: number, seconds: number, loss: number): string =>
    JSON.stringify({ step, time: time(seconds), loss })
  const first = [1, 2, 3, 4, 5, 6].map((step) => line(step, step, step))
  const resumed = [line(5, 500, 50), line(6, 501, 60), line(7, 800, 70), line(8, 802, 80)]
  const { steps } = parseJournal([...first, ...resumed].join('\n'))
  assert.deepEqual(steps.map(({ loss }) => loss), [1, 2, 3, 4, 50, 60, 70, 80]) // prettier-ignore
  assert.deepEqual(steps.map(({ seconds }) => seconds), [NaN, 1, 1, 1, NaN, 1, NaN, 2]) // prettier-ignore
  assert.deepEqual(throughput(steps, 2, 10, 8).map(([, y]) => y).slice(1, 4), [10, 10, 10]) // prettier-ignore
  assert.ok(Number.isNaN(median([NaN])))
  assert.equal(median([3, 1, 2, 10]), 2.5)
})

test('long curves are thinned without losing their ends or their level', () => {
  const points = Array.from({ length: 1000 }, (_, i) => [i + 1, i % 2] as const)
  const few = thinned(points, 100)
  assert.equal(few.length, 100)
  assert.equal(few.at(-1)?.[0], 1000)
  assert.ok(few.every(([, y]) => y === 0.5))
  assert.deepEqual(thinned(points.slice(0, 5), 100), points.slice(0, 5))
})

test('ticks are round, in order, and hold what they are asked to hold', () => {
  for (const [low, high] of [
    [0, 1],
    [0.31, 2.9],
    [-3, 8],
    [1e-7, 2e-7],
    [5, 5],
    [0, 0],
    [100, 518071],
  ] as const) {
    // prettier-ignore
    const found = ticks(low, high, 4)
    assert.ok(found.length >= 2 && found.length <= 7, `${low} to ${high}: ${found.join()}`)
    assert.ok(found[0]! <= low && found.at(-1)! >= high, found.join())
    assert.ok(found.every((tick, i) => i === 0 || tick > found[i - 1]!))
  }
  assert.deepEqual(ticks(0, 1, 4), [0, 0.25, 0.5, 0.75, 1])
})

test('wrong cells are marked, an empty grid is said to be empty', () => {
  const dots = (rows: readonly string[], truth: readonly string[]): number =>
    picture(rows, 'it', truth).text.match(/<circle/g)?.length ?? 0
  assert.equal(dots(['01', '23'], ['01', '32']), 2)
  assert.equal(dots(['01', '23'], ['01', '23']), 0)
  assert.equal(dots(['01'], ['01', '23']), 0, 'of another size, no cell can be compared')
  assert.match(picture([], 'it').text, /empty/)
})

test('pairs are chosen from the solved and the unsolved, in the order of the test set', () => {
  const [pair] = madeUpEvaluation().pairs
  const list = Array.from({ length: 40 }, (_, i) => ({ ...pair!, pair: i, rank: i < 30 ? -1 : 0 }))
  const solved = ({ rank }: { rank: number }): boolean => rank >= 0
  const chosen = chooseHalf(list, solved, 12)
  assert.equal(chosen.filter(({ rank }) => rank === 0).length, 6)
  assert.deepEqual(chosen.map((one) => one.pair), chosen.map((one) => one.pair).toSorted((a, b) => a - b)) // prettier-ignore
  assert.equal(chooseHalf(list.slice(25, 31), solved, 12).length, 6)
  assert.equal(chooseHalf(list.slice(0, 30), solved, 12).length, 12)
  assert.deepEqual(chooseHalf([], solved, 12), [])
})

test('a published figure stands beside ours only where the same thing was measured', () => {
  const config = madeUpConfig()
  const evaluation = madeUpEvaluation()
  assert.ok(publishedRows(config, evaluation).every(({ measured, source, grade }) => /measured/.test(measured) && source !== '' && grade !== '')) // prettier-ignore
  const arc = { ...config, data: { ...config.data, source: 'arc-agi-1' } }
  const ours = publishedRows(arc, evaluation).filter(({ measured }) => measured.includes('%'))
  assert.ok(ours.length > 0 && ours.every(({ what }) => /^TRM-Att.*ARC-AGI-1/.test(what)), JSON.stringify(ours))
  assert.ok(publishedRows(arc, evaluation).some(({ measured }) => measured === 'other network'))
  const part = { ...evaluation, asked: { ...evaluation.asked, maxPairs: 6 } }
  assert.ok(
    !publishedRows(arc, part).some(({ measured }) => measured.includes('%')),
    'a part of the set is not the set',
  )
  const sudoku = { ...config, data: { ...config.data, kind: 'sudoku' as const } }
  assert.ok(publishedRows(sudoku, undefined).every(({ what }) => what.includes('Sudoku')))
})

test('evaluation.json is read back as it was written; of two, the later step counts', async (t) => {
  const folder = folderOf(t)
  const record = madeUpEvaluation()
  assert.deepEqual(parseRecord(recordText(record), 'it'), record)
  assert.equal(record.pairs.length, 48)
  const empty = evaluationRecord(record, { score: 0, accuracies: [], evaluations: 1 })
  assert.deepEqual(parseRecord(recordText(empty), 'it').pairs, [])
  assert.equal(await latestEvaluation(folder), undefined)
  writeFileSync(join(folder, 'evaluation-00000900.json'), recordText({ ...empty, step: 900 }))
  writeFileSync(join(folder, 'evaluation-00001000.json'), recordText({ ...empty, step: 1000 }))
  assert.equal((await latestEvaluation(folder))?.step, 1000)
  mkdirSync(join(folder, 'evaluation-00001000'))
  const part = { ...empty, step: 1000, created: '2030', run: 'part', asked: { ...empty.asked, rows: 1 } }
  writeFileSync(join(folder, 'evaluation-00001000', 'evaluation.json'), recordText(part))
  assert.equal((await latestEvaluation(folder))?.run, 'made-up', 'a look at a part does not replace the whole')
  writeFileSync(join(folder, 'evaluation-00001000.json'), '{"kind":"trmesh evaluation"}')
  await assert.rejects(latestEvaluation(folder), (error) => error instanceof DataError && /1000\.json: .*format/.test(error.message)) // prettier-ignore
  for (const broken of ['', '{"kind": "x"}', recordText(record).replace('"input":["', '"input":["<')])
    assert.throws(() => parseRecord(broken, 'it'), DataError)
})

test('early halting stands beside the full number of steps, and says what it would save', () => {
  const plainRecord = madeUpEvaluation()
  assert.equal(plainRecord.early, null)
  assert.doesNotMatch(reportPage(madeUpRun()), /alting early/)
  const [first] = plainRecord.accuracies
  const early = { accuracies: [{ ...first!, value: 0.125, low: 0.0625, high: 0.25 }], meanSteps: 4, fullSteps: 16 }
  const record = { ...plainRecord, early, evaluations: 3 }
  assert.deepEqual(parseRecord(recordText(record), 'it').early, early)
  const page = reportPage(madeUpRun({ evaluation: record }))
  assert.match(page, /data-of="halting early">12\.5 %</)
  assert.match(page, /took 4 of 16 supervision\s+steps on average, which would save\s+75\.0 % of them/)
  assert.match(page, /Votes of 3 evaluations/)
  // Files of before: no early halting, nothing kept.
  const { early: _, after: __, evaluations: ___, ...old } = plainRecord
  assert.deepEqual(parseRecord(JSON.stringify(old), 'old'), plainRecord)
})

test('some pairs are shown step by step, with the table of their votes', () => {
  const evaluation = madeUpEvaluation()
  assert.equal(evaluation.watched.length, 24)
  const [first] = evaluation.watched
  assert.deepEqual(first!.after.map(({ step }) => step), [1, 2, 4, 8]) // prettier-ignore
  const pair = evaluation.pairs.find(({ task, pair }) => task === first!.task && pair === first!.pair)
  assert.deepEqual([first!.input, first!.solution], [pair?.input, pair?.solution])
  assert.deepEqual(first!.after[0]?.grid, first!.input, 'drawn in the frame of the task')
  const page = reportPage(madeUpRun())
  for (const step of ['after 1 step', 'after 2 steps', 'after 4 steps', 'after 8 steps'])
    assert.equal(page.match(new RegExp(`<figcaption>\\s*${step}`, 'g'))?.length, 12, step)
  assert.equal(page.match(/class="ballot"/g)?.length, 12)
  assert.match(page, /those to the question as it stands/)
  const without = reportPage(madeUpRun({ evaluation: { ...evaluation, watched: [] } }))
  assert.doesNotMatch(without, /after 1 step/)
  assert.match(without, /aria-label="second:/)
})

test('puzzles without votes are shown step by step too', () => {
  const evaluation = madeUpEvaluation()
  const watched = [
    { task: 'maze-0', pair: 0, input: ['35', '02'], solution: ['35', '82'], after: [{ step: 1, confidence: 0.25, grid: ['35', '02'] }, { step: 16, confidence: 0.75, grid: ['35', '82'] }] }, // prettier-ignore
    { task: EVIL, pair: 0, input: ['35', '02'], solution: null, after: [{ step: 1, confidence: 0.25, grid: [] }] },
  ]
  const record = { ...evaluation, pairs: [], watched }
  assert.deepEqual(parseRecord(recordText(record), 'it').watched, watched)
  const page = reportPage(madeUpRun({ evaluation: record }))
  assert.match(page, /Puzzles, step by step/)
  assert.match(page, /maze-0 <span class="badge good">as labelled/)
  assert.ok(page.includes(escape(EVIL)) && !page.includes('<script'))
  assert.match(page, /q 75 %/)
})

test('a run of half a million steps still makes a small page', () => {
  const steps = 20_000
  const page = reportPage(madeUpRun({ journal: parseJournal(madeUpJournal(steps)) }))
  assert.ok(page.length < 400_000, `${page.length} characters`)
})
