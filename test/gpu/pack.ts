// One archive with all that `gpu-check` runs on: for a machine with a GPU that has neither Node nor a network. Unpacked anywhere,
// `./gpu-check golden` is the command.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { run } from '../../deploy/setup/command.js'
import { SystemRefused } from '../../shared/errors.js'

/** What our code imports, and what the engine is compiled with. */
const PACKAGES = [
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-backend-cpu',
  '@tensorflow/tfjs-backend-wasm',
  'cli-table3',
  'commander',
  'convict',
  'msgpackr',
  'nats',
  'node-api-headers',
  'piscina',
  'prom-client',
]
/** Only its place is asked for: derivatives come from the union package beside it (worker/backends/gradients.ts). */
const ALONE = '@tensorflow/tfjs-node-gpu'
/** Sources that are read or compiled where it runs. */
const SOURCES = ['package.json', 'worker/backends/native', 'test/bench/peer', 'test/native/emulation']
/** Parts of packages that Node never loads; of a library that is bundled for Node, all but the bundle. */
const IDLE = /\.(map|d\.ts|d\.mts|d\.cts|md)$|\/node_modules\/\./
const BUNDLED = /@tensorflow\/tfjs(-core|-layers|-converter|-data|-backend-\w+)?\/(dist|src)\/.*\.[a-z]+$/
const BUNDLE = /(\.node\.js|\.wasm|package\.json)$/
const PACK_MS = 600_000

/** The packages and all that they depend on, as folders under node_modules. */
export function packagesOf(root: string, names: readonly string[]): string[] {
  const found = new Set<string>()
  const waiting = [...names]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const manifest = join(root, 'node_modules', name, 'package.json')
    if (found.has(name) || !existsSync(manifest)) continue
    found.add(name)
    const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      dependencies?: Record<string, string>
    }
    waiting.push(...Object.keys(dependencies).filter((one) => !one.startsWith('@types/')))
  }
  return [...found].sort()
}

/** @returns 0. @throws SystemRefused if tar or xz cannot */
export async function pack(root: string, golden: string, file: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'trmesh-pack-'))
  try {
    const take = (from: string, to = from): void => {
      const loaded = (path: string): boolean => !IDLE.test(path) && (!BUNDLED.test(path) || BUNDLE.test(path))
      if (existsSync(join(root, from))) cpSync(join(root, from), join(folder, to), { recursive: true, filter: loaded })
    }
    for (const name of [...packagesOf(root, PACKAGES), ALONE]) take(join('node_modules', name))
    for (const path of [...SOURCES, '.build', '.trmesh/native']) take(path)
    // Of another machine: where its cuBLASLt lies.
    rmSync(join(folder, '.trmesh', 'native', 'cuda', 'cublaslt'), { force: true })
    rmSync(join(folder, '.trmesh', 'native', '.emulated'), { recursive: true, force: true })
    mkdirSync(join(folder, 'golden'))
    cpSync(golden, join(folder, 'golden'), { recursive: true })
    cpSync(process.execPath, join(folder, 'node'))
    writeFileSync(join(folder, 'gpu-check'), '#!/bin/sh\nexec ./node .build/test/gpu/main.js "$@"\n', { mode: 0o755 })
    const { failure } = await run('tar', ['-cf', file, '--use-compress-program', 'xz -1 -T0', '-C', folder, '.'], { timeoutMs: PACK_MS }) // prettier-ignore
    if (failure !== undefined) throw new SystemRefused(`nothing is packed: ${failure}`, 'it needs tar and xz')
    console.log(`${file}, ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB. Where the GPU is, in an empty folder:`)
    console.log(`  tar -xf ${basename(file)} && ./gpu-check golden --minutes 9 --only card,build,parity-f32`)
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
