// `trmesh bundle`: a model, the compiled code, its packages and a nats-server in one folder, which then answers a challenges
// file on a machine that has Node 20 and nothing else, without a network. A bus stays in it on purpose: workers are processes of
// their own, so that one which runs out of memory takes neither the answers nor the coordinator with it, and what runs there is
// what was tested here.
import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, delimiter, dirname, isAbsolute, join, relative } from 'node:path'
import { writeSlimModel } from '../../coordinator/store/slim-model.js'
import { ConfigError, SystemRefused } from '../../shared/errors.js'
import type { Terminal } from '../../shared/ports.js'
import { kernelFolder, nativeFolder, sourceFingerprint } from '../../worker/backends/native/library.js'
import { nativeIsCurrent } from '../setup/native-build.js'
import { findNatsServer } from '../setup/nats-server.js'
import { closureOf, filesOf, LANDMARK, RUNTIME } from './packages.js'

export interface PackOptions {
  /** A checkpoint's folder. */
  readonly checkpoint: string
  /** Made; must not exist yet, unless it is empty. */
  readonly to: string
  /** A nats-server for the machine that the bundle is for; undefined: the one of this machine. */
  readonly natsServer: string | undefined
  readonly root: string
  /** Folders that programs are looked for in, as in PATH. */
  readonly searchPath: string
  readonly version: string
  readonly out: Terminal
}

/** Compiled folders that run; the rest of the build are tests and dashboards. */
const CODE = ['coordinator', 'deploy', 'shared', 'worker'] as const

/** @throws ConfigError, SystemRefused, CheckpointRefused; then nothing is left at `to` */
export async function pack(options: PackOptions): Promise<void> {
  const { checkpoint, to, root, version, out } = options
  if (existsSync(to) && readdirSync(to).length > 0)
    throw new ConfigError(`${to} is there already`, 'remove it, or name another folder with --out')
  const nats = await natsProgram(options)
  const making = `${to}.tmp-${process.pid}`
  try {
    mkdirSync(join(making, 'bin'), { recursive: true })
    const parts: [string, string][] = []
    const model = await writeSlimModel(checkpoint, making)
    renameSync(model, join(making, 'model'))
    parts.push(['model', join(making, 'model')])
    for (const folder of CODE) copyBuild(root, folder, join(making, 'app', '.build', folder))
    parts.push(['code', join(making, 'app', '.build')])
    writeFileSync(
      join(making, 'app', 'package.json'),
      `${JSON.stringify({ name: 'trmesh', version, type: 'module' })}\n`,
    )
    for (const folder of closureOf(root, RUNTIME))
      for (const file of filesOf(root, folder)) copy(join(root, folder, file), join(making, 'app', folder, file))
    copy(join(root, LANDMARK), join(making, 'app', LANDMARK))
    parts.push(['packages', join(making, 'app', 'node_modules')])
    const engine = copyEngine(root, join(making, 'app'))
    if (engine !== undefined) parts.push(['engine', engine])
    else
      out.line(
        'without the native engine, which is not built here (`npm run native`): wasm answers, several times slower',
      )
    copyFileSync(nats, join(making, 'bin', 'nats-server'))
    chmodSync(join(making, 'bin', 'nats-server'), 0o755)
    parts.push(['nats-server', join(making, 'bin')])
    copyFileSync(join(root, 'LICENSE'), join(making, 'LICENSE'))
    writeFileSync(join(making, 'run.mjs'), RUN)
    writeFileSync(join(making, 'README.md'), README)
    rmSync(to, { recursive: true, force: true })
    renameSync(making, to)
    for (const [name, path] of parts) out.line(`${name.padEnd(12)} ${megabytes(bytesIn(path.replace(making, to)))}`)
    out.line(`${'all'.padEnd(12)} ${megabytes(bytesIn(to))} in ${to}`)
    out.line(`to answer:   node ${join(to, 'run.mjs')} --challenges challenges.json --minutes 600`)
  } catch (error) {
    rmSync(making, { recursive: true, force: true })
    throw error
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** What was compiled of sources that are still there; the build keeps the output of deleted ones. */
function copyBuild(root: string, folder: string, to: string): void {
  cpSync(join(root, '.build', folder), to, {
    recursive: true,
    filter: (from) => {
      if (statSync(from).isDirectory()) return true
      const source = join(root, relative(join(root, '.build'), from)).replace(/\.js$/, '.ts')
      return from.endsWith('.js') && existsSync(source)
    },
  })
}

/** The native engine where it is built, with the sources that say which it is. @returns its folder */
function copyEngine(root: string, app: string): string | undefined {
  if (!nativeIsCurrent(root)) return undefined
  cpSync(kernelFolder(root), kernelFolder(app), { recursive: true })
  const built = join(nativeFolder(app), sourceFingerprint(root))
  cpSync(join(nativeFolder(root), sourceFingerprint(root)), built, {
    recursive: true,
    filter: (from) => !basename(from).startsWith('.'),
  })
  return built
}

function bytesIn(path: string): number {
  if (!statSync(path).isDirectory()) return statSync(path).size
  return readdirSync(path).reduce((sum, name) => sum + bytesIn(join(path, name)), 0)
}

/** The program as a file. */
async function natsProgram({ natsServer, root, searchPath }: PackOptions): Promise<string> {
  const remedy = 'run `apt-get install nats-server`, or name the program with --nats-server FILE'
  if (natsServer !== undefined) {
    if (existsSync(natsServer)) return natsServer
    throw new SystemRefused(`there is no ${natsServer}`, remedy)
  }
  const found = await findNatsServer(root)
  if (found === undefined) throw new SystemRefused('a bundle needs a nats-server, and none is found here', remedy)
  if (isAbsolute(found.path)) return found.path
  const places = searchPath.split(delimiter).map((folder) => join(folder, found.path))
  const file = places.find(isExecutable)
  if (file === undefined) throw new SystemRefused(`${found.path} runs, but its file is not found`, remedy)
  return file
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const RUN = `#!/usr/bin/env node
// Answers a file of ARC tasks with the model beside it: node run.mjs --help
await import('./app/.build/deploy/bundle/solve-main.js')
`

const README = `# A trmesh bundle

    node run.mjs --challenges challenges.json [--submission submission.json] [--minutes 600] [--train 0.6] [--workers 2]

Needs Node 20 or newer on the kind of machine that it was packed on, and a loopback interface; no network, nothing to install, and this folder may be read-only.

submission.json is there within seconds, valid and empty of ideas, and gets better from then on; it is replaced whole, so whenever this is
stopped, killed, or out of memory or time, the file is valid and the best so far. First the model trains on the demonstrations of the
given tasks (\`--train\`: that part of the minutes; 0: not at all), then it answers, every test input once before any comes again.

Everything is over within \`--minutes\`. Logs and checkpoints lie in \`--work\` (default: a temporary folder).
`
