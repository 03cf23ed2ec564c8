// The pickle machine: what torch.save writes is built, everything else is refused in words, whatever the bytes are.
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MAX_OPCODES, PickleDict, PickleList, PickleTuple, unpickle } from '../../coordinator/import/pickle.js'
import { readStateDict } from '../../coordinator/import/state-dict.js'

class Refused extends Error {}
const refuse = (why: string): never => {
  throw new Refused(why)
}

/** Text as its bytes, numbers as one byte each. */
const bytes = (...parts: (string | number)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.of(part))))
const word = (text: string): string => `X${String.fromCharCode(text.length)}\0\0\0${text}`
const EMPTY_ORDERED = 'ccollections\nOrderedDict\n)R'
const storage = (elements: string, type = 'FloatStorage', key = '0'): string =>
  `(${word('storage')}ctorch\n${type}\n${word(key)}${word('cpu')}${elements}tQ`
const rebuilt = (view: string, tail = `\x89${EMPTY_ORDERED}`, held = storage('K\x06')): string =>
  `ctorch._utils\n_rebuild_tensor_v2\n(${held}${view}${tail}tR`
const dict = (name: string, value: string): string => `\x80\x02}${word(name)}${value}s.`
/** Offset 0, size (2, 3), stride (3, 1) of a storage of six. */
const GOOD = dict('a', rebuilt('K\0K\x02K\x03\x86K\x03K\x01\x86'))

const none = {
  refuse,
  global: (name: string): never => refuse(name),
  persistent: (): never => refuse('persistent'),
}

test('values of every opcode that is read', () => {
  const list = unpickle(bytes('\x80\x02](', 'K\x07K\x08e', 'K\x09a.'), none)
  assert.ok(list instanceof PickleList)
  assert.deepEqual(list.items, [7, 8, 9])
  const numbers = 'K\x07M\x01\x02J\xff\xff\xff\xff\x8a\x05\0\0\0\0\x01\x8a\x01\x80\x8a\0G\x3f\xf8\0\0\0\0\0\0'
  const tuple = unpickle(bytes(`(${numbers}\x88\x89N${word('\xc3\xa9')}t.`), none)
  assert.ok(tuple instanceof PickleTuple)
  assert.deepEqual(tuple.items, [7, 513, -1, 2 ** 32, -128, 0, 1.5, true, false, null, 'é'])
  const dict = unpickle(bytes(`}q\0${word('k')}K\x01sr\x01\0\0\0${word('l')}h\0s.`), none)
  assert.ok(dict instanceof PickleDict)
  assert.equal(dict.entries.get('k'), 1)
  assert.equal(dict.entries.get('l'), dict, 'a value that holds itself is built, and nobody walks it')
})

test('a state_dict: names, storages, views; __proto__ is a name like any other', () => {
  const view = readStateDict(bytes(GOOD), refuse).get('a')
  assert.deepEqual([view?.shape, view?.strides, view?.offset], [[2, 3], [3, 1], 0])
  assert.deepEqual([view?.storage.key, view?.storage.dtype, view?.storage.elements], ['0', 'F32', 6])
  const odd = readStateDict(bytes(GOOD.replace(word('a'), word('__proto__'))), refuse)
  assert.deepEqual([...odd.keys()], ['__proto__'])
})

