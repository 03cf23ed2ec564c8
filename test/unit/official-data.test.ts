// The official files beside the checkout: a reduced form of `trmesh data verify`, and the pool put together from repositories.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, test } from 'node:test'
import { contentHash, DATA_SETS, type DataSetName } from '../../coordinator/data/data-sets.js'
import { readBuild } from '../../coordinator/data/folder.js'
import { readNamed } from '../../coordinator/data/official-build.js'
import { openExampleSource } from '../../coordinator/data/open.js'
import { countBatches } from '../../coordinator/data/official-order.js'
import { hashIdentifiers, hashSplit } from '../../shared/arc/official-build.js'
import { buildPool, type Pool } from '../../shared/arc/pool.js'
import { keysInOrder } from '../../shared/arc/json-keys.js'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const data = resolve(process.cwd(), '../shared/data')
const kaggle = join(data, 'kaggle')
const skip = existsSync(kaggle) ? false : `${kaggle} is not here`

test('keys keep the order of the text, even those that look like numbers', () => {
  const text = '{"b": {"9": [1, "x,\\"{"]}, "22": [{"z": 1}], "a\\n": 3, "1": {}}'
  assert.deepEqual(keysInOrder(text), ['b', '22', 'a\n', '1'])
  assert.deepEqual(keysInOrder('{}'), [])
})

describe('official data', { skip }, () => {
  const pool = async (augmentations: number, from: 'kaggle' | 'repositories'): Promise<Pool> => {
    const { subsets, testSubset } = await (from === 'kaggle'
      ? readBuild(kaggle, 'arc-agi-1')
      : readNamed(data, 'arc-agi-1'))
    return buildPool(subsets, { seed: 42, augmentations, canvas: 30, testSubset })
  }

  test('ARC-1 has the published identifiers, groups, examples and steps of the first chunk', async () => {
    const built = await pool(1000, 'kaggle')
    assert.equal(built.numIdentifiers, 876_406)
    assert.equal(hashIdentifiers(built), '9f42efad9afc8796ba45dafa973e19484bc7d9006a847eba632453ff397b1ac9')
    assert.deepEqual([built.groups.length, built.trainExamples, built.testGroups.length], [960, 3_633_410, 400])
    assert.equal(built.groups.filter(({ from, to }) => to - from === 1001).length, 796)
    const lots = built.groups.map(({ from, to, train }) => ({ from, to, examples: train.length }))
    const config = { batch: 768, seed: 0, epochsPerChunk: 1000, choiceSeed: 0 }
    // A tenth of a published chunk of 51,807 batches.
    assert.ok(Math.abs(countBatches(lots, config, 1) - 5181) <= 1)
  })

  test('the repositories give the same pool as the official files', async () => {
    const [a, b] = await Promise.all([pool(10, 'kaggle'), pool(10, 'repositories')])
    assert.equal(hashIdentifiers(b), hashIdentifiers(a))
    const inputs = (built: Pool): string => {
      const hashing = hashSplit(built, 'train')
      let step = hashing.next()
      while (step.done !== true) step = hashing.next()
      return step.value.sha256.inputs
    }
    assert.equal(inputs(b), inputs(a))
  })

  test('a folder that holds both builds is read as the one asked for', async () => {
    const config = { kind: 'arc', canvas: 30, sizes: '', augmentations: 0, poolSeed: 42, firstPuzzle: 1, sampler: 'slots', chunkEpochs: 1, generatedFamilies: 1, generatedTasksPerFamily: 1, generatedTrainPairs: 1, generatedTestPairs: 1, minDifficulty: 0, subsample: 1000, generatedMinDifficulty: 0, generatedTestBoards: 0 } as const // prettier-ignore
    for (const [source, tasks] of [
      [kaggle, 960],
      [`${kaggle}#arc-agi-2`, 1280],
    ] as const) {
      // prettier-ignore
      const opened = await openExampleSource({ ...config, source }, 0, 4, { cacheDir: data, threads: 0 })
      assert.equal(opened.numPuzzles, tasks + 1)
      await opened.close()
    }
  })

  for (const name of Object.keys(DATA_SETS) as DataSetName[])
    test(`${name}: the pinned content is that of the published copy`, () => {
      const set = DATA_SETS[name]
      const files = new Map<string, Uint8Array>()
      for (const entry of readdirSync(join(data, name), { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name)
        const wanted = set.wanted.exec(path.slice(join(data, name).length + 1))?.groups?.['path']
        if (entry.isFile() && wanted !== undefined) files.set(wanted, readFileSync(path))
      }
      assert.equal(files.size, set.files)
      assert.equal(contentHash(files), set.sha256)
    })
})
