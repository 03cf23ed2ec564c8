// The run as a pure state machine: transition(state, event, now) -> state, effects, and a sentence for every decision.
// The same events at the same times give the same run. It decides who trains, when a step commits or is discarded, and when
// to snapshot, evaluate and stop; loop.ts performs the effects. Votes, not results, carry what must agree.
import type { Epoch, Millis, Step, WorkerId } from '../shared/ids.js'
import { rolling } from '../shared/deadlines.js'
import {
  NEVER,
  boundary,
  close,
  gather,
  halt,
  holdsState,
  next,
  recruit,
  replay,
  resync,
  stay,
  withMember,
} from './moves.js'
import { hearAll, onTick } from './overdue.js'
import { lose } from './loss.js'
import { noted } from './speed.js'
import type { Effect, Member, Policy, RunEvent, RunState, Transition } from './run-state.js'

export function transition(state: RunState, event: RunEvent, now: Millis, policy: Policy): Transition {
  if (state.phase === 'finished' || state.phase === 'halted') return stay(state)
  const heard = 'worker' in event ? hear(state, event.worker, now) : state
  const decided = decide(heard, event, now, policy)
  const has = (wanted: Effect['type']): boolean => decided.effects.some(({ type }) => type === wanted)
  const stepMs = has('commit') ? rolling(state.stepMs, now - state.askedAt) : state.stepMs
  const askedAt = ASKING.some(has) ? now : decided.state.askedAt
  return { ...decided, state: { ...decided.state, stepMs, askedAt } }
}

/** Effects after which the workers' answers are awaited. */
const ASKING = ['assign', 'begin', 'snapshot', 'evaluate'] as const

function decide(state: RunState, event: RunEvent, now: Millis, policy: Policy): Transition {
  switch (event.type) {
    case 'hello':
      if (state.members.has(event.worker)) return stay(state, `${event.worker} is here already`)
      return stay(withMember(state, newMember(event.worker, now)), `${event.worker} is here and builds its replica`)
    case 'prepared': {
      const member = state.members.get(event.worker)
      if (member?.phase !== 'preparing') return stay(state, `${event.worker} is prepared but not expected; ignored`)
      const here = withMember(state, { ...member, phase: 'prepared' })
      return state.phase === 'evaluating' ? recruit(here, policy) : gather(here, policy)
    }
    case 'beat': {
      const member = state.members.get(event.worker)
      if (member === undefined) return stay(state)
      const { epoch, step: at, activity } = event
      const same = member.activity === activity && member.at === at && member.epoch === epoch && event.moved !== true
      const quiet = same ? member : { since: now, reminded: 0 }
      const { since, reminded } = quiet
      return stay(withMember(state, { ...member, epoch, at, activity, since, reminded }))
    }
    case 'ready':
      return onReady(state, event, policy)
    case 'result':
      if (!isCurrent(state, event, policy)) return stay(state, `stale result of ${event.worker}`)
      return settle({ ...state, results: new Set(state.results).add(event.worker) }, policy)
    case 'vote':
      if (!isCurrent(state, event, policy)) return stay(state, `stale vote of ${event.worker}`)
      return settle(withVote(state, event), policy)
    case 'left':
      return lose(state, [event.worker], 'member-left', event.why, policy)
    case 'snapshotReady': {
      if (state.phase !== 'snapshotting' || event.step !== state.step || !state.team.includes(event.worker))
        return stay(state)
      const snapshots = new Set(state.snapshots).add(event.worker)
      if (snapshots.size < state.team.length) return stay({ ...state, snapshots })
      const copied = { ...state, snapshots: new Set<WorkerId>(), writing: true, copied: state.team }
      const onwards = boundary({ ...copied, phase: 'training' }, policy)
      return { ...onwards, effects: [{ type: 'save' }, ...onwards.effects] }
    }
    case 'checkpointed':
      return onCheckpointed(state, event.ok, policy)
    case 'evaluated': {
      if (state.phase !== 'evaluating') return stay(state)
      // The checkpoint of this step, if there is one, knows no score yet: it is written again.
      const checkpointAt = Math.min(state.checkpointAt, state.step - 1) as Step
      return boundary({ ...state, phase: 'training', evaluatedAt: state.step, checkpointAt }, policy)
    }
    case 'stop':
      return onStop({ ...state, stopping: event.why }, event.why, policy)
    case 'disconnected':
      return stay({ ...state, busDown: true })
    case 'reconnected':
      return resync(hearAll({ ...state, busDown: false }, now), 'bus-reconnected', policy)
    case 'tick':
      return onTick(state, now, policy)
    default:
      return event satisfies never
  }
}

const newMember = (id: WorkerId, now: Millis): Member => ({
  id,
  phase: 'preparing',
  holdsState: false,
  heard: now,
  epoch: 0 as Epoch,
  at: 0 as Step,
  activity: 'starting',
  since: now,
  reminded: 0,
  remindedAt: now,
})

