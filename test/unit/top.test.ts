// `trmesh top`: reads what our processes write, and says what is known and no more.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { Exposition, rate } from '../../deploy/watch/exposition.js'
import { targetsFileOf } from '../../deploy/watch/top.js'
import { clock, percent, short, view } from '../../deploy/watch/view.js'
import { ConfigError } from '../../shared/errors.js'
import { Recorder } from '../../shared/observe/metrics.js'

async function written(role: 'coordinator' | 'worker', tell: (recorder: Recorder) => void, at: number) {
  const recorder = new Recorder(role)
  recorder.constant({ run: 'r' })
  tell(recorder)
  return Exposition.parse(await recorder.text(), at)
}

test('what a recorder writes is read back: values, labels with quotes, histograms', async () => {
  const read = await written(
    'worker',
    (recorder) => {
      recorder.set('trmesh_run_info', { run: 'r', preset: '', backend: 'a "b" \\ c', data: 'line\nbreak' }, 1)
      recorder.observe('trmesh_step_seconds', { phase: 'forward' }, 0.25)
      recorder.observe('trmesh_step_seconds', { phase: 'backward' }, 0.5)
    },
    0,
  )
  assert.deepEqual(read.all('trmesh_run_info')[0]?.labels, {
    run: 'r',
    preset: '',
    backend: 'a "b" \\ c',
    data: 'line\nbreak',
  })
  assert.equal(read.sum('trmesh_step_seconds_sum', { phase: 'forward' }), 0.25)
  assert.equal(read.sum('trmesh_step_seconds_sum'), 0.75)
  assert.equal(read.sum('trmesh_gradient_norm'), undefined)
  assert.equal(Exposition.parse('x{le="+Inf"} NaN', 0).all('x')[0]?.labels['le'], '+Inf')
})

test('a rate needs two readings, and none is told across a new beginning', () => {
  const at = (value: number, ms: number): Exposition => Exposition.parse(`c_total ${value}`, ms)
  assert.equal(rate('c_total', at(10, 0), undefined), undefined)
  assert.equal(rate('c_total', at(30, 2000), at(10, 0)), 10)
  assert.equal(rate('c_total', at(5, 2000), at(10, 0)), undefined)
  assert.equal(rate('c_total', at(5, 0), at(5, 0)), undefined)
})

test('numbers are short, shares are percent, times are clocks, the unknown is a dash', () => {
  assert.equal(short(1234), '1234')
  assert.equal(short(12345), '12.3 k')
  assert.equal(short(1_234_567, 'B'), '1.23 M' + 'B')
  assert.equal(short(0.12345), '0.12')
  assert.equal(short(undefined), '–')
  assert.equal(percent(0.1234), '12.3 %')
  assert.equal(percent(NaN), '–')
  assert.equal(clock(3661), '1:01:01')
  assert.equal(clock(undefined), '–')
})

test('a run is shown with its workers; one that is silent is said to be', async () => {
  const lead = (steps: number, at: number): Promise<Exposition> =>
    written(
      'coordinator',
      (recorder) => {
        recorder.set('trmesh_step', {}, steps)
        recorder.set('trmesh_steps_target', {}, 400)
        recorder.set('trmesh_loss', { part: 'total' }, 2.5)
        recorder.set('trmesh_loss', { part: 'lm' }, 2)
        recorder.count('trmesh_samples_total', {}, steps * 32)
        recorder.set('trmesh_checkpoint_timestamp_seconds', {}, 1000)
        recorder.set('trmesh_checkpoint_step', {}, 90)
        recorder.set('trmesh_checkpoint_bytes', {}, 2e6)
        recorder.set('trmesh_worker_slots', { worker: 'w0' }, 768)
        recorder.set('trmesh_worker_speed_ratio', { worker: 'w0' }, 0.456)
      },
      at,
    )
  const worker = (steps: number, at: number): Promise<Exposition> =>
    written(
      'worker',
      (recorder) => {
        recorder.set('trmesh_worker_phase', { phase: 'reducing' }, 1)
        for (let i = 0; i < steps; i++) recorder.observe('trmesh_step_seconds', { phase: 'forward' }, 0.02)
      },
      at,
    )
  const lines = view({
    run: 'r',
    coordinator: { now: await lead(100, 2000), before: await lead(90, 0) },
    workers: [
      { label: 'w0', reading: { now: await worker(20, 2000), before: await worker(10, 0) } },
      { label: 'w1', reading: undefined },
    ],
    time: 1065,
  })
  assert.match(lines[0] ?? '', /^run r {3}step 100 of 400 \(25\.0 %\)/)
  assert.match(lines[1] ?? '', /^loss +2\.50 .*exact – /)
  assert.match(lines[2] ?? '', /^pace +160 samples\/s/)
  assert.match(lines[3] ?? '', /step 90, 0:01:05 ago, 2\.00 MB/)
  assert.match(lines[4] ?? '', /none yet/)
  assert.match(lines[5] ?? '', /discarded 0 .*replica mismatches 0/)
  assert.match(lines.at(-3) ?? '', /^worker +doing +slots +speed +samples\/s/)
  assert.match(lines.at(-2) ?? '', /^w0 +reducing +768 +0\.46 .* 20\.0 ms/)
  assert.match(lines.at(-1) ?? '', /^w1 +no answer( +–)+$/)
  assert.ok(lines.every((line) => line.length <= 130))
})

test('the newest run of the folder is taken, or the one that is named; none is one clear refusal', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-top-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const refused = (runs: string, run?: string): boolean => {
    assert.throws(
      () => targetsFileOf(runs, run),
      (error) =>
        error instanceof ConfigError && error.message.includes(run ?? runs) && error.remedy.includes('--run.dir'),
    )
    return true
  }
  assert.ok(refused(folder) && refused(join(folder, 'absent')) && refused(folder, 'a'))
  for (const [name, time] of [
    ['a', 100],
    ['b', 200],
  ] as const) {
    writeFileSync(join(folder, `${name}.targets.json`), '[]')
    utimesSync(join(folder, `${name}.targets.json`), time, time)
  }
  assert.equal(targetsFileOf(folder, undefined), join(folder, 'b.targets.json'))
  assert.equal(targetsFileOf(folder, 'a'), join(folder, 'a.targets.json'))
  assert.ok(refused(folder, 'c'))
})
