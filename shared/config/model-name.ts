// What a network is called where people read of it: TRM-Att, TRM-MLP, HRM, URM, a transformer, and what of it is not as published.
import type { ModelConfig } from './run-config.js'

/** Behind TRM- and HRM-. */
export const MIXER_NAMES: Readonly<Record<ModelConfig['mixer'], string>> = {
  attention: 'Att',
  mlp: 'MLP',
  mamba: 'Mamba2',
  hybrid: 'Mamba2Att',
}

type Notes = readonly (string | false)[]

/** What is remarkable in any family. */
const ofLayers = ({ swiglu, scan, gradedCalls }: ModelConfig): Notes => [
  swiglu === 'conv' && 'ConvSwiGLU',
  swiglu === 'normed' && 'normed SwiGLU',
  scan === 'bidirectional' && 'bidirectional scan',
  gradedCalls > 0 && `gradient of ${gradedCalls} calls`,
]

/** How states begin and go on, and of which cells. */
const ofStates = ({ start, stepNoise, chains, chainStarts, trim, trimMargin }: ModelConfig): Notes => [
  start === 'around' && 'starts around the fixed ones',
  start === 'random' && 'random starts',
  stepNoise > 0 && 'noise between steps',
  chains > 1 && `the best of ${chains}${chainStarts === 'aligned' ? ' aligned' : ''} chains learns`,
  trim > 0 && (trimMargin > 0 ? 'trimmed, with random margins' : 'trimmed'),
]

/** What of TRM is not as published. */
const ofTrm = ({ states, networks, gradient, gradedCycles, halting }: ModelConfig): Notes => [
  networks === 'two' && 'two networks',
  states === 'one' && 'a single state',
  states === 'many' && 'a thought per L cycle',
  gradient === 'last' && 'gradient of the last two calls',
  gradedCycles > 1 && `gradient of ${gradedCycles} cycles`,
  halting === 'continue' && 'halting by q_continue',
]

const noted = (name: string, notes: Notes): string => {
  const said = notes.filter((note) => note !== false)
  return said.length === 0 ? name : `${name} (${said.join(', ')})`
}

export function modelName(model: ModelConfig): string {
  const { mixer, swiglu, states, networks, gradient, halting } = model
  const isHrm = states === 'two' && networks === 'two' && gradient === 'last' && halting === 'continue'
  const attends = mixer === 'attention'
  if (isHrm) return noted(attends ? 'HRM' : `HRM-${MIXER_NAMES[mixer]}`, ofLayers(model))
  if (states === 'answer' && swiglu === 'conv' && attends) return 'URM'
  if (states === 'answer')
    return noted(`${attends ? 'transformer' : MIXER_NAMES[mixer]} without thoughts`, ofLayers(model))
  return noted(`TRM-${MIXER_NAMES[mixer]}`, [...ofTrm(model), ...ofStates(model), ...ofLayers(model)])
}
