#!/usr/bin/env node
// `trmesh`: the one command. Installs and compiles what is missing (run.mjs), then hands over to the command line.
import { runCompiled } from './run.mjs'

await runCompiled('deploy/cli/main.js', process.argv.slice(2))
