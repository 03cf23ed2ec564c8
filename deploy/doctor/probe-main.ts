// The process behind probe.ts: starts one backend, measures one product, answers with one line of JSON.
import { BackendUnavailable } from '../../shared/errors.js'
import { selectBackend, type BackendOptions } from '../../worker/backends/choose.js'
import { matmulSpeed } from '../../worker/backends/probe.js'
import type { ProbeFailure, ProbeResult } from './probe.js'

async function answer(name: string, options: BackendOptions): Promise<ProbeResult | ProbeFailure> {
  try {
    const backend = await selectBackend(name === 'wasm' ? 'wasm' : 'tensorflow', options)
    const { gflopPerSecond } = matmulSpeed(768, 768, 768, 3, () => performance.now())
    return { ok: true, device: backend.device, detail: backend.detail, gflopPerSecond }
  } catch (error) {
    if (!(error instanceof BackendUnavailable)) throw error
    return { ok: false, message: error.message, remedy: error.remedy }
  }
}

const [name = '', options = '{}'] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await answer(name, JSON.parse(options) as BackendOptions))}\n`)
