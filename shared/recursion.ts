// The recursion as data (spec 1.6, 1.10, 10): which network is called with which states, what it writes, and how many of the
// last calls of a supervision step are differentiated. x is the question; state 0 is the answer (the paper's y, z_H), the
// others are latent thoughts (z, z_L). TRM, HRM and the ablations of the paper differ in nothing but this table, their
// networks and their halting rule.
import type { ModelConfig } from './config/run-config.js'

/** What a call adds up: states by number, and the question. */
export type Term = number | 'x'

/** state[writes] <- network(sum of reads + sum of adds). Sums go from left to right. */
export interface Call {
  readonly network: 'H' | 'L'
  readonly reads: readonly number[]
  /** The injection; nothing: zero. */
  readonly adds: readonly Term[]
  readonly writes: number
}

export interface Recursion {
  /** Official names of what fresh states begin with, one a state; the answer's is the first. */
  readonly inits: readonly string[]
  /** A supervision step is hCycles times these. */
  readonly cycle: readonly Call[]
  /** So many of the last calls of a step are differentiated; what they start from is constant. */
  readonly graded: number
}

type Recursive = Pick<
  ModelConfig,
  'states' | 'networks' | 'gradient' | 'gradedCycles' | 'gradedCalls' | 'hCycles' | 'lCycles'
>

export function recursionOf(model: Recursive): Recursion {
  const { inits, cycle } = cycleOf(model)
  return { inits, cycle, graded: gradedOf(model, cycle.length) }
}

/** URM's truncated loops (arXiv 2512.14693) are gradedCycles where a cycle is one call; gradedCalls cuts inside longer cycles too. */
function gradedOf({ gradient, gradedCycles, gradedCalls }: Recursive, calls: number): number {
  if (gradedCalls > 0) return gradedCalls
  return gradient === 'last' ? Math.min(2, calls) : gradedCycles * calls
}

/** Latent thoughts that a carry holds: those of the recursion, once for every chain. */
export const latentsOf = (model: Recursive & Pick<ModelConfig, 'chains'>): number =>
  model.chains * (recursionOf(model).inits.length - 1)

/** Official names of what fresh states begin with; those of chains after the first, which TRM does not have, are our own. */
export function startNamesOf(model: Recursive & Pick<ModelConfig, 'chains'>): string[] {
  const [answer = '', ...latents] = recursionOf(model).inits
  const chain = (k: number): string[] => latents.map((name) => (k === 0 ? name : `${name}.${k}`))
  return [answer, ...Array.from({ length: model.chains }, (_, k) => chain(k)).flat()]
}

function cycleOf({ states, networks, lCycles: n }: Recursive): Omit<Recursion, 'graded'> {
  const answering = networks === 'two' ? 'H' : 'L'
  const times = (call: (l: number) => Call): Call[] => Array.from({ length: n }, (_, l) => call(l))
  switch (states) {
    case 'answer':
      return { inits: ['H_init'], cycle: [{ network: 'H', reads: [0], adds: ['x'], writes: 0 }] }
    case 'one': {
      const thought: Call = { network: 'L', reads: [0], adds: ['x'], writes: 0 }
      return { inits: ['L_init'], cycle: [...times(() => thought), { ...thought, adds: [] }] }
    }
    case 'many': {
      const latents = Array.from({ length: n }, (_, l) => l + 1)
      const cycle = times((l): Call => ({ network: 'L', reads: latents, adds: [0, 'x'], writes: l + 1 }))
      return {
        inits: ['H_init', ...latents.map((l) => `L${l}_init`)],
        cycle: [...cycle, { network: answering, reads: [0], adds: latents, writes: 0 }],
      }
    }
    case 'two': {
      const cycle = times((): Call => ({ network: 'L', reads: [1], adds: [0, 'x'], writes: 1 }))
      return {
        inits: ['H_init', 'L_init'],
        cycle: [...cycle, { network: answering, reads: [0], adds: [1], writes: 0 }],
      }
    }
  }
}

/** Layers of each network: H answers, L thinks. 0: the model has no such network. */
export function layersOf({
  states,
  networks,
  layers,
  hLayers,
}: Pick<ModelConfig, 'states' | 'networks' | 'layers' | 'hLayers'>): {
  readonly H: number
  readonly L: number
} {
  if (states === 'answer') return { H: layers, L: 0 }
  return networks === 'two' ? { H: hLayers === 0 ? layers : hLayers, L: layers } : { H: 0, L: layers }
}

/** Layers that some calls go through, all together. */
export function layersIn(model: ModelConfig, calls: readonly Call[]): number {
  const layers = layersOf(model)
  return calls.reduce((sum, call) => sum + layers[call.network], 0)
}

/** Every call of a supervision step, in order. */
export function callsOf(model: Recursive): Call[] {
  const { cycle } = recursionOf(model)
  return Array.from({ length: model.hCycles }, () => cycle).flat()
}
