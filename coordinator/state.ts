// The run as a pure state machine: transition(state, event, now) -> state, effects, and a sentence for every decision.
// The same events at the same times give the same run. It decides who trains, when a step commits or is discarded, and when
// to snapshot, evaluate and stop; loop.ts performs the effects. Votes, not results, carry what must agree.
import type { Epoch, Millis, Step, WorkerId } from '../shared/ids.js'
import type { Effect, DiscardReason, Member, Policy, RunEvent, RunState, Transition } from './run-state.js'

const stay = (state: RunState, why = ''): Transition => ({ state, effects: [], why })
const withMember = (state: RunState, member: Member): RunState => ({
  ...state,
  members: new Map(state.members).set(member.id, member),
})
const next = (step: Step): Step => (step + 1) as Step

export function transition(state: RunState, event: RunEvent, now: Millis, policy: Policy): Transition {
  if (state.phase === 'finished' || state.phase === 'halted') return stay(state)
  const heard = 'worker' in event ? hear(state, event.worker, now) : state
  switch (event.type) {
    case 'hello':
      return stay(withMember(heard, newMember(event.worker, now)), `${event.worker} is here and builds its replica`)
    case 'prepared': {
      const member = heard.members.get(event.worker)
      if (member?.phase !== 'preparing') return stay(heard, `${event.worker} is prepared but not expected; ignored`)
      return gather(withMember(heard, { ...member, phase: 'prepared' }), policy)
    }
    case 'beat': {
      const member = heard.members.get(event.worker)
      if (member === undefined) return stay(heard)
      const since = member.activity === event.activity && member.at === event.step ? member.since : now
      return stay(withMember(heard, { ...member, at: event.step, activity: event.activity, since }))
    }
    case 'ready':
      return onReady(heard, event, policy)
    case 'result':
      if (!isCurrent(heard, event)) return stay(heard, `stale result of ${event.worker}`)
      return settle({ ...heard, results: new Set(heard.results).add(event.worker) }, policy)
    case 'vote':
      if (!isCurrent(heard, event)) return stay(heard, `stale vote of ${event.worker}`)
      return settle({ ...heard, votes: new Map(heard.votes).set(event.worker, event.vote) }, policy)
    case 'left':
      return lose(heard, [event.worker], 'member-left', event.why, policy)
    case 'snapshotReady': {
      if (heard.phase !== 'snapshotting' || event.step !== heard.step) return stay(heard)
      const snapshots = new Set(heard.snapshots).add(event.worker)
      if (snapshots.size < heard.team.length) return stay({ ...heard, snapshots })
      const onwards = boundary({ ...heard, snapshots: new Set(), writing: true, phase: 'training' }, policy)
      return { ...onwards, effects: [{ type: 'save' }, ...onwards.effects] }
    }
    case 'checkpointed':
      if (heard.phase !== 'closing') return stay({ ...heard, writing: false })
      if (!event.ok) return close({ ...heard, writing: false }, 'the last checkpoint could not be written')
      return boundary({ ...heard, writing: false, phase: 'training' }, policy)
    case 'evaluated':
      if (heard.phase !== 'evaluating') return stay(heard)
      return boundary({ ...heard, phase: 'training', evaluatedAt: heard.step }, policy)
    case 'stop': {
      const stopping = { ...heard, stopping: event.why }
      if (heard.phase === 'gathering' || heard.phase === 'syncing') return close(stopping, event.why)
      if (heard.phase === 'evaluating') {
        const ending = boundary({ ...stopping, phase: 'training' }, policy)
        return { ...ending, effects: [{ type: 'abandonEvaluation' }, ...ending.effects] }
      }
      return stay(stopping, `stopping after this step: ${event.why}`)
    }
    case 'reconnected':
      if (heard.phase !== 'training') return stay(heard, 'the bus is back')
      return replay(heard, heard.team, 'bus-reconnected', policy)
    case 'tick':
      return onTick(heard, now, policy)
    default:
      return event satisfies never
  }
}

const newMember = (id: WorkerId, now: Millis): Member => ({
  id,
  phase: 'preparing',
  holdsState: false,
  heard: now,
  at: 0 as Step,
  activity: 'starting',
  since: now,
})

const isCurrent = (state: RunState, event: { worker: WorkerId; epoch: Epoch; step: Step }): boolean =>
  state.phase === 'training' &&
  event.epoch === state.epoch &&
  event.step === next(state.step) &&
  state.team.includes(event.worker)

function hear(state: RunState, worker: WorkerId, now: Millis): RunState {
  const member = state.members.get(worker)
  return member === undefined ? state : withMember(state, { ...member, heard: now })
}

