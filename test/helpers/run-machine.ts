// Drives the run's state machine in tests: a clock, events in a sentence, and workers that answer what is asked of them.
import { initialState, type Effect, type Policy, type RunEvent, type RunState } from '../../coordinator/run-state.js'
import { transition } from '../../coordinator/state.js'
import { epochOf, millis, stepOf, workerId, type Epoch, type WorkerId } from '../../shared/ids.js'
import type { WorkerPhase } from '../../shared/protocol/messages.js'

export const POLICY: Policy = {
  minWorkers: 1,
  maxWorkers: 8,
  exact: false,
  deadAfter: millis(5000),
  steps: 100,
  stride: 1,
  budget: millis(Infinity),
  checkpointEvery: 0,
  evaluateEvery: 0,
  evaluateOnly: false,
  balance: false,
  units: 8,
  unitSlots: 1,
}

export const [A, B, C] = ['w-a', 'w-b', 'w-c'].map(workerId) as [WorkerId, WorkerId, WorkerId]

export class Machine {
  state: RunState
  now = millis(0)
  /** Every effect so far. */
  readonly effects: Effect[] = []
  policy: Policy

  constructor(policy: Partial<Policy> = {}, from = { step: 0, epoch: 0, evaluated: true }) {
    this.policy = { ...POLICY, ...policy }
    this.state = initialState(stepOf(from.step), epochOf(from.epoch), from.evaluated)
  }

  /** @returns the effects of this event, by type */
  on(event: RunEvent): string[] {
    const { state, effects } = transition(this.state, event, this.now, this.policy)
    this.state = state
    this.effects.push(...effects)
    return effects.map(({ type }) => type)
  }

  /** Everyone's heart beats while time passes, a tick every 250 ms; `silent` are not heard. */
  pass(
    ms: number,
    silent: readonly WorkerId[] = [],
    activity: WorkerPhase = 'computing',
    epochOfBeats = (): Epoch => this.state.epoch,
  ): string[] {
    const done: string[] = []
    for (let passed = 0; passed < ms; passed += 250) {
      this.now = millis(this.now + 250)
      for (const worker of this.state.members.keys())
        if (!silent.includes(worker))
          this.on({ type: 'beat', worker, epoch: epochOfBeats(), step: this.state.step, activity })
      done.push(...this.on({ type: 'tick' }))
    }
    return done
  }

  join(...workers: readonly WorkerId[]): string[] {
    return workers.flatMap((worker) => [
      ...this.on({ type: 'hello', worker }),
      ...this.on({ type: 'prepared', worker }),
    ])
  }

  ready(...workers: readonly WorkerId[]): string[] {
    const { epoch } = this.state
    return workers.flatMap((worker) => this.on({ type: 'ready', worker, epoch, params: 'p' }))
  }

  vote(worker: WorkerId, vote = { finite: true, mean: 'm', params: 'p' }): string[] {
    const { epoch } = this.state
    const step = stepOf(this.state.step + this.policy.stride)
    return [
      ...this.on({ type: 'result', worker, epoch, step }),
      ...this.on({ type: 'vote', worker, epoch, step, vote }),
    ]
  }

  /** All members of the team do one step. */
  step(): string[] {
    return this.state.team.flatMap((worker) => this.vote(worker))
  }

  steps(count: number): void {
    for (let i = 0; i < count; i++) this.step()
  }

  copied(...workers: readonly WorkerId[]): string[] {
    return workers.flatMap((worker) => this.on({ type: 'snapshotReady', worker, step: this.state.step }))
  }

  last<T extends Effect['type']>(type: T): Extract<Effect, { type: T }> | undefined {
    return this.effects.findLast((effect): effect is Extract<Effect, { type: T }> => effect.type === type)
  }
}

/** A machine whose team trains, `steps` steps on; all of the team were there at the start. */
export function training(policy: Partial<Policy>, team: readonly WorkerId[], steps = 0): Machine {
  const machine = new Machine({ ...policy, minWorkers: team.length })
  machine.join(...team)
  machine.ready(...team)
  machine.policy = { ...machine.policy, ...policy }
  machine.steps(steps)
  return machine
}
