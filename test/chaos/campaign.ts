// Round after round until the time is up or every fault was had: first a run without faults, to compare with, then rounds of
// a few faults each, in an order of chance and one mode of reducing after the other.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import { rngFor } from '../../shared/rng/counter.js'
import { KEEPING, LOSING, nameOf, shuffled, type Fault } from './faults.js'
import { MODES, type ModeName } from './modes.js'
import { endOf, Round, stepsOf, type RoundResult } from './round.js'
import { unusedInWords, type Suffered } from './sequence.js'

export interface CampaignOptions {
  readonly nats: string
  readonly folder: string
  readonly seed: number
  readonly workers: number
  /** No round begins after this. */
  readonly minutes: number
  readonly faultsPerRound: number
  readonly modes: readonly ModeName[]
  /** Once every fault was had, all of them again. */
  readonly repeat: boolean
  /** undefined: all. */
  readonly only?: (fault: Fault) => boolean
  readonly say: (line: string) => void
}

export interface CampaignResult {
  readonly suffered: readonly Suffered[]
  readonly wrong: readonly string[]
  readonly rounds: number
  /** Rounds that ended with the same bits as the run without faults. */
  readonly sameBits: number
  /** Rounds after which bits were compared. */
  readonly compared: number
  /** Faults for which there was no time. */
  readonly left: number
}

interface Ended {
  readonly result: RoundResult
  /** undefined: it says nothing. */
  readonly end: unknown
}

/** After so many, more would say nothing new. */
const MOST_WRONG = 10
/** Rounds that a fault may wait for its message in vain. */
const MOST_MISSES = 3
/** Of a run and all its checkpoints many times over, and soon full. */
const DISK_MIB = 24

/** A file system of its own, where one may be mounted. */
function mount(folder: string): boolean {
  return (
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'none', folder], { stdio: 'ignore' }).status === 0
  )
}

export async function campaign(options: CampaignOptions): Promise<CampaignResult> {
  const { nats, folder, seed, workers, minutes, faultsPerRound, modes, repeat, only = () => true, say } = options
  const began = performance.now()
  const suffered: Suffered[] = []
  const wrong: string[] = []
  let [rounds, sameBits, compared] = [0, 0, 0]

  const round = async (mode: ModeName, faults: readonly Fault[], losing: boolean): Promise<Ended> => {
    const name = `round-${rounds++}`
    const disk = join(folder, name, 'disk')
    mkdirSync(disk, { recursive: true })
    const mounted = mount(disk)
    try {
      const possible = mounted ? faults : faults.filter(({ kind }) => kind !== 'full-disk')
      if (possible.length < faults.length) say('full-disk is left out: no file system may be mounted here')
      const rng = rngFor(seed, 'round', rounds)
      const where = { nats, folder: join(folder, name), disk, rng, workers, mode, faults: possible, losing }
      const result = await new Round(where, say).run()
      const fine = result.wrong.length === 0 && !result.mayDiffer
      return { result, end: fine ? { ...endOf(disk, stepsOf({ losing })), began: result.began } : undefined }
    } finally {
      if (mounted) spawnSync('umount', ['-l', disk], { stdio: 'ignore' })
      rmSync(disk, { recursive: true, force: true })
    }
  }
  let calmFails = false as boolean
  const calmEnds = new Map<string, unknown>()
  const calmEnd = async (mode: ModeName, losing: boolean): Promise<unknown> => {
    const key = `${mode} ${losing}`
    if (!calmEnds.has(key)) {
      say(`${mode}: a run without faults`)
      const { result, end } = await round(mode, [], losing)
      wrong.push(...result.wrong.map((why) => `${mode} without faults: ${why}`))
      calmFails ||= result.wrong.length > 0
      calmEnds.set(key, end)
    }
    return calmEnds.get(key)
  }

  const misses = new Map<Fault, number>()
  const rng = rngFor(seed, 'faults')
  const decks = [
    { all: KEEPING.filter(only), faults: [] as Fault[], losing: false },
    { all: LOSING.filter(only), faults: [] as Fault[], losing: true },
  ]
  const shuffle = (): void => decks.forEach((deck) => (deck.faults = shuffled(rng, deck.all)))
  shuffle()
  for (let turn = 0; wrong.length < MOST_WRONG && performance.now() - began < minutes * 60_000; turn++) {
    if (decks.every(({ faults }) => faults.length === 0)) {
      if (!repeat) break
      shuffle()
    }
    // Two rounds of the first for each of the second.
    const deck = decks[turn % 3 === 2 ? 1 : 0]
    const mode = modes[Math.floor(turn / 3) % modes.length] ?? 'f32'
    if (deck === undefined || deck.faults.length === 0) continue
    const { losing } = deck
    const { bits } = MODES[mode]
    const calm = (losing ? bits === 'any' : bits !== 'none') ? await calmEnd(mode, losing) : undefined
    if (calmFails) {
      wrong.push(
        'without faults the run does not end as it should, so nothing can be said of faults: is the machine too busy?',
      )
      break
    }
    const { result, end } = await round(mode, deck.faults.splice(0, faultsPerRound), losing)
    suffered.push(...result.suffered)
    for (const fault of result.unused) {
      // Its moment comes in another round; or never, and then the fault says nothing.
      const missed = (misses.get(fault) ?? 0) + 1
      misses.set(fault, missed)
      if (missed < MOST_MISSES) deck.faults.push(fault)
      else wrong.push(`${mode}: ${unusedInWords(fault)}, in ${missed} rounds`)
    }
    const faults = result.suffered.map(({ fault }) => nameOf(fault)).join('; ')
    wrong.push(...result.wrong.map((why) => `${mode}: ${why} [${faults}; log in ${result.folder}]`))
    if (end === undefined || calm === undefined) continue
    compared++
    if (isDeepStrictEqual(end, calm)) sameBits++
    else wrong.push(`${mode}: the end differs from that of the run without faults [${faults}; log in ${result.folder}]`)
  }
  const left = decks.reduce((sum, { faults }) => sum + faults.length, 0)
  return { suffered, wrong, rounds, sameBits, compared, left }
}
