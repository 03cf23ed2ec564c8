#!/usr/bin/env node
// The bootstrap: installs the node modules if they are missing or old, compiles TypeScript if a source is newer than
// the build, then runs one compiled module: `node deploy/run.mjs test/run.js ARGS`. It needs Node and npm, nothing else.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SOURCES = ['coordinator', 'worker', 'shared', 'grafana', 'deploy', 'test']

/** Milliseconds of the newest change under a path; 0 if it does not exist. */
function newest(path, wanted) {
  if (!existsSync(path)) return 0
  const stat = statSync(path)
  if (!stat.isDirectory()) return wanted(path) ? stat.mtimeMs : 0
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name), wanted)))
}

function fail(message, remedy) {
  process.stderr.write(`trmesh: ${message}\n  -> ${remedy}\n`)
  process.exit(1)
}

/** True if node_modules holds the versions that the lock file names; optional packages may be absent. */
function modulesAreInstalled() {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(installed)) return false
  const packagesOf = (path) => JSON.parse(readFileSync(path, 'utf8')).packages
  const have = packagesOf(installed)
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, { version, optional }]) => path === '' || optional === true || have[path]?.version === version,
  )
}

function installModules() {
  if (modulesAreInstalled()) return
  process.stderr.write('trmesh: installing node modules (npm ci)\n')
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (npm.status !== 0) fail('npm ci failed', 'check that the npm registry can be reached, then run `npm ci` yourself')
}

function build() {
  const stamp = join(root, '.build', '.complete')
  const isSource = (path) => path.endsWith('.ts')
  const changed = Math.max(
    ...SOURCES.map((folder) => newest(join(root, folder), isSource)),
    statSync(join(root, 'tsconfig.json')).mtimeMs,
    statSync(join(root, 'package-lock.json')).mtimeMs,
  )
  if (existsSync(stamp) && statSync(stamp).mtimeMs > changed) return
  process.stderr.write('trmesh: compiling TypeScript\n')
  const lock = join(root, '.build')
  mkdirSync(lock, { recursive: true })
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  })
  if (tsc.status !== 0) {
    rmSync(stamp, { force: true })
    fail('TypeScript does not compile', 'the errors are above; in a clean clone this is a bug, please report it')
  }
  writeFileSync(stamp, '')
}

const major = Number(process.versions.node.split('.')[0])
if (major < 20) fail(`Node ${process.versions.node} is too old`, 'install Node 20 or newer')

/** Runs a compiled module (a path under .build) in this process, with `args` as its argv. */
export async function runCompiled(module, args) {
  installModules()
  build()
  process.argv = [process.argv[0], join(root, '.build', module), ...args]
  await import(pathToFileURL(join(root, '.build', module)).href)
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const [module, ...args] = process.argv.slice(2)
  if (module === undefined) fail('no module named', 'node deploy/run.mjs MODULE [ARGS]')
  await runCompiled(module, args)
}
