// One setting: its meaning, default and allowed values, in convict's own form. The settings themselves are in settings-*.ts.

export type SettingValue = string | number

/** One leaf of the schema, in convict's own form (`default`, `doc`, `format`, `env`, `arg`) and what the help needs. */
export interface Leaf {
  readonly doc: string
  readonly default: SettingValue
  /** Throws an Error that says what the value must be. */
  readonly format: (value: unknown) => void
  readonly kind: 'integer' | 'number' | 'text' | 'path' | 'source'
  /** The allowed values in words, for help and messages. */
  readonly allowed: string
  readonly choices?: readonly string[]
  /** Extra flag beside `--section.key`, without dashes. */
  readonly alias?: string
}

type LeafOptions = Pick<Leaf, 'alias'>

function refuseUnless(ok: boolean, allowed: string): void {
  if (!ok) throw new Error(`must be ${allowed}`)
}

export function integer(doc: string, value: number, min: number, max: number, options: LeafOptions = {}): Leaf {
  const allowed = max === MANY ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`
  const format = (x: unknown): void =>
    refuseUnless(Number.isSafeInteger(x) && Number(x) >= min && Number(x) <= max, allowed)
  return { doc, default: value, kind: 'integer', allowed, format, ...options }
}

/** A real number of [min, max]; with `open`, of [min, max). */
export function real(doc: string, value: number, min: number, max: number, open = false): Leaf {
  const allowed = `a number from ${min} to ${open ? 'below ' : ''}${max}`
  const format = (x: unknown): void =>
    refuseUnless(typeof x === 'number' && x >= min && (open ? x < max : x <= max), allowed)
  return { doc, default: value, kind: 'number', allowed, format }
}

export function choice(doc: string, value: string, values: readonly string[], options: LeafOptions = {}): Leaf {
  const allowed = `one of ${values.join(', ')}`
  return {
    doc,
    default: value,
    kind: 'text',
    allowed,
    choices: values,
    format: (x) => refuseUnless(values.includes(x as string), allowed),
    ...options,
  }
}

export function text(
  doc: string,
  value: string,
  allowed: string,
  ok: (x: string) => boolean,
  options: LeafOptions & { kind?: 'path' | 'source' } = {},
): Leaf {
  const { kind = 'text', ...rest } = options
  return {
    doc,
    default: value,
    kind,
    allowed,
    format: (x) => refuseUnless(typeof x === 'string' && ok(x), allowed),
    ...rest,
  }
}

export const MANY = Number.MAX_SAFE_INTEGER
