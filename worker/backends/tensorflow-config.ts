// The few fields of TensorFlow's ConfigProto that a worker sets, in protocol buffer bytes
// (tensorflow/core/protobuf/config.proto): threads, which GPU, and memory that grows as needed.

export interface ContextOptions {
  /** Threads inside one kernel, of this process; TensorFlow's own choice is one per core. */
  threads?: number
  /** Number of the one GPU to use, in CUDA's order; 'none' for CPU even where there is one; unset for the first found. */
  gpu?: number | 'none'
}

const varint = (field: number, value: number): number[] => {
  const bytes = [field << 3]
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest]
    bytes.push((rest % 128) | 128)
  }
}
const block = (field: number, bytes: readonly number[]): number[] => [(field << 3) | 2, bytes.length, ...bytes]
const text = (value: string): number[] => [...new TextEncoder().encode(value)]

/** A serialized ConfigProto. */
export function configProto(options: ContextOptions): Uint8Array {
  const bytes: number[] = []
  if (options.gpu === 'none') bytes.push(...block(1, [...block(1, text('GPU')), ...varint(2, 0)])) // device_count
  if (options.threads !== undefined) {
    bytes.push(...varint(2, options.threads)) // intra_op_parallelism_threads
    bytes.push(...varint(5, options.threads)) // inter_op_parallelism_threads
  }
  const growth = varint(4, 1) // allow_growth: otherwise the first worker takes the whole card
  const visible = block(5, text(String(typeof options.gpu === 'number' ? options.gpu : 0))) // visible_device_list
  if (options.gpu !== 'none') bytes.push(...block(6, [...growth, ...visible])) // gpu_options
  return Uint8Array.from(bytes)
}
