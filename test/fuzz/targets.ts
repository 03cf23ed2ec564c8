// Every reader that is fuzzed.
import { BINARY_TARGETS } from './binary-targets.js'
import { JSON_TARGETS } from './json-targets.js'
import type { Target } from './target.js'

export const TARGETS: readonly Target[] = [...BINARY_TARGETS, ...JSON_TARGETS]
