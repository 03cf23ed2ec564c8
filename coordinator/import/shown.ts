// Names out of a foreign file, made fit for a terminal: quoted, cut, and without bytes that a terminal would obey.

const LONGEST = 120

/** The text in quotes; control characters escaped, at most 120 characters. */
export function shown(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
