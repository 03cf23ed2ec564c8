// HTML that cannot be broken by what stands in it: every value is escaped unless it is markup itself.

export class Markup {
  constructor(readonly text: string) {}
}

type Value = Markup | string | number | false | undefined | readonly Value[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '')

const put = (value: Value): string => {
  if (value instanceof Markup) return value.text
  if (value === false || value === undefined) return ''
  if (typeof value === 'object') return value.map(put).join('')
  return escape(String(value))
}

/** html`<b>${name}</b>`: values are escaped, lists are joined, false and undefined are nothing. */
export const html = (parts: TemplateStringsArray, ...values: readonly Value[]): Markup =>
  new Markup(parts.map((part, i) => part + (i < values.length ? put(values[i]) : '')).join(''))
