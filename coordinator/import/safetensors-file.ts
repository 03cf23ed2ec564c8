// A safetensors file of another program, as a file of weights.
import { CheckpointRefused } from '../../shared/errors.js'
import { headerLength, parseHeader } from '../../shared/checkpoint/safetensors.js'
import { decodeFloats, ELEMENT_BYTES, isFloatType } from './numbers.js'
import { shown } from './shown.js'
import type { RangeReader, StoredTensor, WeightFile } from './weight-file.js'

/** @throws CheckpointRefused saying what in the file cannot be read */
export async function readSafetensorsFile(file: RangeReader): Promise<WeightFile> {
  const length = headerLength(await file.read(0, Math.min(8, file.bytes)), file.bytes, file.path)
  const { tensors, metadata, dataStart } = parseHeader(await file.read(8, length), file.bytes, file.path)
  const step = metadata['step'] ?? ''
  return {
    path: file.path,
    format: 'safetensors',
    step: /^\d{1,15}$/.test(step) ? Number(step) : undefined,
    tensors: tensors.map(({ name, dtype, shape, begin, end }): StoredTensor => {
      const size = ELEMENT_BYTES[dtype]
      const read: StoredTensor['read'] = async (from, into) => {
        if (!isFloatType(dtype))
          throw new CheckpointRefused(
            `${file.path}: ${shown(name)} holds ${dtype}, not floats`,
            'save it as F32 or BF16',
          )
        if (from < 0 || from + into.length > (end - begin) / size)
          throw new RangeError(`elements ${from} .. ${from + into.length} of ${(end - begin) / size}`)
        decodeFloats(await file.read(dataStart + begin + from * size, into.length * size), dtype, into)
      }
      return { name, dtype, shape, read }
    }),
    close: () => file.close(),
  }
}
