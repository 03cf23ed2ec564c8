// Many schedules one after the other, each of its own seed; one that breaks something is tried with fewer faults, so that what
// is told is as little as still breaks it.
import { inWords, scheduleOf, Schedules, type ScheduleResult } from './schedule.js'
import type { Suffered } from '../sequence.js'
import { realNow } from './time.js'

export interface VirtualCampaignOptions {
  readonly seed: number
  readonly schedules: number
  /** Places of the faults to keep; undefined: all. */
  readonly keep?: readonly number[]
  /** No schedule begins after so many minutes. */
  readonly minutes: number
  readonly say: (line: string) => void
}

export interface VirtualCampaignResult {
  readonly schedules: number
  readonly suffered: readonly Suffered[]
  readonly wrong: readonly string[]
  readonly sameBits: number
  readonly compared: number
  readonly virtualMs: number
  readonly events: number
  readonly realMs: number
}

/** Schedules between two lines of progress. */
const TOLD_EVERY = 50
/** After so many, more would say nothing new. */
const MOST_WRONG = 10
const LAST_WORDS = 25

export async function virtualCampaign(options: VirtualCampaignOptions): Promise<VirtualCampaignResult> {
  const { seed, schedules, keep, minutes, say } = options
  const began = realNow()
  const runner = new Schedules()
  const suffered: Suffered[] = []
  const wrong: string[] = []
  let [done, sameBits, compared, virtualMs, events] = [0, 0, 0, 0, 0]
  try {
    for (; done < schedules && wrong.length < MOST_WRONG && realNow() - began < minutes * 60_000; done++) {
      const at = seed + done
      const schedule = scheduleOf(at, keep)
      const result = await runner.run(schedule)
      suffered.push(...result.suffered)
      virtualMs += result.virtualMs
      events += result.events
      if (result.sameBits !== undefined) compared++
      if (result.sameBits === true) sameBits++
      if (schedules === 1) for (const line of result.said) say(line)
      if ((done + 1) % TOLD_EVERY === 0)
        say(progress(done + 1, options, suffered.length, wrong.length, realNow() - began))
      const [why] = result.wrong
      if (why === undefined) continue
      const fewest = await shrunk(runner, at, keep ?? schedule.faults.map((_, i) => i))
      const smaller = scheduleOf(at, fewest)
      wrong.push(`${why} [${inWords(smaller)}]; again with: npm run chaos -- --virtual --schedules 1 --seed ${at} --keep ${fewest.join(',')}`) // prettier-ignore
      say(`BROKEN ${wrong.at(-1)}`)
      if (schedules > 1) for (const line of (await runner.run(smaller)).said.slice(-LAST_WORDS)) say(`    ${line}`)
    }
  } finally {
    runner.close()
  }
  return { schedules: done, suffered, wrong, sameBits, compared, virtualMs, events, realMs: realNow() - began }
}

function progress(
  done: number,
  { schedules, minutes }: VirtualCampaignOptions,
  faults: number,
  broken: number,
  ms: number,
): string {
  const left = Math.min((ms / done) * (schedules - done), minutes * 60_000 - ms)
  return `${done} schedules, ${faults} faults, ${broken} broken, at most ${Math.ceil(left / 60_000)} min left`
}

/** The fewest of the faults, in their places, with which it still breaks. */
async function shrunk(runner: Schedules, seed: number, all: readonly number[]): Promise<readonly number[]> {
  const breaks = async (keep: readonly number[]): Promise<boolean> => isBroken(await runner.run(scheduleOf(seed, keep)))
  let fewest = all
  for (const one of all) {
    const fewer = fewest.filter((place) => place !== one)
    if (await breaks(fewer)) fewest = fewer
  }
  return fewest
}

const isBroken = ({ wrong }: ScheduleResult): boolean => wrong.length > 0