/** Everyone who may be in the next epoch: old team first, in its order, so that slots move as little as possible. */
function candidates(state: RunState, policy: Policy): WorkerId[] {
  const able = (id: WorkerId): boolean => {
    const phase = state.members.get(id)?.phase
    return phase === 'ready' || phase === 'syncing' || phase === 'prepared'
  }
  const newcomers = [...state.members.keys()].filter((id) => !state.team.includes(id) && able(id))
  return [...state.team.filter(able), ...newcomers].slice(0, policy.maxWorkers)
}

/** Forms a team if there are enough workers and nothing is under way. */
function gather(state: RunState, policy: Policy): Transition {
  if (state.phase !== 'gathering') return stay(state, 'a worker is prepared; it joins at the next boundary')
  const team = candidates(state, policy)
  if (team.length < policy.minWorkers) return wait(state, team.length, policy)
  return assign(state, team, `${team.length} workers are here`)
}

/** Too few workers to go on with. */
function wait(state: RunState, here: number, policy: Policy): Transition {
  if (state.stopping !== null) return close(state, state.stopping)
  return stay({ ...state, phase: 'gathering' }, `${here} of ${policy.minWorkers} workers are here; waiting`)
}

function assign(state: RunState, team: readonly WorkerId[], why: string): Transition {
  if (state.step !== state.origin && !team.some((id) => state.members.get(id)?.holdsState)) {
    const rewind = `nobody holds the state of step ${state.step} any more; going back to the last checkpoint`
    return { state: { ...state, phase: 'finished' }, effects: [{ type: 'rewind', why: rewind }], why: rewind }
  }
  const epoch = (state.epoch + 1) as Epoch
  const members = new Map(state.members)
  for (const id of team) {
    const member = members.get(id)
    if (member !== undefined) members.set(id, { ...member, phase: 'syncing' })
  }
  return {
    state: {
      ...state,
      phase: 'syncing',
      epoch,
      team,
      assigned: team,
      members,
      votes: new Map(),
      results: new Set(),
      params: new Map(),
    },
    effects: [{ type: 'assign', epoch, team }],
    why: `epoch ${epoch}: ${why}`,
  }
}

function onReady(state: RunState, event: Extract<RunEvent, { type: 'ready' }>, policy: Policy): Transition {
  const member = state.members.get(event.worker)
  if (state.phase !== 'syncing' || event.epoch !== state.epoch || member === undefined)
    return stay(state, `stale ready of ${event.worker}`)
  const params = new Map(state.params).set(event.worker, event.params)
  const ready = { ...withMember(state, { ...member, phase: 'ready', holdsState: true }), params }
  if (!state.team.every((id) => params.has(id))) return stay(ready)
  const differing = disagreement(params)
  if (differing !== null)
    return halt(ready, `parameters differ after synchronising: ${differing}`, 'resume from the last checkpoint')
  return boundary({ ...ready, phase: 'training' }, policy)
}

/** What to do between two steps. */
function boundary(state: RunState, policy: Policy): Transition {
  const over = state.step >= policy.steps || state.timeIsUp
  const due = (every: number, last: Step): boolean => every > 0 && state.step - last >= every
  if (state.team.length < policy.minWorkers) return gather({ ...state, phase: 'gathering' }, policy)
  const wantsEvaluation = state.stopping === null && (over || due(policy.evaluateEvery, state.evaluatedAt))
  if (wantsEvaluation && state.evaluatedAt < state.step)
    return {
      state: { ...state, phase: 'evaluating' },
      effects: [{ type: 'evaluate' }],
      why: `evaluating after step ${state.step}`,
    }
  const ending = over || state.stopping !== null
  const wantsCheckpoint = ending || due(policy.checkpointEvery, state.checkpointAt) || justEvaluated(state)
  if (wantsCheckpoint && state.checkpointAt < state.step && state.writing && ending)
    return stay({ ...state, phase: 'closing' }, 'the last checkpoint waits for the one being written')
  if (wantsCheckpoint && state.checkpointAt < state.step && !state.writing)
    return {
      state: { ...state, phase: 'snapshotting', snapshots: new Set(), checkpointAt: state.step },
      effects: [{ type: 'snapshot' }],
      why: `checkpoint of step ${state.step}`,
    }
  if (ending)
    return close(
      state,
      state.stopping ?? (state.step >= policy.steps ? 'all steps are done' : 'the time given to training is up'),
    )
  const team = candidates(state, policy)
  if (team.join() !== state.assigned.join())
    return assign(state, team, `${team.length} workers from step ${next(state.step)} on`)
  return {
    state: { ...state, phase: 'training', votes: new Map(), results: new Set() },
    effects: [{ type: 'begin', epoch: state.epoch, step: next(state.step) }],
    why: '',
  }
}

const justEvaluated = (state: RunState): boolean => state.evaluatedAt === state.step && state.step > 0

