// The nearest known name to a misspelt one, for messages that refuse it.

/** Levenshtein distance: insertions, deletions and substitutions that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, substituted))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The part after the last dot. */
const lastPart = (key: string): string => key.slice(key.lastIndexOf('.') + 1)

/** Longer than any name: nobody misspells one so, and comparing takes its time. */
const LONGEST = 100

/** The known name nearest to `name`, if any is near: a dotted name may also be meant by its last part alone. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  if (name.length > LONGEST) return undefined
  const lower = name.toLowerCase()
  const distance = (candidate: string): number => {
    const whole = editDistance(lower, candidate.toLowerCase())
    return Math.min(whole, editDistance(lastPart(lower), lastPart(candidate.toLowerCase())) + 0.5)
  }
  const ranked = known.map((candidate) => ({ candidate, far: distance(candidate) })).sort((x, y) => x.far - y.far)
  const best = ranked[0]
  return best !== undefined && best.far <= Math.max(2, lastPart(name).length / 3) ? best.candidate : undefined
}
