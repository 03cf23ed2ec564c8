// One thing the doctor looked at, and how a list of them is shown.

export interface Finding {
  /** What was looked at: `node`, `backend wasm`, ... */
  topic: string
  /** `note`: neither good nor bad for training, but worth knowing. */
  state: 'ok' | 'missing' | 'note'
  text: string
  /** How to get it, or what to do. */
  remedy?: string
  /** This machine cannot train without it. */
  needed?: boolean
}

/** True if nothing that training needs is missing. */
export function canTrain(findings: readonly Finding[]): boolean {
  return !findings.some((finding) => finding.needed === true && finding.state === 'missing')
}

/** The lines of a report: state, topic, text, and the remedy under it. */
export function findingLines(findings: readonly Finding[]): string[] {
  const width = Math.max(0, ...findings.map(({ topic }) => topic.length))
  return findings.flatMap(({ topic, state, text, remedy }) => [
    `${state.padEnd(8)}${topic.padEnd(width)}  ${text}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(8 + width)}  -> ${remedy}`]),
  ])
}

/** Prints the report through `print`, as lines for people or as one JSON document. */
export function printFindings(findings: readonly Finding[], print: (line: string) => void, json = false): void {
  if (json) print(JSON.stringify({ canTrain: canTrain(findings), findings }, null, 2))
  else for (const line of findingLines(findings)) print(line)
}
