// `trmesh evaluate` over a real bus: the same answers as the run's own evaluation, nothing written into the run, a whole
// answer sheet also where not every pair was asked, and a worker that dies costs only its share.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseRecord } from '../../coordinator/evaluate/record.js'
import { savedRun } from '../../coordinator/store/saved-run.js'
import { compileConfig } from '../../shared/config/compile.js'
import { asText, evaluate, natsFor, temporaryFolder, train, trmesh, until, work, workerProcess, withoutNats } from '../helpers/cluster.js' // prettier-ignore

const skip = withoutNats

/** Names, sizes and times of everything below a folder. */
const listing = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => [name, statSync(join(folder, name))] as const)
    .filter(([, stat]) => stat.isFile())
    .map(([name, { size, mtimeMs }]) => `${name} ${size} ${mtimeMs}`)
    .sort()

test('a checkpoint is evaluated as the run did it, and the run stays as it is', { skip }, async (t) => {
  const { url } = await natsFor(t)
  const dir = temporaryFolder(t)
  const flags = { 'run.dir': dir, 'run.id': 'e', 'train.steps': 4, 'evaluate.maxPairs': 0 }
  const { folder, said } = await train(t, url, 1, flags)
  const own = parseRecord(readFileSync(join(folder, 'evaluation-00000004.json'), 'utf8'), 'own')
  assert.match(said, /evaluation: .*submission\.json/)
  assert.equal(own.checkpoint, null)
  assert.match(said, /report: .*report\.html/)
  assert.match(readFileSync(join(folder, 'report.html'), 'utf8'), /<h1>Run e<\/h1>/)
  assert.equal(own.pairs.length, own.accuracies.find(({ name }) => name === 'test pairs solved')?.trials)
  assert.ok(own.pairs.every(({ votes, candidates }) => votes === candidates.reduce((sum, c) => sum + c.votes, 0)))

  assert.equal(own.watched.length, 24)
  for (const { task, pair, input, after } of own.watched) {
    assert.deepEqual(after.map(({ step }) => step), [1, 2, 3]) // prettier-ignore
    const same = own.pairs.find((other) => other.task === task && other.pair === pair)
    assert.deepEqual(input, same?.input)
    const last = after.at(-1)?.grid.join('/')
    assert.ok(
      same?.candidates.some(({ grid }) => grid?.join('/') === last),
      'the last step is one of the votes',
    )
  }

  const before = listing(folder)
  const out = temporaryFolder(t)
  const program = trmesh(t, [
    ...['evaluate', '--checkpoint', folder, '--to', out, '--nats', url, '--workers', '1', '--backend', 'wasm'],
    ...['--threads', '1'],
  ])
  assert.equal(await program.ended, 0, program.said())
  assert.match(program.said(), /unseen: pass@2 .*%.* to .*%/)
  assert.deepEqual(listing(folder), before, 'nothing is written into the run')
  const again = parseRecord(readFileSync(join(out, 'evaluation.json'), 'utf8'), 'again')
  assert.deepEqual(again.accuracies, own.accuracies)
  assert.deepEqual(again.pairs, own.pairs)
  assert.deepEqual(again.watched, own.watched)
  assert.equal(again.step, 4)
  assert.deepEqual(
    JSON.parse(readFileSync(join(out, 'submission.json'), 'utf8')),
    JSON.parse(readFileSync(join(folder, 'submission.json'), 'utf8')),
  )

  // Some of the pairs only: the sheet is whole all the same, and our own judge agrees.
  const part = temporaryFolder(t)
  const saved = await savedRun(folder)
  const config = compileConfig({
    preset: 'tiny',
    file: { path: saved.dir, text: saved.configText },
    env: {},
    flags: asText({ 'run.id': 'part', 'bus.url': url, 'evaluate.maxPairs': 3, 'evaluate.augmentations': 0 }),
  })
  const worker = work(t, url, 'part')
  await evaluate(t, config, { checkpoint: saved.dir, to: part }).done
  await worker.done
  const few = parseRecord(readFileSync(join(part, 'evaluation.json'), 'utf8'), 'few')
  assert.equal(few.pairs.length, 3)
  assert.ok(few.pairs.every(({ votes }) => votes === 1))
  const judge = trmesh(t, ['check-submission', join(part, 'submission.json'), '--checkpoint', folder])
  assert.equal(await judge.ended, 0, judge.said())
  assert.match(judge.said(), /has the form that ARC Prize asks for/)
})

