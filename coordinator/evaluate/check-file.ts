// `trmesh check-submission`: any answer sheet against the tasks it must answer.
import { join } from 'node:path'
import { checkSubmission } from '../../shared/arc/check-submission.js'
import { DataError } from '../../shared/errors.js'
import type { CheckSubmissionOptions } from '../../shared/ports.js'
import { wilson } from '../../shared/wilson.js'
import { readText } from '../data/json-file.js'
import { openAskedTasks } from '../data/open.js'

/** Faults shown; a sheet for another set has hundreds. */
const SHOWN = 50

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`

/** @throws DataError if the sheet has faults, after naming them */
export async function checkSubmissionFile({ file, data, root, out }: CheckSubmissionOptions): Promise<void> {
  const { tasks, origin } = await openAskedTasks(data, join(root, '.trmesh', 'data'))
  const { problems, score } = checkSubmission(await readText(file), tasks)
  const inputs = tasks.reduce((sum, { solutions }) => sum + solutions.length, 0)
  out.line(`asked: ${tasks.length} tasks, ${inputs} test inputs (${origin})`)
  for (const problem of problems.slice(0, SHOWN)) out.line(`  - ${problem}`)
  if (problems.length > SHOWN) out.line(`  - and ${problems.length - SHOWN} more`)
  if (score === undefined) out.line('not scored: no answer is known')
  else {
    const { low, high } = wilson(score.score * score.tasks, score.tasks)
    out.line(
      `score ${percent(score.score)} of ${score.tasks} tasks (95 % interval ${percent(low)} to ${percent(high)}); ` +
        `${score.solved} of ${score.inputs} test inputs solved by one of two attempts`,
    )
  }
  if (problems.length > 0)
    throw new DataError(
      `${file} has ${problems.length} ${problems.length === 1 ? 'fault' : 'faults'}`,
      'every task of the set must be there, with two attempts for each test input, each a grid of at most 30 x 30 colours 0 to 9',
    )
  out.line(`${file} has the form that ARC Prize asks for`)
}
