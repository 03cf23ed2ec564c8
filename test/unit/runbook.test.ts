// The runbook against the alerts and the program: each alert has its section and each section its alert, links lead
// somewhere, settings, commands and files that it names exist.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { EXIT_CODES } from '../../deploy/cli/exit-codes.js'
import { runbookUrl } from '../../grafana/alert-files.js'
import { ALERTS } from '../../grafana/alerts.js'
import { DASHBOARDS } from '../../grafana/generate.js'
import { SETTINGS } from '../../shared/config/schema.js'
import { at, documentsOf, listAt, textOf } from '../helpers/deploy-files.js'

const RUNBOOK = readFileSync('deploy/RUNBOOK.md', 'utf8')
const [running = '', alerts = ''] = RUNBOOK.split('\n# Alerts\n')
const headings = (text: string): string[] => [...text.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading)
/** As forges make it: lower case, no punctuation, spaces to dashes. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(/\s/g, '-')

test('each alert has its section, in order, and each section its alert', () => {
  assert.deepEqual(
    headings(alerts),
    ALERTS.map(({ name }) => name),
  )
  for (const section of alerts.split(/^## /m).slice(1))
    for (const part of ['**Means**', '**Look**', '**Do**']) assert.ok(section.includes(part), section.slice(0, 40))
})

test('the annotation of each alert, in every form, leads to its section', () => {
  const [prometheus] = documentsOf('deploy/prometheus/alerts.yml')
  const [kubernetes] = documentsOf('deploy/kubernetes/monitoring/alerts.yaml')
  const [grafana] = documentsOf('grafana/provisioning/alerting/alerts.yaml')
  const groups = [at(prometheus, 'groups', 0), at(kubernetes, 'spec', 'groups', 0), at(grafana, 'groups', 0)]
  const anchors = new Set(headings(RUNBOOK).map(anchor))
  for (const group of groups) {
    const rules = listAt(group, 'rules')
    assert.equal(rules.length, ALERTS.length)
    for (const rule of rules) {
      const name = textOf(at(rule, 'alert') ?? at(rule, 'title'))
      const url = textOf(at(rule, 'annotations', 'runbook_url'))
      assert.equal(url, runbookUrl(name))
      const [file = '', target = ''] = url.split('#')
      assert.ok(existsSync(file) && anchors.has(target) && target === anchor(name), url)
    }
  }
})

test('links, files, settings, dashboards and exit codes that it names exist', () => {
  const anchors = new Set(headings(RUNBOOK).map(anchor))
  for (const [, target = ''] of RUNBOOK.matchAll(/\]\(#([^)]*)\)/g)) assert.ok(anchors.has(target), target)
  for (const [, file = ''] of RUNBOOK.matchAll(/\]\((\w+\.md)\)/g)) assert.ok(existsSync(`deploy/${file}`), file)
  for (const [path] of RUNBOOK.matchAll(/\b(deploy|test|grafana)\/[\w/.-]*\w/g)) assert.ok(existsSync(path), path)
  const keys = new Set(SETTINGS.map(({ key }) => key))
  const sections = [...new Set(SETTINGS.map(({ section }) => section))].join('|')
  for (const [key] of RUNBOOK.matchAll(new RegExp(`(?<=\`)(${sections})\\.(?!conf\\b)\\w+(?=\`)`, 'g')))
    assert.ok(keys.has(key), key)
  for (const { name } of DASHBOARDS.map(({ title }) => ({ name: title })))
    assert.ok(running.toLowerCase().includes(name.toLowerCase().replace(/^trmesh\W*/, '')), name)
  for (const [code, meaning] of EXIT_CODES)
    if (code >= 2 && code <= 9) assert.match(running, new RegExp(`\\b${code} `), meaning)
})
