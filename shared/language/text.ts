// An ARC task as a language model reads it, in the text form of the published study (arXiv:2512.11847, its code): a chat turn
// with all demonstrations as nested lists without spaces, then the test input; the reply is the test output. Tokens are the
// pieces of Llama 3's splitting pattern, each taken as one token: a word with the space before it, a run of at most three
// digits, a run of punctuation with its line break. A cell costs two tokens: its digit, and the `,` or `],[` after it.
import { rowsOf, type Grid } from '../arc/grid.js'
import type { Task } from '../arc/task.js'

const grid = (of: Grid): string =>
  `[${rowsOf(of)
    .map((row) => `[${row.join(',')}]`)
    .join(',')}]`

export interface Serialised {
  /** Everything before the answer. */
  readonly prompt: string
  readonly answer: string
}

const TASK = 'Below are pairs of grids that follow one rule. Find the rule and apply it to the last grid.'

/** The task with its test pair number `test`; undefined if the answer is not known. */
export function serialise(task: Task, test: number): Serialised | undefined {
  const asked = task.pairs.filter(({ split }) => split === 'test')[test]
  if (asked?.output === undefined) return undefined
  const shown = task.pairs
    .filter(({ split }) => split === 'train')
    .map(({ input, output }, i) => {
      const pair = [`Example ${i + 1} Input: ${grid(input)}\n`]
      if (output !== undefined) pair.push(`Example ${i + 1} Output: ${grid(output)}\n\n`)
      return pair.join('')
    })
  const turn = (who: string): string => `<|start_header_id|>${who}<|end_header_id|>\n\n`
  return {
    prompt:
      `<|begin_of_text|>${turn('user')}${TASK}\n\n${shown.join('')}Test Input: ${grid(asked.input)}<|eot_id|>` +
      `${turn('assistant')}Test Output:`,
    answer: ` ${grid(asked.output)}<|eot_id|>`,
  }
}

const SPECIAL = /(<\|\w+\|>)/
/** The splitting pattern of Llama 3, without the rare cases that no text of ours has. */
const PIECES = / ?[A-Za-z]+|\d{1,3}| ?[^\sA-Za-z\d]+[\n]*|\s+/g

/** Gives every distinct piece a number below `vocab`, in order of appearance; the same text gives the same numbers. */
export class Tokeniser {
  private readonly numbers = new Map<string, number>()

  constructor(private readonly vocab: number) {}

  encode(text: string): number[] {
    // Special tokens first, as in the original: each is one.
    const parts = text.split(SPECIAL).flatMap((part) => (SPECIAL.test(part) ? [part] : (part.match(PIECES) ?? [])))
    return parts.map((piece) => {
      const known = this.numbers.get(piece)
      if (known !== undefined) return known
      // A fixed stride spreads the few pieces that grids need over the table, as a real vocabulary does.
      const number = (this.numbers.size * 7919 + 1) % this.vocab
      this.numbers.set(piece, number)
      return number
    })
  }
}
