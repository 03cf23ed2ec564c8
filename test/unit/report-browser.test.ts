// The report in a real browser, headless: no complaint on its console, and nothing wider than the window, phone or desktop.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { reportPage } from '../../coordinator/report/html/page.js'
import { folderOf } from '../helpers/checkpoints.js'
import { madeUpRun } from '../helpers/report.js'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const chromium = NAMES.find((name) => spawnSync(name, ['--version'], { timeout: 20_000 }).status === 0)
const skip = chromium === undefined ? 'no chromium is found here' : false

/** The page as the browser has it after loading, and what the console said. */
function open(folder: string, page: string, width: number): { dom: string; console: string[] } {
  const file = join(folder, 'page.html')
  writeFileSync(file, page)
  const { stdout, stderr } = spawnSync(
    chromium ?? '',
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--enable-logging=stderr', `--window-size=${width},900`],
      '--virtual-time-budget=3000',
      ...[`--user-data-dir=${join(folder, 'profile')}`, '--dump-dom', `file://${file}`],
    ],
    { encoding: 'utf8', timeout: 60_000 },
  )
  return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes('CONSOLE')) }
}

test('the page renders, and the console stays silent', { skip }, (t) => {
  const folder = folderOf(t)
  const { dom, console } = open(folder, reportPage(madeUpRun()), 1280)
  assert.match(dom, /<h1>Run made-up<\/h1>/)
  assert.deepEqual(console, [])
  const broken = reportPage(madeUpRun()).replace('</main>', '</main><script>nothing()</script>')
  assert.notEqual(
    open(folder, broken, 1280).console.length,
    0,
    'this test would see a complaint, and no script may run',
  )
})

test('nothing is wider than the window', { skip }, (t) => {
  const folder = folderOf(t)
  const measure = `<script>parent.postMessage(document.documentElement.scrollWidth + ' in ' + innerWidth, '*')</script>`
  const long = 'x'.repeat(90)
  const page = reportPage(madeUpRun({ name: long, machine: long }))
    .replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, '')
    .replace('</body>', `${measure}</body>`)
  writeFileSync(join(folder, 'inside.html'), page)
  // A window cannot be as narrow as a phone, a frame can.
  const frames = [390, 1280].map((width) => `<iframe src="inside.html" width="${width}" height="900"></iframe>`)
  const listen = `<script>onmessage = ({ data }) => (document.title += data + ';')</script>`
  const { dom } = open(folder, `<title></title>${listen}${frames.join('')}`, 1300)
  const found = [...dom.matchAll(/(\d+) in (\d+);/g)].map(([, content, window]) => [Number(content), Number(window)])
  assert.equal(found.length, 2, dom.slice(0, 200))
  for (const [content, window] of found) assert.ok(content! <= window!, `${content} in ${window}`)
})
