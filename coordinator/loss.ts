// A worker is lost: what becomes of its slots, of the step under way, and of the copies that were being made. Pure.
import type { WorkerId } from '../shared/ids.js'
import { NEVER, boundary, candidates, holdsState, regroup, replay, rewind, stay, wait } from './moves.js'
import type { Effect, Policy, RunState, Transition } from './run-state.js'

export function lose(
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
  const how = reason === 'member-died' ? 'died' : 'left'
  const lost: Effect[] = known.map((worker) => ({ type: 'lost', worker, how, why }))
  const sentence = `${known.join(', ')} ${how}: ${why}`
  const then = ((): Transition => {
    // Examples that were under way there would begin again, and the run would not be the one without the loss.
    // Who gives up its last slots still has them until the others say that they do.
    const gives = (id: WorkerId): boolean =>
      state.phase === 'syncing' && state.members.get(id)?.restsUntil !== undefined
    const carried = known.some((id) => (state.assigned.includes(id) && holdsState(state, id)) || gives(id))
    if (policy.exact && carried && state.step > 0)
      return rewind(smaller, `exact: the carries of step ${state.step} are lost`)
    if (team.length === state.team.length) return stay(smaller)
    switch (state.phase) {
      case 'training':
        return replay(smaller, candidates(smaller, policy), reason, policy)
      case 'syncing':
        return regroup(smaller, 'those who are left go on', policy)
      case 'snapshotting':
        return boundary({ ...smaller, phase: 'training', checkpointAt: NEVER }, policy)
      case 'evaluating': {
        // Evaluation goes on with those who are left; the boundary after it forms the new epoch.
        if (team.length > 0) return stay(smaller)
        const alone = wait(smaller, 0, policy)
        return { ...alone, effects: [{ type: 'abandonEvaluation' }, ...alone.effects] }
      }
      default:
        return stay(smaller)
    }
  })()
  return { ...then, effects: [...lost, ...then.effects], why: then.why === '' ? sentence : `${sentence}; ${then.why}` }
}
