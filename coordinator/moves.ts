// The moves of the run's state machine: what to do between two steps, and how to go on after something was lost. Pure;
// state.ts calls them when an event gives the reason.
import type { Epoch, Step, WorkerId } from '../shared/ids.js'
import type { DiscardReason, Effect, HaltCause, Member, Policy, RunState, Transition } from './run-state.js'
import { equalShares } from './slots.js'
import { betterShares, firstShares, sharesInWords, stragglerOf, WINDOW } from './speed.js'

export const stay = (state: RunState, why = ''): Transition => ({ state, effects: [], why })
export const withMember = (state: RunState, member: Member): RunState => ({
  ...state,
  members: new Map(state.members).set(member.id, member),
})
/** The step that the round after `step` ends with; it is the round's name. */
export const next = (step: Step, { stride }: Pick<Policy, 'stride'>): Step => (step + stride) as Step

/** A straggler stands by for so many steps, then twice as many each time. */
const REST_STEPS = 256

/** As the step of the last checkpoint: take one as soon as any is due. */
export const NEVER = 0 as Step

export const holdsState = (state: RunState, id: WorkerId): boolean => state.members.get(id)?.holdsState === true

/** Everyone who may be in the next epoch: old team first, in its order, so that slots move as little as possible. */
export function candidates(state: RunState, policy: Policy): WorkerId[] {
  const able = (id: WorkerId): boolean => {
    const phase = state.members.get(id)?.phase
    return phase === 'ready' || phase === 'syncing' || phase === 'prepared'
  }
  const newcomers = [...state.members.keys()].filter((id) => !state.team.includes(id) && able(id))
  const all = [...state.team.filter(able), ...newcomers]
  const rested = all.filter((id) => (state.members.get(id)?.restsUntil ?? 0) <= state.step)
  return (rested.length >= policy.minWorkers ? rested : all).slice(0, policy.maxWorkers)
}

/** Forms a team if there are enough workers and nothing is under way. */
export function gather(state: RunState, policy: Policy): Transition {
  if (state.phase !== 'gathering') return stay(state, 'a worker is prepared; it joins at the next boundary')
  const team = candidates(state, policy)
  return enough(state, team, policy)
    ? assign(state, team, `${count(team)} here`, policy)
    : wait(state, team.length, policy)
}

/** Somebody is prepared in the middle of an evaluation: the rest of it is shared with the newcomer, answers that there are stay. */
export function recruit(state: RunState, policy: Policy): Transition {
  const team = candidates(state, policy)
  if (same(team, state.team)) return stay(state, 'a worker is prepared; there is no slot for it')
  return assign(state, team, `${count(team)} in for the rest of the evaluation`, policy)
}

/** Who is left may end a run that is to stop, so that nothing is lost; to train, it takes `minWorkers`. */
const enough = (state: RunState, team: readonly WorkerId[], policy: Policy): boolean =>
  state.stopping === null ? team.length >= policy.minWorkers : team.some((id) => holdsState(state, id))

const count = (team: readonly WorkerId[]): string => (team.length === 1 ? '1 worker is' : `${team.length} workers are`)

/** Too few workers to go on with. */
export function wait(state: RunState, here: number, policy: Policy): Transition {
  if (state.stopping !== null) return close(state, state.stopping)
  return stay({ ...state, phase: 'gathering' }, `${here} of ${policy.minWorkers} workers are here; waiting`)
}

export function rewind(state: RunState, reason: string): Transition {
  const why = `${reason}; going back to the last checkpoint`
  return { state: { ...state, phase: 'finished' }, effects: [{ type: 'rewind', why }], why }
}

function assign(
  state: RunState,
  team: readonly WorkerId[],
  why: string,
  policy: Policy,
  given?: readonly number[],
): Transition {
  if (state.step !== state.origin && !team.some((id) => holdsState(state, id)))
    return rewind(state, `nobody holds the state of step ${state.step} any more`)
  const epoch = (state.epoch + 1) as Epoch
  const members = new Map(state.members)
  for (const id of team) {
    const member = members.get(id)
    if (member !== undefined) members.set(id, { ...member, phase: 'syncing' })
  }
  const shares = given ?? sharesFor(state, team, policy)
  const balancedAt = shares.join() === state.shares.join() && same(team, state.assigned) ? state.balancedAt : state.step
  const nothingYet = { votes: new Map(), results: new Set<WorkerId>(), params: new Map() }
  return {
    state: { ...state, ...nothingYet, phase: 'syncing', epoch, team, assigned: team, members, shares, balancedAt },
    effects: [{ type: 'assign', epoch, team, shares }],
    why: `epoch ${epoch}: ${why}`,
  }
}

const same = (a: readonly WorkerId[], b: readonly WorkerId[]): boolean => a.join() === b.join()

function sharesFor(state: RunState, team: readonly WorkerId[], { balance, units, exact }: Policy): readonly number[] {
  if (same(team, state.assigned)) return state.shares
  const equal = equalShares(units, team.length, exact)
  return balance ? firstShares(equal, state.speeds, team) : equal
}

