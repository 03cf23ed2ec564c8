// The process behind probe.ts: starts one backend, measures one product, answers with one line of JSON.
import { BackendUnavailable } from '../../shared/errors.js'
import { selectBackend, type BackendAsked, type BackendOptions } from '../../worker/backends/choose.js'
import { matmulSpeed } from '../../worker/backends/probe.js'
import type { ProbeFailure, ProbeResult } from './probe.js'

const PEAK_SECONDS = 0.3

async function answer(name: string, options: BackendOptions): Promise<ProbeResult | ProbeFailure> {
  try {
    const backend = await selectBackend(name as BackendAsked, options)
    const { gflopPerSecond } = matmulSpeed(768, 768, 768, 3, () => performance.now())
    const { device, detail, precision, peak } = backend
    const peakGflopPerSecond = peak?.(PEAK_SECONDS)
    return {
      ok: true,
      device,
      detail,
      precision,
      gflopPerSecond,
      ...(peakGflopPerSecond === undefined ? {} : { peakGflopPerSecond }),
    }
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    return { ok: false, message: error.message, remedy: error.remedy }
  }
}

const [name = '', options = '{}'] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await answer(name, JSON.parse(options) as BackendOptions))}\n`)
