// Shapes: small validators from which the message types are inferred, so that what is checked on arrival and what the
// compiler knows are one thing. A shape either returns the value, typed, or throws WireError naming the field.
import { WireError } from '../errors.js'

export type Shape<T> = (value: unknown, path: string) => T
export type Of<S> = S extends Shape<infer T> ? T : never

const refuse = (path: string, wanted: string, value: unknown): never => {
  const got = value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value
  throw new WireError(`${path}: expected ${wanted}, got ${got}`, 'run one version of trmesh everywhere')
}

/** A number; NaN and infinities are allowed, because a diverging loss must arrive to be seen. */
export const number: Shape<number> = (value, path) =>
  typeof value === 'number' ? value : refuse(path, 'a number', value)

/** A whole number from 0 to 2^53-1. */
export const count: Shape<number> = (value, path) =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : refuse(path, 'a count', value)

export const boolean: Shape<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : refuse(path, 'true or false', value)

export const bytes: Shape<Uint8Array> = (value, path) =>
  value instanceof Uint8Array ? value : refuse(path, 'bytes', value)

export const text =
  (maxLength = 4096): Shape<string> =>
  (value, path) =>
    typeof value === 'string' && value.length <= maxLength ? value : refuse(path, `text of at most ${maxLength}`, value)

/** A name that may stand inside a subject. */
export const name: Shape<string> = (value, path) =>
  typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : refuse(path, 'a name', value)

export const oneOf =
  <const T extends string>(...choices: readonly T[]): Shape<T> =>
  (value, path) =>
    choices.find((choice) => choice === value) ?? refuse(path, choices.join(' | '), value)

export const list =
  <T>(item: Shape<T>, maxLength = 1 << 20): Shape<T[]> =>
  (value, path) =>
    Array.isArray(value) && value.length <= maxLength
      ? value.map((element, index) => item(element, `${path}[${index}]`))
      : refuse(path, `a list of at most ${maxLength}`, value)

export const record =
  <T extends Record<string, unknown>>(fields: { readonly [K in keyof T]: Shape<T[K]> }): Shape<T> =>
  (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(path, 'a record', value)
    const source = value as Record<string, unknown>
    const result: Record<string, unknown> = {}
    for (const key of Object.keys(fields)) result[key] = (fields[key] as Shape<unknown>)(source[key], `${path}.${key}`)
    return result as T
  }

/** The same shape, read as a branded type. */
export const as =
  <T>() =>
  <B>(shape: Shape<B>): Shape<T> =>
    shape as unknown as Shape<T>
