// Plain data as YAML: maps, lists, numbers, booleans, and texts either quoted or, if they have several lines, as blocks.

export type Plain = string | number | boolean | readonly Plain[] | { readonly [key: string]: Plain }

const INDENT = '  '

function text(value: string, indent: string): string {
  if (!value.includes('\n')) return `'${value.replaceAll("'", "''")}'`
  return `|-\n${value
    .split('\n')
    .map((line) => `${indent}${line}`)
    .join('\n')}`
}

/** What stands after a key or a dash: on the same line, or as lines of its own. */
function value(data: Plain, indent: string): string {
  if (typeof data === 'string') return ` ${text(data, indent)}\n`
  if (typeof data !== 'object') return ` ${data}\n`
  if (isList(data)) {
    if (data.length === 0) return ' []\n'
    return `\n${data.map((item) => `${indent}-${inline(value(item, indent + INDENT), indent)}`).join('')}`
  }
  const entries = Object.entries(data)
  if (entries.length === 0) return ' {}\n'
  return `\n${entries.map(([key, item]) => `${indent}${key}:${value(item, indent + INDENT)}`).join('')}`
}

const isList = (data: readonly Plain[] | { readonly [key: string]: Plain }): data is readonly Plain[] =>
  Array.isArray(data)

/** A map after a dash begins on the line of the dash. */
const inline = (lines: string, indent: string): string =>
  lines.startsWith('\n') ? ` ${lines.slice(1 + indent.length + INDENT.length)}` : lines

/** A document. Keys are plain words. */
export const yaml = (data: Plain): string => value(data, '').replace(/^\n/, '')