function withVote(state: RunState, { worker, vote, computeMs }: Extract<RunEvent, { type: 'vote' }>): RunState {
  const votes = new Map(state.votes).set(worker, vote)
  const units = state.shares[state.team.indexOf(worker)]
  if (computeMs === undefined || units === undefined || state.votes.has(worker)) return { ...state, votes }
  return { ...state, votes, speeds: noted(state.speeds, worker, computeMs / units) }
}

const isCurrent = (state: RunState, event: { worker: WorkerId; epoch: Epoch; step: Step }, policy: Policy): boolean =>
  state.phase === 'training' &&
  event.epoch === state.epoch &&
  event.step === next(state.step, policy) &&
  state.team.includes(event.worker)

function hear(state: RunState, worker: WorkerId, now: Millis): RunState {
  const member = state.members.get(worker)
  return member === undefined ? state : withMember(state, { ...member, heard: now })
}

function onReady(state: RunState, event: Extract<RunEvent, { type: 'ready' }>, policy: Policy): Transition {
  const member = state.members.get(event.worker)
  const awaited = state.phase === 'syncing' && event.epoch === state.epoch && state.team.includes(event.worker)
  if (!awaited || member === undefined) return stay(state, `stale ready of ${event.worker}`)
  const params = new Map(state.params).set(event.worker, event.params)
  const ready = { ...withMember(state, { ...member, phase: 'ready', holdsState: true }), params }
  if (!state.team.every((id) => params.has(id))) return stay(ready)
  const differing = disagreement(params)
  if (differing !== null)
    return halt(
      ready,
      'replicas-differ',
      `parameters differ after synchronising: ${differing.told}`,
      'resume from the last checkpoint',
      differing.suspects,
    )
  return boundary({ ...ready, phase: 'training' }, policy)
}

function onCheckpointed(before: RunState, ok: boolean, policy: Policy): Transition {
  // A copy that died with its worker can be taken again from the others; a full disk stays full.
  const copyLost = !ok && before.copied.some((id) => !before.members.has(id))
  const state = { ...before, writing: false, copied: [], ...(copyLost ? { checkpointAt: NEVER } : {}) }
  if (state.phase !== 'closing') return stay(state)
  if (ok || copyLost) return boundary({ ...state, phase: 'training' }, policy)
  return halt(
    state,
    'unsaved',
    `the last checkpoint, of step ${state.step}, could not be written`,
    'see above why; start again to resume from the checkpoint before it',
  )
}

function onStop(state: RunState, why: string, policy: Policy): Transition {
  const unsaved = state.step > state.checkpointAt && [...state.members.keys()].some((id) => holdsState(state, id))
  switch (state.phase) {
    case 'gathering':
      return unsaved ? boundary(state, policy) : close(state, why)
    case 'syncing':
      return unsaved ? stay(state, `stopping as soon as the workers agree: ${why}`) : close(state, why)
    case 'evaluating': {
      const ending = boundary({ ...state, phase: 'training' }, policy)
      return { ...ending, effects: [{ type: 'abandonEvaluation' }, ...ending.effects] }
    }
    default:
      return stay(state, `stopping after this step: ${why}`)
  }
}

/** Commits, discards or halts once every member has reported and voted. */
function settle(state: RunState, policy: Policy): Transition {
  if (!state.team.every((id) => state.votes.has(id) && state.results.has(id))) return stay(state)
  const step = next(state.step, policy)
  const votes = [...state.votes]
  const field = (key: 'mean' | 'params') => disagreement(new Map(votes.map(([id, vote]) => [id, vote[key]])))
  const differing = field('params') ?? field('mean')
  if (differing !== null)
    return halt(
      state,
      'replicas-differ',
      `replicas differ at step ${step}: ${differing.told}`,
      'resume from the last checkpoint; if it recurs, use one backend and version everywhere',
      differing.suspects,
    )
  if (votes.some(([, vote]) => !vote.finite)) {
    const notFinite = state.notFinite + 1
    if (notFinite >= 3)
      return halt(
        state,
        'not-finite',
        `the gradient of step ${step} is not finite, three times in a row`,
        'lower train.lr, or resume from an earlier checkpoint',
      )
    return replay({ ...state, notFinite }, state.team, 'not-finite', policy)
  }
  const committed = boundary({ ...state, step, notFinite: 0 }, policy)
  const commit: Effect = { type: 'commit', epoch: state.epoch, step, team: state.team }
  return { ...committed, effects: [commit, ...committed.effects] }
}

/** Who has what, and one worker of each opinion. */
function disagreement(values: ReadonlyMap<WorkerId, string>): { told: string; suspects: WorkerId[] } | null {
  const first = new Map<string, WorkerId>()
  for (const [id, value] of values) if (!first.has(value)) first.set(value, id)
  if (first.size <= 1) return null
  return { told: [...values].map(([id, value]) => `${id} has ${value}`).join(', '), suspects: [...first.values()] }
}
