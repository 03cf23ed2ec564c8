// What a network is called where people read of it: TRM-Att, TRM-MLP, HRM, a transformer, and what of it is not as published.
import type { ModelConfig } from './run-config.js'

export function modelName(model: ModelConfig): string {
  const { mixer, states, networks, gradient, gradedCycles, halting, start, stepNoise, chains, trim } = model
  const isHrm = states === 'two' && networks === 'two' && gradient === 'last' && halting === 'continue'
  const mlp = mixer === 'mlp'
  if (isHrm) return mlp ? 'HRM-MLP' : 'HRM'
  if (states === 'answer') return `${mlp ? 'MLP' : 'transformer'} without thoughts`
  const notes = [
    networks === 'two' && 'two networks',
    states === 'one' && 'a single state',
    states === 'many' && 'a thought per L cycle',
    gradient === 'last' && 'gradient of the last two calls',
    gradedCycles > 1 && `gradient of ${gradedCycles} cycles`,
    halting === 'continue' && 'halting by q_continue',
    start === 'around' && 'starts around the fixed ones',
    start === 'random' && 'random starts',
    stepNoise > 0 && 'noise between steps',
    chains > 1 && `the best of ${chains} chains learns`,
    trim > 0 && 'trimmed',
  ].filter((note) => note !== false)
  return `TRM-${mlp ? 'MLP' : 'Att'}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`
}
