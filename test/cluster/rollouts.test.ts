// Rollouts of `trmesh evaluate` over a real bus: neither workers nor the size of a unit change an answer; another seed does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseRecord } from '../../coordinator/evaluate/record.js'
import { natsFor, temporaryFolder, train, trmesh, withoutNats } from '../helpers/cluster.js'

test(
  'noisy and relabeled rollouts answer alike with one worker and with two, whatever a unit holds',
  { skip: withoutNats, timeout: 120_000 },
  async (t) => {
    const { url } = await natsFor(t)
    const { folder } = await train(t, url, 1, {
      ...{ 'run.dir': temporaryFolder(t), 'run.id': 'r', 'train.steps': 6 },
      ...{ 'data.kind': 'sudoku', 'data.canvas': 4, 'evaluate.augmentations': 0 },
    })
    const accuracies = async (...more: string[]) => {
      const to = temporaryFolder(t)
      const program = trmesh(t, [
        ...['evaluate', '--checkpoint', folder, '--to', to, '--nats', url, '--backend', 'wasm', '--threads', '1'],
        ...[
          '--rollouts',
          '3',
          '--evaluate.sigma',
          '1',
          '--evaluate.noiseOn',
          'all',
          '--evaluate.relabel',
          'on',
          ...more,
        ],
      ])
      assert.equal(await program.ended, 0, program.said())
      const record = parseRecord(readFileSync(join(to, 'evaluation.json'), 'utf8'), 'it')
      return { record, said: program.said() }
    }
    const one = await accuracies('--workers', '1')
    const two = await accuracies('--workers', '2', '--evaluate.batch', '5')
    assert.match(one.said, /cells right/)
    assert.deepEqual(two.record.accuracies, one.record.accuracies)
    const names = one.record.accuracies.map(({ name }) => name)
    assert.deepEqual(names, ['exact', 'valid board, givens kept', 'cells right', 'first rollout alone: exact'])
    const first = await accuracies('--workers', '1', '--evaluate.choose', 'first-to-halt')
    assert.ok(first.record.early !== null && first.record.early.meanSteps <= first.record.early.fullSteps)
    const plain = await accuracies('--workers', '1', '--rollouts', '0', '--evaluate.relabel', 'off')
    assert.equal(plain.record.asked.rows * 3, one.record.asked.rows)
    assert.notDeepEqual(plain.record.accuracies[2], one.record.accuracies[2], 'noise and choice make a difference')
  },
)
