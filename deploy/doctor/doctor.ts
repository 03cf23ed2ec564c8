// `trmesh doctor`: looks, reports, and ends with an error where this machine cannot train.
import { BackendUnavailable, SystemRefused } from '../../shared/errors.js'
import type { DoctorOptions } from '../../shared/ports.js'
import { diagnose } from './diagnose.js'
import { canTrain, printFindings } from './finding.js'

/** @throws BackendUnavailable or SystemRefused if something training needs is missing; the report is printed before */
export async function runDoctor(options: DoctorOptions): Promise<void> {
  const { root, busUrl, out, json = false } = options
  const findings = await diagnose(root, busUrl)
  printFindings(findings, (line) => out.line(line), json)
  if (canTrain(findings)) {
    if (!json) out.line('This machine can train.')
    return
  }
  const gaps = findings.filter(({ state, needed }) => state === 'missing' && needed === true)
  const message = `this machine cannot train yet: ${gaps.map(({ topic }) => topic).join(', ')} missing`
  const remedy = gaps.flatMap(({ remedy }) => remedy ?? []).join('; ')
  throw gaps.every(({ topic }) => topic.startsWith('backend'))
    ? new BackendUnavailable(message, remedy)
    : new SystemRefused(message, remedy)
}
