// What a report is made of: all that is known of a run when it is written.
import type { RunConfig } from '../../../shared/config/run-config.js'
import type { EvaluationRecord } from '../../evaluate/record.js'
import type { Reproduction } from '../../reproduce/record.js'
import type { StudyRecord } from '../../study/record.js'
import type { Journal } from '../curves.js'

export interface RunReport {
  readonly name: string
  readonly journal: Journal
  readonly evaluation: EvaluationRecord | undefined
  readonly studies: readonly StudyRecord[]
  /** Of a run of `trmesh reproduce`. */
  readonly reproduction?: Reproduction | undefined
  /** undefined before the first checkpoint. */
  readonly config: RunConfig | undefined
  readonly checkpoint: { readonly dir: string; readonly step: number; readonly created: string } | undefined
  /** Dense parameters. */
  readonly parameters: number | undefined
  /** Of the machine that writes the report. */
  readonly machine: string
  readonly date: string
}
