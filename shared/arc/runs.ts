// Token rows as text: a letter a..l for token 0..11 followed by the length of its run, omitted when it is 1.
// The form of the parity files, handy wherever a canvas must be written down.
import { DataError } from '../errors.js'

/** @param length tokens expected @throws DataError */
export function decodeRuns(text: string, length: number): Uint8Array {
  const tokens = new Uint8Array(length)
  let at = 0
  for (const [whole, letter, count] of text.matchAll(/([a-l])(\d*)|./g)) {
    if (letter === undefined)
      throw new DataError(`"${whole}" is no token letter`, 'letters a to l stand for tokens 0 to 11')
    const run = count === '' ? 1 : Number(count)
    tokens.fill(letter.charCodeAt(0) - 97, at, at + run)
    at += run
  }
  if (at !== length)
    throw new DataError(`a token row has ${at} tokens, not ${length}`, 'the file is damaged: fetch it again')
  return tokens
}

export function encodeRuns(tokens: Uint8Array): string {
  let text = ''
  for (let i = 0; i < tokens.length;) {
    let end = i + 1
    while (end < tokens.length && tokens[end] === tokens[i]) end++
    text += String.fromCharCode(97 + (tokens[i] as number)) + (end - i === 1 ? '' : String(end - i))
    i = end
  }
  return text
}