function close(state: RunState, why: string): Transition {
  if (state.writing) return stay({ ...state, phase: 'closing' }, 'waiting for the last checkpoint')
  const finished = state.stopping === null
  return { state: { ...state, phase: 'finished' }, effects: [{ type: 'finish', why, finished }], why }
}

/** Commits, discards or halts once every member has reported and voted. */
function settle(state: RunState, policy: Policy): Transition {
  if (!state.team.every((id) => state.votes.has(id) && state.results.has(id))) return stay(state)
  const step = next(state.step)
  const votes = [...state.votes]
  const field = (key: 'mean' | 'params') => disagreement(new Map(votes.map(([id, vote]) => [id, vote[key]])))
  const differing = field('params') ?? field('mean')
  if (differing !== null)
    return halt(
      state,
      `replicas differ at step ${step}: ${differing}`,
      'resume from the last checkpoint; if it recurs, use one backend and version everywhere',
    )
  if (votes.some(([, vote]) => !vote.finite)) {
    const notFinite = state.notFinite + 1
    if (notFinite >= 3)
      return halt(
        state,
        `the gradient of step ${step} is not finite, three times in a row`,
        'lower train.lr, or resume from an earlier checkpoint',
      )
    return replay({ ...state, notFinite }, state.team, 'not-finite', policy)
  }
  const committed = boundary({ ...state, step, notFinite: 0 }, policy)
  return { ...committed, effects: [{ type: 'commit', epoch: state.epoch, step }, ...committed.effects] }
}

function disagreement(values: ReadonlyMap<WorkerId, string>): string | null {
  const distinct = new Set(values.values())
  if (distinct.size <= 1) return null
  return [...values].map(([id, value]) => `${id} has ${value}`).join(', ')
}

const halt = (state: RunState, why: string, remedy: string): Transition => ({
  state: { ...state, phase: 'halted' },
  effects: [{ type: 'halt', why, remedy }],
  why,
})

/** Discards the step under way and starts it again with `team` under a new epoch. */
function replay(state: RunState, team: readonly WorkerId[], reason: DiscardReason, policy: Policy): Transition {
  const discard: Effect = { type: 'discard', epoch: state.epoch, step: next(state.step), reason }
  const again =
    team.length < policy.minWorkers
      ? wait(state, team.length, policy)
      : assign(state, team, `step ${next(state.step)} is replayed (${reason})`)
  return { ...again, effects: [discard, ...again.effects] }
}

function lose(
  state: RunState,
  gone: readonly WorkerId[],
  reason: 'member-died' | 'member-left',
  why: string,
  policy: Policy,
): Transition {
  const members = new Map(state.members)
  const known = gone.filter((id) => members.delete(id))
  if (known.length === 0) return stay(state)
  const team = state.team.filter((id) => members.has(id))
  const smaller = { ...state, members, team }
  const lost: Effect[] = known.map((worker) => ({ type: 'lost', worker, why }))
  const sentence = `${known.join(', ')} ${reason === 'member-died' ? 'died' : 'left'}: ${why}`
  const then = ((): Transition => {
    if (team.length === state.team.length) return stay(smaller)
    if (state.phase === 'training') return replay(smaller, candidates(smaller, policy), reason, policy)
    if (state.phase === 'syncing') return gather({ ...smaller, phase: 'gathering' }, policy)
    if (state.phase === 'snapshotting')
      return boundary({ ...smaller, phase: 'training', checkpointAt: 0 as Step }, policy)
    if (state.phase === 'evaluating' && team.length === 0) return wait(smaller, 0, policy)
    // Evaluation goes on with those who are left; the boundary after it forms the new epoch.
    return stay(smaller)
  })()
  return { ...then, effects: [...lost, ...then.effects], why: then.why === '' ? sentence : `${sentence}; ${then.why}` }
}

function onTick(before: RunState, now: Millis, policy: Policy): Transition {
  const trainingSince = before.trainingSince ?? (before.phase === 'training' ? now : null)
  const timeIsUp = trainingSince !== null && now - trainingSince >= policy.budget
  const state = { ...before, trainingSince, timeIsUp }
  const silent = [...state.members.values()].filter((member) => now - member.heard > policy.deadAfter)
  if (silent.length > 0)
    return lose(
      state,
      silent.map((member) => member.id),
      'member-died',
      `nothing heard for ${((now - Math.min(...silent.map((member) => member.heard))) / 1000).toFixed(1)} s`,
      policy,
    )
  const waits = (id: WorkerId): boolean => {
    const member = state.members.get(id)
    if (member === undefined || now - member.since <= policy.stallAfter) return false
    return ['waiting-for-data', 'reducing', 'voting', 'idle'].includes(member.activity)
  }
  if (state.phase === 'training' && state.team.length > 0 && state.team.every(waits))
    return replay(state, state.team, 'stalled', policy)
  return stay(state)
}
