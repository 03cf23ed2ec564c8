// A nats-server program on this machine: found, or installed from Debian, or from its own release.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { RunError, SystemRefused } from '../../shared/errors.js'
import { aptInstall } from './apt.js'
import { run } from './command.js'
import { download } from './download.js'
import { fileFromTarGz } from './tar.js'

export interface NatsServer {
  /** A path, or the bare name where the search path finds it. */
  path: string
  version: string
}

/** The release taken where Debian's is out of reach. Hashes as pinned by the Docker official image of this version. */
const RELEASE = {
  version: '2.14.3',
  sha256: {
    x64: 'f3d0c820c749f81d717310fb00d4903919e70e3e66b268bd352a088b9788eb93',
    arm64: '1759b6a0ddebade9471b7c02891dfaa8c73b526c6f3ce391d4e21ec3eceffab8',
  },
  names: { x64: 'amd64', arm64: 'arm64' },
}

const RELEASE_BASE = 'https://github.com/nats-io/nats-server/releases/download'
const APT_MS = 120_000
const REMEDY =
  'run `apt-get install nats-server` as root, or put the program of https://nats.io/download on the search path'

const localPath = (root: string): string => join(root, '.trmesh', 'bin', 'nats-server')

/** The program this project would use, or undefined. Debian keeps it in /usr/sbin, which users often do not search. */
export async function findNatsServer(root: string): Promise<NatsServer | undefined> {
  for (const path of ['nats-server', localPath(root), '/usr/sbin/nats-server', '/usr/local/bin/nats-server']) {
    const { status, stdout, stderr } = await run(path, ['--version'], { timeoutMs: 5_000 })
    const version = /v?(\d+\.\d+\.\d+[\w.-]*)/.exec(stdout + stderr)?.[1]
    if (status === 0 && version !== undefined) return { path, version }
  }
  return undefined
}

export interface NatsInstallOptions {
  root: string
  log: (line: string) => void
  /** Where releases lie: `${releaseBase}/vX.Y.Z/nats-server-...tar.gz`. */
  releaseBase?: string
}

/**
 * Finds nats-server, or installs it: as root from Debian's packages, else unpacked from them into .trmesh/bin (needs no
 * root), else from the pinned release.
 * @throws SystemRefused with the one command to run if nothing works
 */
export async function ensureNatsServer(options: NatsInstallOptions): Promise<NatsServer> {
  const { root, log } = options
  const found = await findNatsServer(root)
  if (found !== undefined) return found
  const tried: string[] = []
  const ways = [
    () => aptInstall('nats-server', REMEDY, log),
    () => unpackPackage(root, log),
    () => downloadRelease(root, options.releaseBase ?? RELEASE_BASE, log),
  ]
  for (const way of ways) {
    try {
      await way()
    } catch (error) {
      if (!(error instanceof RunError)) throw error
      tried.push(error.message)
      continue
    }
    const installed = await findNatsServer(root)
    if (installed !== undefined) return installed
    tried.push('it was installed, but does not start')
  }
  throw new SystemRefused(`nats-server is missing and could not be installed (${tried.join('; ')})`, REMEDY)
}

async function unpackPackage(root: string, log: (line: string) => void): Promise<void> {
  const work = workFolder(root)
  try {
    const fetched = await run('apt-get', ['download', 'nats-server'], { cwd: work, timeoutMs: APT_MS })
    const name = readdirSync(work).find((each) => each.endsWith('.deb'))
    if (fetched.failure !== undefined || name === undefined) {
      throw new SystemRefused(fetched.failure ?? 'apt-get download fetched nothing', REMEDY)
    }
    log('unpacking the nats-server package of this system into .trmesh/bin')
    const unpacked = await run('dpkg-deb', ['-x', name, '.'], { cwd: work, timeoutMs: 30_000 })
    if (unpacked.failure !== undefined) throw new SystemRefused(unpacked.failure, REMEDY)
    place(root, join(work, 'usr', 'sbin', 'nats-server'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

async function downloadRelease(root: string, base: string, log: (line: string) => void): Promise<void> {
  const { arch, platform } = process
  if (platform !== 'linux' || (arch !== 'x64' && arch !== 'arm64')) {
    throw new SystemRefused(`no pinned nats-server release for ${platform} on ${arch}`, REMEDY)
  }
  const work = workFolder(root)
  try {
    const archive = join(work, 'release.tar.gz')
    const file = `nats-server-v${RELEASE.version}-linux-${RELEASE.names[arch]}.tar.gz`
    log(`downloading ${file}`)
    await download(`${base}/v${RELEASE.version}/${file}`, archive, { sha256: RELEASE.sha256[arch] })
    const program = join(work, 'nats-server')
    writeFileSync(program, fileFromTarGz(readFileSync(archive), 'nats-server'), { mode: 0o755 })
    place(root, program)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function workFolder(root: string): string {
  mkdirSync(join(root, '.trmesh', 'bin'), { recursive: true })
  return mkdtempSync(join(root, '.trmesh', 'bin', '.new-'))
}

function place(root: string, program: string): void {
  if (!existsSync(program)) throw new SystemRefused(`the package holds no ${program}`, REMEDY)
  renameSync(program, localPath(root))
}

/** What is worth knowing about this version, for `trmesh doctor`; undefined if nothing. */
export function natsServerCaveat(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 2 || (major === 2 && minor >= 10)) return undefined
  return `${version} is an old release (Debian 12 carries 2.9.10, out of support): fine on one machine or a private network; put a current one in front of the internet`
}
