// Keys of a JSON object in the order of the text. JSON.parse puts keys that look like whole numbers ("22168020") first,
// and the official build depends on the order of the file (spec 4.2).

/** @param text JSON of an object, known to parse. */
export function keysInOrder(text: string): string[] {
  const keys: string[] = []
  let depth = 0
  let isKey = false
  for (let i = 0; i < text.length; i++) {
    switch (text[i]) {
      case '"': {
        const start = i++
        while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1
        if (depth === 1 && isKey) keys.push(JSON.parse(text.slice(start, i + 1)) as string)
        isKey = false
        break
      }
      case '{':
      case '[':
        depth++
        isKey = depth === 1
        break
      case '}':
      case ']':
        depth--
        break
      case ',':
        isKey = depth === 1
        break
      default:
    }
  }
  return keys
}
