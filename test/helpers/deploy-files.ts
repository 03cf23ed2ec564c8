// The files of deploy/ as data, for tests: documents of YAML by path, the command lines they start, the variables they set.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

export function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort()
}

export const isYaml = (path: string): boolean => /\.ya?ml$/.test(path)

/** Throws with what is wrong: syntax, keys twice, unknown anchors. */
export function documentsOf(path: string): Json[] {
  return parseAllDocuments(readFileSync(path, 'utf8'), { merge: true }).map((document) => {
    const problem = document.errors[0] ?? document.warnings[0]
    if (problem !== undefined) throw new Error(`${path}: ${problem.message}`)
    return document.toJS() as Json
  })
}

/** The value at a path of keys; undefined if there is none. */
export function at(value: Json | undefined, ...keys: readonly (string | number)[]): Json | undefined {
  return keys.reduce<Json | undefined>(
    (inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Record<string, Json>)[key] : undefined),
    value,
  )
}

/** A leaf as text. */
export const textOf = (value: Json | undefined): string =>
  typeof value === 'object' ? JSON.stringify(value) : String(value)

export const listAt = (value: Json | undefined, ...keys: readonly (string | number)[]): readonly Json[] => {
  const found = at(value, ...keys)
  return Array.isArray(found) ? (found as readonly Json[]) : []
}

export const entriesAt = (value: Json | undefined, ...keys: readonly string[]): [string, Json][] =>
  Object.entries((at(value, ...keys) ?? {}) as Record<string, Json>)

/** Every value under a key of that name, however deep. */
export function valuesOf(value: Json | undefined, key: string): Json[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value as Record<string, Json>).flatMap(([name, inner]) => [
    ...(name === key ? [inner] : []),
    ...valuesOf(inner, key),
  ])
}

export const COMPOSE = 'deploy/compose.yaml'
export const KUBERNETES = 'deploy/kubernetes'

export interface Container {
  readonly where: string
  readonly image: string
  readonly args: readonly string[]
}

/** Containers of pods, the ones that prepare included. */
export function containers(): Container[] {
  const pods = filesUnder(KUBERNETES)
    .filter(isYaml)
    .flatMap((path) => documentsOf(path).map((document) => ({ path, pod: at(document, 'spec', 'template', 'spec') })))
    .flatMap(({ path, pod }) =>
      [...listAt(pod, 'initContainers'), ...listAt(pod, 'containers')].map((container) => ({
        where: `${path} ${textOf(at(container, 'name'))}`,
        image: textOf(at(container, 'image')),
        args: [...listAt(container, 'command'), ...listAt(container, 'args')].map(String),
      })),
    )
  const services = entriesAt(documentsOf(COMPOSE)[0], 'services').map(([name, service]) => ({
    where: `${COMPOSE} ${name}`,
    image: textOf(at(service, 'image')),
    args: listAt(service, 'command').map(String),
  }))
  return [...services, ...pods]
}

/** Command lines of trmesh that systemd and Slurm start: what follows main.js. */
export function scriptedCommands(): { readonly where: string; readonly args: readonly string[] }[] {
  return [...filesUnder('deploy/systemd'), ...filesUnder('deploy/slurm')].flatMap((where) =>
    readFileSync(where, 'utf8')
      .split('\n')
      .filter((line) => !line.startsWith('#'))
      .flatMap((line) => /(?:main\.js|\$program") ((?:coordinator|workers?)\b.*)$/.exec(line)?.[1] ?? [])
      .map((text) => ({ where, args: text.replace(/ &$/, '').split(' ') })),
  )
}
