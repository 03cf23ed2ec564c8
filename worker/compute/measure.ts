// The commands that measure: build a contender, train it and let it answer for so long, let it go. A first training step is
// not timed, unless it alone takes longer than all the time there is.
import { contenderOf, type Contender } from '../baseline/contender.js'
import type { Performer } from './performer.js'
import type { Answered, Command, Reply, Trained } from './port.js'

const COMMANDS = ['measure-open', 'measure-train', 'measure-answer', 'measure-close'] as const
type MeasureCommand = Extract<Command, { type: (typeof COMMANDS)[number] }>

export const isMeasure = (command: Command): command is MeasureCommand => COMMANDS.some((type) => type === command.type)

export function measure(performer: Performer, command: MeasureCommand): Reply {
  if (command.type === 'measure-open') return open(performer, command)
  const { contender, clock } = performer
  if (contender === undefined) throw new Error(`${command.type} before measure-open`)
  switch (command.type) {
    case 'measure-train':
      return { type: 'trained', ...trainFor(contender, command.seconds * 1000, clock) }
    case 'measure-answer':
      return { type: 'answered', ...answerFor(contender, command.seconds * 1000, clock) }
    case 'measure-close':
      contender.dispose()
      performer.contender = undefined
      return { type: 'done' }
    default:
      return command satisfies never
  }
}

function open(performer: Performer, { subject, samples }: Extract<Command, { type: 'measure-open' }>): Reply {
  const { config, layout, arena } = performer
  performer.contender?.dispose()
  performer.contender = contenderOf(subject, samples, {
    model: config.model,
    train: config.train,
    seed: config.run.seed,
    layout,
    arena,
  })
  const { parameters, recompute } = performer.contender
  return { type: 'measure-opened', parameters, recompute }
}

export function trainFor(contender: Contender, ms: number, clock: () => number): Trained {
  const began = clock()
  const first = contender.train()
  const warmed = clock()
  if (warmed - began >= ms) return { steps: 1, ...first, seconds: (warmed - began) / 1000, warm: false }
  let [steps, samples, tokens] = [0, 0, 0]
  do {
    const done = contender.train()
    steps++
    samples += done.samples
    tokens += done.tokens
  } while (clock() - began < ms)
  return { steps, samples, tokens, seconds: (clock() - warmed) / 1000, warm: true }
}

export function answerFor(contender: Contender, ms: number, clock: () => number): Answered {
  const until = clock() + ms
  let [answers, promptMs, tokens, tokensMs] = [0, 0, 0, 0]
  for (let turn = 0; turn === 0 || clock() < until; turn++) {
    const done = contender.answer(turn, clock, until)
    answers += done.answers
    promptMs += done.promptMs
    tokens += done.tokens
    tokensMs += done.tokensMs
  }
  return { answers, promptSeconds: promptMs / 1000, tokens, tokenSeconds: tokensMs / 1000 }
}
