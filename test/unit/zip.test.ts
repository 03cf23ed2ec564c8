// The table of contents of a zip archive: plain and zip64, and every lie about sizes and places.
import assert from 'node:assert/strict'
import test from 'node:test'
import { dataStart, findDirectory, parseDirectory, STORED, type ZipEntry } from '../../shared/zip.js'
import { zipArchive } from '../native/zip-archive.js'

class Refused extends Error {}
const refuse = (why: string): never => {
  throw new Refused(why)
}

const MEMBERS = [
  { name: 'a/data.pkl', data: Buffer.from('pickle'), stored: true },
  { name: 'a/data/0', data: Buffer.alloc(100, 7), stored: true },
]
const plain = zipArchive(MEMBERS)
const END = 22

function read(file: Uint8Array): ZipEntry[] {
  const directory = findDirectory(file, file.length, refuse)
  const bytes = file.subarray(directory.offset, directory.offset + directory.length)
  return parseDirectory(bytes, directory, refuse)
}

function contents(file: Uint8Array): Buffer[] {
  return read(file).map((entry) => {
    const start = dataStart(file.subarray(entry.offset, entry.offset + 30), entry, file.length, refuse)
    return Buffer.from(file.subarray(start, start + entry.packedSize))
  })
}

/** The same archive with every number that zip64 may carry moved there. */
function zip64(): Buffer {
  const end = plain.length - END
  const from = plain.readUInt32LE(end + 16)
  const entries: Buffer[] = []
  for (let at = from; at < end;) {
    const name = plain.readUInt16LE(at + 28)
    const entry = Buffer.from(plain.subarray(at, at + 46 + name))
    const extra = Buffer.alloc(4 + 5 + 28)
    extra.writeUInt16LE(0x5455, 0) // another field first
    extra.writeUInt16LE(1, 2)
    extra.writeUInt16LE(1, 5)
    extra.writeUInt16LE(24, 7)
    extra.writeBigUInt64LE(BigInt(entry.readUInt32LE(24)), 9)
    extra.writeBigUInt64LE(BigInt(entry.readUInt32LE(20)), 17)
    extra.writeBigUInt64LE(BigInt(entry.readUInt32LE(42)), 25)
    for (const place of [20, 24, 42]) entry.writeUInt32LE(0xffffffff, place)
    entry.writeUInt16LE(33, 30)
    entries.push(entry, extra.subarray(0, 33))
    at += 46 + name
  }
  const directory = Buffer.concat(entries)
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06064b50, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeBigUInt64LE(2n, 24)
  end64.writeBigUInt64LE(2n, 32)
  end64.writeBigUInt64LE(BigInt(directory.length), 40)
  end64.writeBigUInt64LE(BigInt(from), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(BigInt(from + directory.length), 8)
  const last = Buffer.from(plain.subarray(end))
  last.writeUInt16LE(0xffff, 10)
  last.writeUInt32LE(0xffffffff, 12)
  last.writeUInt32LE(0xffffffff, 16)
  return Buffer.concat([plain.subarray(0, from), directory, end64, locator, last])
}

test('plain and zip64 archives hold the same', () => {
  for (const file of [plain, zip64()]) {
    assert.deepEqual(
      read(file).map(({ name, size, packedSize, method }) => ({ name, size, packedSize, method })),
      MEMBERS.map(({ name, data }) => ({ name, size: data.length, packedSize: data.length, method: STORED })),
    )
    assert.deepEqual(
      contents(file),
      MEMBERS.map(({ data }) => data),
    )
  }
})

const lies: [string, (file: Buffer, end: number) => void, RegExp][] = [
  ['a directory beyond the file', (f, end) => f.writeUInt32LE(1 << 30, end + 16), /directory ends at byte/],
  ['a directory too short', (f, end) => f.writeUInt32LE(90, end + 12), /no room for 2 entries/],
  ['too many entries', (f, end) => f.writeUInt16LE(60000, end + 10), /no room for 60000 entries/],
  ['one entry more', (f, end) => f.writeUInt16LE(3, end + 10), /no room for 3|entry 2 of its directory/],
  ['zip64 that is not there', (f, end) => f.writeUInt16LE(0xffff, end + 10), /should be of zip64/],
  ['an encrypted entry', (f, end) => f.writeUInt16LE(1, f.readUInt32LE(end + 16) + 8), /encrypted/],
  ['a name beyond the directory', (f, end) => f.writeUInt16LE(0xffff, f.readUInt32LE(end + 16) + 28), /entry 0/],
  [
    'an entry beyond the file',
    (f, end) => f.writeUInt32LE(1 << 30, f.readUInt32LE(end + 16) + 20),
    /ends beyond the file/,
  ],
  ['a local header elsewhere', (f, end) => f.writeUInt32LE(3, f.readUInt32LE(end + 16) + 42), /no local header/],
]
for (const [what, change, why] of lies) {
  test(`refused: ${what}`, () => {
    const file = Buffer.from(plain)
    change(file, file.length - END)
    assert.throws(
      () => contents(file),
      (error) => error instanceof Refused && why.test(error.message),
    )
  })
}

test('zip64 numbers beyond 2^53, or outside the file, are refused', () => {
  const whole = zip64()
  const end64 = whole.length - END - 20 - 56
  for (const at of [end64 + 32, end64 + 40, end64 + 48, whole.length - END - 20 + 8])
    for (const value of [2n ** 64n - 1n, 2n ** 40n]) {
      const file = Buffer.from(whole)
      file.writeBigUInt64LE(value, at)
      assert.throws(() => contents(file), Refused)
    }
})

test('cut off at any byte, or with any byte changed: what is read is refused or lies in the file', () => {
  for (const whole of [plain, zip64()])
    for (let i = 0; i < whole.length; i++) {
      assert.throws(() => contents(whole.subarray(0, i)), Refused, `${i} bytes`)
      const changed = Buffer.from(whole)
      changed[i] = changed.readUInt8(i) ^ 0x81
      try {
        contents(changed)
      } catch (error) {
        assert.ok(error instanceof Refused, `byte ${i}: ${String(error)}`)
      }
    }
})
