// All generated files: dashboards and alert rules, by path. `dashboards` writes them, `dashboards:check` compares.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { grafanaRules, kubernetesRules, prometheusRules } from './alert-files.js'
import { BASELINES_DASHBOARD } from './baselines.js'
import { CHECKPOINTS } from './checkpoints.js'
import { dashboard, type DashboardSpec } from './dashboard.js'
import { EVALUATION } from './evaluation.js'
import { FAULTS } from './faults.js'
import { HOST } from './host.js'
import { NETWORK } from './network.js'
import { RUN_DASHBOARD } from './run.js'
import { STEP_ANATOMY } from './step-anatomy.js'
import { WORKERS_DASHBOARD } from './workers.js'

export const DASHBOARDS: readonly DashboardSpec[] = [
  RUN_DASHBOARD,
  STEP_ANATOMY,
  WORKERS_DASHBOARD,
  NETWORK,
  FAULTS,
  CHECKPOINTS,
  HOST,
  BASELINES_DASHBOARD,
  EVALUATION,
]

/** Path under the root to text. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ...DASHBOARDS.map(
      (spec) => [`grafana/dashboards/${spec.name}.json`, `${JSON.stringify(dashboard(spec), null, 2)}\n`] as const,
    ),
    ['deploy/prometheus/alerts.yml', prometheusRules()] as const,
    ['deploy/kubernetes/monitoring/alerts.yaml', kubernetesRules()] as const,
    ['grafana/provisioning/alerting/alerts.yaml', grafanaRules()] as const,
  ])
}

export function writeGenerated(root: string): string[] {
  const files = generatedFiles()
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return [...files.keys()]
}

/** Paths whose committed text is not what the code says. */
export function staleFiles(root: string): string[] {
  const committed = (path: string): string | undefined => {
    try {
      return readFileSync(join(root, path), 'utf8')
    } catch {
      return undefined // missing is stale
    }
  }
  return [...generatedFiles()].filter(([path, text]) => committed(path) !== text).map(([path]) => path)
}
