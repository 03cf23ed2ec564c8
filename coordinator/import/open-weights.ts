// Opens a file of weights by what its first bytes say, whatever it is called.
import { CheckpointRefused } from '../../shared/errors.js'
import { readSafetensorsFile } from './safetensors-file.js'
import { readTorchFile } from './torch-file.js'
import { RangeReader, type WeightFile } from './weight-file.js'

const ZIP = [0x50, 0x4b]
/** Protocol 2 and on; torch's format before 1.6 is several pickles one after the other. */
const PICKLE = [0x80]
const BRACE = 0x7b

/** The caller closes it. @throws CheckpointRefused, SystemRefused */
export async function openWeights(path: string): Promise<WeightFile> {
  const file = await RangeReader.open(path)
  try {
    const first = await file.read(0, Math.min(16, file.bytes))
    const begins = (magic: readonly number[]): boolean => magic.every((byte, i) => first[i] === byte)
    if (begins(ZIP)) return await readTorchFile(file)
    if (first[8] === BRACE) return await readSafetensorsFile(file)
    if (begins(PICKLE))
      throw new CheckpointRefused(
        `${path} has the format of PyTorch before 1.6, or is a bare pickle, which is not read`,
        "write it anew in Python: torch.save(torch.load(OLD, map_location='cpu', weights_only=True), NEW)",
      )
    throw new CheckpointRefused(
      `${path} is neither a file of torch.save nor of safetensors`,
      'give a checkpoint of the official code (step_N), or a .safetensors file with the same names',
    )
  } catch (error) {
    await file.close()
    throw error
  }
}
