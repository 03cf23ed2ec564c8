// Gets a Python wheel from PyPI without depending on Python: with pip where it is there (it knows mirrors and proxies of this
// machine), else with PyPI's JSON API (https://docs.pypi.org/api/json/) and a check of its SHA-256.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { RunError, SystemRefused } from '../../shared/errors.js'
import { run } from './command.js'
import { download, fetchJson } from './download.js'

export const PYPI = 'https://pypi.org'

export interface WheelOptions {
  /** Where the wheel is put: an empty folder. */
  folder: string
  log: (line: string) => void
  /** Stands for https://pypi.org. */
  indexBase?: string
  /** False to leave pip alone. */
  usePip?: boolean
  /** Milliseconds all of it may take. */
  limitMs?: number
}

const DEFAULT_LIMIT_MS = 3_600_000
/** An index that does not answer must not hold up a start. */
const ANSWER_S = 5
/** pip's own limit is also between two packets of a download. */
const PIP_ANSWER_S = 8

/**
 * The path of the wheel of `name` whose version satisfies `versions` (`==2.21.0`, or bounds such as `<13.0,>=12.5.3.2`).
 * @throws SystemRefused if neither pip nor PyPI gives it
 */
export async function fetchWheel(name: string, versions: string, options: WheelOptions): Promise<string> {
  const { log } = options
  const tried: string[] = []
  if (options.usePip !== false) {
    for (const pip of [['pip3'], ['python3', '-m', 'pip'], ['pip']]) {
      const answer = await withPip(pip, `${name}${versions}`, options)
      if (answer.path !== undefined) {
        log(`fetched ${name}${versions} with pip`)
        return answer.path
      }
      tried.push(`${pip.join(' ')}: ${answer.failure}`)
      if (!answer.missing) break
    }
  }
  try {
    return await fromIndex(name, versions, options)
  } catch (error) {
    if (!(error instanceof RunError)) throw error
    tried.push(error.message)
  }
  throw new SystemRefused(
    `cannot get the wheel of ${name}${versions} (${tried.join('; ')})`,
    'check the network of this machine',
  )
}

async function withPip(
  pip: readonly string[],
  requirement: string,
  options: WheelOptions,
): Promise<{ path?: string; failure?: string; missing: boolean }> {
  const [program = 'pip3', ...first] = pip
  const index = options.indexBase === undefined ? [] : ['--index-url', `${options.indexBase}/simple`]
  const args = [
    'download',
    '--no-deps',
    '--only-binary',
    ':all:',
    '--retries',
    '0',
    '--timeout',
    String(PIP_ANSWER_S),
    '--progress-bar',
    'off',
  ]
  const answer = await run(program, [...first, ...args, ...index, '--dest', options.folder, requirement], {
    timeoutMs: options.limitMs ?? DEFAULT_LIMIT_MS,
  })
  const file = wheelsIn(options.folder)[0]
  if (answer.status === 0 && file !== undefined) return { path: file, missing: false }
  const reason = /^ERROR: (.*)$/m.exec(answer.stderr)?.[1] ?? answer.failure ?? 'no wheel'
  const missing = answer.status === null || /No module named pip/.test(answer.stderr)
  return { failure: reason, missing }
}

function wheelsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.whl'))
    .map((name) => join(folder, name))
}

interface IndexFile {
  filename: string
  url: string
  digests: { sha256: string }
  size?: number
}

/** The part of PyPI's answer that is used here. */
interface IndexAnswer {
  urls?: IndexFile[]
  releases?: Record<string, IndexFile[]>
}

async function fromIndex(name: string, versions: string, options: WheelOptions): Promise<string> {
  const base = options.indexBase ?? PYPI
  const exact = /^==([\w.]+)$/.exec(versions)?.[1]
  const url = exact === undefined ? `${base}/pypi/${name}/json` : `${base}/pypi/${name}/${exact}/json`
  const answer = (await fetchJson(url, ANSWER_S * 1000)) as IndexAnswer
  const files = exact === undefined ? newestFiles(answer.releases ?? {}, versions) : (answer.urls ?? [])
  const wheel = files.find((file) => runsHere(file.filename))
  if (wheel === undefined) {
    throw new SystemRefused(
      `${url} lists no wheel for ${process.platform} on ${process.arch}`,
      'choose another version',
    )
  }
  const megabytes = (bytes: number): number => Math.round(bytes / 1e6)
  options.log(`fetching ${wheel.filename}${wheel.size === undefined ? '' : `, ${megabytes(wheel.size)} MB`}`)
  const path = join(options.folder, wheel.filename)
  await download(wheel.url, path, {
    sha256: wheel.digests.sha256,
    ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }),
    onProgress: (bytes, total) =>
      options.log(`  ${megabytes(bytes)}${total === undefined ? '' : ` of ${megabytes(total)}`} MB`),
  })
  return path
}

/** Any Python version will do: only the libraries inside are used. */
function runsHere(filename: string): boolean {
  const machine = process.arch === 'x64' ? 'x86_64' : process.arch === 'arm64' ? 'aarch64' : process.arch
  return (
    process.platform === 'linux' && filename.endsWith('.whl') && new RegExp(`manylinux\\w*_${machine}`).test(filename)
  )
}

function newestFiles(releases: Record<string, IndexFile[]>, bounds: string): IndexFile[] {
  const fitting = Object.keys(releases).filter((version) => /^[\d.]+$/.test(version) && satisfies(version, bounds))
  const newest = fitting.sort(compareVersions).at(-1)
  return newest === undefined ? [] : (releases[newest] ?? [])
}

/** Whether a plain dotted version satisfies bounds such as `<13.0,>=12.5.3.2`. */
export function satisfies(version: string, bounds: string): boolean {
  return bounds.split(',').every((bound) => {
    const [, operator, limit] = /^\s*(<=|>=|==|!=|<|>)\s*([\d.]+)\s*$/.exec(bound) ?? []
    if (limit === undefined) return false
    const order = compareVersions(version, limit)
    switch (operator) {
      case '<':
        return order < 0
      case '<=':
        return order <= 0
      case '>':
        return order > 0
      case '>=':
        return order >= 0
      case '==':
        return order === 0
      default:
        return order !== 0
    }
  })
}

function compareVersions(a: string, b: string): number {
  const [left, right] = [a.split('.').map(Number), b.split('.').map(Number)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
