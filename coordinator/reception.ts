// Who says hello is taken, or refused with the reason in words.
import type { RunConfig } from '../shared/config/run-config.js'
import { PROTOCOL_VERSION, type Hello, type HelloReply } from '../shared/protocol/messages.js'
import type { RunState } from './run-state.js'

export interface House {
  readonly config: RunConfig
  readonly incarnation: string
  readonly configText: string
  readonly dataHash: string
}

export function welcome(
  hello: Hello,
  { config, incarnation, configText, dataHash }: House,
  state: RunState,
): HelloReply {
  const refused = (refusal: Extract<HelloReply, { type: 'refused' }>['refusal'], why: string): HelloReply => ({
    type: 'refused',
    refusal,
    why,
  })
  if (hello.protocol !== PROTOCOL_VERSION)
    return refused('protocol-differs', `you speak protocol ${hello.protocol}, I speak ${PROTOCOL_VERSION}`)
  if (hello.run !== config.run.id)
    return refused('run-differs', `you ask for run ${hello.run}, I lead ${config.run.id}`)
  if (state.phase === 'finished' || state.phase === 'halted') return refused('run-is-over', 'nothing left to do')
  if (state.members.has(hello.worker)) return refused('name-taken', 'you are already here')
  return { type: 'welcome', coordinator: incarnation, run: config.run.id, config: configText, data: dataHash }
}
