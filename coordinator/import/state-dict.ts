// What the pickle of a PyTorch state_dict means: names, and for each where its elements lie in which storage. Only the four
// functions and the storage classes that torch.save names for plain tensors are known. Every size is checked before use.
import { describeValue, PickleDict, PickleForeign, PickleGlobal, PickleTuple, unpickle } from './pickle.js'
import type { PickleValue, PickleWorld } from './pickle.js'
import { ELEMENT_BYTES, type ElementType } from './numbers.js'
import { shown } from './shown.js'

/** A storage as the pickle names it: `elements` of `dtype` in the record `data/KEY`. */
export class TorchStorage extends PickleForeign {
  override readonly what = 'a storage'
  constructor(
    readonly key: string,
    readonly dtype: ElementType,
    readonly elements: number,
  ) {
    super()
  }
}

/** A view of a storage. Offset and strides count elements. */
export class TorchView extends PickleForeign {
  override readonly what = 'a tensor'
  constructor(
    readonly storage: TorchStorage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {
    super()
  }
}

const STORAGES: Readonly<Record<string, ElementType>> = {
  'torch DoubleStorage': 'F64',
  'torch FloatStorage': 'F32',
  'torch HalfStorage': 'F16',
  'torch BFloat16Storage': 'BF16',
  'torch LongStorage': 'I64',
  'torch IntStorage': 'I32',
  'torch ShortStorage': 'I16',
  'torch CharStorage': 'I8',
  'torch ByteStorage': 'U8',
  'torch BoolStorage': 'BOOL',
}
const MAX_DIMENSIONS = 16

type Refuse = (why: string) => never

const isCount = (value: PickleValue | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/**
 * The tensors of a state_dict by name, in the file's order.
 * @param bytes the record data.pkl
 * @param refuse throws, saying why it cannot be read
 */
export function readStateDict(bytes: Uint8Array, refuse: Refuse): Map<string, TorchView> {
  const value = unpickle(bytes, worldOf(refuse))
  if (!(value instanceof PickleDict)) return refuse(`it holds ${describeValue(value)}, not a state_dict`)
  const tensors = new Map<string, TorchView>()
  for (const [name, item] of value.entries) {
    if (typeof name !== 'string') return refuse(`the name ${name} of its state_dict is no text`)
    if (!(item instanceof TorchView))
      return refuse(`${shown(name)} of its state_dict is ${describeValue(item)}, not a tensor`)
    tensors.set(name, item)
  }
  return tensors
}

function worldOf(refuse: Refuse): PickleWorld {
  const functions: Readonly<Record<string, PickleGlobal['call']>> = {
    'collections OrderedDict': (args) =>
      args.length === 0 ? new PickleDict() : refuse('it makes an OrderedDict with arguments'),
    'torch._utils _rebuild_tensor_v2': (args) => rebuildTensor(args, refuse),
    'torch._utils _rebuild_parameter': ([data, , hooks]) => {
      if (!(data instanceof TorchView)) return refuse(`it makes a parameter of ${describe(data)}`)
      checkEmpty(hooks, 'hooks', refuse)
      return data
    },
  }
  return {
    refuse,
    global(name) {
      if (Object.hasOwn(functions, name)) return new PickleGlobal(name, functions[name])
      if (Object.hasOwn(STORAGES, name)) return new PickleGlobal(name, undefined)
      return refuse(`it names ${shown(name)}, which no plain state_dict needs: it may run code when opened in Python`)
    },
    persistent: (id) => storageOf(id, refuse),
  }
}

const describe = (value: PickleValue | undefined): string => (value === undefined ? 'nothing' : describeValue(value))

/** ('storage', class, key, location, number of elements) */
function storageOf(id: PickleValue, refuse: Refuse): TorchStorage {
  const [kind, type, key, location, elements, ...rest] = id instanceof PickleTuple ? id.items : []
  const dtype = type instanceof PickleGlobal ? STORAGES[type.name] : undefined
  const good = kind === 'storage' && typeof key === 'string' && typeof location === 'string' && rest.length === 0
  if (!good || dtype === undefined || !isCount(elements)) return refuse('it refers to something that is no storage')
  if (!/^[0-9A-Za-z_]{1,64}$/.test(key)) return refuse(`a storage has the key ${shown(key)}`)
  if (elements * ELEMENT_BYTES[dtype] > Number.MAX_SAFE_INTEGER)
    return refuse(`storage ${key} has ${elements} elements`)
  return new TorchStorage(key, dtype, elements)
}

/** _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None) */
function rebuildTensor(args: readonly PickleValue[], refuse: Refuse): TorchView {
  const [storage, offset, size, stride, , hooks, metadata] = args
  if (args.length < 6 || args.length > 7) return refuse(`it makes a tensor of ${args.length} arguments`)
  if (!(storage instanceof TorchStorage)) return refuse(`it makes a tensor of ${describe(storage)}, not of a storage`)
  const shape = counts(size)
  const strides = counts(stride)
  if (!isCount(offset) || shape === undefined || strides === undefined || shape.length !== strides.length)
    return refuse(`a tensor of storage ${storage.key} has no valid size, stride or offset`)
  checkEmpty(hooks, 'hooks', refuse)
  checkEmpty(metadata, 'metadata', refuse)
  // The last element of the view; with a zero length there is none.
  const last = shape.reduce((sum, length, i) => sum + (length - 1) * (strides[i] as number), offset)
  const elements = shape.reduce((product, length) => product * length, 1)
  if (!isCount(elements) || (elements > 0 && !(last < storage.elements)))
    return refuse(
      `a tensor of size ${shape.join('x')} and stride ${strides.join(',')} from ${offset} on leaves its storage of ${storage.elements}`,
    )
  return new TorchView(storage, offset, shape, strides)
}

function counts(value: PickleValue | undefined): number[] | undefined {
  if (!(value instanceof PickleTuple) || value.items.length > MAX_DIMENSIONS) return undefined
  return value.items.every(isCount) ? [...value.items] : undefined
}

/** Hooks and metadata (conjugate or negative views) of plain tensors are empty. */
function checkEmpty(value: PickleValue | undefined, what: string, refuse: Refuse): void {
  if (value === undefined || value === null || (value instanceof PickleDict && value.entries.size === 0)) return
  refuse(`a tensor has ${what}`)
}
