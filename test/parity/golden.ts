// Reading golden files: JSON with arrays as base64 of little-endian float32.
import { readFileSync } from 'node:fs'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** A golden file, parsed; checkers give it the type of its format. */
export interface GoldenFile<Content = unknown> {
  readonly path: string
  readonly folder: string
  readonly content: Content
}

export interface PackedArray {
  readonly shape: readonly number[]
  readonly dtype: string
  readonly base64: string
}

export function unpack(array: PackedArray): Float32Array {
  if (array.dtype !== 'f32') throw new Error(`arrays of ${array.dtype} are not known here`)
  const bytes = Buffer.from(array.base64, 'base64')
  const values = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i))
  const wanted = array.shape.reduce((a, b) => a * b, 1)
  if (values.length !== wanted) throw new Error(`${values.length} values do not fill ${array.shape.join(' x ')}`)
  return values
}

export const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8')) as unknown

/** L2 norm, summed in f64. */
export function norm(values: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2
  return Math.sqrt(sum)
}

export function largest(values: ArrayLike<number>): number {
  let most = 0
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i] as number))
  return most
}
