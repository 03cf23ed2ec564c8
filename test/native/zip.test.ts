// The zip reader: what was put in comes out, and damage is noticed and named.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import { Zip } from '../../deploy/setup/zip.js'
import { DataError } from '../../shared/errors.js'
import { zipArchive, type ZipMember } from './zip-archive.js'

const folder = mkdtempSync(join(tmpdir(), 'trmesh-zip-'))
after(() => rmSync(folder, { recursive: true }))

function written(bytes: Buffer): string {
  const path = join(folder, 'a.zip')
  writeFileSync(path, bytes)
  return path
}

test('any members come out as they went in', async () => {
  const data = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes))
  const member = fc.record({ data, stored: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(
      fc.array(member, { maxLength: 4 }),
      fc.string({ unit: 'grapheme-ascii', maxLength: 40 }),
      async (drawn, comment) => {
        const members: ZipMember[] = drawn.map((each, i) => ({ name: `dir-${i}/naïve ${i}.bin`, ...each }))
        const zip = await Zip.open(written(zipArchive(members, comment)))
        assert.deepEqual(
          zip.entries.map((entry) => entry.name),
          members.map((each) => each.name),
        )
        for (const [i, entry] of zip.entries.entries()) {
          const target = join(folder, 'out', String(i))
          await zip.extract(entry, target)
          assert.deepEqual(readFileSync(target), members[i]?.data)
        }
        await zip.close()
      },
    ),
    { numRuns: 25 },
  )
})

test('a text entry is read at once', async () => {
  const zip = await Zip.open(written(zipArchive([{ name: 'METADATA', data: Buffer.from('Name: tensorflow\n') }])))
  const [entry] = zip.entries
  assert.ok(entry)
  assert.equal(await zip.text(entry), 'Name: tensorflow\n')
  await zip.close()
})

test(
  'a wrong checksum is noticed',
  { skip: typeof zlib.crc32 === 'function' ? false : 'this Node has no crc32' },
  async () => {
    const zip = await Zip.open(written(zipArchive([{ name: 'a', data: Buffer.from('abc'), crc: 1 }])))
    const [entry] = zip.entries
    assert.ok(entry)
    await assert.rejects(zip.extract(entry, join(folder, 'a')), /a\.zip is damaged: a has a wrong CRC-32/)
    await zip.close()
  },
)

test('a file that is no archive, was cut off, or is not there is refused', async () => {
  const whole = zipArchive([{ name: 'a', data: Buffer.alloc(5000, 7), stored: true }])
  await assert.rejects(Zip.open(written(Buffer.from('PK, but no more'))), DataError)
  await assert.rejects(Zip.open(written(whole.subarray(0, 3000))), /no zip archive, or was cut off/)
  await assert.rejects(Zip.open(written(Buffer.concat([whole.subarray(0, 100), whole.subarray(2000)]))), DataError)
  await assert.rejects(Zip.open(join(folder, 'absent.zip')), /cannot read/)
})
