// A pickle machine that cannot execute anything. Python's pickle is a program that builds values; this reads the opcodes that
// torch.save needs for a state_dict (protocol 2) and refuses every other. A name from a Python module means something only
// if the caller knows it, and calling it runs the caller's TypeScript. What is built is plain data; memory is bounded by the
// number of opcodes. Opcodes: CPython's Lib/pickletools.py.
import { shown } from './shown.js'

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}
export class PickleList {
  constructor(readonly items: PickleValue[]) {}
}
/** A dict or an OrderedDict. A Map, so that no key means anything to JavaScript. */
export class PickleDict {
  readonly entries = new Map<string | number, PickleValue>()
}
/** A name that the caller knows. */
export class PickleGlobal {
  constructor(
    /** `module name`, as the file writes it. */
    readonly name: string,
    /** What calling it gives; undefined: it may be named, not called. */
    readonly call: ((args: readonly PickleValue[]) => PickleValue) | undefined,
  ) {}
}
/** A value that the caller made. */
export abstract class PickleForeign {
  abstract readonly what: string
}
export type PickleValue =
  null | boolean | number | string | PickleTuple | PickleList | PickleDict | PickleGlobal | PickleForeign

/** What the machine may know of the world. Both refuse what they do not know. */
export interface PickleWorld {
  global(name: string): PickleGlobal
  persistent(id: PickleValue): PickleValue
  /** Says why the pickle cannot be read. */
  refuse(why: string): never
}

/** Opcodes of one pickle, at most; a state_dict has about thirty per tensor. */
export const MAX_OPCODES = 1_000_000
const MAX_NAME_BYTES = 256
const PROTOCOL = 2

const OP = {
  MARK: 0x28, // (
  EMPTY_TUPLE: 0x29, // )
  STOP: 0x2e, // .
  BINFLOAT: 0x47, // G
  BININT: 0x4a, // J
  BININT1: 0x4b, // K
  BININT2: 0x4d, // M
  NONE: 0x4e, // N
  BINPERSID: 0x51, // Q
  REDUCE: 0x52, // R
  BINUNICODE: 0x58, // X
  EMPTY_LIST: 0x5d, // ]
  APPEND: 0x61, // a
  BUILD: 0x62, // b
  GLOBAL: 0x63, // c
  APPENDS: 0x65, // e
  BINGET: 0x68, // h
  LONG_BINGET: 0x6a, // j
  BINPUT: 0x71, // q
  LONG_BINPUT: 0x72, // r
  SETITEM: 0x73, // s
  TUPLE: 0x74, // t
  SETITEMS: 0x75, // u
  EMPTY_DICT: 0x7d, // }
  PROTO: 0x80,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
} as const

/** In words, for messages: never what is inside. */
export function describeValue(value: PickleValue): string {
  if (value === null) return 'None'
  if (typeof value === 'string') return `the text ${shown(value)}`
  if (typeof value !== 'object') return `the value ${value}`
  if (value instanceof PickleTuple) return 'a tuple'
  if (value instanceof PickleList) return 'a list'
  if (value instanceof PickleDict) return 'a dict'
  if (value instanceof PickleGlobal) return shown(value.name)
  return value.what
}

/** The value that the pickle builds. Refuses through `world.refuse`, whatever the bytes are. */
export function unpickle(bytes: Uint8Array, world: PickleWorld): PickleValue {
  return new Machine(bytes, world).run()
}

class Machine {
  private at = 0
  private readonly view: DataView
  private readonly stack: PickleValue[] = []
  /** Heights of the stack at each open mark. */
  private readonly marks: number[] = []
  private readonly memo = new Map<number, PickleValue>()
  private readonly utf8 = new TextDecoder('utf-8', { fatal: true })