test(
  'early halting is told beside the full number of steps; votes of earlier evaluations are kept if asked',
  { skip },
  async (t) => {
    const { url } = await natsFor(t)
    const flags = {
      ...{ 'run.dir': temporaryFolder(t), 'run.id': 'k', 'train.steps': 4, 'evaluate.everySteps': 2 },
      ...{ 'evaluate.votes': 'kept', 'evaluate.early': 'on' },
    }
    const { folder, said } = await train(t, url, 2, flags)
    assert.match(
      said,
      /evaluation after step 4: pass@2.*\n.*votes of 2 evaluations.*\n {2}halting early: pass@2.* of 3 steps/,
    )
    const of = (step: number) => parseRecord(readFileSync(join(folder, `evaluation-0000000${step}.json`), 'utf8'), 'it')
    const [one, two] = [of(2), of(4)]
    assert.deepEqual([one.evaluations, two.evaluations], [1, 2])
    assert.deepEqual(two.pairs.map(({ votes }) => votes), one.pairs.map(({ votes }) => 2 * votes)) // prettier-ignore
    assert.ok(two.early !== null && two.early.meanSteps >= 1 && two.early.meanSteps <= 3)
    assert.deepEqual(two.early.accuracies.map(({ name }) => name), two.accuracies.map(({ name }) => name)) // prettier-ignore

    const to = temporaryFolder(t)
    const program = trmesh(t, [
      ...['evaluate', '--checkpoint', folder, '--to', to, '--nats', url, '--workers', '1', '--backend', 'wasm'],
      ...['--threads', '1', '--early'],
    ])
    assert.equal(await program.ended, 0, program.said())
    assert.match(program.said(), /halting early: steps .*of 3 steps, .*% saved/)
    const again = parseRecord(readFileSync(join(to, 'evaluation.json'), 'utf8'), 'again')
    assert.deepEqual(again.accuracies.at(-1), two.accuracies.at(-1), 'cells are counted anew each time')
    assert.deepEqual(again.early?.meanSteps, two.early.meanSteps)
    assert.equal(again.evaluations, 1)
  },
)

test(
  'a worker that dies during an evaluation costs only its share, one that comes takes part in the rest',
  { skip },
  async (t) => {
    const { url } = await natsFor(t)
    // So many rows that whoever comes has built its replica before they are answered, also on a fast machine.
    const flags = { 'run.dir': temporaryFolder(t), 'run.id': 'd', 'train.steps': 2, 'data.generatedTestPairs': 12 }
    const { folder } = await train(t, url, 1, flags)
    const saved = await savedRun(folder)
    const config = compileConfig({
      preset: 'tiny',
      file: { path: saved.dir, text: saved.configText },
      env: {},
      flags: asText({
        ...{ 'run.id': 'dying', 'bus.url': url, 'cluster.minWorkers': 2, 'cluster.deadAfterMs': 700 },
        ...{ 'cluster.heartbeatMs': 100, 'evaluate.batch': 1, 'evaluate.maxPairs': 0, 'evaluate.augmentations': 100 },
      }),
    })
    const to = temporaryFolder(t)
    const left = work(t, url, 'dying', 'stays')
    const dying = workerProcess(t, url, 'dying', 'dies')
    const { out, done } = evaluate(t, config, { checkpoint: saved.dir, to })
    await until(
      () => `units: ${out.text}`,
      () => /evaluating: [1-9]/.test(out.text),
    )
    dying.kill('SIGKILL')
    const comes = work(t, url, 'dying', 'comes')
    await done
    await Promise.all([left.done, comes.done])
    assert.match(out.text, /died/)
    assert.match(out.text, /2 workers are in for the rest of the evaluation/)
    const { pairs, asked } = parseRecord(readFileSync(join(to, 'evaluation.json'), 'utf8'), 'it')
    assert.equal(pairs.reduce((sum, { votes }) => sum + votes, 0), asked.rows, 'every row was answered once') // prettier-ignore
  },
)
