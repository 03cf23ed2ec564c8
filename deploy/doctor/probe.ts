// Tries a backend in a process of its own: a library that crashes takes only the probe with it, and this process stays light.
import { fileURLToPath } from 'node:url'
import { run } from '../setup/command.js'

export interface ProbeResult {
  ok: true
  device: string
  /** Library, version, threads, card. */
  detail: string
  /** Numbers of its activations. */
  precision: 'f32' | 'bf16'
  /** f32 product [768, 768] x [768, 768]. */
  gflopPerSecond: number
  /** What its inner product reaches in those numbers, where the engine tells. */
  peakGflopPerSecond?: number
}

export interface ProbeFailure {
  ok: false
  message: string
  remedy: string
}

export interface ProbeOptions {
  root: string
  /** As for selectBackend; 'none' keeps TensorFlow off a GPU that is there. */
  gpu?: number | 'none'
  threads?: number
}

const PROBE_MS = 120_000

/** Never throws: what goes wrong is the result. */
export async function probeBackend(
  name: 'native' | 'tensorflow' | 'wasm',
  options: ProbeOptions,
): Promise<ProbeResult | ProbeFailure> {
  const child = fileURLToPath(new URL('./probe-main.js', import.meta.url))
  const result = await run(process.execPath, [child, name, JSON.stringify(options)], { timeoutMs: PROBE_MS })
  const answer = result.stdout.split('\n').find((line) => line.startsWith('{"ok":'))
  if (answer !== undefined) return JSON.parse(answer) as ProbeResult | ProbeFailure
  return {
    ok: false,
    message: `the ${name} probe crashed: ${result.failure ?? 'no answer'}`,
    remedy: 'install it again, or use another backend',
  }
}
