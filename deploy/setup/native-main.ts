// npm run native [-- --all | --cuda [--here]]: builds the native engine for this processor; with --all every set, as the tests want them;
// with --cuda for NVIDIA GPUs, with --here too only for those of this machine.
import { describe } from '../../shared/errors.js'
import { ISAS } from '../../worker/backends/native/isa.js'
import { setsHere } from '../../worker/backends/native/library.js'
import { buildNative } from './native-build.js'
import { buildCuda, TARGETS_HERE } from './native-cuda.js'

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const root = process.cwd()
const sets = process.argv.includes('--all') ? ISAS : setsHere()
try {
  const started = performance.now()
  const seconds = (): string => `(${((performance.now() - started) / 1000).toFixed(0)} s)`
  if (process.argv.includes('--cuda')) {
    await buildCuda({ root, log, ...(process.argv.includes('--here') ? { targets: TARGETS_HERE } : {}) })
    log(
      `the native engine is built for GPUs ${seconds()}; it has not run on one yet, so only --backend native --gpu N takes it`,
    )
  } else {
    await buildNative({ root, log, sets })
    log(`the native engine is built for ${sets.map((isa) => isa.name).join(', ')} ${seconds()}`)
  }
} catch (error) {
  log(describe(error))
  process.exitCode = 1
}
