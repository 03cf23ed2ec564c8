// `npm run dashboards:pictures -- PROMETHEUS RUN FOLDER [SECONDS]`: one HTML page per dashboard from a live Prometheus, and a
// PNG of it where chromium is installed. For looking at dashboards where there is no Grafana.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { answer } from './ask.js'
import type { DashboardModel } from './dashboard-model.js'
import { pageOf } from './pictures.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const WIDTH = 1600
const [url, run, to, seconds = '300'] = process.argv.slice(2)

if (url === undefined || run === undefined || to === undefined) {
  process.stderr.write(
    'usage: npm run dashboards:pictures -- http://127.0.0.1:9090 RUN FOLDER [SECONDS of the past, default 300]\n',
  )
  process.exitCode = 2
} else {
  mkdirSync(to, { recursive: true })
  const folder = join(root, 'grafana', 'dashboards')
  for (const name of readdirSync(folder)) {
    const dashboard = JSON.parse(readFileSync(join(folder, name), 'utf8')) as DashboardModel
    const span = { url: url.replace(/\/$/, ''), run, seconds: Number(seconds), window: '30s' }
    const answered = await Promise.all(dashboard.panels.map((panel) => answer(panel, span)))
    const page = resolve(to, name.replace('.json', '.html'))
    writeFileSync(page, pageOf(dashboard, answered, WIDTH))
    const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * 30 + 60
    const picture = page.replace('.html', '.png')
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      `--window-size=${WIDTH},${bottom}`,
    ]
    const { status } = spawnSync('chromium', [...flags, `--screenshot=${picture}`, pathToFileURL(page).href], {
      stdio: 'ignore',
      timeout: 60_000,
    })
    const empty = answered.filter(({ panel, lines, rows }) => panel.type !== 'text' && lines.length + rows.length === 0)
    const without = empty.length === 0 ? '' : `; without data: ${empty.map(({ panel }) => panel.title).join(', ')}`
    process.stdout.write(`${status === 0 ? picture : page}${without}\n`)
  }
}
