// The plan of the house, enforced: who imports whom, what is pure, what nobody does. The rules are data in rules.ts.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, join } from 'node:path'
import test from 'node:test'
import { ENTRIES, MAINS, MAX_LINES, TENSOR_FREE, TOP_LEVEL, ZONES } from './rules.js'
import type { Zone } from './rules.js'
import { readSources, sourceOf } from './sources.js'
import type { Source } from './sources.js'

const sources = readSources()
const byPath = new Map(sources.map((source) => [source.path, source]))
const zoneOf = (source: Source): Zone | undefined => ZONES.find((zone) => zone.files.test(source.path))

/** Fails with all of them, one per line. */
function none(offences: readonly string[]): void {
  assert.ok(offences.length === 0, `\n${offences.join('\n')}`)
}

function importOffences(source: Source, zone: Zone): string[] {
  return source.imports.flatMap(({ to, kind }) => {
    const from = `${source.path} (${zone.name}) may not import ${to}`
    if (/^(shared|coordinator|worker|grafana|deploy|test)\//.test(to)) return zone.imports.test(to) ? [] : [from]
    const builtin = to.replace(/^node:/, '')
    if (!builtinModules.includes(builtin)) return kind === 'type' || zone.packages?.test(to) === true ? [] : [from]
    const allowed = zone.builtins === 'all' || zone.builtins?.includes(builtin) === true
    return allowed ? [] : [from]
  })
}

test('every source belongs to a zone, and imports what its zone may', () => {
  assert.ok(sources.length > 100)
  none(
    sources.flatMap((source) => {
      const zone = zoneOf(source)
      return zone === undefined ? [`${source.path} belongs nowhere`] : importOffences(source, zone)
    }),
  )
})

test('every import of a project file leads to one', () => {
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(({ to }) => /^(shared|coordinator|worker|grafana|deploy|test)\//.test(to))
        .filter(({ to }) => !byPath.has(to) && !existsSync(to.replace(/\.ts$/, '.js')))
        .map(({ to }) => `${path} imports ${to}, which does not exist`),
    ),
  )
})

test('pure files have no clock, no chance, no console, no process, no timers', () => {
  none(
    sources.flatMap((source) => {
      const allowed = zoneOf(source)?.ambient ?? []
      if (allowed === 'all') return []
      return source.ambient
        .filter((used) => !allowed.includes(used))
        .map((used) => `${source.path} (${zoneOf(source)?.name}) uses ${used}`)
    }),
  )
})

test('pure files and mathematics do not wait', () => {
  none(
    sources
      .filter((source) => source.isAsync && zoneOf(source)?.async !== true)
      .map((source) => `${source.path} (${zoneOf(source)?.name}) is asynchronous`),
  )
})

test('only where a process or a thread begins are argv and environment read, and the process ended', () => {
  none(
    sources
      .filter((source) => !ENTRIES.test(source.path))
      .flatMap((source) => source.worldly.map((used) => `${source.path} uses ${used}`)),
  )
})

test('nobody imports a main file or a test', () => {
  none(
    sources.flatMap(({ path, imports }) =>
      imports
        .filter(
          ({ to, kind }) =>
            (MAINS.test(to) && kind === 'value') || (to.startsWith('test/') && !path.startsWith('test/')),
        )
        .map(({ to }) => `${path} imports ${to}`),
    ),
  )
})

test('no tensor library where none belongs, not even through others', () => {
  const reaches = new Map<string, string | undefined>()
  const tensor = (path: string): string | undefined => {
    if (reaches.has(path)) return reaches.get(path)
    reaches.set(path, undefined)
    for (const { to, kind } of byPath.get(path)?.imports ?? []) {
      if (kind !== 'value') continue
      const way = to.startsWith('@tensorflow/') ? to : byPath.has(to) ? tensor(to) : undefined
      if (way !== undefined) reaches.set(path, `${path} -> ${way}`)
    }
    return reaches.get(path)
  }
  none(
    sources
      .filter(({ path }) => TENSOR_FREE.test(path))
      .map(({ path }) => tensor(path))
      .filter((way) => way !== undefined),
  )
})

test('no import cycles', () => {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    if (done.has(path)) return
    for (const { to, kind } of byPath.get(path)?.imports ?? []) if (kind === 'value') visit(to, [...trail, path])
    done.add(path)
  }
  for (const { path } of sources) visit(path, [])
  none(cycles)
})

test('exports by name, from the file that defines: no default exports, no barrels, no utils', () => {
  none(
    sources.flatMap(({ path, defaultExport, reExports }) => [
      ...(defaultExport ? [`${path} has a default export`] : []),
      ...(reExports ? [`${path} re-exports another file`] : []),
      ...(/^(utils?|helpers?|misc|common|index)\.ts$/.test(basename(path)) ? [`${path}: name it for its concept`] : []),
    ]),
  )
})

test(`no source is longer than ${MAX_LINES} lines, and each says in its first line what it is`, () => {
  none(
    sources.flatMap(({ path, lines, text }) => [
      ...(lines > MAX_LINES ? [`${path} has ${lines} lines`] : []),
      ...(path.startsWith('test/') || /^(#!.*\n)?\/\/ \S/.test(text)
        ? []
        : [`${path} does not begin with a comment that says what it is`]),
    ]),
  )
})

test('the top level is fixed', () => {
  const allowed = [...TOP_LEVEL.folders, ...TOP_LEVEL.files]
  none(readdirSync('.').filter((name) => !name.startsWith('.') && name !== 'node_modules' && !allowed.includes(name)))
})

test('no file knows a path of the machine it was written on', () => {
  const machine = /(^|[\s"'`(=:])\/(work|tmp\/wt|root|home\/\w+)\//m
  const texts = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name)
      if (name === 'node_modules' || (name.startsWith('.') && name !== '.ci')) return []
      if (statSync(path).isDirectory()) return texts(path)
      return /\.(ts|mjs|js|json|md|ya?ml|sh|conf|py|cc|cu|h)$/.test(name) || folder === '.ci' ? [path] : []
    })
  none(texts('.').filter((path) => machine.test(readFileSync(path, 'utf8'))))
})

test('the test sees what it must: offences of each kind are found', () => {
  const code = [
    "import { a } from '../shared/a.js'",
    "import type { b } from './b.js'",
    "import { type c } from './c.js'",
    "export { d } from './d.js'",
    "const e = await import('./e.js')",
    "const f = new URL('./f.js', import.meta.url)",
    'const now = Date.now() + new Date().getTime() + Math.random() + Math.max(1, 2)',
    'const port = { fetch: 1, process: 2 }.fetch // console.log',
    'export default process.env',
  ].join('\n')
  const seen = sourceOf('worker/x.ts', code)
  const expected = [
    'shared/a.ts value',
    'worker/b.ts type',
    'worker/c.ts type',
    'worker/d.ts value',
    'worker/e.ts lazy',
  ]
  assert.deepEqual(
    seen.imports.map(({ to, kind }) => `${to} ${kind}`),
    [...expected, 'worker/f.ts lazy'],
  )
  assert.deepEqual([...seen.ambient].sort(), ['Date.now', 'Math.random', 'new Date', 'process.env'])
  assert.deepEqual(seen.worldly, ['process.env'])
  assert.ok(seen.defaultExport && seen.reExports && seen.isAsync)
  const innocent = sourceOf('shared/y.ts', '// y\nexport const y = (process: number): number => process\n')
  assert.ok(!innocent.defaultExport && !innocent.reExports && !innocent.isAsync)
  assert.equal(importOffences(seen, ZONES.find(({ name }) => name === 'shared') as Zone).length, 5)
})
