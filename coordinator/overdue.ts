// What the clock tells: who is dead, who waits for a message that was lost, or said a word that never came, and when nothing
// but a new beginning helps. Heartbeats say where a worker is; what it waits for, or has told, follows from that. Pure.
import { deadlinesOf } from '../shared/deadlines.js'
import type { Millis, WorkerId } from '../shared/ids.js'
import type { WorkerPhase } from '../shared/protocol/messages.js'
import { lose } from './loss.js'
import { close, resync, stay, withMember } from './moves.js'
import type { Effect, Lack, Member, Policy, RunState, Transition } from './run-state.js'

/** What a worker does while it computes nothing: it waits for us, or for others. */
const WAITING: ReadonlySet<WorkerPhase> = new Set(['starting', 'waiting-for-data', 'reducing', 'voting', 'idle'])

/** Silence that was ours is nobody's fault. */
export const hearAll = (state: RunState, now: Millis): RunState => ({
  ...state,
  members: new Map([...state.members].map(([id, member]) => [id, { ...member, heard: now }])),
})

export function onTick(before: RunState, now: Millis, policy: Policy): Transition {
  const { deadAfter, stallAfter, askAfter } = deadlinesOf(before.stepMs, policy.deadAfter)
  const trainingSince = before.trainingSince ?? (before.phase === 'training' ? now : null)
  const timeIsUp = trainingSince !== null && now - trainingSince >= policy.budget
  const heldUp = before.tickedAt !== null && now - before.tickedAt > deadAfter / 2
  const clocked = { ...before, trainingSince, timeIsUp, tickedAt: now }
  if (before.busDown) return stay(clocked)
  // Messages that came while we ourselves were held up are not read yet.
  const state = heldUp ? hearAll(clocked, now) : clocked
  if (state.phase === 'gathering' && state.step >= policy.steps && isDone(state))
    return close(state, `all ${policy.steps} steps were done before`)
  const silent = [...state.members.values()].filter((member) => now - member.heard > deadAfter)
  if (silent.length > 0) {
    const seconds = (now - Math.min(...silent.map(({ heard }) => heard))) / 1000
    const ids = silent.map(({ id }) => id)
    return lose(state, ids, 'member-died', `nothing heard for ${seconds.toFixed(1)} s`, policy)
  }
  const unheard = [...state.members.values()].filter((member) => isUnheard(member, now, stallAfter)).map(({ id }) => id)
  if (unheard.length > 0)
    return lose(state, unheard, 'member-died', 'its word that it is prepared was lost; it must begin again', policy)
  if (isStalled(state, now, stallAfter)) return resync(state, 'stalled', policy)
  return remind(state, now, askAfter)
}

/** It waits for work, we wait for it to be prepared, and asking did not help. */
const isUnheard = ({ phase, activity, since }: Member, now: Millis, stallAfter: Millis): boolean =>
  phase === 'preparing' && activity === 'idle' && now - since > stallAfter

/** Resumed at its end, with nothing left to do that needs a worker. */
const isDone = ({ step, origin, evaluatedAt, checkpointAt }: RunState): boolean =>
  step === origin && evaluatedAt === step && checkpointAt === step

/** Asks, or tells, again whoever is overdue; at first soon, then twice as long later each time. */
function remind(before: RunState, now: Millis, askAfter: Millis): Transition {
  let state = before
  const effects: Effect[] = []
  const words: string[] = []
  for (const member of before.members.values()) {
    const { id, since, remindedAt, reminded, heard, epoch } = member
    // By its clock, not ours: what it had not told when it was heard last may be on its way.
    const askedAt = member.phase === 'preparing' ? since : before.askedAt
    const quiet = heard - Math.max(since, askedAt, reminded > 0 ? remindedAt : since)
    const lack = quiet < askAfter * 2 ** reminded ? undefined : lackOf(before, member)
    if (lack === undefined) continue
    state = withMember(state, { ...member, reminded: reminded + 1, remindedAt: now })
    effects.push({ type: 'remind', worker: id, epoch, lack })
    if (lack !== 'evaluate') words.push(sentence(before, member, lack))
  }
  return { state, effects, why: words.join('; ') }
}

/** What has not reached a worker, or not come from it, if it has been where it is for long. */
function lackOf(state: RunState, { id, phase, epoch, at, activity }: Member): Lack | undefined {
  if (phase === 'preparing') return activity === 'idle' ? 'word' : undefined
  if (!state.team.includes(id)) return undefined
  const waitsForUs = activity === 'idle' || activity === 'waiting-for-data'
  if (state.phase === 'syncing') {
    if (state.params.has(id)) return undefined
    if (epoch < state.epoch || activity === 'waiting-for-data') return 'assign'
    return activity === 'idle' ? 'word' : undefined
  }
  if (epoch !== state.epoch) return undefined
  const missedCommit = at < state.step && activity === 'voting'
  switch (state.phase) {
    case 'training': {
      if (missedCommit) return 'commit'
      if (waitsForUs) return 'begin'
      const owes =
        (activity === 'reducing' && !state.results.has(id)) || (activity === 'voting' && !hasVoted(state, id))
      return owes ? 'word' : undefined
    }
    case 'snapshotting':
      return !state.snapshots.has(id) && (waitsForUs || missedCommit) ? 'snapshot' : undefined
    case 'evaluating':
      return waitsForUs || missedCommit ? 'evaluate' : undefined
    default:
      return undefined
  }
}

const hasVoted = (state: RunState, id: WorkerId): boolean => state.results.has(id) && state.votes.has(id)

function sentence({ step, votes, phase }: RunState, { id, epoch, activity }: Member, lack: Lack): string {
  switch (lack) {
    case 'assign':
      return `${id} has not got its slots: told again`
    case 'commit':
      return `${id} has not heard that step ${step} is committed: told again`
    case 'begin':
      return `${id} is ${activity} and has not all that step ${step + 1} needs: sent again`
    case 'snapshot':
      return `${id} has not said that step ${step} is copied: asked again`
    case 'evaluate':
      return `${id} waits for rows to answer: sent again`
    case 'word': {
      const what = phase === 'training' ? (votes.has(id) ? 'result' : 'report') : epoch === 0 ? 'word that it is prepared' : 'word that it is ready' // prettier-ignore
      return `${id} is ${activity} and its ${what} has not come: asked again`
    }
  }
}

/** Those whose answers are awaited have themselves waited for long, so something asked or answered was lost. */
function isStalled(state: RunState, now: Millis, stallAfter: Millis): boolean {
  if (now - state.askedAt <= stallAfter) return false
  const waits = (id: WorkerId): boolean => {
    const member = state.members.get(id)
    return member !== undefined && now - member.since > stallAfter && WAITING.has(member.activity)
  }
  switch (state.phase) {
    case 'syncing':
      return state.team.some((id) => !state.params.has(id) && waits(id))
    case 'snapshotting':
      return state.team.some((id) => !state.snapshots.has(id) && waits(id))
    case 'training':
    case 'evaluating':
      return state.team.length > 0 && state.team.every(waits)
    default:
      return false
  }
}
