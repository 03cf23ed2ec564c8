// The primitives by libtensorflow's own op names. The way through tfjs costs 30 to 60 us an op (dispatch, a tensor made for
// every axis, shape and number), the direct one 7 to 12 (measured), and a small model's step is two thousand ops: so
// constants are made once and kept.
import * as tf from '@tensorflow/tfjs-core'
import type { Primitives } from './primitives.js'
import { registerKernel } from './registry.js'

interface Attribute {
  readonly name: string
  readonly type: number
  readonly value: number | boolean
}

/** A tensor inside the binding. */
type Handle = number & { readonly brand: 'tensorflow handle' }

/** What is used of the backend class of @tensorflow/tfjs-node-gpu, which tfjs-core knows only as a KernelBackend. */
interface TensorflowBackend {
  readonly binding: Readonly<Record<'TF_FLOAT' | 'TF_INT32' | 'TF_ATTR_TYPE' | 'TF_ATTR_BOOL', number>> & {
    createTensor(shape: readonly number[], type: number, values: Float32Array | Int32Array): Handle
    executeOp(name: string, attributes: readonly Attribute[], inputs: readonly Handle[], outputs: 1): [object]
  }
  getInputTensorIds(inputs: readonly tf.Tensor[]): Handle[]
  createOutputTensor(made: object): tf.Tensor
}

const backend = (): TensorflowBackend => tf.backend() as unknown as TensorflowBackend

/** A function of a key, computed once per key for the life of the thread. */
function remembered<Value>(make: (key: string) => Value): (key: string) => Value {
  const made = new Map<string, Value>()
  return (key) => {
    let value = made.get(key)
    if (value === undefined) made.set(key, (value = make(key)))
    return value
  }
}

// Constants are handles, not tensors: tfjs does not know them, and no scope ends their life.
const real = remembered((value) => {
  const { binding } = backend()
  return binding.createTensor([], binding.TF_FLOAT, Float32Array.of(Number(value)))
})
const wholeScalar = remembered((value) => {
  const { binding } = backend()
  return binding.createTensor([], binding.TF_INT32, Int32Array.of(Number(value)))
})
const wholes = remembered((list) => {
  const { binding } = backend()
  const values = Int32Array.from(list === '' ? [] : list.split(',').map(Number))
  return binding.createTensor([values.length], binding.TF_INT32, values)
})

/** T is f32; the index operands named in the key are int32. */
const types = remembered((indices): readonly Attribute[] => {
  const { TF_FLOAT, TF_INT32, TF_ATTR_TYPE } = backend().binding
  const ofType = (name: string, value: number): Attribute => ({ name, type: TF_ATTR_TYPE, value })
  return [ofType('T', TF_FLOAT), ...(indices === '' ? [] : indices.split(',')).map((name) => ofType(name, TF_INT32))]
})
const keepDims = remembered((): readonly Attribute[] => [
  { name: 'keep_dims', type: backend().binding.TF_ATTR_BOOL, value: true },
  ...types('Tidx'),
])
const adjoint = remembered((flags): readonly Attribute[] => {
  const { TF_ATTR_BOOL } = backend().binding
  return [
    ...types(''),
    { name: 'adj_x', type: TF_ATTR_BOOL, value: flags.startsWith('t') },
    { name: 'adj_y', type: TF_ATTR_BOOL, value: flags.endsWith('t') },
  ]
})

function run<T extends tf.Tensor>(
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly tf.Tensor[],
  ...constants: readonly Handle[]
): T {
  const { binding } = backend()
  const handles = [...backend().getInputTensorIds(inputs), ...constants]
  return backend().createOutputTensor(binding.executeOp(name, attributes, handles, 1)[0]) as T
}

const last = (x: tf.Tensor): number => x.shape.length - 1

const direct: Primitives = {
  add: (a, b) => run('AddV2', types(''), [a, b]),
  sub: (a, b) => run('Sub', types(''), [a, b]),
  mul: (a, b) => run('Mul', types(''), [a, b]),
  addReal: (a, value) => run('AddV2', types(''), [a], real(String(value))),
  mulReal: (a, value) => run('Mul', types(''), [a], real(String(value))),
  square: (x) => run('Square', types(''), [x]),
  rsqrt: (x) => run('Rsqrt', types(''), [x]),
  sigmoid: (x) => run('Sigmoid', types(''), [x]),
  softmax: (x) => run('Softmax', types(''), [x]),
  mean: (x) => run('Mean', keepDims(''), [x], wholes(String(last(x)))),
  sum: (x) => run('Sum', keepDims(''), [x], wholes(String(last(x)))),
  reshape: (x, shape) => run('Reshape', types('Tshape'), [x], wholes(shape.join())),
  transpose: (x, order) => run('Transpose', types('Tperm'), [x], wholes(order.join())),
  swapHalves: (x) => {
    const half = wholeScalar(String((x.shape.at(-1) ?? 0) / 2))
    return run('Roll', types('Tshift,Taxis'), [x], half, wholeScalar(String(last(x))))
  },
  matMul: (a, b, transposeA, transposeB) =>
    run('BatchMatMulV2', adjoint(`${transposeA ? 't' : '-'}${transposeB ? 't' : '-'}`), [a, b]),
}
registerKernel('primitives', 'tensorflow', direct)