  constructor(
    private readonly bytes: Uint8Array,
    private readonly world: PickleWorld,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  run(): PickleValue {
    for (let opcodes = 0; opcodes < MAX_OPCODES; opcodes++) {
      const opcode = this.view.getUint8(this.take(1))
      if (opcode === OP.STOP) {
        const value = this.pop()
        if (this.stack.length > 0 || this.marks.length > 0) return this.refuse('it ends with values left over')
        return value
      }
      this.step(opcode)
    }
    return this.refuse(`it has more than ${MAX_OPCODES} opcodes`)
  }

  private step(opcode: number): void {
    const { stack } = this
    switch (opcode) {
      case OP.PROTO: {
        const protocol = this.view.getUint8(this.take(1))
        if (protocol !== PROTOCOL) this.refuse(`it has pickle protocol ${protocol}, torch.save writes ${PROTOCOL}`)
        return
      }
      case OP.MARK:
        return void this.marks.push(stack.length)
      case OP.NONE:
        return void stack.push(null)
      case OP.NEWTRUE:
        return void stack.push(true)
      case OP.NEWFALSE:
        return void stack.push(false)
      case OP.BININT:
        return void stack.push(this.view.getInt32(this.take(4), true))
      case OP.BININT1:
        return void stack.push(this.view.getUint8(this.take(1)))
      case OP.BININT2:
        return void stack.push(this.view.getUint16(this.take(2), true))
      case OP.LONG1:
        return void stack.push(this.long(this.view.getUint8(this.take(1))))
      case OP.BINFLOAT:
        return void stack.push(this.view.getFloat64(this.take(8), false))
      case OP.BINUNICODE:
        return void stack.push(this.text(this.view.getUint32(this.take(4), true)))
      case OP.EMPTY_TUPLE:
        return void stack.push(new PickleTuple([]))
      case OP.EMPTY_LIST:
        return void stack.push(new PickleList([]))
      case OP.EMPTY_DICT:
        return void stack.push(new PickleDict())
      case OP.TUPLE1:
      case OP.TUPLE2:
      case OP.TUPLE3: {
        const items = Array.from({ length: opcode - OP.TUPLE1 + 1 }, () => this.pop()).reverse()
        return void stack.push(new PickleTuple(items))
      }
      case OP.TUPLE:
        return void stack.push(new PickleTuple(this.popToMark()))
      case OP.APPEND:
        return this.append([this.pop()])
      case OP.APPENDS:
        return this.append(this.popToMark())
      case OP.SETITEM: {
        const value = this.pop()
        return this.setItems([this.pop(), value])
      }
      case OP.SETITEMS:
        return this.setItems(this.popToMark())
      case OP.BINPUT:
        return void this.memo.set(this.view.getUint8(this.take(1)), this.top())
      case OP.LONG_BINPUT:
        return void this.memo.set(this.view.getUint32(this.take(4), true), this.top())
      case OP.BINGET:
        return this.recall(this.view.getUint8(this.take(1)))
      case OP.LONG_BINGET:
        return this.recall(this.view.getUint32(this.take(4), true))
      case OP.GLOBAL: {
        const module = this.line()
        return void stack.push(this.world.global(`${module} ${this.line()}`))
      }
      case OP.BINPERSID:
        return void stack.push(this.world.persistent(this.pop()))
      case OP.REDUCE:
        return this.reduce()
      case OP.BUILD:
        return this.build()
      default:
        return this.refuse(
          `opcode 0x${opcode.toString(16).padStart(2, '0')} at byte ${this.at - 1} has no place in a state_dict`,
        )
    }
  }

  /** Calls a known name. */
  private reduce(): void {
    const args = this.pop()
    const callee = this.pop()
    if (!(callee instanceof PickleGlobal) || callee.call === undefined)
      return this.refuse(`it calls ${describeValue(callee)}, which is not read here`)
    if (!(args instanceof PickleTuple)) return this.refuse(`it calls ${callee.name} with ${describeValue(args)}`)
    this.stack.push(callee.call(args.items))
  }

  /** Sets attributes. A state_dict has one, `_metadata`, about versions of modules; it is dropped. */
  private build(): void {
    const state = this.pop()
    const target = this.top()
    const harmless =
      target instanceof PickleDict &&
      state instanceof PickleDict &&
      [...state.entries.keys()].every((key) => key === '_metadata')
    if (!harmless) this.refuse(`it sets attributes of ${describeValue(target)}, which is not read here`)
  }

  private append(items: readonly PickleValue[]): void {
    const target = this.top()
    if (!(target instanceof PickleList)) return this.refuse(`it appends to ${describeValue(target)}`)
    for (const item of items) target.items.push(item)
  }

  private setItems(items: readonly PickleValue[]): void {
    const target = this.top()
    if (!(target instanceof PickleDict)) return this.refuse(`it sets items of ${describeValue(target)}`)
    if (items.length % 2 !== 0) return this.refuse('it sets a key without a value')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i] as PickleValue
      if (typeof key !== 'string' && typeof key !== 'number')
        return this.refuse(`a dict has ${describeValue(key)} as a key`)
      target.entries.set(key, items[i + 1] as PickleValue)
    }
  }

  private recall(key: number): void {
    const value = this.memo.get(key)
    if (value === undefined) return this.refuse(`it recalls memo ${key}, which was never set`)
    this.stack.push(value)
  }

  /** The value on top, above the last mark. */
  private top(): PickleValue {
    const value = this.stack.at(-1)
    if (value === undefined || this.stack.length <= (this.marks.at(-1) ?? 0))
      return this.refuse(`opcode at byte ${this.at - 1} finds no value`)
    return value
  }

  private pop(): PickleValue {
    const value = this.top()
    this.stack.pop()
    return value
  }

  private popToMark(): PickleValue[] {
    const mark = this.marks.pop()
    if (mark === undefined) return this.refuse(`opcode at byte ${this.at - 1} finds no mark`)
    return this.stack.splice(mark)
  }

  /** Moves over `count` bytes; where they begin. */
  private take(count: number): number {
    const from = this.at
    if (count > this.bytes.length - from) return this.refuse(`it was cut off at byte ${this.bytes.length}`)
    this.at += count
    return from
  }

  private text(length: number): string {
    const from = this.take(length)
    try {
      return this.utf8.decode(this.bytes.subarray(from, from + length))
    } catch {
      return this.refuse(`the text at byte ${from} is not UTF-8`)
    }
  }

  private line(): string {
    const end = this.bytes.subarray(this.at, this.at + MAX_NAME_BYTES).indexOf(0x0a)
    if (end < 0) return this.refuse(`the name at byte ${this.at} does not end`)
    const text = this.text(end)
    this.take(1)
    return text
  }

  /** Two's complement, little-endian. */
  private long(length: number): number {
    if (length > 8) return this.refuse(`it has a number of ${length} bytes`)
    const from = this.take(length)
    let value = 0n
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.view.getUint8(from + i))
    const number = Number(BigInt.asIntN(8 * length, value))
    return Number.isSafeInteger(number) ? number : this.refuse(`it has the number ${number}`)
  }

  private refuse(why: string): never {
    return this.world.refuse(why)
  }
}
