// The tar reader against an archive written by the system's tar.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileFromTarGz } from '../../deploy/setup/tar.js'

const hasTar = spawnSync('tar', ['--version']).status === 0

test('finds a file among folders and others, by its name', { skip: hasTar ? false : 'no tar program here' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-tar-'))
  mkdirSync(join(folder, 'release', 'bin'), { recursive: true })
  const program = Buffer.from(Array.from({ length: 70_001 }, (_, i) => (i * i) % 251))
  writeFileSync(join(folder, 'release', 'README'), 'x'.repeat(513))
  writeFileSync(join(folder, 'release', 'bin', 'program'), program)
  assert.equal(spawnSync('tar', ['czf', 'a.tgz', 'release'], { cwd: folder }).status, 0)
  const archive = readFileSync(join(folder, 'a.tgz'))
  assert.deepEqual(fileFromTarGz(archive, 'program'), program)
  assert.equal(fileFromTarGz(archive, 'README').length, 513)
  assert.throws(() => fileFromTarGz(archive, 'absent'), /holds no file absent/)
  rmSync(folder, { recursive: true })
})