/** Slots follow measured speed; who holds everyone up with the smallest share there is gives it up, and stands by for a while. */
function balance(state: RunState, policy: Policy): Transition | undefined {
  const { team, shares, speeds, step } = state
  // Until all that is known was measured with these shares.
  if (step - state.balancedAt < WINDOW) return undefined
  const better = betterShares(shares, speeds, team)
  if (better !== undefined)
    return assign(state, team, `slots follow speed: ${sharesInWords(team, better, policy.unitSlots)}`, policy, better)
  const straggler = stragglerOf(shares, speeds, team)
  const member = straggler === undefined ? undefined : state.members.get(straggler.worker)
  if (straggler === undefined || member === undefined || team.length <= policy.minWorkers) return undefined
  const rests = (member.rests ?? 0) + 1
  const restsUntil = (step + REST_STEPS * 2 ** Math.min(rests - 1, 6)) as Step
  const resting = withMember(state, { ...member, phase: 'prepared', holdsState: false, rests, restsUntil })
  return assign(
    resting,
    team.filter((id) => id !== member.id),
    `${member.id} takes ${straggler.times.toFixed(1)} times as long as the next with the least there is to do: it stands by until step ${restsUntil}`,
    policy,
  )
}

/** What to do between two steps. */
export function boundary(state: RunState, policy: Policy): Transition {
  if (policy.evaluateOnly && state.evaluatedAt === state.step) return close(state, 'the evaluation is done')
  const over = policy.evaluateOnly || state.step >= policy.steps || state.timeIsUp
  const ending = over || state.stopping !== null
  // At multiples of the interval, wherever the run was stopped and resumed in between.
  const due = (every: number, last: Step): boolean =>
    every > 0 && Math.floor(state.step / every) > Math.floor(last / every)
  if (!enough(state, state.team, policy)) return gather({ ...state, phase: 'gathering' }, policy)
  const wantsEvaluation = state.stopping === null && (over || due(policy.evaluateEvery, state.evaluatedAt))
  if (wantsEvaluation && state.evaluatedAt < state.step)
    return {
      state: { ...state, phase: 'evaluating' },
      effects: [{ type: 'evaluate' }],
      why: `evaluating after step ${state.step}`,
    }
  const wantsCheckpoint = ending || due(policy.checkpointEvery, state.checkpointAt) || justEvaluated(state)
  if (wantsCheckpoint && state.checkpointAt < state.step) {
    if (state.writing && ending)
      return stay({ ...state, phase: 'closing' }, 'the last checkpoint waits for the one being written')
    // A checkpoint holds every slot, so those of the lost get new owners first.
    if (state.assigned.some((id) => !state.team.includes(id)))
      return assign(
        state,
        candidates(state, policy),
        `the slots of the lost are shared out before the checkpoint`,
        policy,
      )
    if (!state.writing)
      return {
        state: { ...state, phase: 'snapshotting', snapshots: new Set(), checkpointAt: state.step },
        effects: [{ type: 'snapshot' }],
        why: `checkpoint of step ${state.step}`,
      }
  }
  if (ending)
    return close(
      state,
      state.stopping ?? (state.step >= policy.steps ? 'all steps are done' : 'the time given to training is up'),
    )
  const team = candidates(state, policy)
  if (team.join() !== state.assigned.join())
    return assign(state, team, `${count(team)} in from step ${state.step + 1} on`, policy)
  const balanced = policy.balance ? balance(state, policy) : undefined
  if (balanced !== undefined) return balanced
  return {
    state: { ...state, phase: 'training', votes: new Map(), results: new Set() },
    effects: [{ type: 'begin', epoch: state.epoch, step: next(state.step, policy) }],
    why: '',
  }
}

const justEvaluated = (state: RunState): boolean => state.evaluatedAt === state.step && state.step > 0

export function close(state: RunState, why: string): Transition {
  if (state.writing) return stay({ ...state, phase: 'closing' }, 'waiting for the last checkpoint')
  const finished = state.stopping === null
  return { state: { ...state, phase: 'finished' }, effects: [{ type: 'finish', why, finished }], why }
}

export const halt = (
  state: RunState,
  cause: HaltCause,
  why: string,
  remedy: string,
  suspects: readonly WorkerId[] = [],
): Transition => ({
  state: { ...state, phase: 'halted' },
  effects: [{ type: 'halt', cause, why, remedy, suspects }],
  why,
})

/** Discards the step under way and starts it again with `team` under a new epoch. */
export function replay(state: RunState, team: readonly WorkerId[], reason: DiscardReason, policy: Policy): Transition {
  const discard: Effect = {
    type: 'discard',
    epoch: state.epoch,
    step: next(state.step, policy),
    team: state.team,
    reason,
  }
  const again = enough(state, team, policy)
    ? assign(state, team, `step ${next(state.step, policy)} is replayed (${reason})`, policy)
    : wait(state, team.length, policy)
  return { ...again, effects: [discard, ...again.effects] }
}

/** Messages were lost: whoever missed one is brought into step by a new assignment, and what was asked is asked again. */
export function resync(state: RunState, reason: 'bus-reconnected' | 'stalled', policy: Policy): Transition {
  const why = reason === 'stalled' ? 'messages were lost' : 'the bus is back'
  switch (state.phase) {
    case 'training':
      return replay(state, state.team, reason, policy)
    case 'syncing':
      return regroup(state, why, policy)
    case 'snapshotting':
      return regroup({ ...state, checkpointAt: NEVER }, why, policy)
    case 'evaluating': {
      const again = regroup(state, why, policy)
      return { ...again, effects: [{ type: 'abandonEvaluation' }, ...again.effects] }
    }
    default:
      return stay(state, why)
  }
}

/** A new epoch of those who are here, or waiting for more. */
export function regroup(state: RunState, why: string, policy: Policy): Transition {
  const team = candidates(state, policy)
  return enough(state, team, policy) ? assign(state, team, why, policy) : wait(state, team.length, policy)
}
