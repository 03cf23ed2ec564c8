// Reads JSON files; whatever is wrong with one becomes a DataError that names it.
import { readFile } from 'node:fs/promises'
import { keysInOrder } from '../../shared/arc/json-keys.js'
import { DataError } from '../../shared/errors.js'

/** @throws DataError where the file cannot be read or is no JSON. */
export async function readJson(path: string): Promise<unknown> {
  return parse(path, await readText(path))
}

/** Entries of a JSON object in the order of the file. @throws DataError */
export async function readEntries(path: string): Promise<[string, unknown][]> {
  const text = await readText(path)
  const value = parse(path, text)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new DataError(
      `${path} is not a JSON object of tasks`,
      'the form is {"task name": {"train": ..., "test": ...}, ...}',
    )
  const record = value as Record<string, unknown>
  return keysInOrder(text).map((key) => [key, record[key]])
}

export async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new DataError(`cannot read ${path} (${why})`, 'check that the file is there and may be read', { cause })
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new DataError(`${path} is not JSON: ${why}`, 'the file is damaged or cut short: fetch it again', { cause })
  }
}
