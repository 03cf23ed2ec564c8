// JSON with a place for every error: what JSON.parse accepts, but errors carry line and column, and a key given twice is
// one (JSON.parse would silently keep the last). Used for the configuration file, which a person writes.

export class JsonError extends Error {
  constructor(
    readonly problem: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(`line ${line}, column ${column}: ${problem}`)
  }
}

const SPACE = /[ \t\n\r]*/y
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const WORD = /true|false|null/y
/** Deeper than any configuration; keeps a hostile file from exhausting the stack. */
const MAX_DEPTH = 100

/** The value of a JSON text. Throws JsonError. */
export function parseJson(text: string): unknown {
  let at = text.startsWith('\ufeff') ? 1 : 0

  const fail = (problem: string, offset = at): never => {
    const before = text.slice(0, offset).split('\n')
    throw new JsonError(problem, before.length, (before.at(-1) ?? '').length + 1)
  }
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const token = pattern.exec(text)?.[0]
    at += token?.length ?? 0
    return token
  }
  const skip = (): void => void take(SPACE)
  const found = (): string => (at >= text.length ? 'the file ends here' : `found ${JSON.stringify(text[at])}`)
  const expect = (character: string): void => {
    if (text[at] !== character) fail(`expected ${character}, ${found()}`)
    at++
  }

  function object(depth: number): unknown {
    const entries = new Map<string, unknown>()
    expect('{')
    skip()
    while (text[at] !== '}') {
      const start = at
      const key = take(STRING) ?? fail(`expected a key in double quotes, ${found()}`)
      const name = JSON.parse(key) as string
      if (entries.has(name)) fail(`key ${key} is given twice`, start)
      skip()
      expect(':')
      entries.set(name, value(depth))
      if (text[at] !== '}') expect(',')
      skip()
      if (text[at] === '}' && text.slice(0, at).trimEnd().endsWith(','))
        fail('expected a key after the comma, found "}"')
    }
    at++
    return Object.fromEntries(entries)
  }

  function array(depth: number): unknown {
    const items: unknown[] = []
    expect('[')
    skip()
    while (text[at] !== ']') {
      items.push(value(depth))
      if (text[at] === ',' && at++ >= 0) skip()
      else if (text[at] !== ']') fail(`expected , or ], ${found()}`)
      if (text[at] === ']' && text.slice(0, at).trimEnd().endsWith(','))
        fail('expected a value after the comma, found "]"')
    }
    at++
    return items
  }

  function value(depth: number): unknown {
    if (depth > MAX_DEPTH) fail('nested too deeply')
    skip()
    const token = take(STRING) ?? take(NUMBER) ?? take(WORD)
    const result: unknown =
      token !== undefined
        ? JSON.parse(token)
        : text[at] === '{'
          ? object(depth + 1)
          : text[at] === '['
            ? array(depth + 1)
            : fail(`expected a value, ${found()}`)
    skip()
    return result
  }

  const result = value(0)
  if (at < text.length) fail(`expected the end of the file, ${found()}`)
  return result
}
