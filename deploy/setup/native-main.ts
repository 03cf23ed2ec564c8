// npm run native [-- --all]: builds the native engine for this processor; with --all every set, as the tests want them.
import { describe } from '../../shared/errors.js'
import { ISAS } from '../../worker/backends/native/isa.js'
import { setsHere } from '../../worker/backends/native/library.js'
import { buildNative } from './native-build.js'

const log = (line: string): void => void process.stderr.write(`${line}\n`)
const sets = process.argv.includes('--all') ? ISAS : setsHere()
try {
  const started = performance.now()
  await buildNative({ root: process.cwd(), log, sets })
  log(`the native engine is built for ${sets.map((isa) => isa.name).join(', ')} (${((performance.now() - started) / 1000).toFixed(0)} s)`) // prettier-ignore
} catch (error) {
  log(describe(error))
  process.exitCode = 1
}