const VIEW = 'K\0K\x02K\x03\x86K\x03K\x01\x86'
const HUGE = '\x8a\x07\xff\xff\xff\xff\xff\xff\x0f'
const refused: [string, string, RegExp][] = [
  ['os.system', dict('a', `cos\nsystem\n(${word('id')}tR`), /names "os system"/],
  ['eval', '\x80\x02c__builtin__\neval\n.', /names "__builtin__ eval"/],
  ['a name with control characters', 'c\x1b[2Jos\nsystem\n.', /names "\\u001b\[2Jos system"/],
  ['getattr through a known module', 'ctorch._utils\n_rebuild_tensor\n.', /names "torch._utils _rebuild_tensor"/],
  ['inherited names of objects', 'cconstructor\n\n.', /names "constructor "/],
  ['toString as a name', 'ctoString\nx\n.', /names/],
  ['a name without an end', `c${'a'.repeat(5000)}`, /does not end/],
  ['a storage class called', 'ctorch\nFloatStorage\n)R.', /calls "torch FloatStorage"/],
  ['a text called', `${word('os')})R.`, /calls the text "os"/],
  ['a list as arguments', 'ccollections\nOrderedDict\n]R.', /with a list/],
  ['an OrderedDict with arguments', 'ccollections\nOrderedDict\nK\x01\x85R.', /with arguments/],
  ['a text pickle (protocol 0)', "(dp0\nS'a'\n.", /opcode 0x64 at byte 1/],
  ['opcode INST', '(ios\nsystem\n.', /opcode 0x69/],
  ['opcode OBJ', '(cos\nsystem\no.', /names "os system"/],
  ['opcode NEWOBJ', ')\x81.', /opcode 0x81/],
  ['opcode EXT1', '\x82\x01.', /opcode 0x82/],
  ['opcode STACK_GLOBAL', `${word('os')}${word('system')}\x93.`, /opcode 0x93/],
  ['opcode LONG4', '\x8b\xff\xff\xff\x7f.', /opcode 0x8b/],
  ['protocol 4', '\x80\x04N.', /protocol 4/],
  ['attributes of a tensor', dict('a', `${rebuilt(VIEW)}}${word('x')}K\x01sb`), /sets attributes of a tensor/],
  ['attributes of a dict', `}}${word('__class__')}K\x01sb.`, /sets attributes of a dict/],
  ['a dict as a key', '}}K\x01s.', /has a dict as a key/],
  ['a key without a value', '}(K\x01u.', /key without a value/],
  ['items of a list', ']K\x01K\x01s.', /sets items of a list/],
  ['appending to a dict', '}K\x01a.', /appends to a dict/],
  ['a memo never set', 'h\x07.', /memo 7/],
  ['nothing on the stack', '.', /finds no value/],
  ['a value below the mark', 'N(a.', /finds no value/],
  ['no mark', 'Nt.', /finds no mark/],
  ['values left over', 'NN.', /left over/],
  ['a mark left over', '(N.', /left over/],
  ['a text longer than the file', 'X\xff\xff\xff\xffa.', /cut off/],
  ['a text that is not UTF-8', 'X\x01\0\0\0\xff.', /not UTF-8/],
  ['a number of 255 bytes', `\x8a\xff${'\x01'.repeat(255)}.`, /number of 255 bytes/],
  [
    'a number beyond 2^53',
    '\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.',
    /has the number 9223372036854775807|has the number 9/,
  ],
  ['no dict', 'K\x05.', /holds the value 5, not a state_dict/],
  ['a number as a name', '}K\x05K\x05s.', /the name 5/],
  ['no tensor', dict('epoch', 'K\x05'), /"epoch" of its state_dict is the value 5/],
  ['a bare storage', dict('a', storage('K\x06')), /"a" of its state_dict is a storage/],
  ['a persistent id that is a text', `${word('0')}Q.`, /no storage/],
  ['a storage of unknown kind', dict('a', storage('K\x06', 'EvilStorage')), /names "torch EvilStorage"/],
  ['a storage outside the archive', dict('a', storage('K\x06', 'FloatStorage', '../../x')), /key "..\/..\/x"/],
  ['a storage of negative size', dict('a', storage('J\xff\xff\xff\xff')), /no storage/],
  ['a storage of 2^52 doubles', dict('a', storage(HUGE, 'DoubleStorage')), /has \d+ elements/],
  [
    'a view that leaves its storage',
    dict('a', rebuilt('K\x01K\x02K\x03\x86K\x03K\x01\x86')),
    /leaves its storage of 6/,
  ],
  ['a stride that leaves it', dict('a', rebuilt('K\0K\x02K\x03\x86K\x09K\x01\x86')), /leaves its storage/],
  ['a huge size', dict('a', rebuilt(`K\0${HUGE}\x85K\x01\x85`)), /leaves its storage/],
  ['a huge size of stride 0', dict('a', rebuilt(`K\0${HUGE}${HUGE}\x86K\0K\0\x86`)), /leaves its storage/],
  ['a negative stride', dict('a', rebuilt('K\0K\x02\x85J\xff\xff\xff\xff\x85')), /no valid size, stride/],
  ['size and stride that disagree', dict('a', rebuilt('K\0K\x02\x85K\x01K\x01\x86')), /no valid size, stride/],
  ['seventeen dimensions', dict('a', rebuilt(`K\0(${'K\x01'.repeat(17)}t(${'K\x01'.repeat(17)}t`)), /no valid size/],
  ['too few arguments', dict('a', 'ctorch._utils\n_rebuild_tensor_v2\n)R'), /of 0 arguments/],
  ['backward hooks', dict('a', rebuilt(VIEW, `\x89}K\x01K\x01s`)), /has hooks/],
  ['metadata', dict('a', rebuilt(VIEW, `\x89${EMPTY_ORDERED}}${word('neg')}\x88s`)), /has metadata/],
  ['a tensor of no storage', dict('a', rebuilt(VIEW, undefined, 'N')), /of None, not of a storage/],
  ['a parameter of nothing', dict('a', 'ctorch._utils\n_rebuild_parameter\n)R'), /a parameter of nothing/],
]
for (const [what, text, why] of refused) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readStateDict(bytes(text), refuse),
      (error) => error instanceof Refused && why.test(error.message),
    )
  })
}

test('cut off at any byte it is refused', () => {
  const whole = bytes(GOOD)
  for (let length = 0; length < whole.length; length++)
    assert.throws(() => readStateDict(whole.subarray(0, length), refuse), Refused, `${length} bytes`)
})

test('bombs: endless opcodes, doubling tuples, a deep nest are refused or cost nothing', () => {
  const endless = new Uint8Array(MAX_OPCODES + 10).fill(0x5d)
  assert.throws(() => unpickle(endless, none), /more than 1000000 opcodes/)
  const doubling = bytes('N', 'q\0h\0\x86'.repeat(400), '.')
  assert.ok(unpickle(doubling, none) instanceof PickleTuple)
  const deep = bytes(']'.repeat(100_000), 'a'.repeat(99_999), '.')
  assert.throws(() => readStateDict(deep, refuse), /holds a list, not a state_dict/)
})

test('any bytes at all: a state_dict or a refusal, nothing else', () => {
  const opcode = fc.constantFrom(
    ...'()}]tuseabRQqhKMJNX.c\x80\x85\x86\x87\x88\x89\x8a'.split('').map((c) => c.charCodeAt(0)),
  )
  const soup = fc.array(fc.oneof({ weight: 3, arbitrary: opcode }, fc.nat(255)), { maxLength: 60 })
  fc.assert(
    fc.property(soup, fc.nat(bytes(GOOD).length), fc.nat(255), (drawn, at, byte) => {
      const damaged = bytes(GOOD)
      damaged[at % damaged.length] = byte
      for (const candidate of [Uint8Array.from(drawn), damaged]) {
        try {
          readStateDict(candidate, refuse)
        } catch (error) {
          assert.ok(error instanceof Refused, String(error))
        }
      }
    }),
    { numRuns: 3000 },
  )
})
