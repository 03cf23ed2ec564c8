// A worker that is slow all of a sudden (a real process, stopped and continued many times a second): its slots go to the others,
// with the smallest share it still holds everyone up, so it stands by. In mode exact not a bit changes, whatever its speed, and
// neither if it dies in the very moment in which it hands over what it had.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { afterwards, configOf, contentsOf, coordinate, journalOf, lastStep, lossesOf, natsFor, temporaryFolder, train, until, withoutNats, work, workerProcess, type Flags, type Process } from '../helpers/cluster.js' // prettier-ignore

// So many that the run outlasts the time after which a silent worker is dead.
const STEPS = 200
const RUNS_MS = 20
const RESTS_MS = 200

/** Slows a process down to about a tenth. @returns an end to it */
function slowDown(victim: Process): () => void {
  let timer: NodeJS.Timeout | undefined
  const go = (signal: 'SIGSTOP' | 'SIGCONT', ms: number): void => {
    victim.kill(signal)
    timer = setTimeout(() => (signal === 'SIGSTOP' ? go('SIGCONT', RUNS_MS) : go('SIGSTOP', RESTS_MS)), ms)
  }
  go('SIGSTOP', RESTS_MS)
  return () => {
    clearTimeout(timer)
    victim.kill('SIGCONT')
  }
}

test(
  'a straggler loses slots, then stands by, and may die over it: the same bits',
  { skip: withoutNats, timeout: 240_000 },
  async (t) => {
    // prettier-ignore
    const { url } = await natsFor(t)
    const dir = temporaryFolder(t)
    const flags: Flags = {
      ...{ 'run.dir': dir, 'train.steps': STEPS, 'checkpoint.everySteps': 20, 'cluster.minWorkers': 1 },
      ...{ 'reduce.mode': 'exact', 'reduce.group': 2, 'train.slots': 10 },
    }
    for (const fate of ['stands by', 'dies'] as const) {
      const run = fate.replace(' ', '-')
      const folder = join(dir, run)
      const slow = workerProcess(t, url, run, 'slow')
      const config = configOf({ ...flags, 'run.id': run, 'bus.url': url, 'cluster.balance': 'speed' })
      const coordinator = coordinate(t, config)
      // It is the first of the team, and owns two of five groups.
      await until('it to train', () => lastStep(folder) > 0)
      const crew = [work(t, url, run, 'a'), work(t, url, run, 'b')]
      await until('all three to train', () => journalOf(folder).at(-1)?.workers === 3)
      const recover = slowDown(slow)
      afterwards(t, recover)
      const drained =
        /slow takes [\d.]+ times as long as the next with the least there is to do: it stands by until step (\d+)/
      await until(
        () => `it to stand by; ${coordinator.out.text.slice(-600)}`,
        () => drained.test(coordinator.out.text),
        90_000,
      )
      if (fate === 'dies') slow.kill('SIGKILL')
      recover()
      await coordinator.done
      await Promise.all(crew.map(({ done }) => done))
      if (fate === 'stands by') assert.equal(await slow.ended, 0)
      const said = coordinator.out.text
      assert.match(said, /slots follow speed: slow 2\b/)
      if (fate === 'dies') assert.match(said, /slow died: nothing heard/)
      else assert.equal(journalOf(folder).findLast(({ step }) => step === STEPS)?.workers, 2)
      t.diagnostic(
        `${fate}: ${drained.exec(said)?.[0]}; ${/exact: the carries[^\n]*/.exec(said)?.[0] ?? 'nothing was lost'}`,
      )
    }
    const whole = await train(t, url, 1, { ...flags, 'run.id': 'whole' })
    for (const run of ['stands-by', 'dies']) {
      assert.deepEqual([...lossesOf(join(dir, run))], [...lossesOf(whole.folder)], run)
      assert.deepEqual(contentsOf(join(dir, run), STEPS), contentsOf(whole.folder, STEPS), run)
    }
  },
)
