// The npm packages that run outside the checkout: what the compiled code imports, with everything that those need, and of
// each only the files that Node reads. Types, maps and builds for browsers stay behind: they are nine tenths of the bytes.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { SystemRefused } from '../../shared/errors.js'

/** What trmesh imports to run. TypeScript has done its work. */
export const RUNTIME = [
  '@tensorflow/tfjs',
  '@tensorflow/tfjs-backend-wasm',
  '@tensorflow/tfjs-core',
  'cli-table3',
  'commander',
  'convict',
  'msgpackr',
  'nats',
  'piscina',
  'prom-client',
] as const

/** Where the derivatives are looked up from (worker/backends/gradients.ts); its binding is not part of a bundle. */
export const LANDMARK = 'node_modules/@tensorflow/tfjs-node-gpu/package.json'

/** Of the command line by which tfjs makes smaller builds for browsers, and of those builds. */
const UNREAD = ['argparse', 'chalk', 'core-js', 'regenerator-runtime', 'yargs']

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Folders of the packages, relative to `root`: `names` and whatever they need. @throws SystemRefused if one is missing */
export function closureOf(root: string, names: readonly string[]): string[] {
  const found = new Set<string>()
  const visit = (name: string, from: string, optional: boolean): void => {
    const folder = resolvePackage(name, from, root)
    if (folder === undefined) {
      if (optional) return
      throw new SystemRefused(`the package ${name} is not installed below ${root}`, 'run `npm ci`')
    }
    if (found.has(folder)) return
    found.add(folder)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    ) as PackageJson
    // Packages of types are named by some as if they were needed to run.
    for (const needed of Object.keys(dependencies))
      if (!isTypes(needed) && !(name === '@tensorflow/tfjs' && UNREAD.includes(needed)))
        visit(needed, folder, needed in optionalDependencies)
    for (const wanted of Object.keys(optionalDependencies)) visit(wanted, folder, true)
  }
  for (const name of names) visit(name, root, false)
  return [...found].map((folder) => relative(root, folder)).sort()
}

const isTypes = (name: string): boolean => name.startsWith('@types/') || name === '@webgpu/types'

/** As Node looks for it: from the folder that asks upwards. */
function resolvePackage(name: string, from: string, root: string): string | undefined {
  for (let at = from; ; at = dirname(at)) {
    const folder = join(at, 'node_modules', name)
    if (existsSync(join(folder, 'package.json'))) return folder
    if (at === root || at === dirname(at)) return undefined
  }
}

const LEFT_OUT = /\.(d\.[cm]?ts|ts|tsx|map|md|markdown|flow|html|yml|yaml|tgz|bat)$|\.min\.js$/
/** These come in ten builds each; Node takes this one. */
const TFJS = /^@tensorflow\/tfjs(-[\w-]+)?$/
const TFJS_KEPT = /(^|\/)(package\.json|LICENSE|dist\/[\w.-]+\.node\.js|dist\/[\w.-]+\.wasm)$/

/** Files of a package that Node may read, relative to its folder; not those of packages inside it. */
export function filesOf(root: string, folder: string): string[] {
  const name = folder.replace(/^.*node_modules\//, '')
  const kept = (path: string): boolean =>
    /(^|\/)(licen[cs]e|notice|copying)[\w.-]*$/i.test(path) ||
    (TFJS.test(name) ? TFJS_KEPT.test(path) : !LEFT_OUT.test(path))
  const below = (path: string): string[] =>
    readdirSync(join(root, folder, path), { withFileTypes: true }).flatMap((entry) => {
      const inner = path === '' ? entry.name : `${path}/${entry.name}`
      if (entry.isDirectory()) return /^(node_modules|\.bin|\.github|test|tests|__tests__|benchmark)$/.test(entry.name) ? [] : below(inner) // prettier-ignore
      return kept(inner) ? [inner] : []
    })
  return below('').sort()
}
