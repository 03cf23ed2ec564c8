// `npm run dashboards`: writes dashboards and alert rules from the code. With --check it only compares, and fails if a
// committed file is not what the code says.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { staleFiles, writeGenerated } from './generate.js'

/** This file is compiled to .build/grafana/main.js. */
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

if (process.argv.includes('--check')) {
  const stale = staleFiles(root)
  for (const path of stale) process.stderr.write(`${path} is not what the code says: run \`npm run dashboards\`\n`)
  process.exitCode = stale.length === 0 ? 0 : 1
} else for (const path of writeGenerated(root)) process.stdout.write(`${path}\n`)
