// The CUDA libraries of the gpu variant: NVIDIA's wheels, as TensorFlow's own wheel names them (extra `and-cuda`), unpacked flat
// into one folder, from which the binding's loader takes them before it loads libtensorflow. Not yet run on a GPU.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'
import { fetchWheel } from './wheel.js'
import { Zip } from './zip.js'

export interface CudaRequirement {
  name: string
  /** Version bounds, such as `<13.0,>=12.5.3.2`. */
  versions: string
}

/** The `and-cuda` requirements among a wheel's `Requires-Dist` lines. */
export function cudaRequirements(requirements: readonly string[]): CudaRequirement[] {
  return requirements.flatMap((line) => {
    const [, name, versions] =
      /^(nvidia-[\w-]+?)\s*\(?([<>=!][^;)]*)\)?\s*;.*extra\s*==\s*["']and-cuda["']/.exec(line) ?? []
    return name === undefined || versions === undefined ? [] : [{ name, versions: versions.trim() }]
  })
}

/** Fetches and unpacks them one after the other, so that only one wheel at a time takes space. */
export async function unpackCuda(
  requirements: readonly string[],
  options: {
    work: string
    target: string
    log: (line: string) => void
    indexBase?: string
    usePip?: boolean
    limitMs?: number
  },
): Promise<void> {
  const wanted = cudaRequirements(requirements)
  if (wanted.length === 0)
    throw new SystemRefused(
      'this TensorFlow wheel names no CUDA libraries',
      'give the plain `tensorflow` wheel, not tensorflow-cpu',
    )
  mkdirSync(options.target, { recursive: true })
  for (const { name, versions } of wanted) {
    const folder = mkdtempSync(join(options.work, 'cuda-'))
    const zip = await Zip.open(await fetchWheel(name, versions, { ...options, folder }))
    try {
      for (const entry of zip.entries) {
        if (/\/lib\/[^/]+\.so(\.\d+)*$/.test(entry.name))
          await zip.extract(entry, join(options.target, basename(entry.name)))
      }
    } finally {
      await zip.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
